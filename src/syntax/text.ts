/**
 * Byte-level helpers shared by the syntaxes: short strings made once, exact times from digits.
 */
import { EARLIEST, LATEST } from '../model/entry.ts';
import { nanos } from '../model/time.ts';
import type { Nanos } from '../model/time.ts';

const SLOTS = 2048;
const LONGEST = 128;

/**
 * A bounded cache from bytes to strings (direct-mapped: a newcomer replaces what stands in its slot). Field names, mark
 * ids and container ids repeat on every line; making the string anew costs more than reading the rest of the line.
 * Strings are copies, never slices: a slice would keep the whole read buffer alive.
 */
export class Interner {
  readonly #strings: string[] = new Array<string>(SLOTS).fill('');
  readonly #bytes: Buffer = Buffer.alloc(SLOTS * LONGEST);

  /** `bytes[start, end)`, all ASCII, as a string. */
  ascii(bytes: Buffer, start: number, end: number): string {
    const length = end - start;
    if (length > LONGEST) return bytes.toString('latin1', start, end);
    const slot = slotOf(bytes, start, end);
    const known = this.#strings[slot] ?? '';
    if (known.length === length && this.#same(slot * LONGEST, bytes, start, length)) return known;
    const made = bytes.toString('latin1', start, end);
    bytes.copy(this.#bytes, slot * LONGEST, start, end);
    this.#strings[slot] = made;
    return made;
  }

  #same(at: number, bytes: Buffer, start: number, length: number): boolean {
    const stored = this.#bytes;
    for (let i = 0; i < length; i++) if (stored[at + i] !== bytes[start + i]) return false;
    return true;
  }
}

/** FNV-1a over the first and last eight bytes and the length: ids differ there, and equality is checked anyway. */
function slotOf(bytes: Buffer, start: number, end: number): number {
  let hash = 0x811c9dc5 ^ (end - start);
  const head = Math.min(start + 8, end);
  for (let i = start; i < head; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  for (let i = Math.max(head, end - 8); i < end; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  return (hash ^ (hash >>> 15)) & (SLOTS - 1);
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
