import type { Origin } from './values.ts';

/** Something wrong with the configuration. With an error the value is not used; with a warning it is. */
export interface Complaint {
  readonly severity: 'error' | 'warning';
  readonly origin: Origin;
  /** The setting, as `sources[1].file`; empty: the file as a whole. */
  readonly path: string;
  /** What is wrong and what to write instead. May quote the file: escape it before it reaches a terminal. */
  readonly what: string;
  /** The place in the file. Absent where there is none, and where it may hold a secret. */
  readonly excerpt: Excerpt | undefined;
}

export interface Excerpt {
  readonly lines: readonly { readonly number: number; readonly text: string }[];
  /** Under the last line: characters before the caret, and length of what is wrong. */
  readonly indent: number;
  readonly length: number;
}

const SECRET = /authorization|token|passw|secret|api[-_]?key|bearer|basic /i;
const LINE_WIDTH = 100;

/**
 * The line at `line` (from 1) and the one before it, with `length` characters from `column` (from 1) to be underlined.
 * Undefined when one of them looks like it holds a secret: complaints go to journals that many can read.
 */
export function excerpt(source: readonly string[], line: number, column: number, length: number): Excerpt | undefined {
  const text = source[line - 1];
  if (text === undefined || SECRET.test(text)) return undefined;
  const before = source[line - 2];
  // A long line is shown around the place.
  const from = column > 60 ? column - 40 : 0;
  const shown = text.slice(from, from + LINE_WIDTH);
  const indent = Math.min(column - 1 - from, shown.length);
  const last = { number: line, text: shown };
  return {
    lines: before === undefined || before.trim() === '' || before.length > LINE_WIDTH || from > 0 || SECRET.test(before) ? [last] : [{ number: line - 1, text: before }, last],
    indent,
    length: Math.max(1, Math.min(length, shown.length - indent)),
  };
}
