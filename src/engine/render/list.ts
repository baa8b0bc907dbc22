import type { Brief } from '../../model/brief.ts';
import { clean, length, padEnd, padStart, paint } from './pen.ts';
import type { Ink, Paper } from './pen.ts';
import { columns, shortId } from './safe.ts';
import { clock } from './words.ts';

interface Column {
  readonly title: string;
  readonly right: boolean;
  readonly text: (start: Brief, paper: Paper) => string;
}

/** Stops and execs say what they are. */
const outcome = ({ episode, outcome: end }: Brief, paper: Paper): string => (episode === 'start' ? '' : `${clean(paper, episode, 12)} `) + clean(paper, end, 16);

const COLUMNS: readonly Column[] = [
  { title: 'started', right: false, text: ({ at }) => `${clock(at).date} ${clock(at).time}`.trim().replace(/\.\d+Z$/, 'Z') },
  { title: 'runtime', right: false, text: ({ runtime }, paper) => clean(paper, runtime, 16) },
  { title: 'container', right: false, text: ({ container }, paper) => clean(paper, shortId(container, paper.ascii), 24) },
  { title: 'outcome', right: false, text: outcome },
  { title: 'active', right: true, text: ({ active }, paper) => length(paper, active) },
  { title: 'wall', right: true, text: ({ wall }, paper) => length(paper, wall) },
];

/** The outcomes that have a colour; the words say the same. */
const INKS: ReadonlyMap<string, Ink> = new Map([['ok', 'green'], ['created', 'yellow'], ['incomplete', 'red'], ['failed', 'red']]);

/**
 * Starts as `shimtrace ls` prints them: a heading and a line each, in the order given, with the slowest phase and the ids of the
 * findings at the end. No line is wider than the paper; without `color` there is no escape byte, whatever the log said.
 */
export function listing(starts: readonly Brief[], paper: Paper): string {
  const cells = starts.map((start) => COLUMNS.map((column) => column.text(start, paper)));
  const widths = COLUMNS.map((column, index) => cells.reduce((most, row) => Math.max(most, columns(row[index] ?? '')), column.title.length));
  const room = Math.max(12, paper.width - widths.reduce((sum, width) => sum + width + 2, 0));
  const heading = [...COLUMNS.map((column, index) => pad(column, column.title, widths[index] ?? 0)), 'slowest phase'].join('  ');
  const lines = starts.map((start, row) => {
    const fixed = COLUMNS.map((column, index) => {
      const padded = pad(column, cells[row]?.[index] ?? '', widths[index] ?? 0);
      return column.title === 'outcome' ? paint(paper, INKS.get(start.outcome), padded) : padded;
    });
    return [...fixed, clean(paper, last(start, paper), room)].join('  ').trimEnd();
  });
  return [heading, ...lines].map((line) => `${line}\n`).join('');
}

const pad = ({ right }: Column, text: string, width: number): string => (right ? padStart(text, width) : padEnd(text, width));

/** What matters most comes first: the line is cut at its end. */
function last({ findings, outcome: end, lastMark, slowest }: Brief, paper: Paper): string {
  const parts = [
    findings.length > 0 && `! ${findings.join(' ')}`,
    (end === 'incomplete' || end === 'failed') && `after: ${lastMark}`,
    slowest !== undefined && `${slowest.phase} ${length(paper, slowest.own)}`,
  ];
  return parts.filter((part) => part !== false).join('  ');
}
