/** From marks at times to stretches: the span words of a runtime applied to one episode. */
import type { CompiledEpisode, CompiledRuntime } from './compile.ts';
import { bootOf } from './boot.ts';
import { calls } from './calls.ts';
import type { GuestClock } from './clock.ts';
import type { Draft } from './draft.ts';
import type { Resolved } from './groups.ts';
import { moveInside } from './inside.ts';
import { pairsOf } from './pairs.ts';
import { gapsOf, sessionsOf, stagesOf } from './processes.ts';
import type { Call } from './joins.ts';
import { requestsOf } from './requests.ts';
import { chain, stretch } from './stretches.ts';
import type { CompiledRpc } from './words.ts';

/** @param joined the calls of each word `rpc` with their executions. */
export function drafts(
  runtime: CompiledRuntime,
  rule: CompiledEpisode,
  resolved: Resolved,
  schemes: readonly number[],
  clock: GuestClock | undefined,
  joined: ReadonlyMap<CompiledRpc, readonly Call[]>,
): Draft[] {
  const made: Draft[] = [];
  for (const word of rule.spans) {
    switch (word.kind) {
      case 'between':
        stretch(runtime, word, resolved, schemes, clock, made);
        break;
      case 'steps':
        for (const group of resolved.groups) chain(runtime, word, group, schemes, made);
        break;
      case 'sessions':
      case 'gaps':
        break; // what they reach is known when all else is made
      case 'pairs':
        pairsOf(word, resolved, clock, made);
        break;
      case 'stages':
        stagesOf(word, resolved, made);
        break;
      case 'rpc':
        calls(word, joined.get(word) ?? [], clock, made);
        break;
      case 'boot':
        bootOf(word, resolved, clock, made);
        break;
      default:
        word satisfies never;
    }
  }
  // First of equal stretches: a process of which only one act is seen holds that act.
  for (const word of rule.spans) if (word.kind === 'sessions') made.unshift(...(word.from.length > 0 ? requestsOf(word, rule, resolved) : sessionsOf(word, rule, resolved, made)));
  for (const word of rule.spans) if (word.kind === 'pairs') moveInside(word, made);
  for (const word of rule.spans) if (word.kind === 'gaps') gapsOf(word, made);
  return runtime.keyed ? made.filter(hasLength) : made;
}

/** Between two lines of one second, of a writer that knows no more, nothing was measured; a back-end takes a span without a length for an error. */
const hasLength = ({ start, end, from, to }: Draft): boolean => start < end || from.event.step <= 1 || to.event.step <= 1;
