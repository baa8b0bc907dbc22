import { MAX_LINE, NEWLINE } from '../lines.ts';
import type { LineSpool } from './spool.ts';

/**
 * Puts what a command writes into its spool, so that only whole lines are kept or lost: a line that was begun is ended, one whose beginning was
 * lost is lost as a whole, and of one that is longer than a line may be no more is kept than says so.
 */
export class Funnel {
  readonly counters = { lines: 0, lost: 0, unsafe: 0 };
  readonly #spool: LineSpool;
  /** Bytes of the line under way that are kept. */
  #length: number;
  /** Of the line under way nothing more is kept. */
  #skipping = false;
  /** Lines lost since there was room. */
  #lost = 0;

  constructor(spool: LineSpool) {
    this.#spool = spool;
    this.#length = spool.endsLine ? 0 : 1;
  }

  /** How many lines in a row had no room; 0: there is room. */
  get losing(): number {
    return this.#lost;
  }

  /** Takes the next output. @returns lines lost before it that were the last: from here on they are kept again. */
  take(chunk: Buffer): number {
    const rest = this.#begun(chunk);
    if (rest.length === 0) return 0;
    const fate = this.#lost > 0 && !this.#spool.roomy ? 'lost' : this.#spool.append(rest);
    const lines = count(rest);
    this.counters.lines += lines;
    const ended = rest.lastIndexOf(NEWLINE) + 1;
    if (fate === 'lost') {
      const all = lines + Number(ended < rest.length);
      this.counters.lost += all;
      this.#lost += all;
      this.#skipping = ended < rest.length;
      return 0;
    }
    if (fate === 'unsafe') this.counters.unsafe += lines;
    this.#length = rest.length - ended;
    const before = this.#lost;
    this.#lost = 0;
    return before;
  }

  /** No more comes: what was begun is a line. */
  finish(): void {
    if (this.#length > 0) this.#put(Buffer.from([NEWLINE]));
    this.#skipping = false;
    this.#length = 0;
  }

  /** The end of a line that was begun. @returns what follows it. */
  #begun(chunk: Buffer): Buffer {
    if (!this.#skipping && this.#length === 0) return chunk;
    const end = chunk.indexOf(NEWLINE);
    const part = end < 0 ? chunk : chunk.subarray(0, end);
    if (!this.#skipping && part.length > 0) {
      // One byte more than a line may have tells that it is too long.
      const kept = part.subarray(0, Math.max(0, MAX_LINE + 1 - this.#length));
      if (kept.length > 0) this.#put(kept);
      this.#length += kept.length;
    }
    if (end < 0) return chunk.subarray(chunk.length);
    this.counters.lines += 1;
    if (this.#length > 0) this.#put(chunk.subarray(end, end + 1));
    this.#skipping = false;
    this.#length = 0;
    return chunk.subarray(end + 1);
  }

  #put(bytes: Buffer): void {
    if (this.#spool.append(bytes, true) === 'unsafe' && bytes.at(-1) === NEWLINE) this.counters.unsafe += 1;
  }
}

function count(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) lines += 1;
  return lines;
}
