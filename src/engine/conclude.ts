/** The end of what belongs together: its trace, or the name under which it is counted. */
import { sourceKey } from '../model/source.ts';
import type { SourceId, SourceKey } from '../model/source.ts';
import type { Trace } from '../model/trace.ts';
import { between } from '../model/time.ts';
import type { Duration } from '../model/time.ts';
import type { CompiledRuntime } from './compile.ts';
import { exactOnes } from './copies.ts';
import { sortEvents } from './event.ts';
import type { Event } from './event.ts';
import { fold } from './fold.ts';
import type { Touching } from './gaps.ts';
import { judge, nothing } from './judge.ts';
import type { OpenEpisode } from './open.ts';
import { otherTraceId } from './identity.ts';
import { episodeId, rootId } from './part.ts';
import type { Episode, Previous } from './part.ts';
import type { Decision } from './scheme.ts';
import { madeOf } from './sent.ts';
import type { Resent, Sent, SentMark } from './sent.ts';
import { extentsOf, mayContinue, withLines } from './tombstone.ts';
import type { Tombstone } from './tombstone.ts';
import { wholeOf } from './whole.ts';
import type { Undoing } from './whole.ts';

/** A settled episode with what belongs to it. */
export interface Settling {
  readonly episode: OpenEpisode;
  /** In order. */
  readonly members: readonly Event[];
  /** No other episode of its life was under way beside it. */
  readonly alone: boolean;
  /** Where lines of its sources may be missing. */
  readonly missing: readonly Touching[];
}

export interface Concluded<T extends Settling> {
  readonly counts: readonly (readonly [name: string, by: number])[];
  /** What is remembered of each. */
  readonly buried: readonly { readonly settling: T; readonly tombstone: Tombstone }[];
  /** undefined: there was nothing to tell. */
  readonly trace: Trace | undefined;
  /** What was sent of it first. */
  readonly mark: SentMark | undefined;
}

export interface ConcludeOptions {
  readonly hostId: string;
  readonly exitWithin: Duration;
  readonly shift?: bigint;
  readonly rawClock?: boolean;
}

/** One of the episodes with what its lines amount to. */
interface Judged<T> {
  readonly settling: T;
  /** Its members but for what undoes it, which is another episode's. */
  readonly mine: readonly Event[];
  readonly events: readonly Event[];
  readonly decision: Decision;
  /** Some of its lines stood in two files. */
  readonly copies: boolean;
  /** The name of what it is, where it is no episode. */
  readonly none: string | undefined;
  readonly fault: string | undefined;
  readonly episode: Episode;
}

/** @param group episodes of one start (or stop, or exec) as different runtimes tell it, the outermost first; or one alone. @param sent what was sent before a restart. */
export function conclude<T extends Settling>(group: readonly T[], options: ConcludeOptions, keyOf: (source: SourceId) => SourceKey, sent?: Sent): Concluded<T> {
  const counts: (readonly [string, number])[] = [];
  const judged: Judged<T>[] = [];
  for (const one of group) {
    if (one.episode.kind === 'stray' || !one.members.some(isTelling)) counts.push(['loose_without_start', one.members.length]);
    else judged.push(judgeOne(one, options));
  }
  // Lines that are no start by themselves are part of one that others tell of, unless it is them who it was handed over by.
  const real = judged.some(({ none }) => none === undefined);
  const parts: Judged<T>[] = [];
  const handed: Judged<T>[] = [];
  for (const one of judged) (one.none === undefined || (real && one.episode.rule.nothing?.runtime === undefined) ? parts : handed).push(one);
  const [lead] = parts;
  const name = lead && idOf(lead, options.hostId);
  const undoing = parts.map((part) => undoingOf(part, options.exitWithin)).find((one) => one !== undefined);
  const made = sent && madeOf(judged, undoing);
  const resent = name === undefined || made === undefined ? undefined : sent?.otherThan(name, made);
  const id = name === undefined || resent === undefined ? name : otherTraceId(name, resent.now);
  const trace = lead === undefined || id === undefined ? undefined : traceOf(lead, { parts, handed, id, resent, undoing });
  if (trace !== undefined) {
    if (resent !== undefined) counts.push(['sent_before', 1]);
    counts.push([trace.episode === 'start' ? `settled_${trace.outcome}` : `settled_${trace.episode}`, 1]);
    if (parts.some(({ settling: { missing } }) => missing.length > 0)) counts.push(['touched_by_gap', 1]);
  }
  for (const one of parts) countsOf(one, counts);
  for (const { none } of handed) if (none !== undefined) counts.push([none, 1]);
  return {
    counts,
    buried: judged.map((one) => ({ settling: one.settling, tombstone: bury(one, id ?? idOf(one, options.hostId), trace, keyOf) })),
    trace,
    mark: resent?.before ?? (trace && made && sent?.markOf(trace, made)),
  };
}

const isTelling = ({ spelling }: Event): boolean => !spelling.loose;

