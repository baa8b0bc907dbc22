/**
 * What was handed out, what it was made of, and whether it was taken. After a crash a start is read again: from the same lines it is the same
 * trace, and is not sent again if it was taken; from others (a file that held some is gone, or has turned up) it is a trace of its own, with a
 * link to what was sent. So no span ever has two contents.
 */
import type { Nanos } from '../model/time.ts';
import type { Trace } from '../model/trace.ts';
import type { Touching } from './gaps.ts';

/** Of what a trace was made: how many lines, and the sum of their times and of the gaps that touch them, in ns modulo 2^48. */
export interface Made {
  readonly lines: number;
  readonly sum: number;
}

/** One trace that was handed out: its id, and that of its root. */
export interface SentMark extends Made {
  readonly trace: string;
  readonly root: string;
  /** Its fate was known when the process before this one ended. */
  readonly taken?: boolean;
}

/** A trace of lines other than those that were sent under its id. */
export interface Resent {
  readonly before: SentMark;
  readonly now: Made;
}

/** Marks that are kept, the newest: 70 bytes each. No more traces are on their way while the disk takes what waits. */
const MOST = 3_000;
const BITS = 48;
/** As many as 2^48 has: of a sum that a full disk cut off nothing is believed. */
const DIGITS = 15;
const TEXT = /^([0-9a-f]{32}) ([0-9a-f]{16}) (\d{1,9}) (\d{15})( taken)?$/;

interface Timed {
  readonly time: Nanos;
}

/** @param parts of a trace, in any order. @param undoing the line that undoes it, which is another episode's. */
export function madeOf(parts: readonly { readonly events: readonly Timed[]; readonly settling: { readonly missing: readonly Touching[] } }[], undoing: { readonly event: Timed } | undefined): Made {
  let lines = 0;
  let sum = 0;
  const add = (time: Nanos): void => void (sum = (sum + Number(BigInt.asUintN(BITS, time))) % 2 ** BITS);
  for (const { events, settling: { missing } } of parts) {
    lines += events.length;
    for (const { time } of events) add(time);
    for (const { gap } of missing) add(gap.to);
  }
  if (undoing !== undefined) add(undoing.event.time);
  return { lines, sum };
}

/** As a line of the state, and of the file beside it. */
export const textOf = ({ trace, root, lines, sum, taken }: SentMark): string => `${trace} ${root} ${lines} ${String(sum).padStart(DIGITS, '0')}${taken === true ? ' taken' : ''}`;

function read(text: string): SentMark | undefined {
  const [, trace, root, lines, sum, taken] = TEXT.exec(text) ?? [];
  return trace === undefined || root === undefined ? undefined : { trace, root, lines: Number(lines), sum: Number(sum), ...(taken !== undefined && { taken: true }) };
}

const isSame = (one: Made, other: Made): boolean => one.lines === other.lines && one.sum === other.sum;

/** Traces of which no state says that they were taken, when the process before this one ended. */
export class Sent {
  readonly #before = new Map<string, SentMark>();

  /** @param texts what is no mark is passed over: the last line of a killed writer may be torn. */
  restore(texts: Iterable<string>): void {
    for (const text of texts) {
      const mark = read(text);
      // What was taken stays so: the same life notes that it is about to be sent, and that it was taken, and the next one both again.
      if (mark !== undefined && (mark.taken === true || this.#takenOf(mark) === undefined)) this.#before.set(mark.trace, mark);
    }
    for (const trace of [...this.#before.keys()].slice(0, -MOST)) this.#before.delete(trace);
  }

  /** What was sent under this id, where it was made of something else. */
  otherThan(trace: string, now: Made): Resent | undefined {
    const before = this.#before.get(trace);
    return before === undefined || isSame(before, now) ? undefined : { before, now };
  }

  /** The mark of a trace that is handed out. */
  markOf({ id, spans: [root] }: Trace, made: Made): SentMark {
    const mark = { trace: id, root: root?.id ?? '', ...made };
    return this.#takenOf(mark) ?? mark;
  }

  #takenOf(mark: SentMark): SentMark | undefined {
    const before = this.#before.get(mark.trace);
    return before?.taken === true && isSame(before, mark) ? before : undefined;
  }

  /** It is on its way again, or known to have been taken. */
  forget(trace: string): void {
    this.#before.delete(trace);
  }

  /** @param flying marks of what is on its way now. */
  store(flying: readonly SentMark[]): string[] {
    return [...this.#before.values(), ...flying].slice(-MOST).map(textOf);
  }
}
