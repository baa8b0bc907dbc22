/**
 * Byte-level helpers shared by the syntaxes: short strings made once, exact times from digits.
 */
import { EARLIEST, LATEST } from '../model/entry.ts';
import { NANOSECOND, SECOND, nanos } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';

const SLOTS = 4096;
const LONGEST = 128;

/** A buffer read four bytes at a time, at any offset: comparing and hashing by words is three times as fast as by bytes. */
export interface Words {
  readonly bytes: Buffer;
  readonly view: DataView;
}

export const words = (bytes: Buffer): Words => ({ bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) });

/** Whether `length` bytes at `start` equal those of `stored` at `at`. */
export function same(text: Words, start: number, stored: DataView, at: number, length: number): boolean {
  const { view } = text;
  let i = 0;
  for (; i + 4 <= length; i += 4) if (view.getUint32(start + i, true) !== stored.getUint32(at + i, true)) return false;
  for (; i < length; i++) if (view.getUint8(start + i) !== stored.getUint8(at + i)) return false;
  return true;
}

/**
 * A bounded cache from bytes to strings (direct-mapped: a newcomer replaces what stands in its slot). Mark ids and
 * container ids repeat from line to line; making the string anew costs more than reading the rest of the line.
 * Strings are copies, never slices: a slice would keep the whole read buffer alive.
 */
export class Interner {
  readonly #strings: string[] = new Array<string>(SLOTS).fill('');
  readonly #bytes = new Uint8Array(SLOTS * LONGEST);
  readonly #stored = new DataView(this.#bytes.buffer);

  /** The string remembered for exactly these bytes; undefined: none is. */
  known(text: Words, start: number, end: number): string | undefined {
    const length = end - start;
    if (length > LONGEST) return undefined;
    const slot = slotOf(text.view, start, end);
    const string = this.#strings[slot];
    if (string === undefined || string.length !== length) return undefined;
    return same(text, start, this.#stored, slot * LONGEST, length) ? string : undefined;
  }

  /** Remembers `bytes[start, end)`, which must be ASCII. */
  learn(text: Words, start: number, end: number): string {
    const made = text.bytes.toString('latin1', start, end);
    if (end - start > LONGEST) return made;
    const slot = slotOf(text.view, start, end);
    this.#bytes.set(text.bytes.subarray(start, end), slot * LONGEST);
    this.#strings[slot] = made;
    return made;
  }
}

/** FNV-1a over the first and last words and the length: ids differ there, and equality is checked anyway. */
function slotOf(view: DataView, start: number, end: number): number {
  const length = end - start;
  let hash = 0x811c9dc5 ^ length;
  if (length >= 8) {
    hash = Math.imul(hash ^ view.getUint32(start, true), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 13) ^ view.getUint32(start + 4, true), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 13) ^ view.getUint32(end - 8, true), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 13) ^ view.getUint32(end - 4, true), 0x01000193);
  } else for (let i = start; i < end; i++) hash = Math.imul(hash ^ view.getUint8(i), 0x01000193);
  return (hash ^ (hash >>> 13) ^ (hash >>> 22)) & (SLOTS - 1);
}

const word = new BigUint64Array(1);
const halves = new Uint32Array(word.buffer);
const TWO_32 = 4_294_967_296;
const BILLION = 1_000_000_000;

/**
 * Whole seconds and nanoseconds as one exact moment. Through two 32-bit halves: one allocation instead of four BigInt
 * operations. `seconds` below 2^34, `fraction` below 10^9. Little-endian machines only, as Node's own platforms are.
 */
export function moment(seconds: number, fraction: number): Nanos {
  // seconds * 10^9 can pass 2^53: multiply its 17 high and 17 low bits apart.
  const high = Math.floor(seconds / 131_072);
  const low = seconds - high * 131_072;
  const lowProduct = low * BILLION + fraction;
  const highProduct = high * BILLION;
  // highProduct * 2^17 + lowProduct, in base 2^32.
  const highUpper = Math.floor(highProduct / 32_768);
  const highLower = (highProduct - highUpper * 32_768) * 131_072;
  const sum = highLower + lowProduct;
  const carry = Math.floor(sum / TWO_32);
  halves[0] = sum - carry * TWO_32;
  halves[1] = highUpper + carry;
  return nanos(word[0] ?? 0n);
}

/**
 * The digits `bytes[start, end)` as nanoseconds since the epoch.
 * @returns undefined when they are no whole number, or not nanoseconds (2000 to 2100 have 18 or 19 digits).
 */
export function nanosFromDigits(bytes: Buffer, start: number, end: number): Nanos | undefined {
  const length = end - start;
  if (length < 18 || length > 19) return undefined;
  let seconds = 0;
  let fraction = 0;
  const split = end - 9;
  for (let i = start; i < split; i++) {
    const digit = (bytes[i] ?? 0) - 48;
    if (digit < 0 || digit > 9) return undefined;
    seconds = seconds * 10 + digit;
  }
  for (let i = split; i < end; i++) {
    const digit = (bytes[i] ?? 0) - 48;
    if (digit < 0 || digit > 9) return undefined;
    fraction = fraction * 10 + digit;
  }
  return moment(seconds, fraction);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** `bytes[start, end)` as text; undefined when they are no UTF-8. */
export function decode(bytes: Buffer, start: number, end: number): string | undefined {
  try {
    return utf8.decode(bytes.subarray(start, end));
  } catch {
    return undefined; // the decoder's only error
  }
}

/** A moment that a log line may honestly carry. */
export const plausible = (time: Nanos): boolean => time >= EARLIEST && time < LATEST;

//            1: date and time to the second                    2: fraction      3: zone
const RFC3339 = /^(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?([Zz]|[+-]\d\d:\d\d)$/;

/** RFC 3339 with up to nine digits of fraction and a zone, exact; undefined when the text is none. */
export function nanosFromRfc3339(text: string): Nanos | undefined {
  if (text.length > 40) return undefined;
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [, stamp = '', fraction = '', zone = ''] = match;
  const millis = Date.parse(`${stamp.replace(' ', 'T').toUpperCase()}${zone.toUpperCase()}`);
  if (Number.isNaN(millis)) return undefined;
  return nanos(BigInt(millis) * 1_000_000n + BigInt(fraction.padEnd(9, '0')));
}

/** How fine an RFC 3339 time is by its digits alone, for writers that are not known: 1 ns with a fraction, else 1 s. */
export const stepOfText = (text: string): Duration => (/[.,]/.test(text) ? NANOSECOND : SECOND);