function judgeOne<T extends Settling>(settling: T, options: ConcludeOptions): Judged<T> {
  const { episode, members, missing } = settling;
  const { runtime, rule } = episode;
  const mine = rule.undone === undefined ? members : members.filter(({ spelling }) => spelling.agreed !== rule.undone?.by);
  const events = runtime.keyed ? exactOnes(mine) : mine;
  const decision = episode.decide(events);
  const whole = episode.history(events);
  const none = nothing(rule, whole, decision.schemes);
  const fault = episode.kind === 'inside' ? 'log_begins_inside' : episode.cut;
  const outcome = judge(runtime, rule, whole, decision.schemes);
  return {
    settling,
    mine,
    events,
    decision,
    copies: events.length < mine.length,
    none,
    fault,
    episode: {
      runtime,
      rule,
      subject: episode.subject,
      container: episode.container,
      events,
      whole,
      outcome: fault === undefined || outcome === 'failed' ? outcome : 'incomplete',
      decision,
      fault,
      shift: options.shift,
      rawClock: options.rawClock === true,
      missing,
      previous: episode.previous && previousOf(episode.previous, runtime),
    },
  };
}

interface Gathered<T> {
  readonly parts: readonly Judged<T>[];
  readonly handed: readonly Judged<T>[];
  readonly id: string;
  readonly resent: Resent | undefined;
  readonly undoing: Undoing | undefined;
}

function traceOf<T extends Settling>(lead: Judged<T>, { parts, handed, id, resent, undoing }: Gathered<T>): Trace {
  return fold(wholeOf({
    traceId: id,
    resent,
    parts: parts.length === 1 ? [lead.episode] : [lead.episode, ...parts.slice(1).map(({ episode }) => episode)],
    undoing,
    handed: handed.flatMap(({ events }) => events),
    handedTo: handed.map(({ episode }) => episode.rule.nothing?.runtime).find((runtime) => runtime !== undefined),
  }));
}

/** The mark that undoes it, soon after its end. */
function undoingOf<T extends Settling>({ settling: { episode, members }, episode: part }: Judged<T>, exitWithin: Duration): Undoing | undefined {
  const { undone } = episode.rule;
  if (undone === undefined || !episode.complete) return undefined;
  const event = members.find(({ spelling, time, container }) => spelling.agreed === undone.by && time >= episode.since && between(episode.since, time) <= exitWithin && (container ?? part.container) === part.container);
  const code = event?.holes?.[undone.hole];
  return event === undefined || code === undefined || !/^[1-9]\d{0,2}$/.test(code) ? undefined : { event, code, by: part };
}

function countsOf<T extends Settling>({ copies, decision, fault }: Judged<T>, counts: (readonly [string, number])[]): void {
  if (copies) counts.push(['copies', 1]);
  if (fault !== undefined) counts.push([fault, 1]);
  if (decision.refusedPin !== undefined) counts.push(['scheme_mismatch', 1]);
}

/** Id of the trace that begins with this part. */
const idOf = <T extends Settling>({ settling: { episode }, events }: Judged<T>, hostId: string): string =>
  episodeId(hostId, episode.runtime, episode.container, events[0]?.time ?? episode.opened);

/** The trace of what is not over, as if nothing came any more; undefined: it is no start, as far as is known. Changes nothing. */
export function asItStands(episodes: readonly OpenEpisode[], options: ConcludeOptions): Trace | undefined {
  const group = episodes.map((episode): Settling => {
    const members = [...episode.events];
    sortEvents(members);
    return { episode, members, alone: true, missing: [] };
  });
  return conclude(group, options, () => sourceKey('')).trace;
}

function bury<T extends Settling>({ settling: { episode, alone }, mine, events, none, episode: { outcome } }: Judged<T>, traceId: string, trace: Trace | undefined, keyOf: (source: SourceId) => SourceKey): Tombstone {
  const { runtime, container } = episode;
  const end = none === undefined ? outcome : 'nothing';
  const unfinished = end === 'created' || end === 'incomplete';
  const tombstone: Tombstone = {
    runtime: runtime.name,
    container,
    ...(episode.subject !== container && { subject: episode.subject }),
    ...(runtime.keyed && {
      containers: distinct(mine, ({ container: name }) => name),
      handles: distinct(mine, ({ handle }) => handle),
    }),
    ...(episode.rule.name !== 'start' && { episode: episode.rule.name }),
    traceId,
    opened: events[0]?.time ?? episode.opened,
    until: episode.limit,
    outcome: end,
    seen: unfinished ? mine.slice(0, 64).map((event) => event.spelling.text) : [],
    extents: alone ? extentsOf(mine, keyOf) : withLines(extentsOf(mine, keyOf), mine, keyOf),
    waited: !episode.complete,
    capped: episode.cut !== undefined,
  };
  const root = mayContinue(tombstone) ? trace?.spans[0]?.id : undefined;
  return root === undefined ? tombstone : { ...tombstone, root };
}

const previousOf = (tombstone: Tombstone, runtime: CompiledRuntime): Previous => ({
  traceId: tombstone.traceId,
  rootId: tombstone.root ?? rootId(tombstone.traceId, runtime),
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
