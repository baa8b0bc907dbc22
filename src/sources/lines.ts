import type { Intake, SourceId } from '../model/source.ts';

/** A line may be this long, its end not counted; what is longer is named and skipped. */
export const MAX_LINE = 1 << 20;
/** Of a line that is too long, so many first bytes are given. */
export const OVERLONG_HEAD = 64 << 10;
export const NEWLINE = 10;

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Hands the whole lines of `bytes`, which stand at `offset`, to the intake, without a byte order mark at the very start.
 * Returns how many bytes were taken. `bytes` must hold at least one line end. `hollow`: NULs before the first line are no
 * part of it, see `isHollow`.
 */
export function hand(intake: Intake, source: SourceId, bytes: Buffer, offset: number, hollow = offset === 0): number {
  const mark = offset === 0 && bytes.subarray(0, BOM.length).equals(BOM) ? BOM.length : 0;
  const skip = hollow && mark === 0 ? nulsBefore(bytes) : mark;
  const rest = bytes.subarray(skip);
  const taken = intake.read(source, rest, rest.length, offset + skip);
  if (taken <= 0) throw new Error('the intake took nothing of a whole line');
  return skip + taken;
}

/**
 * The content begins with a NUL: copytruncate leaves a hole as large as the file once was where a writer without O_APPEND
 * goes on at its old place. `head`: the first bytes of the content.
 */
export const isHollow = (head: Buffer): boolean => head[0] === 0;

/** How many NULs these bytes begin with. */
export function nulsBefore(bytes: Buffer): number {
  if (bytes[0] !== 0) return 0;
  const end = bytes.findIndex((byte) => byte !== 0);
  return end < 0 ? bytes.length : end;
}

/** The same bytes with a line end: for the last line of a file that will never get its own. */
export function terminated(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.from([NEWLINE])]);
}

/**
 * Feeds a stream of chunks to the intake as whole lines. Keeps at most one unfinished line (MAX_LINE bytes), and of one
 * that is too long only its head. For contents that come as a stream; a followed file is read positionally instead.
 */
export class LineFeeder {
  readonly #intake: Intake;
  readonly #source: SourceId;
  /** Offset of the first line that was not handed over. */
  #start: number;
  #carry: Buffer[] = [];
  #carried = 0;
  /** Of an overlong line: its head; its length so far is in `#carried`. */
  #head: Buffer | undefined;

  constructor(intake: Intake, source: SourceId, start = 0) {
    this.#intake = intake;
    this.#source = source;
    this.#start = start;
  }

  /** Offset of the first line that was not handed over. */
  get offset(): number {
    return this.#start;
  }

  /** Takes the next bytes of the stream. The buffer may be reused afterwards. */
  push(chunk: Buffer): void {
    let rest = chunk;
    if (this.#carried > 0) {
      const end = rest.indexOf(NEWLINE);
      if (end < 0) return this.#keep(rest);
      this.#keep(rest.subarray(0, end));
      this.#close();
      rest = rest.subarray(end + 1);
    }
    if (rest.includes(NEWLINE)) {
      const taken = hand(this.#intake, this.#source, rest, this.#start);
      this.#start += taken;
      rest = rest.subarray(taken);
    }
    if (rest.length > 0) this.#keep(rest);
  }

  /** The stream is finished: what is left without a line end is a line. */
  finish(): void {
    if (this.#carried > 0) this.#close();
  }

  #keep(bytes: Buffer): void {
    this.#carried += bytes.length;
    if (this.#head !== undefined) return;
    this.#carry.push(Buffer.from(bytes));
    if (this.#carried <= MAX_LINE) return;
    this.#head = Buffer.from(Buffer.concat(this.#carry).subarray(0, OVERLONG_HEAD));
    this.#carry = [];
  }

  #close(): void {
    const length = this.#carried;
    if (this.#head === undefined) {
      const line = this.#carry.length === 1 && this.#carry[0] !== undefined ? this.#carry[0] : Buffer.concat(this.#carry);
      hand(this.#intake, this.#source, terminated(line), this.#start);
    } else {
      this.#intake.overlong(this.#source, this.#head, this.#start, length);
    }
    this.#start += length + 1;
    this.#carry = [];
    this.#carried = 0;
    this.#head = undefined;
  }
}
