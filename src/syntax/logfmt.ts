/**
 * The scanner of logrus' text format (github.com/sirupsen/logrus, TextFormatter without colours, as vendored by Kata 1.0 to 1.13):
 *
 *     record := pair (" " pair)*      pair := key "=" value
 *     key    := [^="]+                value := '"' text as Go's %q writes it '"' | a text without blanks, quotes and "="
 *
 * Keys are never quoted and may hold spaces and colons (`vm id=u`, `fcInit failed:=x`); the grammar is still exact, since a bare value
 * holds no blank. It remembers places, not texts: what nobody asks for is never made.
 */
import type { Refusal } from '../model/entry.ts';
import { escapeLength, unquote } from './goquote.ts';
import { Interner, decode, words } from './text.ts';
import type { Words } from './text.ts';

const MOST_FIELDS = 256;
const LONGEST_KEY = 256;
const SPACE = 0x20;
const QUOTE = 0x22;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/** How a value is written. */
const ESCAPED = 1;
const WIDE = 2;
/** The second `time`, `level` or `msg` of a record: see `#add`. */
const CLASHING = 4;

const TIME = Buffer.from('time');
const CLASHES = [TIME, Buffer.from('msg'), Buffer.from('level')];
const CLASH = 'fields.';

/** What follows a record's time, and how far from the record's first byte at most. */
const LEVEL = Buffer.from('" level=');
const LONGEST_BEGINNING = 46;

const interner = new Interner();
let scratch = Buffer.alloc(4096);

export class Logfmt {
  /** Where the next record of the line begins, after `records-pasted` or `record-torn`; -1: it cannot be told. */
  next = -1;
  /** Name of the value that the line's end cuts off; it is no field then. */
  cut: string | undefined;
  #count = 0;
  #words: Words = words(Buffer.alloc(0));
  #bytes: Buffer = this.#words.bytes;
  readonly #keys = new Int32Array(MOST_FIELDS);
  readonly #keyEnds = new Int32Array(MOST_FIELDS);
  readonly #starts = new Int32Array(MOST_FIELDS);
  readonly #ends = new Int32Array(MOST_FIELDS);
  readonly #kinds = new Uint8Array(MOST_FIELDS);
  /** One bit by length and first and last byte of each key so far: a key whose bit is free is new. */
  #seen = 0;
  /** All bytes so far, or-ed: whether any is beyond ASCII. */
  #high = 0;
  #kind = 0;
  #stop = 0;
  #refusal: Refusal | undefined;

