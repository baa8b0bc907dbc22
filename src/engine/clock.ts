/**
 * The guest's clock against the host's, from an episode's own lines (reference/kata-1.md 5). Let theta be host less guest.
 * A line that the host writes down for the guest was written in the guest before: theta is at most the difference of its two
 * stamps. What the guest did because of the host came after it: theta is at least that difference. An answer that the host
 * goes on from was written before the host's next line. While all of these can be true at once there is one theta; where
 * they cannot, the guest's clock was set, or runs at another pace: a new segment begins.
 */
import { between, duration } from '../model/time.ts';
import type { Duration } from '../model/time.ts';
import type { Attributes } from '../model/trace.ts';
import type { CompiledRuntime } from './compile.ts';
import type { Call } from './joins.ts';
import type { Placed, Resolved } from './groups.ts';

export interface Segment {
  /** Of the first line, on the host. */
  readonly from: number;
  low: number;
  high: number;
  lines: number;
  /** The lines that bound it closest, from above and from below. */
  proof: readonly Placed[];
}

/** A moment of the guest by the host's clock. */
export interface Mapped {
  readonly offset: Duration;
  readonly attributes: Attributes;
}

interface Bound {
  readonly at: number;
  readonly low: number;
  readonly high: number;
  readonly sets: boolean;
  readonly proof: readonly Placed[];
}

export interface GuestClock {
  readonly segments: readonly Segment[];
  /** By the host's stamp of the line that tells it. */
  map(line: Placed): Mapped | undefined;
}

/** Further apart than this the two clocks have nothing to do with each other, and numbers would not be exact. */
const FURTHEST = 90n * 86_400_000_000_000n;

/** The guest's time as an offset like the host's; undefined: the line tells none. */
function guestOf({ event: { guest, time }, offset }: Placed): number | undefined {
  if (guest === undefined || time - guest > FURTHEST || guest - time > FURTHEST) return undefined;
  return offset - (guest <= time ? between(guest, time) : -between(time, guest));
}

/** @returns undefined: the episode has no line of the guest. `raw`: times as the guest tells them, by the user's wish. */
export function guestClock(runtime: CompiledRuntime, { all, placed }: Resolved, joined: readonly Call[], raw: boolean): GuestClock | undefined {
  const bounds: Bound[] = [];
  for (const line of all) {
    const guest = guestOf(line);
    if (guest === undefined) continue;
    const { sets: rule } = runtime.clock;
    const sets = rule !== undefined && line.mark === rule.mark && line.event.holes?.[rule.hole] === rule.value;
    bounds.push({ at: line.offset, low: -Infinity, high: line.offset + line.event.step - 1 - guest, sets, proof: [line] });
  }
  if (bounds.length === 0) return undefined;
  bounds.push(...causes(runtime, placed, all), ...joined.flatMap(boundsOfCall));
  bounds.sort((a, b) => a.at - b.at);
  const segments = segmentsOf(bounds);
  return { segments, map: (line) => mapped(segments, line, raw) };
}

/** What the guest did because of the host came after it. */
function causes(runtime: CompiledRuntime, placed: Resolved['placed'], all: readonly Placed[]): Bound[] {
  const bounds: Bound[] = [];
  for (const [host, guest] of runtime.clock.after) {
    const cause = placed[host.index];
    const effect = cause && all.find((line) => line.mark === guest && line.offset >= cause.offset);
    const time = effect && guestOf(effect);
    if (cause !== undefined && effect !== undefined && time !== undefined) bounds.push({ at: effect.offset, low: cause.offset - runtime.clock.late - time, high: Infinity, sets: false, proof: [cause, effect] });
  }
  return bounds;
}

/** A call is heard after it was made, and answered before its maker went on. */
function boundsOfCall({ asks, next, asked, ended, took }: Call): Bound[] {
  const bounds: Bound[] = [];
  const end = ended && guestOf(ended);
  const heard = asked && guestOf(asked);
  const begin = heard ?? (end === undefined ? undefined : end - took);
  const told = asked ?? ended;
  if (begin !== undefined && told !== undefined) bounds.push({ at: told.offset, low: asks.offset - begin, high: Infinity, sets: false, proof: [asks, told] });
  if (end !== undefined && ended !== undefined && next !== undefined) bounds.push({ at: ended.offset, low: -Infinity, high: next.offset + next.event.step - 1 - end, sets: false, proof: [ended, next] });
  return bounds;
}

/** So many bounds must contradict what is known before the clock is believed to have changed: one may be a wrong conclusion. */
const WITNESSES = 2;

function segmentsOf(bounds: readonly Bound[]): Segment[] {
  const segments: Segment[] = [];
  for (let at = 0; at < bounds.length; ) at = addSegment(bounds, at, segments);
  return segments;
}

/** One stretch of a clock, from the bound at `first` on. @returns where the next begins. */
function addSegment(bounds: readonly Bound[], first: number, segments: Segment[]): number {
  const segment: Segment = { from: bounds[first]?.at ?? 0, low: -Infinity, high: Infinity, lines: 0, proof: [] };
  let above: readonly Placed[] = [];
  let below: readonly Placed[] = [];
  /** Bounds that contradict it, by the side from which they do. */
  const against: { readonly above: number[]; readonly below: number[] } = { above: [], below: [] };
  let end = bounds.length;
  for (let at = first; at < bounds.length; at++) {
    const bound = bounds[at];
    if (bound === undefined) continue;
    if (bound.sets && at > first) {
      end = at;
      break;
    }
    const side = bound.low > segment.high ? against.below : bound.high < segment.low ? against.above : undefined;
    if (side !== undefined) {
      side.push(at);
      if (side.length < WITNESSES) continue;
      end = side[0] ?? at;
      break;
    }
    if (bound.high < segment.high) above = bound.proof;
    if (bound.low > segment.low) below = bound.proof;
    segment.low = Math.max(segment.low, bound.low);
    segment.high = Math.min(segment.high, bound.high);
    segment.lines++;
  }
  segment.proof = [above, below].flat();
  segments.push(segment);
  return Math.max(end, first + 1);
}

function mapped(segments: readonly Segment[], line: Placed, raw: boolean): Mapped | undefined {
  const guest = guestOf(line);
  if (guest === undefined) return undefined;
  const number = Math.max(0, segments.findLastIndex(({ from }) => from <= line.offset));
  const segment = segments[number];
  if (segment === undefined) return undefined;
  const known = Number.isFinite(segment.high) ? segment.high : segment.low;
  const method = raw ? 'raw' : !Number.isFinite(segment.low) ? 'upper-bound' : !Number.isFinite(segment.high) ? 'lower-bound' : 'bounds';
  const theta = raw ? 0 : known;
  return {
    offset: duration(guest + theta),
    attributes: [
      ['shimtrace.clock.method', method],
      ['shimtrace.clock.offset_ns', known],
      ['shimtrace.clock.segment', number],
      ...(method === 'bounds' || raw && Number.isFinite(segment.low + segment.high) ? [['shimtrace.clock.uncertainty_ns', segment.high - segment.low] as const] : []),
    ],
  };
}
