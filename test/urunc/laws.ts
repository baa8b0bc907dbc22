/** What holds for every trace of a urunc log, checked against the raw lines and against nothing of ours. */
import { expect } from 'vitest';
import type { Span, Trace } from '../../src/model/trace.ts';
import { spanAttributes } from '../../src/model/attributes.ts';
import type { RawLine } from '../support/corpus.ts';

const attribute = (trace: Trace, span: Span, name: string): unknown => spanAttributes(trace, span).find(([key]) => key === name)?.[1];

const momentOf = (trace: Trace, offset: number): bigint => trace.at + BigInt(offset);

/** The lines that lie in this start: of its container, from its first mark to its last, once each. */
function linesOf(trace: Trace, lines: readonly RawLine[]): RawLine[] {
  const end = momentOf(trace, trace.wall);
  const seen = new Set<string>();
  return lines.filter((line) => {
    if (line.id !== trace.container || line.time < trace.at || line.time > end || seen.has(line.text)) return false;
    seen.add(line.text);
    return true;
  });
}

export function checkTrace(trace: Trace, lines: readonly RawLine[]): void {
  const root = rootOf(trace);
  checkTree(trace, root);
  checkTotals(trace, root);
  checkChains(trace);
  checkBoundaries(trace, linesOf(trace, lines));
  checkEvidence(trace, lines);
}

function rootOf(trace: Trace): Span {
  const [root, ...rest] = trace.spans;
  if (root === undefined) throw new Error('a trace without spans');
  expect(root).toMatchObject({ parent: undefined, kind: 'server', service: 'urunc', name: 'container start', start: 0, end: trace.wall });
  expect(rest.every((span) => span.parent !== undefined && span.kind === 'internal')).toBe(true);
  const failed = trace.outcome === 'incomplete';
  expect(root.error !== undefined).toBe(failed);
  expect(trace.errorType !== undefined).toBe(failed);
  expect(attribute(trace, root, 'error.type')).toBe(trace.errorType);
  expect(attribute(trace, root, 'shimtrace.outcome')).toBe(trace.outcome);
  expect(attribute(trace, root, 'shimtrace.last_mark')).toBe(trace.lastMark);
  return root;
}

function checkTree(trace: Trace, root: Span): void {
  const known = new Map<string, Span>();
  let before = root.start;
  for (const span of trace.spans) {
    expect(span.id).toMatch(/^[0-9a-f]{16}$/);
    expect(known.has(span.id), `${span.name}: two spans of one id`).toBe(false);
    expect(span.end).toBeGreaterThanOrEqual(span.start);
    expect(span.start).toBeGreaterThanOrEqual(before);
    before = span.start;
    if (span !== root) {
      const parent = known.get(span.parent ?? '');
      if (parent === undefined) throw new Error(`${span.name} stands before its parent, or has none`);
      expect(parent.start <= span.start && span.end <= parent.end, `${span.name} lies inside ${parent.name}`).toBe(true);
      // A start that goes on in a trace of its own has steps of reexec without the whole of it.
      const whole = trace.spans.find((each) => each.name === span.name.split(':')[0] && each !== span);
      expect(parent.name, `parent of ${span.name}`).toBe((whole ?? root).name);
    }
    known.set(span.id, span);
  }
}

function checkTotals(trace: Trace, root: Span): void {
  const gaps = trace.spans.filter((span) => span.credit === 'caller');
  expect(gaps.map((span) => span.name)).toEqual(gaps.map(() => 'caller: gap before start'));
  expect(trace.spans.filter((span) => span.name.startsWith('caller:'))).toEqual(gaps);
  const waited = gaps.reduce((sum, span) => sum + span.end - span.start, 0);
  expect(trace.active).toBe(trace.wall - waited);
  expect(attribute(trace, root, 'shimtrace.wall_ns')).toBe(trace.wall);
  expect(attribute(trace, root, 'shimtrace.active_ns')).toBe(trace.active);
}

/** The steps of a component follow one another without a hole, from its beginning. */
function checkChains(trace: Trace): void {
  for (const name of ['create', 'reexec', 'start']) {
    const whole = trace.spans.find((span) => span.name === name);
    const chain = trace.spans.filter((span) => span.name.startsWith(`${name}: `));
    if (whole === undefined) continue;
    expect(chain[0]?.start ?? whole.start).toBe(whole.start);
    for (const [index, span] of chain.entries()) expect(span.start).toBe(chain[index - 1]?.end ?? whole.start);
    if (chain.length > 0) expect(chain.at(-1)?.end).toBe(whole.end);
  }
}

/** Every mark bounds a span or is a listed loose event; no boundary is anything else; first mark to last. */
function checkBoundaries(trace: Trace, members: readonly RawLine[]): void {
  const at = (line: RawLine): number => Number(line.time - trace.at);
  const isLoose = (line: RawLine): boolean => trace.loose.some((loose) => loose.offset === at(line) && loose.line === line.text);
  const bounds = new Set<string>();
  for (const span of trace.spans.slice(1)) {
    bounds.add(`${span.start} ${String(attribute(trace, span, 'shimtrace.from'))}`);
    bounds.add(`${span.end} ${String(attribute(trace, span, 'shimtrace.to'))}`);
  }
  const marks = members.map((line) => `${at(line)} ${line.mark}`);
  for (const bound of bounds) expect(marks, `boundary ${bound} is a line of the log`).toContain(bound);
  for (const [index, line] of members.entries()) {
    const bounded = bounds.has(marks[index] ?? '');
    expect([bounded, isLoose(line)], `${line.mark} bounds a span, or is loose, and never both`).toEqual([bounded, !bounded]);
  }
  const [first] = members;
  expect(first?.time === trace.at || members.some((line) => line.time === trace.at)).toBe(true);
  expect(members.some((line) => at(line) === trace.wall)).toBe(true);
}

/** The raw line of every mark stands in the trace exactly once, and every raw line in the trace is one of the log. */
function checkEvidence(trace: Trace, lines: readonly RawLine[]): void {
  const events = trace.spans.flatMap((span) => span.events);
  const kept = events.map((event) => event.attributes.find(([name]) => name === 'log.record.original')?.[1]);
  const texts = new Map(lines.filter((line) => line.id === trace.container).map((line) => [line.text, line.time]));
  for (const [index, text] of kept.entries()) {
    const event = events[index];
    expect(texts.get(String(text)), 'evidence is a line of the log, at its time').toBe(event && momentOf(trace, event.offset));
  }
  expect(new Set(kept).size, 'no line is evidence twice').toBe(kept.length);
  for (const line of linesOf(trace, lines)) expect(kept, `evidence for ${line.mark}`).toContain(line.text);
  for (const loose of trace.loose) expect(kept).toContain(loose.line);
}