  /** Finds the fields of `bytes[start, end)`, one record; they can be asked for until the next call. */
  scan(bytes: Buffer, start: number, end: number): Refusal | undefined {
    if (this.#bytes !== bytes) {
      this.#words = words(bytes);
      this.#bytes = bytes;
    }
    this.next = -1;
    this.cut = undefined;
    this.#count = this.#seen = this.#high = 0;
    this.#refusal = undefined;
    let stop = end;
    while (stop > start && (bytes[stop - 1] ?? 0) <= SPACE) stop--; // older logrus ends every pair with a blank
    this.#stop = stop;
    for (let at = start; at < stop; ) {
      const equals = this.#key(at, stop);
      const after = equals < 0 ? -1 : this.#value(at, equals, stop);
      if (after < 0) return this.#refusal ?? (at === start ? 'not-logfmt' : 'logfmt-broken');
      at = after + 1;
    }
    if (this.#high >= 0x80 && decode(bytes, start, stop) === undefined) return 'not-utf8';
    if (this.#count > 0) return undefined;
    return this.cut === undefined ? 'not-logfmt' : 'line-cut';
  }

  /** Where the key at `at` ends, or -1. */
  #key(at: number, stop: number): number {
    const bytes = this.#bytes;
    const limit = Math.min(stop, at + LONGEST_KEY);
    for (let to = at; to < limit; to++) {
      const byte = bytes[to] ?? 0;
      if (byte === EQUALS) return to > at ? to : -1;
      if (byte === QUOTE || byte < SPACE) return -1;
      this.#high |= byte;
    }
    return -1;
  }

  /** Where the pair ends: its last byte is before; or -1. */
  #value(key: number, equals: number, stop: number): number {
    if (this.#count > 0 && this.#beginsAt(equals - 4) && (key === equals - 4 || this.#bytes[equals - 5] === SPACE)) return this.#refuse('records-pasted', key);
    if (this.#count >= MOST_FIELDS) return this.#refuse('too-many-fields', -1);
    this.#kind = 0;
    const quoted = equals + 1 < stop && this.#bytes[equals + 1] === QUOTE;
    const start = quoted ? equals + 2 : equals + 1;
    const end = quoted ? this.#quoted(start, stop) : this.#bare(start, stop);
    if (end < 0) return -1;
    if (quoted && end === stop) {
      this.cut = this.#bytes.toString('utf8', key, equals);
      return stop;
    }
    if (!this.#add(key, equals, start, end)) return this.#refuse('field-twice', -1);
    if (!quoted) return end;
    if (end + 1 === stop || this.#bytes[end + 1] === SPACE) return end + 1;
    return this.#beginsAt(end + 1) ? this.#refuse('records-pasted', end + 1) : this.#refuse(this.#unbalanced(start, end), -1);
  }

  /** Where the closing quote stands, `stop` when there is none, -1 after a wrong escape. */
  #quoted(start: number, stop: number): number {
    const bytes = this.#bytes;
    let high = 0;
    for (let to = start; to < stop; to++) {
      const byte = bytes[to] ?? 0;
      if (byte === QUOTE) {
        this.#high |= high;
        if (high >= 0x80) this.#kind |= WIDE;
        return to;
      }
      high |= byte;
      if (byte !== BACKSLASH) continue;
      this.#kind = ESCAPED;
      const length = escapeLength(bytes, to, stop);
      if (length === 0) return stop - to < 10 && !bytes.subarray(to, stop).includes(QUOTE) ? stop : -1; // an escape cut in two
      to += length - 1;
    }
    this.#high |= high;
    return stop;
  }

  #bare(start: number, stop: number): number {
    const bytes = this.#bytes;
    let high = 0;
    let to = start;
    for (; to < stop; to++) {
      const byte = bytes[to] ?? 0;
      if (byte === SPACE) break;
      if (byte === EQUALS && this.#beginsAt(to - 4)) return this.#refuse('record-torn', to - 4);
      if (byte === QUOTE || byte === EQUALS || byte < SPACE) return -1;
      high |= byte;
    }
    this.#high |= high;
    if (high >= 0x80) this.#kind = WIDE;
    return to;
  }

  /**
   * logrus before 1.4.2 (Kata up to 1.10) writes a field of the user called `time`, `msg` or `level` under its bare name, so that it stands
   * twice; later ones call it `fields.time`. The first is the record's own; the second is known by the later name.
   */
  #add(key: number, keyEnd: number, start: number, end: number): boolean {
    const bytes = this.#bytes;
    const bit = bitOf(keyEnd - key, bytes[key] ?? 0, bytes[keyEnd - 1] ?? 0);
    let kind = this.#kind;
    if ((this.#seen & bit) !== 0) {
      const name = bytes.subarray(key, keyEnd);
      if (this.#place(name, 0) >= 0) {
        if (!CLASHES.some((each) => each.equals(name)) || this.#place(name, CLASHING) >= 0) return false;
        kind |= CLASHING;
      }
    }
    this.#seen |= bit;
    const i = this.#count++;
    this.#keys[i] = key;
    this.#keyEnds[i] = keyEnd;
    this.#starts[i] = start;
    this.#ends[i] = end;
    this.#kinds[i] = kind;
    return true;
  }

  /** Whether a record begins at `at` as logrus begins one: `time="2026...` and a level. */
  #beginsAt(at: number): boolean {
    const bytes = this.#bytes;
    if (at < 0 || bytes[at] !== 0x74 || bytes[at + 1] !== 0x69 || bytes[at + 2] !== 0x6d || bytes[at + 3] !== 0x65) return false;
    if (bytes[at + 4] !== EQUALS || bytes[at + 5] !== QUOTE) return false;
    let close = at + 6;
    while (close < at + LONGEST_BEGINNING && bytes[close] !== QUOTE) close++;
    return close + LEVEL.length <= this.#stop && LEVEL.equals(bytes.subarray(close, close + LEVEL.length));
  }

  /** A quoted value that goes on behind its quote: quotes that lost their backslashes on the way, or another record's text in the middle. */
  #unbalanced(start: number, end: number): Refusal {
    const bytes = this.#bytes;
    const text = bytes.toString('latin1', Math.max(start, end - 6), end);
    if (text.endsWith('\\\\') || (end - start === 5 && text.endsWith('time='))) return 'escapes-lost';
    return text.endsWith('time=') ? 'record-torn' : 'logfmt-broken';
  }

  #refuse(refusal: Refusal, next: number): -1 {
    this.#refusal = refusal;
    this.next = next;
    return -1;
  }

  #place(name: Uint8Array, clashing: number): number {
    const length = name.length;
    for (let i = 0; i < this.#count; i++) {
      const start = this.#keys[i] ?? 0;
      if ((this.#keyEnds[i] ?? 0) - start !== length || ((this.#kinds[i] ?? 0) & CLASHING) !== clashing) continue;
      let same = 0;
      while (same < length && this.#bytes[start + same] === name[same]) same++;
      if (same === length) return i;
    }
    return -1;
  }

  /** The place of a field among the record's, or -1. */
  find(name: Name): number {
    const at = (this.#seen & name.bit) === 0 ? -1 : this.#place(name.bytes, 0);
    return at >= 0 || name.clashing === undefined ? at : this.#place(name.clashing, CLASHING);
  }

  start(at: number): number {
    return this.#starts[at] ?? 0;
  }

  end(at: number): number {
    return this.#ends[at] ?? 0;
  }

  /** The text of a field by its place. */
  text(at: number): string {
    const start = this.start(at);
    const end = this.end(at);
    const kind = this.#kinds[at] ?? 0;
    if ((kind & ESCAPED) !== 0) {
      if (scratch.length < end - start) scratch = Buffer.alloc(2 * (end - start));
      return scratch.toString('utf8', 0, this.copy(at, scratch));
    }
    if ((kind & WIDE) !== 0) return this.#bytes.toString('utf8', start, end);
    return interner.known(this.#words, start, end) ?? interner.learn(this.#words, start, end);
  }

  /** Copies a field's text, by its place, into `to` at 0, which has room for `size` bytes. @returns how many were written. */
  copy(at: number, to: Buffer): number {
    return unquote(this.#bytes, this.#starts[at] ?? 0, this.#ends[at] ?? 0, to);
  }

  /** The most bytes that a field's text may take. */
  size(at: number): number {
    return (this.#ends[at] ?? 0) - (this.#starts[at] ?? 0);
  }
}

const bitOf = (length: number, first: number, last: number): number => 1 << ((length * 7 + first * 13 + last * 29) & 31);

/** A field's name, ready to be looked for. */
export interface Name {
  readonly bytes: Uint8Array;
  readonly bit: number;
  /** The name under which an older logrus writes it. */
  readonly clashing: Uint8Array | undefined;
}

export function nameOf(field: string): Name {
  const bytes = Buffer.from(field);
  return {
    bytes,
    bit: bitOf(bytes.length, bytes[0] ?? 0, bytes.at(-1) ?? 0),
    clashing: field.startsWith(CLASH) ? Buffer.from(field.slice(CLASH.length)) : undefined,
  };
}
