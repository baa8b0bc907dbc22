/**
 * zerolog (github.com/rs/zerolog) with TimeFieldFormat = TimeFormatUnixNano, as urunc uses it: one JSON object a line,
 * `time` last, nanoseconds since the epoch as a bare number. RFC 3339 in quotes, zerolog's default, is read as well.
 */
import type { Entry, Refusal, Syntax } from '../model/entry.ts';
import { nanos } from '../model/time.ts';
import type { Nanos } from '../model/time.ts';
import { scanJson } from './json.ts';
import type { Fields } from './json.ts';
import { Interner, nanosFromDigits, nanosFromRfc3339, plausible } from './text.ts';

const TIME = 'time';
const MOST_FLAT_FIELDS = 16;
const QUOTE = 0x22, BACKSLASH = 0x5c, COLON = 0x3a, COMMA = 0x2c, OPEN = 0x7b, CLOSE = 0x7d, ZERO = 0x30, NINE = 0x39;

/**
 * The fast way: a flat object of plain ASCII strings and whole numbers without a blank, which is what zerolog writes for
 * such fields. Keeps where the values stand and makes strings only of what is asked for. Anything else is the generic
 * scanner's.
 */
class FlatEntry implements Entry {
  time: Nanos = nanos(0n);
  readonly #interner: Interner;
  readonly #names: string[] = new Array<string>(MOST_FLAT_FIELDS).fill('');
  readonly #starts = new Int32Array(MOST_FLAT_FIELDS);
  readonly #ends = new Int32Array(MOST_FLAT_FIELDS);
  #count = 0;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(interner: Interner) {
    this.#interner = interner;
  }

  get(field: string): string | undefined {
    for (let i = 0; i < this.#count; i++) {
      if (this.#names[i] === field) return this.#interner.ascii(this.#bytes, this.#starts[i] ?? 0, this.#ends[i] ?? 0);
    }
    return undefined;
  }

  /** true: read, with an exact and plausible time. false: not of this shape. */
  scan(bytes: Buffer, start: number, end: number): boolean {
    this.#bytes = bytes;
    this.#count = 0;
    if (bytes[start] !== OPEN) return false;
    let timed = false;
    let at = start + 1;
    for (;;) {
      if (this.#count === MOST_FLAT_FIELDS || bytes[at] !== QUOTE) return false;
      const nameEnd = plainEnd(bytes, at + 1, end);
      if (nameEnd < 0 || bytes[nameEnd + 1] !== COLON) return false;
      const quoted = bytes[nameEnd + 2] === QUOTE;
      const valueStart = nameEnd + (quoted ? 3 : 2);
      const valueEnd = quoted ? plainEnd(bytes, valueStart, end) : digitsEnd(bytes, valueStart, end);
      if (valueEnd < 0) return false;
      const name = this.#interner.ascii(bytes, at + 1, nameEnd);
      if (!this.#add(name, valueStart, valueEnd)) return false;
      if (name === TIME) {
        const time = quoted ? undefined : nanosFromDigits(bytes, valueStart, valueEnd);
        if (time === undefined || !plausible(time)) return false;
        this.time = time;
        timed = true;
      }
      at = valueEnd + (quoted ? 1 : 0);
      const next = bytes[at++];
      if (next === COMMA) continue;
      return next === CLOSE && at === end && timed;
    }
  }

  #add(name: string, start: number, end: number): boolean {
    for (let i = 0; i < this.#count; i++) if (this.#names[i] === name) return false;
    this.#names[this.#count] = name;
    this.#starts[this.#count] = start;
    this.#ends[this.#count] = end;
    this.#count++;
    return true;
  }
}

/** Where the plain ASCII string that begins at `at` ends (its closing quote), or -1. */
function plainEnd(bytes: Buffer, at: number, end: number): number {
  for (; at < end; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === QUOTE) return at;
    if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return -1;
  }
  return -1;
}

/** Where the digits that begin at `at` end, or -1 when there is none. */
function digitsEnd(bytes: Buffer, at: number, end: number): number {
  const start = at;
  while (at < end && (bytes[at] ?? 0) >= ZERO && (bytes[at] ?? 0) <= NINE) at++;
  return at === start ? -1 : at;
}

/** The exact way, for any JSON object. */
class ScannedEntry implements Entry {
  readonly time: Nanos;
  readonly #fields: Fields;

  constructor(time: Nanos, fields: Fields) {
    this.time = time;
    this.#fields = fields;
  }

  get(field: string): string | undefined {
    const at = this.#fields.names.indexOf(field);
    return at < 0 ? undefined : this.#fields.values[at];
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function scanExactly(bytes: Buffer, start: number, end: number): Entry | Refusal {
  let text: string;
  try {
    text = utf8.decode(bytes.subarray(start, end));
  } catch {
    return bytes[start] === OPEN ? 'not-utf8' : 'not-json'; // the decoder's only error: bytes that are no UTF-8
  }
  const fields = scanJson(text);
  if (typeof fields === 'string') return fields;
  const at = fields.names.indexOf(TIME);
  const value = fields.values[at];
  if (value === undefined) return 'no-time';
  const time = fields.quoted[at] === true ? nanosFromRfc3339(value) : nanosFromText(value);
  if (time === undefined) return fields.quoted[at] === true ? 'time-not-readable' : 'time-not-nanoseconds';
  return plausible(time) ? new ScannedEntry(time, fields) : 'time-out-of-range';
}

/** A bare number that counts nanoseconds: a whole number of at least 16 digits (fewer are seconds to microseconds). */
function nanosFromText(digits: string): Nanos | undefined {
  return /^-?\d{16,25}$/.test(digits) ? nanos(BigInt(digits)) : undefined;
}

const flat = new FlatEntry(new Interner());

export const zerolog: Syntax = {
  name: 'zerolog',
  read: (bytes, start, end) => (flat.scan(bytes, start, end) ? flat : scanExactly(bytes, start, end)),
};
