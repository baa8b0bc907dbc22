/** The inside of a Go string literal, as strconv.Quote (%q) writes it, back to text (Go specification, "String literals"). */

const SIMPLE: ReadonlyMap<string, number> = new Map([
  ['a', 7], ['b', 8], ['t', 9], ['n', 10], ['v', 11], ['f', 12], ['r', 13], ['\\', 92], ['"', 34], ["'", 39],
]);

//               1: simple     2: byte, hex         3: byte, octal   4: UTF-16 unit       5: code point
const ESCAPE = /\\(?:([abtnvfr\\"'])|x([0-9a-fA-F]{2})|([0-3][0-7]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/y;

const utf8 = new TextDecoder('utf-8');
const encoder = new TextEncoder();

/** @returns undefined when an escape is none. `\x` escapes are bytes: what they spell together is read as UTF-8, broken bytes as U+FFFD. */
export function unquote(text: string): string | undefined {
  if (!text.includes('\\')) return text;
  // No escape spells more bytes than it has characters, and a character is three bytes at most.
  const bytes = new Uint8Array(text.length * 3);
  let filled = 0;
  for (let at = 0; at < text.length; ) {
    const next = text.indexOf('\\', at);
    const plain = text.slice(at, next < 0 ? text.length : next);
    if (plain !== '') filled += encoder.encodeInto(plain, bytes.subarray(filled)).written;
    if (next < 0) break;
    ESCAPE.lastIndex = next;
    const match = ESCAPE.exec(text);
    const written = match === null ? 0 : escaped(match, bytes, filled);
    if (written === 0) return undefined;
    filled += written;
    at = ESCAPE.lastIndex;
  }
  return utf8.decode(bytes.subarray(0, filled));
}

/** Writes what the escape spells. @returns bytes written; 0: it spells nothing. */
function escaped([, simple, hex, octal, unit, point]: RegExpExecArray, to: Uint8Array, at: number): number {
  const byte = simple !== undefined ? SIMPLE.get(simple) : hex !== undefined ? parseInt(hex, 16) : octal !== undefined ? parseInt(octal, 8) : undefined;
  if (byte !== undefined) {
    to[at] = byte;
    return 1;
  }
  const code = parseInt(unit ?? point ?? '', 16);
  return code <= 0x10ffff ? encoder.encodeInto(String.fromCodePoint(code), to.subarray(at)).written : 0;
}
