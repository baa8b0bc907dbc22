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
  const parts: Uint8Array[] = [];
  for (let at = 0; at < text.length; ) {
    const next = text.indexOf('\\', at);
    const plain = text.slice(at, next < 0 ? text.length : next);
    if (plain !== '') parts.push(encoder.encode(plain));
    if (next < 0) break;
    ESCAPE.lastIndex = next;
    const match = ESCAPE.exec(text);
    const bytes = match === null ? undefined : escaped(match);
    if (bytes === undefined) return undefined;
    parts.push(bytes);
    at = ESCAPE.lastIndex;
  }
  return utf8.decode(join(parts));
}

function escaped([, simple, hex, octal, unit, point]: RegExpExecArray): Uint8Array | undefined {
  if (simple !== undefined) return Uint8Array.of(SIMPLE.get(simple) ?? 0);
  if (hex !== undefined) return Uint8Array.of(parseInt(hex, 16));
  if (octal !== undefined) return Uint8Array.of(parseInt(octal, 8));
  const code = parseInt(unit ?? point ?? '', 16);
  return code <= 0x10ffff ? encoder.encode(String.fromCodePoint(code)) : undefined;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
