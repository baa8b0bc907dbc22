import type { LooseEvent, Span, Trace } from '../../model/trace.ts';
import { clean, length, paint, paragraph, piece, place, wrap } from './pen.ts';
import type { Paper, Piece } from './pen.ts';
import { shortId } from './safe.ts';
import { table } from './table.ts';
import { duration } from '../../model/time.ts';
import { clock, mark, outcomeInk, reasonWords, schemeWords } from './words.ts';

/**
 * A start as `shimtrace show` prints it: what, when and how it ended; where the time went in one line; every span with a
 * bar to scale; what bounded no span; links and findings; the meaning of the signs that occur. Ends with a newline.
 * No line is wider than `paper.width` (at least 80) columns, and without `color` there is no escape byte, whatever the log said.
 */
export function waterfall(trace: Trace, paper: Paper): string {
  const sections = [
    [...header(trace, paper), ...totals(trace, paper), ...layers(trace, paper)],
    table(trace, paper),
    [...errors(trace, paper), ...loose(trace, paper), ...links(trace, paper), ...findings(trace, paper)],
    legend(trace, paper),
  ];
  const lines = sections.filter((section) => section.length > 0).flatMap((section, index) => (index === 0 ? section : ['', ...section]));
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

function header(trace: Trace, paper: Paper): string[] {
  const { date, time } = clock(trace.at);
  const title = clean(paper, trace.spans[0]?.name ?? `container ${trace.episode}`, 32);
  const outcome = trace.outcome;
  const name = `${title} ${shortId(trace.container, paper.ascii)} ${clean(paper, trace.runtime, 24)} `;
  const pieces: Piece[] = [piece(name + outcome, name + paint(paper, outcomeInk(outcome), outcome)), piece(`${date} ${time}`.trim())];
  if (trace.errorType !== undefined) pieces.push(piece(`error ${clean(paper, trace.errorType, 40)}`));
  if (outcome !== 'ok') pieces.push(piece(`last mark: ${clean(paper, trace.lastMark, 60)}`));
  const scheme = schemeWords(trace);
  if (scheme !== undefined) pieces.push(piece(clean(paper, scheme, 120)));
  return wrap(paper, pieces, '  ', '  ');
}

/** `28.48ms wall = >13.04ms active + <15.44ms caller`. A bounded gap is an upper bound, which makes the rest a lower one. */
function totals(trace: Trace, paper: Paper): string[] {
  const caller = duration(trace.wall - trace.active);
  const wall = `${length(paper, trace.wall)} wall`;
  if (caller === 0) return [`${wall}, all of it active`];
  const sign = gapMark(trace);
  const rest = sign === '<' ? '>' : sign;
  return [`${wall} = ${rest}${length(paper, trace.active)} active + ${sign}${length(paper, caller)} caller`];
}

/** Whose it was, from the client inwards, where more than one layer tells of it: `client 3.5ms, containerd 31.2ms, runtime 12ms`. */
function layers(trace: Trace, paper: Paper): string[] {
  const shares = (trace.spans[0]?.attributes ?? []).flatMap(([name, value]) => {
    const [, layer] = /^shimtrace\.credit\.([a-z]+)_ns$/.exec(name) ?? [];
    return layer === undefined || typeof value !== 'number' ? [] : [{ layer, value }];
  });
  const order = ['client', 'containerd', 'shim', 'runtime', 'hypervisor', 'guest', 'idle'];
  const sorted = shares.toSorted((a, b) => order.indexOf(a.layer) - order.indexOf(b.layer));
  return shares.length === 0 ? [] : wrap(paper, ['of it', ...sorted.map(({ layer, value }, at) => `${layer === 'idle' ? 'nobody' : layer} ${length(paper, duration(value))}${at < sorted.length - 1 ? ',' : ''}`)].map((text) => piece(text)), ' ', '  ');
}

/** The least certain of the caller's gaps. */
function gapMark(trace: Trace): '' | '<' | '~' {
  const marks = trace.spans.filter((span) => span.credit === 'caller').map((span) => mark(span.certainty));
  return marks.includes('~') ? '~' : marks.includes('<') ? '<' : '';
}

/** What failed, in the words of the runtime, unless the heading says the same. */
function errors(trace: Trace, paper: Paper): string[] {
  const said = new Set<string>();
  return trace.spans.flatMap((span) => {
    if (span.error !== undefined && said.has(span.error)) return []; // the root says what its process said
    said.add(span.error ?? '');
    // What is incomplete is marked so in its own line.
    if (span.error === undefined || span.error === trace.errorType || (span.incomplete && span.parent !== undefined)) return [];
    return paragraph(paper, `! ${clean(paper, span.name, 80)}: ${span.error}`, '    ');
  });
}

/** Loose events one below the other; the same mark for the same reason is one line with a count. */
function loose(trace: Trace, paper: Paper): string[] {
  const groups = new Map<string, LooseEvent[]>();
  for (const event of trace.loose) {
    const key = `${event.reason} ${event.name}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [event]);
    else group.push(event);
  }
  const narrow = { ...paper, width: paper.width - 2 };
  const lines = [...groups.values()].flatMap((group) => {
    const [first] = group;
    const last = group.at(-1);
    if (first === undefined || last === undefined) return [];
    const times = group.length > 1 ? ` (${group.length} times, last ${place(paper, last.offset)})` : '';
    const text = `${place(paper, first.offset)} ${clean(paper, first.name, 100)}: ${reasonWords(first.reason)}${times}`;
    return wrap(narrow, text.split(' ').map((word) => piece(word)), ' ', '    ');
  });
  return lines.length === 0 ? [] : [`not in any phase: ${count(trace.loose.length, 'line')}`, ...lines.map((line) => `  ${line}`)];
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

function links(trace: Trace, paper: Paper): string[] {
  const names = new Map(trace.spans.map((span) => [span.id, span.name]));
  return trace.spans.flatMap((span) => span.links.flatMap((link) => wrap(paper, linkPieces(span, link), ' ', '    ')));

  function linkPieces(span: Span, link: Span['links'][number]): Piece[] {
    if (link.traceId !== trace.id) return [piece('continues'), piece(clean(paper, link.traceId, 32))];
    const target = names.get(link.spanId) ?? link.spanId;
    return [piece(clean(paper, span.name, 60)), piece('follows from'), piece(clean(paper, target, 60))];
  }
}

function findings(trace: Trace, paper: Paper): string[] {
  const error = trace.spans[0]?.error;
  return trace.findings.flatMap(({ id, text }) => (text === error ? [] : paragraph(paper, `! ${clean(paper, id, 40)}  ${text}`, '    ')));
}

/** Only the signs that occur. */
function legend(trace: Trace, paper: Paper): string[] {
  const has = (test: (span: Span) => boolean): boolean => trace.spans.some(test);
  const signs: Piece[] = [];
  if (has((span) => span.certainty === 'bounded')) signs.push(piece('< bounded by a neighbouring mark'));
  if (trace.wall !== trace.active && gapMark(trace) === '<') signs.push(piece('> at least'));
  if (has((span) => span.certainty === 'inferred')) signs.push(piece('~ inferred'));
  if (has((span) => span.waits)) signs.push(piece('waiting: for another component'));
  if (has((span) => span.incomplete)) signs.push(piece('incomplete: no end was logged'));
  return wrap(paper, signs, '   ');
}
