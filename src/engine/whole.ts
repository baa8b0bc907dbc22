/** What the parts of one start amount to: whose word counts for what. */
import type { Outcome } from '../model/trace.ts';
import { duration } from '../model/time.ts';
import type { Duration } from '../model/time.ts';
import { draft } from './draft.ts';
import type { Draft } from './draft.ts';
import type { Event } from './event.ts';
import { failureText, reasonOf } from './failure.ts';
import type { Placed } from './groups.ts';
import type { Episode, FoldedPart } from './part.ts';
import type { Resent } from './sent.ts';

/** A task that exited as soon as it had started. */
export interface Undoing {
  readonly event: Event;
  readonly code: string;
  /** The part that tells of it. */
  readonly by: Episode;
}

/** One start, as all runtimes tell it that have lines of it. */
export interface Whole {
  /** `episodeId` of the first event of the first part; where that was sent with other lines, `otherTraceId` of it. */
  readonly traceId: string;
  /** At least one; the outermost first: it names the root. */
  readonly parts: readonly [Episode, ...Episode[]];
  /** The innermost: it decides how the start went, unless another part failed. */
  readonly core: Episode;
  readonly outcome: Outcome;
  /** The part that says why it is an error. */
  readonly telling: Episode;
  readonly runtime: string;
  readonly undoing: Undoing | undefined;
  /** Lines of a runtime that handed this start over to another. */
  readonly handed: readonly Event[];
  /** It was sent before, made of other lines. */
  readonly resent: Resent | undefined;
}

interface Given {
  readonly traceId: string;
  readonly parts: Whole['parts'];
  readonly undoing: Undoing | undefined;
  readonly handed: readonly Event[];
  /** Whose start it is, by the word of a runtime that handed it over. */
  readonly handedTo: string | undefined;
  readonly resent: Resent | undefined;
}

export function wholeOf({ traceId, parts, undoing, handed, handedTo, resent }: Given): Whole {
  const core = parts.findLast(({ runtime }) => !runtime.around) ?? parts.at(-1) ?? parts[0];
  // The innermost knows best why; of what goes on around it, who asked for it was told.
  const isFailed = ({ outcome }: Episode): boolean => outcome === 'failed';
  const failed = parts.findLast((part) => !part.runtime.around && isFailed(part)) ?? parts.find(isFailed);
  const telling = failed ?? core;
  const outcome = undoing !== undefined && telling.outcome === 'ok' ? 'failed' : telling.outcome;
  return { traceId, parts, core, outcome, telling, runtime: handedTo !== undefined && core.runtime.around ? handedTo : runtimeOf(core, parts), undoing, handed, resent };
}

/** A start of which only what goes on around it was told is named after what the lines say runs inside. */
function runtimeOf(core: Episode, parts: readonly Episode[]): string {
  if (!core.runtime.around) return core.runtime.name;
  for (const { events } of parts) {
    const told = events.find(({ holes }) => holes?.['runtime'] !== undefined)?.holes?.['runtime'];
    if (told !== undefined && /^[a-z0-9][a-z0-9._-]{0,31}$/i.test(told)) return told;
  }
  return core.runtime.name;
}

export function errorType({ telling, outcome, undoing }: Whole): string {
  if (undoing !== undefined && telling.outcome === 'ok') return `exit_${undoing.code}`;
  return outcome === 'failed' ? 'failed' : (telling.fault ?? 'incomplete');
}

/** Status of the root; undefined: it is no error. */
export function failureOf({ telling, outcome, undoing }: Whole, folded: readonly FoldedPart[]): string | undefined {
  if (undoing !== undefined && telling.outcome === 'ok') return `the task exited with code ${undoing.code} as soon as it had started`;
  const part = folded.find(({ episode }) => episode === telling);
  return part === undefined || outcome === 'ok' || outcome === 'created' ? undefined : failureText(telling, part.last, reasonOf(telling, part.resolved));
}

/** What is left of a task that exits at once: from its start to its exit. */
export function shortRun({ event, by }: Undoing, folded: readonly FoldedPart[], offset: Duration): Draft | undefined {
  const part = folded.findIndex(({ episode }) => episode === by);
  const last = folded[part]?.last;
  if (last === undefined || offset <= last.offset) return undefined;
  const to: Placed = { event, mark: event.spelling.agreed, offset };
  const run = draft({ service: to.mark?.service ?? by.rule.rule.root.service, name: 'task: run', from: last, to, certainty: 'exact', credit: 'idle', container: event.container ?? by.container });
  run.part = part;
  run.layer = by.runtime.layers[run.service] ?? 0;
  return run;
}

/** All lines of the start, from the first to the last. */
export function lastOfAll(folded: readonly [FoldedPart, ...FoldedPart[]]): Placed {
  let [{ last }] = folded;
  for (const part of folded) if (part.last.offset > last.offset) ({ last } = part);
  return last;
}

/** How far it reaches: of a runtime whose lines bound what goes on, to its last span, else to its last line. */
export function endOf(folded: readonly FoldedPart[], run: Draft | undefined): Duration {
  let end = run?.end ?? duration(0);
  for (const { episode, made, last } of folded) {
    if (episode.runtime.keyed && made.length > 0) for (const one of made) end = one.end > end ? one.end : end;
    else if (last.offset > end) end = last.offset;
  }
  return end;
}
