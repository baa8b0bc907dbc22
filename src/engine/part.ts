/** One runtime's part of a trace: its events with their meaning, and the spans that its words make of them. */
import type { Outcome } from '../model/trace.ts';
import type { Nanos } from '../model/time.ts';
import { guestClock } from './clock.ts';
import type { GuestClock } from './clock.ts';
import type { CompiledEpisode, CompiledRuntime } from './compile.ts';
import type { Draft } from './draft.ts';
import { drafts } from './drafts.ts';
import type { Event } from './event.ts';
import type { Touching } from './gaps.ts';
import { resolve } from './groups.ts';
import type { Loose, Marks, Placed, Resolved } from './groups.ts';
import { inGuestOrder } from './guestorder.ts';
import { spanId, traceId } from './identity.ts';
import { joinCalls } from './joins.ts';
import type { Call } from './joins.ts';
import { place } from './layers.ts';
import type { Decision } from './scheme.ts';
import type { CompiledRpc } from './words.ts';

/** The start this one continues: it had been created and rested, or had been given up as incomplete. */
export interface Previous {
  readonly traceId: string;
  readonly rootId: string;
  readonly why: 'created' | 'late_completion';
}

/** A settled episode, as one runtime tells it. */
export interface Episode {
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

/** One part's spans, before they are put together with the others'. */
export interface FoldedPart {
  readonly episode: Episode;
  readonly resolved: Resolved;
  readonly clock: GuestClock | undefined;
  readonly made: Draft[];
  readonly loose: readonly Loose[];
  readonly last: Placed;
}

/**
 * @param index its number among the parts of its trace.
 * @param at the moment from which the trace counts.
 * @param several it is not the only one.
 */
export function foldPart(episode: Episode, index: number, at: Nanos, several: boolean): FoldedPart {
  const { runtime, rule, decision, events } = episode;
  const asLogged = resolve(runtime, events, at, decision.schemes);
  const calls = runtime.keyed ? callsOf(rule, asLogged) : NO_CALLS;
  const clock = runtime.keyed ? guestClock(runtime, asLogged, [...calls.values()].flat(), episode.rawClock) : undefined;
  const resolved = clock === undefined ? asLogged : inGuestOrder(asLogged, clock);
  const made = drafts(runtime, rule, resolved, decision.schemes, clock, calls);
  place(made, index, episode, several);
  const unused = unplaced(resolved, made, episode);
  return { episode, resolved, clock, made, loose: unused.length === 0 ? resolved.loose : [...resolved.loose, ...unused], last: lastOf(resolved) };
}

const NO_CALLS: ReadonlyMap<CompiledRpc, readonly Call[]> = new Map();

/** Calls and their executions, joined once: the clock is bounded by them, and they are spans. */
const callsOf = ({ spans }: CompiledEpisode, resolved: Resolved): ReadonlyMap<CompiledRpc, readonly Call[]> =>
  new Map(spans.flatMap((word) => (word.kind === 'rpc' ? [[word, joinCalls(word, resolved)] as const] : [])));

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
