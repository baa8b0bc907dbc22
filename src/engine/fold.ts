/**
 * The fold: a settled episode's events in, its trace out. Pure and total: the daemon, `show`, the page and the tests call
 * this same function, and the same events give the same bytes (design.md 3).
 */
import type { Attributes, Finding, LooseEvent, LooseReason, Outcome, Trace } from '../model/trace.ts';
import { duration } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import { arrange } from './arrange.ts';
import { guestClock } from './clock.ts';
import { inGuestOrder } from './guestorder.ts';
import type { CompiledEpisode, CompiledRuntime } from './compile.ts';
import { draft } from './draft.ts';
import type { Draft } from './draft.ts';
import { drafts } from './drafts.ts';
import { cut } from './evidence.ts';
import type { Event } from './event.ts';
import type { Touching } from './gaps.ts';
import { failureText, reasonOf } from './failure.ts';
import { findingsOf } from './find/findings.ts';
import { measuresOf } from './measures.ts';
import { resolve } from './groups.ts';
import type { Loose, Marks, Placed, Resolved } from './groups.ts';
import { spanId, traceId } from './identity.ts';
import { joinCalls } from './joins.ts';
import type { Call } from './joins.ts';
import { containersOf, podDrafts } from './pod.ts';
import type { Decision } from './scheme.ts';
import { spansOf } from './spans.ts';
import type { CompiledRpc } from './words.ts';

/** The start this one continues: it had been created and rested, or had been given up as incomplete. */
export interface Previous {
  readonly traceId: string;
  readonly rootId: string;
  readonly why: 'created' | 'late_completion';
}

export interface Episode {
  /** `episodeId` of the first event. */
  readonly traceId: string;
  readonly runtime: CompiledRuntime;
  readonly rule: CompiledEpisode;
  readonly subject: string;
  readonly container: string;
  /** In order, without duplicates; at least one that is not loose by design. */
  readonly events: readonly Event[];
  /** The same, after what an earlier part of this start had shown. */
  readonly whole: readonly Event[];
  readonly outcome: Outcome;
  readonly decision: Decision;
  /** Why an incomplete episode is one, when it is not that marks were missing. */
  readonly fault: string | undefined;
  /** How far the user had the times moved. */
  readonly shift: bigint | undefined;
  readonly previous: Previous | undefined;
  /** Times of the guest as the guest tells them, by the user's explicit wish. */
  readonly rawClock: boolean;
  /** Where lines of its sources may be missing. */
  readonly missing: readonly Touching[];
}

/** Id of the trace that these events become, without folding them. */
export const episodeId = (hostId: string, runtime: CompiledRuntime, container: string, anchor: Nanos): string =>
  traceId(hostId, runtime.name, container, anchor);

/** Id of the root of a runtime's starts within a trace. */
export const rootId = (trace: string, runtime: CompiledRuntime): string =>
  spanId(trace, runtime.start.rule.root.service, runtime.start.rule.root.name, 0);

/** What the spans of a trace are made from. */
export interface Details {
  readonly id: string;
  readonly at: Nanos;
  readonly episode: Episode;
  readonly last: Placed;
  readonly gaps: number;
  readonly loose: readonly Loose[];
  readonly arranged: readonly Draft[];
  readonly failure: string | undefined;
  readonly measures: Attributes;
  readonly findings: readonly Finding[];
  /** Ids of findings by the draft that they are about. */
  readonly marked: ReadonlyMap<Draft, readonly string[]>;
}

export function fold(episode: Episode): Trace {
  const { runtime, rule, decision, events } = episode;
  const [opening] = events;
  if (opening === undefined) throw new Error('an episode without events reached the fold');
  const at = opening.time;
  const asLogged = resolve(runtime, events, at, decision.schemes);
  const calls = runtime.keyed ? callsOf(rule, asLogged) : NO_CALLS;
  const clock = runtime.keyed ? guestClock(runtime, asLogged, [...calls.values()].flat(), episode.rawClock) : undefined;
  const resolved = clock === undefined ? asLogged : inGuestOrder(asLogged, clock);
  const made = drafts(runtime, rule, resolved, decision.schemes, clock, calls);
  const pod = runtime.keyed ? podDrafts(rule, resolved, made) : undefined;
  const loose = [...resolved.loose, ...unplaced(resolved, made, episode)];
  if (loose.length > 1) loose.sort((a, b) => a.placed.offset - b.placed.offset);
  const last = lastOf(resolved);
  const root = rootDraft(episode, opening, last, made, pod !== undefined);
  let gaps = 0;
  for (const one of made) if (one.credit === 'caller') gaps += one.end - one.start;
  const arranged = arrange(root, made, runtime);
  const failure = failureText(episode, last, reasonOf(episode, resolved));
  const found = findingsOf({ episode, resolved, clock, arranged, gaps, wall: root.end, failure });
  const details: Details = {
    id: episode.traceId,
    at,
    episode,
    last,
    gaps,
    loose,
    arranged,
    failure,
    measures: runtime.measures.length > 0 ? measuresOf(runtime, rule, resolved, arranged) : NO_MEASURES,
    findings: found.findings,
    marked: found.marked,
  };
  return {
    id: details.id,
    runtime: runtime.name,
    episode: rule.name,
    container: episode.container,
    containers: containersOf(episode.container, resolved),
    outcome: episode.outcome,
    errorType: failure === undefined ? undefined : errorType(episode),
    schemes: decision.by === 'none' ? [] : schemeNames(runtime, decision),
    schemeBy: decision.by,
    at,
    wall: root.end,
    active: duration(root.end - gaps),
    lastMark: nameOf(last),
    spans: spansOf(details),
    loose: loose.map(({ placed, reason }) => looseEvent(placed, reason)),
    findings: details.findings,
  };
}

