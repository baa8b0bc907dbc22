import type { Span, Trace } from '../../model/trace.ts';
import { duration } from '../../model/time.ts';
import { bar } from './bar.ts';
import { clean, componentInks, length, padEnd, padStart, paint, place } from './pen.ts';
import type { Ink, Paper } from './pen.ts';
import { columns } from './safe.ts';
import { tree } from './tree.ts';
import type { Node } from './tree.ts';
import { mark } from './words.ts';

/** One line of the table before the columns are measured. */
interface Row {
  readonly node: Node;
  readonly at: string;
  readonly took: string;
  readonly self: string;
  readonly component: string;
  readonly phase: string;
  /** Words behind the phase: `waiting`, `incomplete`, `error`. */
  readonly notes: string;
}

interface Widths {
  readonly at: number;
  readonly took: number;
  readonly self: number;
  readonly bar: number;
  readonly component: number;
  readonly phase: number;
}

const MIN_BAR = 8;
/** Below this a bar says little: names are shortened for it. */
const FAIR_BAR = 16;
const MAX_BAR = 48;
const MIN_COMPONENT = 9;
const MAX_COMPONENT = 24;
/** Nothing from a log makes the layout measure more than this. */
const MAX_PHASE = 200;

/** The waterfall itself: a heading and one line for every span. No line is wider than the paper. */
export function table(trace: Trace, paper: Paper): string[] {
  const full = rowsOf(trace, paper, false);
  const fits = measure(full, paper).bar >= FAIR_BAR;
  const rows = fits ? full : rowsOf(trace, paper, true);
  const widths = measure(rows, paper);
  const inks = componentInks(rows.map((row) => row.node.span.service));
  const heading = [
    padEnd('at', widths.at), padStart('took', widths.took), padStart('self', widths.self),
    ' '.repeat(widths.bar), padEnd('component', widths.component), 'phase',
  ];
  return [heading.join(' '), ...rows.map((row) => line(row, widths, trace, paper, inks.get(row.node.span.service)))];
}

function line(row: Row, widths: Widths, trace: Trace, paper: Paper, ink: Ink | undefined): string {
  const { span } = row.node;
  const drawn = bar(span.start, span.end, trace.wall, widths.bar, paper.ascii);
  const room = Math.max(1, widths.phase - columns(row.notes));
  return [
    padEnd(row.at, widths.at), padStart(row.took, widths.took), padStart(row.self, widths.self),
    paint(paper, ink, drawn), paint(paper, ink, padEnd(clean(paper, row.component, widths.component), widths.component)),
    clean(paper, row.phase, room) + row.notes,
  ].join(' ');
}

/** With `brief`, a name that repeats the name of the span above it (`reexec: join netns` below `reexec`) goes without. */
function rowsOf(trace: Trace, paper: Paper, brief: boolean): Row[] {
  const names = new Map(trace.spans.map((span) => [span.id, span.name]));
  return tree(trace).map((node) => {
    const { span } = node;
    const prefix = `${names.get(span.parent ?? '') ?? ''}: `;
    const name = brief && span.name.startsWith(prefix) ? span.name.slice(prefix.length) : span.name;
    return {
      node,
      at: place(paper, span.start),
      took: mark(span.certainty) + length(paper, duration(span.end - span.start)),
      self: length(paper, node.self),
      component: clean(paper, span.service, MAX_COMPONENT),
      // Deep nesting must leave room for the name.
      phase: ' '.repeat(Math.min(node.depth, 12)) + clean(paper, name, MAX_PHASE),
      notes: notes(span),
    };
  });
}

function notes(span: Span): string {
  const words = [span.waits && 'waiting', span.incomplete && 'incomplete', span.error !== undefined && !span.incomplete && 'error'];
  const [, found] = span.parent === undefined ? [] : (span.attributes.find(([name]) => name === 'shimtrace.finding') ?? []);
  const signs = typeof found === 'string' ? found.split(' ').map((id) => `  ! ${id}`) : [];
  return [...words.filter((word) => word !== false).map((word) => `  ${word}`), ...signs].join('');
}

/** Phase names come first, then components, then the bar: what is cut last is what one reads first. */
function measure(rows: readonly Row[], paper: Paper): Widths {
  const widest = (pick: (row: Row) => string, least: number): number => rows.reduce((most, row) => Math.max(most, columns(pick(row))), least);
  const at = widest((row) => row.at, 2);
  const took = widest((row) => row.took, 4);
  const self = widest((row) => row.self, 4);
  const natural = widest((row) => row.phase + row.notes, 5);
  const wanted = widest((row) => row.component, MIN_COMPONENT);
  const room = paper.width - at - took - self - 5;
  const spare = room - MIN_BAR - natural;
  const component = wanted <= spare ? wanted : Math.max(Math.min(wanted, 12), Math.min(wanted, spare), MIN_COMPONENT);
  const barCells = Math.min(MAX_BAR, Math.max(MIN_BAR, room - component - natural));
  return { at, took, self, bar: barCells, component, phase: room - component - barCells };
}
