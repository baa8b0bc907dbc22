/** The end of an episode: its trace, or the name under which it is counted. */
import { sourceKey } from '../model/source.ts';
import type { SourceId, SourceKey } from '../model/source.ts';
import type { Trace } from '../model/trace.ts';
import type { CompiledRuntime } from './compile.ts';
import { sortEvents } from './event.ts';
import type { Event } from './event.ts';
import { episodeId, fold, rootId } from './fold.ts';
import type { Previous } from './fold.ts';
import type { Touching } from './gaps.ts';
import { judge, nothing } from './judge.ts';
import type { OpenEpisode } from './open.ts';
import { exactOnes } from './copies.ts';
import { extentsOf, withLines } from './tombstone.ts';
import type { Tombstone } from './tombstone.ts';

export type Conclusion =
  | { readonly kind: 'loose'; readonly counts: readonly string[] }
  | { readonly kind: 'nothing'; readonly counts: readonly string[]; readonly tombstone: Tombstone }
  | { readonly kind: 'trace'; readonly counts: readonly string[]; readonly tombstone: Tombstone; readonly trace: Trace };

/**
 * @param members the settled episode's events, in order.
 * @param alone no other episode of its life was under way beside it.
 * @param gaps where lines of its sources may be missing.
 */
export function conclude(
  episode: OpenEpisode,
  members: readonly Event[],
  { hostId, shift, rawClock }: { readonly hostId: string; readonly shift?: bigint; readonly rawClock?: boolean },
  keyOf: (source: SourceId) => SourceKey,
  alone: boolean,
  gaps: readonly Touching[] = [],
): Conclusion {
  if (episode.kind === 'stray' || !members.some((event) => !event.spelling.loose)) return { kind: 'loose', counts: ['loose_without_start'] };
  const { runtime } = episode;
  const events = runtime.keyed ? exactOnes(members) : members;
  const decision = episode.decide(events);
  const whole = episode.history(events);
  const none = nothing(episode.rule, whole, decision.schemes);
  if (none !== undefined) return { kind: 'nothing', counts: [none], tombstone: bury(episode, members, events, hostId, 'nothing', keyOf, alone) };
  const fault = episode.kind === 'inside' ? 'log_begins_inside' : episode.cut;
  const judged = judge(runtime, episode.rule, whole, decision.schemes);
  const outcome = fault === undefined || judged === 'failed' ? judged : 'incomplete';
  const tombstone = bury(episode, members, events, hostId, outcome, keyOf, alone);
  const trace = fold({
    traceId: tombstone.traceId,
    runtime,
    rule: episode.rule,
    subject: episode.subject,
    container: episode.container,
    events,
    whole,
    outcome,
    decision,
    fault,
    shift,
    rawClock: rawClock === true,
    missing: gaps,
    previous: episode.previous && previousOf(episode.previous, runtime),
  });
  const counts: string[] = [episode.rule.name === 'start' ? `settled_${outcome}` : `settled_${episode.rule.name}`];
  if (events.length < members.length) counts.push('copies');
  if (gaps.length > 0) counts.push('touched_by_gap');
  if (fault !== undefined) counts.push(fault);
  if (decision.refusedPin !== undefined) counts.push('scheme_mismatch');
  return { kind: 'trace', counts, tombstone, trace };
}

/** The trace of an episode that is not over, as if nothing came any more; undefined: it is no start, as far as is known. Changes nothing. */
export function asItStands(episode: OpenEpisode, options: { readonly hostId: string; readonly shift?: bigint; readonly rawClock?: boolean }): Trace | undefined {
  const events = [...episode.events];
  sortEvents(events);
  const end = conclude(episode, events, options, () => sourceKey(''), true);
  return end.kind === 'trace' ? end.trace : undefined;
}

function bury(
  episode: OpenEpisode,
  members: readonly Event[],
  events: readonly Event[],
  hostId: string,
  outcome: Tombstone['outcome'],
  keyOf: (source: SourceId) => SourceKey,
  alone: boolean,
): Tombstone {
  const { runtime, container } = episode;
  const opened = events[0]?.time ?? episode.opened;
  return {
    runtime: runtime.name,
    container,
    ...(episode.subject !== container && { subject: episode.subject }),
    ...(runtime.keyed && {
      containers: distinct(members, ({ container: name }) => name),
      handles: distinct(members, ({ handle }) => handle),
    }),
    ...(episode.rule.name !== 'start' && { episode: episode.rule.name }),
    traceId: episodeId(hostId, runtime, container, opened),
    opened,
    until: episode.due,
    outcome,
    seen: outcome === 'created' || outcome === 'incomplete' ? members.slice(0, 64).map((event) => event.spelling.text) : [],
    extents: alone ? extentsOf(members, keyOf) : withLines(extentsOf(members, keyOf), members, keyOf),
    waited: !episode.complete,
    capped: episode.cut !== undefined,
  };
}

const previousOf = (tombstone: Tombstone, runtime: CompiledRuntime): Previous => ({
  traceId: tombstone.traceId,
  rootId: rootId(tombstone.traceId, runtime),
  why: tombstone.outcome === 'created' ? 'created' : 'late_completion',
});

function distinct(events: readonly Event[], of: (event: Event) => string | undefined): string[] {
  const found: string[] = [];
  let last: string | undefined;
  for (const event of events) {
    const name = of(event);
    if (name === undefined || name === last) continue;
    last = name;
    if (!found.includes(name)) found.push(name);
  }
  return found;
}
