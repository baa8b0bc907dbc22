/** Raw lines as evidence: cut to what back-ends keep, and each given to one span. */
import type { Attributes, LooseReason, SpanEvent } from '../model/trace.ts';
import { between, duration } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import type { Draft } from './draft.ts';
import { ToldEvent } from './event.ts';
import type { Touching } from './gaps.ts';
import type { Placed } from './groups.ts';

/** A raw line is cut here: Tempo cuts attributes at 2,048 bytes (reference/user-experience.md 1.1). */
const LONGEST_LINE = 1_900;
/** UTF-8 has three bytes at most for one UTF-16 unit: a line this short needs no counting. */
const SHORT_LINE = Math.floor(LONGEST_LINE / 3);

/** The line, or as much of it as fits with a note of how many bytes are missing. */
export function cut(line: string): string {
  if (line.length <= SHORT_LINE) return line;
  const bytes = Buffer.byteLength(line);
  if (bytes <= LONGEST_LINE) return line;
  const room = LONGEST_LINE - 24;
  let end = Math.min(line.length, room);
  while (Buffer.byteLength(line.slice(0, end)) > room) end -= 64;
  if (/[\ud800-\udbff]/.test(line[end - 1] ?? '')) end--; // never half a character
  const kept = line.slice(0, end);
  return `${kept}...[+${bytes - Buffer.byteLength(kept)} bytes]`;
}

/** A mark's line on the span it bounds, or a loose line on the root. */
export function spanEvent(placed: Placed, name: string, reason: LooseReason | undefined): SpanEvent {
  const { event, offset } = placed;
  return {
    name,
    offset,
    attributes:
      reason === undefined
        ? [['log.record.original', cut(event.line)], ['shimtrace.mark', event.spelling.text]]
        : [['log.record.original', cut(event.line)], ['shimtrace.loose', reason], ['shimtrace.mark', event.spelling.text]],
  };
}

/** A finding on the root, at the time of its first proof. */
export const findingEvent = (id: string, offset: Duration): SpanEvent => ({ name: `finding: ${id}`, offset, attributes: [['shimtrace.finding', id]] });

/** Missing lines on the root, where the gap begins within it, with the line that tells of them. */
export function gapEvent({ gap, proof }: Touching, at: Nanos, end: Duration): SpanEvent {
  const attributes: Attributes[number][] = proof === undefined ? [] : [['log.record.original', cut(proof.line)]];
  attributes.push(['shimtrace.gap', gap.name]);
  if (gap.missing !== undefined) attributes.push(['shimtrace.gap_lines', gap.missing]);
  return { name: 'lines missing', offset: duration(Math.min(end, gap.from <= at ? 0 : between(at, gap.from))), attributes };
}

/**
 * Whether a mark's line goes to this span. Each goes to one: of the spans of the mark's own component that it bounds, the
 * shortest that it begins, else the shortest that it ends; where there is none, the root. Where one process writes what is
 * another component's span (the runtime logs what it says to the hypervisor) any span may have it.
 */
export function owns(arranged: readonly Draft[], at: number, placed: Placed): boolean {
  const across = placed.event instanceof ToldEvent;
  let best = -1;
  let begins = false;
  let length = Infinity;
  for (let i = 1; i < arranged.length; i++) {
    const draft = arranged[i];
    if (draft === undefined || (across ? draft.credit === 'caller' : draft.service !== placed.mark?.service)) continue;
    const starts = draft.from.event === placed.event;
    if (!starts && draft.to.event !== placed.event) continue;
    const long = draft.end - draft.start;
    if (best < 0 || (starts && !begins) || (starts === begins && long < length)) {
      best = i;
      begins = starts;
      length = long;
    }
  }
  return Math.max(best, 0) === at;
}
