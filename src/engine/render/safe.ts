/**
 * What comes from a log is written by strangers: a container's id can carry an escape sequence that retitles the
 * terminal, or a right-to-left override that swaps what a reader sees. Every such text goes through `printable`.
 */

/** Controls (C0, C1, DEL), format characters (bidi controls, zero widths, tags), line and paragraph separators, lone surrogates. */
const UNSAFE = /^[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]$/u;

/** Characters that a terminal draws two columns wide (East Asian Wide and emoji; an estimate, errs on the wide side). */
const WIDE =
  /^[\p{Emoji_Presentation}\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{17000}-\u{18cff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]$/u;

const SHORT: ReadonlyMap<string, string> = new Map([['\n', '\\n'], ['\r', '\\r'], ['\t', '\\t']]);

/** Terminal columns that a printable text fills. Combining marks count as one: a line may come out shorter, never longer. */
export function columns(text: string): number {
  let sum = 0;
  for (const char of text) sum += WIDE.test(char) ? 2 : 1;
  return sum;
}

/**
 * `text` without anything that a terminal obeys, in at most `max` columns; what is cut ends in `…`.
 * Escapes are for the eye and not to be undone: `\n`, `\x1b`, `\u202e`, `\u{e0041}`.
 * With `ascii` every character beyond ASCII is escaped too (but µ, which becomes u), and the cut is `...`.
 */
export function printable(text: string, max: number, ascii = false): string {
  const ellipsis = ascii ? '...' : '…';
  let out = '';
  let used = 0;
  // The longest prefix that still leaves room for the ellipsis.
  let kept = '';
  for (const char of text) {
    const piece = shown(char, ascii);
    used += columns(piece);
    if (used > max) return max < ellipsis.length ? '' : kept + ellipsis;
    out += piece;
    if (used <= max - ellipsis.length) kept = out;
  }
  return out;
}

function shown(char: string, ascii: boolean): string {
  if (ascii && char === 'µ') return 'u';
  if (!UNSAFE.test(char) && (!ascii || char < '\x7f')) return char;
  const short = SHORT.get(char);
  if (short !== undefined) return short;
  const code = char.codePointAt(0) ?? 0;
  const hex = code.toString(16);
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`;
}

/** A container's name as people abbreviate it: 12 digits of a hash, anything else whole up to 32 columns. */
export function shortId(container: string, ascii = false): string {
  return /^[0-9a-f]{32,64}$/.test(container) ? container.slice(0, 12) : printable(container, 32, ascii);
}
