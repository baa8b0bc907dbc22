import type { Duration } from '../../model/time.ts';
import { human, offset } from './duration.ts';
import { columns, printable } from './safe.ts';

/** How a text is drawn: `width` in terminal columns (80 and more), ANSI colours or none, Unicode or plain ASCII. */
export interface Paper {
  readonly width: number;
  readonly color: boolean;
  readonly ascii: boolean;
}

export type Ink = 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'bold';

/** The 8 colours every terminal has, as foreground codes (ECMA-48 SGR). */
const CODES: Readonly<Record<Ink, number>> = { red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36, bold: 1 };

/** Red and green are left to outcomes. */
const COMPONENT_INKS: readonly Ink[] = ['cyan', 'yellow', 'magenta', 'blue'];

export const paint = (paper: Paper, ink: Ink | undefined, text: string): string =>
  paper.color && ink !== undefined && text.trim() !== '' ? `\x1b[${CODES[ink]}m${text}\x1b[0m` : text;

/** One colour per component, in order of first appearance; the colours come round again after the fourth. */
export function componentInks(services: Iterable<string>): ReadonlyMap<string, Ink> {
  const inks = new Map<string, Ink>();
  for (const service of services) {
    const ink = COMPONENT_INKS[inks.size % COMPONENT_INKS.length];
    if (ink !== undefined && !inks.has(service)) inks.set(service, ink);
  }
  return inks;
}

/** Text of a log, made safe, in at most `max` columns. */
export const clean = (paper: Paper, text: string, max: number): string => printable(text, max, paper.ascii);

export const length = (paper: Paper, value: Duration): string => clean(paper, human(value), 16);
export const place = (paper: Paper, value: Duration): string => clean(paper, offset(value), 16);

export const padEnd = (text: string, width: number): string => text + ' '.repeat(Math.max(0, width - columns(text)));
export const padStart = (text: string, width: number): string => ' '.repeat(Math.max(0, width - columns(text))) + text;

/** A piece of a line that is not to be broken. `shown` may carry colour; its width is that of `text`. */
export interface Piece {
  readonly text: string;
  readonly shown: string;
}

export const piece = (text: string, shown = text): Piece => ({ text, shown });

/**
 * Pieces set into lines of at most the paper's width, joined by `glue`; lines after the first are indented.
 * A piece wider than a line is cut (colour goes with the cut).
 */
export function wrap(paper: Paper, pieces: readonly Piece[], glue: string, indent = ''): string[] {
  const lines: string[] = [];
  let line = '';
  let used = 0;
  for (const next of pieces) {
    const room = paper.width - indent.length;
    const fits = columns(next.text) <= room;
    const text = fits ? next.text : clean(paper, next.text, room);
    const shown = fits ? next.shown : text;
    if (used > 0 && used + glue.length + columns(text) > paper.width) {
      lines.push(line);
      line = indent;
      used = indent.length;
    } else if (used > 0) {
      line += glue;
      used += glue.length;
    }
    line += shown;
    used += columns(text);
  }
  if (used > 0) lines.push(line);
  return lines;
}

/** A sentence of a log or a finding, made safe, broken at its spaces. At most `max` columns of it are shown. */
export function paragraph(paper: Paper, text: string, indent: string, max = 2000): string[] {
  const words = clean(paper, text, max).split(' ').filter((word) => word !== '');
  return wrap(paper, words.map((word) => piece(word)), ' ', indent);
}