const NO_MEASURES: Attributes = [];
const NO_CALLS: ReadonlyMap<CompiledRpc, readonly Call[]> = new Map();

/** Calls and their executions, joined once: the clock is bounded by them, and they are spans. */
const callsOf = ({ spans }: CompiledEpisode, resolved: Resolved): ReadonlyMap<CompiledRpc, readonly Call[]> =>
  new Map(spans.flatMap((word) => (word.kind === 'rpc' ? [[word, joinCalls(word, resolved)] as const] : [])));

export const errorType = ({ fault, outcome }: Episode): string => (outcome === 'failed' ? 'failed' : (fault ?? 'incomplete'));

/** Scratch, by number of the mark. */
let used = new Uint8Array(0);

/** Marks in their place that no span uses: listed, never hidden. */
function unplaced({ placed, all }: Resolved, made: readonly Draft[], { runtime, rule }: Episode): Loose[] {
  if (runtime.keyed) return unused(all, made, rule);
  if (used.length < placed.length) used = new Uint8Array(placed.length);
  used.fill(0);
  for (const { from, to } of made) {
    if (from.mark !== undefined) used[from.mark.index] = 1;
    if (to.mark !== undefined) used[to.mark.index] = 1;
  }
  const found: Loose[] = [];
  for (const one of placed) if (one?.mark !== undefined && used[one.mark.index] === 0) found.push({ placed: one, reason: 'unplaced' });
  return found;
}

/** Where marks come more than once each is used for itself. What only ends or stands in is missed by nobody. */
function unused(all: readonly Placed[], made: readonly Draft[], { modest }: CompiledEpisode): Loose[] {
  const bounds = new Set<Placed>();
  for (const { from, to } of made) bounds.add(from).add(to);
  return all.filter((one) => one.mark !== undefined && !one.mark.silent && !one.mark.loose && !modest.has(one.mark) && !bounds.has(one)).map((placed) => ({ placed, reason: 'unplaced' }));
}

export const schemeNames = (runtime: CompiledRuntime, decision: Decision): string[] =>
  decision.schemes.map((scheme) => runtime.schemes[scheme] ?? '');

export const nameOf = (placed: Placed): string => placed.mark?.name ?? placed.event.spelling.text;

/** The last mark of the start, also where its meaning is open. */
function lastOf({ placed, loose, all }: Resolved): Placed {
  let last: Placed | undefined;
  const later = (one: Placed): void => {
    if (last === undefined || one.offset >= last.offset) last = one;
  };
  for (const one of all) if (one.mark !== undefined && !one.mark.loose && !one.mark.silent) later(one);
  if (all.length === 0) laterOf(placed, later);
  for (const { placed: one, reason } of loose) if (reason === 'undecided') later(one);
  last ??= all[all.length - 1];
  if (last === undefined) throw new Error('an episode without a mark reached the fold');
  return last;
}

function laterOf(placed: Marks, later: (one: Placed) => void): void {
  for (const one of placed) if (one !== undefined) later(one);
}

function rootDraft({ runtime, rule, outcome }: Episode, opening: Event, last: Placed, made: readonly Draft[], pod: boolean): Draft {
  const { service, name, certainty } = rule.rule.root;
  const incomplete = outcome === 'incomplete';
  let end = runtime.keyed && made.length > 0 ? duration(0) : last.offset;
  if (runtime.keyed) for (const one of made) if (one.end > end) end = one.end;
  return draft({
    service,
    name: pod ? (rule.rule.pod ?? name) : name,
    kind: 'server',
    from: { event: opening, mark: opening.spelling.agreed, offset: duration(0) },
    to: last,
    start: firstOf(made),
    end,
    certainty: incomplete ? 'inferred' : (certainty ?? 'exact'),
    credit: 'runtime',
    incomplete,
  });
}

/** Times of the guest left as they are may lie before everything else. */
function firstOf(made: readonly Draft[]): Duration {
  let first = duration(0);
  for (const { start } of made) if (start < first) first = start;
  return first;
}

const looseEvent = (placed: Placed, reason: LooseReason): LooseEvent => ({
  name: nameOf(placed),
  offset: placed.offset,
  reason,
  line: cut(placed.event.line),
});
