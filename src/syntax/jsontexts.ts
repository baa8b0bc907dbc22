/**
 * Finds the fields of a JSON object that holds nothing but texts, as an entry of the journal is written: places in the bytes, so that what
 * nobody asks for is never made. Whatever else there is (numbers, lists, blanks, odd escapes, a field that stands twice) is left to the
 * generic scanner (syntax/json.ts), which is exact for everything and ten times as slow.
 */
import { Interner, decode, words } from './text.ts';
import type { Words } from './text.ts';

const MOST_FIELDS = 128;
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const SPACE = 0x20;

/** What stands for what behind a backslash; 0: nothing of one byte. */
const SHORT = new Uint8Array(256);
for (const [letter, text] of Object.entries({ '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' })) SHORT[letter.charCodeAt(0)] = text.charCodeAt(0);

const interner = new Interner();

export class JsonTexts {
  #count = 0;
  #words: Words = words(Buffer.alloc(0));
  #bytes: Buffer = this.#words.bytes;
  readonly #names = new Int32Array(MOST_FIELDS);
  readonly #nameEnds = new Int32Array(MOST_FIELDS);
  readonly #starts = new Int32Array(MOST_FIELDS);
  readonly #ends = new Int32Array(MOST_FIELDS);
  readonly #escaped = new Uint8Array(MOST_FIELDS);
  /** Of the text that was passed last: whether it has escapes; and all bytes so far, or-ed: whether any is beyond ASCII. */
  #escapes = 0;
  #high = 0;
  /** One bit by length and first and last byte of each name so far. */
  #seen = 0;

  /** @returns false: `bytes[start, end)` is no such object; nothing can be asked for then. */
  scan(bytes: Buffer, start: number, end: number): boolean {
    if (this.#bytes !== bytes) {
      this.#words = words(bytes);
      this.#bytes = bytes;
    }
    this.#count = this.#high = this.#seen = 0;
    if (bytes[start] !== OPEN || bytes[end - 1] !== CLOSE) return false;
    for (let at = start + 1; at < end; ) {
      at = this.#field(at, end);
      if (at < 0) return false;
      if (at === end - 1) return this.#high < 0x80 || decode(bytes, start, end) !== undefined;
      if (bytes[at] !== COMMA) return false;
      at++;
    }
    return false;
  }

  /** `"name":"text"`. @returns where it ends, or -1. */
  #field(at: number, end: number): number {
    const bytes = this.#bytes;
    const i = this.#count;
    if (bytes[at] !== QUOTE || i >= MOST_FIELDS) return -1;
    const nameEnd = this.#text(at + 1, end);
    if (nameEnd <= at + 1 || this.#escapes === 1 || bytes[nameEnd + 1] !== COLON || bytes[nameEnd + 2] !== QUOTE || !this.#isNew(at + 1, nameEnd)) return -1;
    const to = this.#text(nameEnd + 3, end);
    if (to < 0) return -1;
    this.#names[i] = at + 1;
    this.#nameEnds[i] = nameEnd;
    this.#starts[i] = nameEnd + 3;
    this.#ends[i] = to;
    this.#escaped[i] = this.#escapes;
    this.#count++;
    return to + 1;
  }

  /** Where the closing quote stands, or -1. */
  #text(from: number, end: number): number {
    const bytes = this.#bytes;
    let high = 0;
    this.#escapes = 0;
    for (let at = from; at < end; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === QUOTE) {
        this.#high |= high;
        return at;
      }
      if (byte < SPACE) return -1;
      high |= byte;
      if (byte !== BACKSLASH) continue;
      this.#escapes = 1;
      if ((SHORT[bytes[++at] ?? 0] ?? 0) === 0) return -1;
    }
    return -1;
  }

  #isNew(from: number, to: number): boolean {
    const bit = bitOf(to - from, this.#bytes[from] ?? 0, this.#bytes[to - 1] ?? 0);
    if ((this.#seen & bit) !== 0 && this.#place(this.#bytes.subarray(from, to)) >= 0) return false;
    this.#seen |= bit;
    return true;
  }

  #place(name: Uint8Array): number {
    const { length } = name;
    const bytes = this.#bytes;
    for (let i = 0; i < this.#count; i++) {
      const start = this.#names[i] ?? 0;
      if ((this.#nameEnds[i] ?? 0) - start !== length) continue;
      let same = 0;
      while (same < length && bytes[start + same] === name[same]) same++;
      if (same === length) return i;
    }
    return -1;
  }

  /** The place of a field, or -1. */
  find({ bytes, bit }: TextName): number {
    return (this.#seen & bit) === 0 ? -1 : this.#place(bytes);
  }

  /** The text of a field by its place. */
  text(at: number): string {
    const start = this.#starts[at] ?? 0;
    const end = this.#ends[at] ?? 0;
    if (this.#escaped[at] === 1) {
      const text = Buffer.allocUnsafe(end - start);
      return text.utf8Slice(0, this.copy(at, text));
    }
    if (this.#high >= 0x80) return this.#bytes.utf8Slice(start, end);
    return interner.known(this.#words, start, end) ?? interner.learn(this.#words, start, end);
  }

  /** Whether the text of a field begins so; `words` has no escapes. */
  begins(at: number, words: Uint8Array): boolean {
    const start = this.#starts[at] ?? 0;
    if (start + words.length > (this.#ends[at] ?? 0)) return false;
    for (let i = 0; i < words.length; i++) if (this.#bytes[start + i] !== words[i]) return false;
    return true;
  }

  /** The most bytes that a field's text may take. */
  size(at: number): number {
    return (this.#ends[at] ?? 0) - (this.#starts[at] ?? 0);
  }

  /** Copies a field's text, by its place, into `to` at 0, which has room for `size` bytes. @returns how many were written. */
  copy(place: number, to: Buffer): number {
    const bytes = this.#bytes;
    const end = this.#ends[place] ?? 0;
    let length = 0;
    for (let at = this.#starts[place] ?? 0; at < end; at++) {
      const byte = bytes[at] ?? 0;
      to[length++] = byte === BACKSLASH ? (SHORT[bytes[++at] ?? 0] ?? 0) : byte;
    }
    return length;
  }
}

const bitOf = (length: number, first: number, last: number): number => 1 << ((length * 7 + first * 13 + last * 29) & 31);

/** A field's name, ready to be looked for. */
export interface TextName {
  readonly bytes: Uint8Array;
  readonly bit: number;
}

export function textName(name: string): TextName {
  const bytes = Buffer.from(name);
  return { bytes, bit: bitOf(bytes.length, bytes[0] ?? 0, bytes.at(-1) ?? 0) };
}
