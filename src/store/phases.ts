/**
 * The phases of a start as the statistics need them, in a few bytes each: a number that stands for what the phase is, where it
 * began and how long it took. Rows of their own would be nine tenths of the store.
 */
import { duration } from '../model/time.ts';
import type { Duration } from '../model/time.ts';
import type { Certainty, Credit, Span } from '../model/trace.ts';

/** What a phase is. There are few of them: names are a fixed vocabulary (design.md 4). */
export interface PhaseKind {
  readonly service: string;
  readonly name: string;
  readonly certainty: Certainty;
  readonly credit: Credit;
  /** Its end was not seen. */
  readonly incomplete: boolean;
}

/** One phase of one start. `kind` is the number that the store gave to its `PhaseKind`. */
export interface PackedPhase {
  readonly kind: number;
  /** From the start's `at`; below zero where a guest's own time was left as it is. */
  readonly start: Duration;
  readonly length: Duration;
}

/** Three numbers each, in seven bits a byte, the lowest first; the sign of `start` is its lowest bit. */
export function packPhases(spans: readonly Span[], kindOf: (span: Span) => number): Uint8Array {
  const out: number[] = [];
  for (const span of spans) {
    put(out, kindOf(span));
    put(out, span.start < 0 ? -span.start * 2 - 1 : span.start * 2);
    put(out, span.end - span.start);
  }
  return Uint8Array.from(out);
}

/** What `packPhases` wrote; of damaged bytes, as many phases as are whole. */
export function unpackPhases(bytes: Uint8Array): PackedPhase[] {
  const phases: PackedPhase[] = [];
  const numbers: number[] = [];
  let value = 0;
  let factor = 1;
  for (const byte of bytes) {
    value += (byte & 0x7f) * factor;
    factor *= 128;
    if (byte >= 0x80) continue;
    numbers.push(value);
    value = 0;
    factor = 1;
  }
  for (let at = 0; at + 2 < numbers.length; at += 3) {
    const [kind = 0, start = 0, length = 0] = numbers.slice(at, at + 3);
    phases.push({ kind, start: duration(start % 2 === 0 ? start / 2 : -(start + 1) / 2), length: duration(length) });
  }
  return phases;
}

/** Numbers up to 2^53: the operators of bits end at 2^32. */
function put(out: number[], value: number): void {
  let rest = Math.max(0, value);
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) out.push((rest % 128) | 0x80);
  out.push(rest);
}
