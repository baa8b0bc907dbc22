/** The inside of a Go string literal, as strconv.Quote (%q) writes it, back to bytes (Go specification, "String literals"). */

const BACKSLASH = 0x5c;

/** Length of an escape by the byte after its backslash; 0: there is none such. */
const LENGTHS = new Uint8Array(256);
/** What the escapes of two bytes stand for. */
const SIMPLE = new Uint8Array(256);
for (const [char, byte] of Object.entries({ a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13, '\\': 92, '"': 34, "'": 39 })) {
  LENGTHS[char.charCodeAt(0)] = 2;
  SIMPLE[char.charCodeAt(0)] = byte;
}
for (const [char, length] of Object.entries({ x: 4, u: 6, U: 10, 0: 4, 1: 4, 2: 4, 3: 4 })) LENGTHS[char.charCodeAt(0)] = length;

/** @returns the length of the escape whose backslash stands at `at`, which ends before `end`; 0 when it is none. */
export function escapeLength(bytes: Buffer, at: number, end: number): number {
  const kind = bytes[at + 1] ?? 0;
  const length = at + 1 < end ? (LENGTHS[kind] ?? 0) : 0;
  if (length <= 2) return length;
  if (at + length > end) return 0;
  const octal = kind < 0x40;
  for (let i = at + (octal ? 1 : 2); i < at + length; i++) {
    const digit = digitOf(bytes[i] ?? 0);
    if (digit < 0 || (octal && digit > 7)) return 0;
  }
  return length < 10 || number(bytes, at + 2, at + 10, 16) <= 0x10ffff ? length : 0;
}

/**
 * Undoes the escapes of `bytes[start, end)`, each of which must be one by `escapeLength`, into `to` at 0; `to` may be no shorter than
 * the source: no escape is shorter than what it stands for.
 * @returns how many bytes were written. `\x` and octal escapes are bytes, which need not spell UTF-8 together.
 */
export function unquote(bytes: Buffer, start: number, end: number, to: Uint8Array): number {
  let length = 0;
  for (let at = start; at < end; ) {
    const byte = bytes[at] ?? 0;
    if (byte !== BACKSLASH) {
      to[length++] = byte;
      at++;
      continue;
    }
    const size = escapeLength(bytes, at, end);
    if (size === 2) to[length++] = SIMPLE[bytes[at + 1] ?? 0] ?? 0;
    else if (size === 4) to[length++] = (bytes[at + 1] ?? 0) < 0x40 ? number(bytes, at + 1, at + 4, 8) : number(bytes, at + 2, at + 4, 16);
    else length = encode(number(bytes, at + 2, at + size, 16), to, length);
    at += Math.max(size, 1);
  }
  return length;
}

/** UTF-8 of one code point; half a surrogate pair is U+FFFD, as everywhere in Unicode text. */
function encode(code: number, to: Uint8Array, at: number): number {
  const point = code >= 0xd800 && code < 0xe000 ? 0xfffd : code;
  if (point < 0x80) to[at++] = point;
  else {
    if (point < 0x800) to[at++] = 0xc0 | (point >> 6);
    else {
      if (point < 0x10000) to[at++] = 0xe0 | (point >> 12);
      else {
        to[at++] = 0xf0 | (point >> 18);
        to[at++] = 0x80 | ((point >> 12) & 0x3f);
      }
      to[at++] = 0x80 | ((point >> 6) & 0x3f);
    }
    to[at++] = 0x80 | (point & 0x3f);
  }
  return at;
}

function number(bytes: Buffer, start: number, end: number, base: number): number {
  let value = 0;
  for (let at = start; at < end; at++) value = value * base + digitOf(bytes[at] ?? 0);
  return value;
}

/** Value of a hexadecimal digit; -1: none. */
function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
