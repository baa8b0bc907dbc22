/**
 * A shape: the constant bytes of a flat JSON line and the places of its values, learnt from one line and tried on the
 * next. A process writes the same few shapes for ever; comparing constants and taking values between them needs no
 * scanner and makes no strings. Strict: what does not fit to the byte goes to the exact scanner, so a shape can never
 * read a line otherwise than the scanner would.
 */
import type { Entry } from '../model/entry.ts';
import { NANOSECOND, nanos } from '../model/time.ts';
import type { Nanos } from '../model/time.ts';
import { LATEST } from '../model/entry.ts';
import { Interner, moment, same, words } from './text.ts';
import type { Words } from './text.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LATEST_SECOND = Number(LATEST / 1_000_000_000n);

//             1: name              2: text value              3: whole number
const FIELD = /"([\w.-]{1,64})":(?:"([ -!#-[\]-~]*)"|(0|[1-9]\d{0,30}))(?=[,}])/y;

const interner = new Interner();

const constantBytes = (text: string): DataView => words(Buffer.from(text)).view;

/** One value: the constant bytes before it, and what it is. */
interface Slot {
  readonly name: string;
  readonly before: DataView;
  readonly kind: 'text' | 'number' | 'time';
}

export class Shape implements Entry {
  time: Nanos = nanos(0n);
  readonly step = NANOSECOND;
  readonly #slots: readonly Slot[];
  readonly #close: DataView;
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  /** Value strings of the line at hand, as far as they were known already. */
  readonly #values: (string | undefined)[];
  #words: Words = words(Buffer.alloc(0));
  #start = 0;
  #end = 0;

  private constructor(slots: readonly Slot[], close: DataView) {
    this.#slots = slots;
    this.#close = close;
    this.#starts = new Int32Array(slots.length);
    this.#ends = new Int32Array(slots.length);
    this.#values = slots.map(() => undefined);
  }

  /** @returns undefined for a line that is not flat, plain and without blanks, or has no bare number called `time`. */
  static learn(line: string, time: string): Shape | undefined {
    if (!line.startsWith('{') || line.length > 4096) return undefined;
    const slots: Slot[] = [];
    let constant = 0;
    let at = 1;
    for (;;) {
      FIELD.lastIndex = at;
      const match = FIELD.exec(line);
      if (match === null || slots.length >= 16) return undefined;
      const [whole, name = '', text, digits = ''] = match;
      if (slots.some((slot) => slot.name === name)) return undefined;
      const valueEnd = at + whole.length - (text === undefined ? 0 : 1);
      const valueStart = valueEnd - (text ?? digits).length;
      const before = constantBytes(line.slice(constant, valueStart));
      slots.push({ name, before, kind: text !== undefined ? 'text' : name === time ? 'time' : 'number' });
      constant = valueEnd;
      at += whole.length + 1;
      if (line[at - 1] === '}') break;
    }
    if (at !== line.length || !slots.some((slot) => slot.kind === 'time')) return undefined;
    return new Shape(slots, constantBytes(line.slice(constant)));
  }

  /** Whether the line has this shape and a plausible exact time; it can then be asked until the next call. */
  fits(bytes: Buffer, start: number, end: number): boolean {
    if (this.#words.bytes !== bytes) this.#words = words(bytes);
    const text = this.#words;
    const slots = this.#slots;
    let at = start;
    for (let i = 0; i < slots.length; i++) {
      const slot = slots[i];
      if (slot === undefined) return false;
      const length = slot.before.byteLength;
      if (at + length >= end || !same(text, at, slot.before, 0, length)) return false;
      at += length;
      const valueEnd = slot.kind === 'text' ? this.#text(i, text, at, end) : this.#number(i, slot.kind, bytes, at, end);
      if (valueEnd < 0) return false;
      this.#starts[i] = at;
      this.#ends[i] = valueEnd;
      at = valueEnd;
    }
    const close = this.#close;
    if (at + close.byteLength !== end || !same(text, at, close, 0, close.byteLength)) return false;
    this.#start = start;
    this.#end = end;
    return true;
  }

  /** Where the value ends, or -1. Tries the last line's length first: if the bytes up to there are known, they are plain. */
  #text(i: number, text: Words, at: number, end: number): number {
    const { bytes } = text;
    const guess = at + (this.#ends[i] ?? 0) - (this.#starts[i] ?? 0);
    if (guess < end && bytes[guess] === QUOTE) {
      const known = interner.known(text, at, guess);
      if (known !== undefined) {
        this.#values[i] = known;
        return guess;
      }
    }
    this.#values[i] = undefined;
    for (let to = at; to < end; to++) {
      const byte = bytes[to] ?? 0;
      if (byte === QUOTE) return to;
      if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return -1;
    }
    return -1;
  }

  /** Where the digits end, or -1. A time is taken as it passes: the last nine digits are nanoseconds. */
  #number(i: number, kind: 'number' | 'time', bytes: Buffer, at: number, end: number): number {
    this.#values[i] = undefined;
    let to = at;
    let seconds = 0;
    let fraction = 0;
    for (; to < end; to++) {
      const digit = (bytes[to] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) break;
      if (to < at + 10) seconds = seconds * 10 + digit;
      else fraction = fraction * 10 + digit;
    }
    if (to === at || (bytes[at] === 0x30 && to > at + 1)) return -1;
    if (kind === 'number') return to;
    if (to !== at + 19 || bytes[at] === 0x30) return -1; // nanoseconds since 2001-09-09; the exact scanner reads the year before
    if (seconds >= LATEST_SECOND) return -1; // ten digits begin in 2001, after the earliest
    this.time = moment(seconds, fraction);
    return to;
  }

  get(field: string): string | undefined {
    const slots = this.#slots;
    for (let i = 0; i < slots.length; i++) {
      if (slots[i]?.name !== field) continue;
      const known = this.#values[i];
      if (known !== undefined) return known;
      const start = this.#starts[i] ?? 0;
      const end = this.#ends[i] ?? 0;
      const value = interner.known(this.#words, start, end) ?? interner.learn(this.#words, start, end);
      this.#values[i] = value;
      return value;
    }
    return undefined;
  }

  line(): string {
    return this.#words.bytes.latin1Slice(this.#start, this.#end);
  }
}
