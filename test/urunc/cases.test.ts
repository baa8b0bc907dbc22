/** Single facts about urunc's log, each as a small log made for it. Times in ns from a common beginning. */
import { describe, expect, test } from 'vitest';
import type { Trace } from '../../src/model/trace.ts';
import { rawLines } from '../support/corpus.ts';
import { bytesOf, clockAt, Feed, MUCH_LATER, newLedger, printed, sorted, tracesOf } from '../support/ledger.ts';
import type { LogFile } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { line, start, text } from '../support/uruncwriter.ts';
import type { Generation, StartOptions, WrittenLine } from '../support/uruncwriter.ts';
import { checkTrace } from './laws.ts';

const AT = 1_795_216_000_000_000_000n;
const SECOND = 1_000_000_000n;
const HOUR = 3_600n * SECOND;
const ID = 'fa7d2b21caf8903a'.repeat(4);

const one = (generation: Generation, more: Partial<StartOptions> = {}): WrittenLine[] => start(new Random(5), { generation, id: ID, at: AT, ...more });
const mark = (generation: Generation, name: string, ns: bigint, id = ID): WrittenLine => line(generation, id, name, AT + ns);
const inOrder = (lines: readonly WrittenLine[]): WrittenLine[] => lines.toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
const rootOf = (trace: Trace | undefined) => Object.fromEntries(trace?.spans[0]?.attributes ?? []);
const certainty = (trace: Trace | undefined, name: string): string | undefined => trace?.spans.find((span) => span.name === name)?.certainty;

/** Reads a log and checks the laws on all that comes out. */
function read(lines: readonly WrittenLine[] | string, file: Omit<LogFile, 'log'> = {}) {
  const log = typeof lines === 'string' ? lines : text(lines);
  const result = tracesOf([{ log, ...file }]);
  for (const trace of result.traces) checkTrace(trace, rawLines(log));
  return result;
}

describe('the version of the log', () => {
  // TS10 after TS09, as C and C2 both write it.
  const open = [...one('C2')];

  test('lines that 0.5 and 0.6 both write stay undecided, and only what both mean is used', () => {
    const [trace] = read(open).traces;
    expect(trace).toMatchObject({ outcome: 'ok', schemes: ['0.5', '0.6'], schemeBy: 'lines' });
    expect(trace?.loose.map(({ name, reason }) => `${name} ${reason}`)).toEqual(['TS10 undecided']);
    expect(rootOf(trace)).toMatchObject({ 'shimtrace.scheme': '0.5 or 0.6', 'shimtrace.scheme_by': 'undecided' });
    expect(certainty(trace, 'create')).toBe('bounded');
  });

  test('the user’s pin decides what the lines leave open', () => {
    const [as5] = read(open, { scheme: '0.5' }).traces;
    const [as6] = read(open, { scheme: '0.6' }).traces;
    expect([as5?.schemes, as5?.schemeBy, as6?.schemes, as6?.schemeBy]).toEqual([['0.5'], 'pin', ['0.6'], 'pin']);
    expect([as5?.findings, as6?.findings, as5?.loose, as6?.loose]).toEqual([[], [], [], []]);
    // 0.5: TS10 ends create. 0.6: reexec writes it, and nothing ends create.
    expect([certainty(as5, 'create'), certainty(as6, 'create')]).toEqual(['exact', 'bounded']);
    expect(as5?.spans.find((span) => span.name === 'create')?.attributes).toContainEqual(['shimtrace.to', 'TS10']);
    expect(as6?.spans.map((span) => span.name)).toContain('reexec: CreateContainer hooks');
    expect(as5?.id).toBe(as6?.id);
  });

  test.each([
    ['C2', '0.7', '0.5 or 0.6'],
    ['C2', '0.3-0.4', '0.5 or 0.6'],
    ['D', '0.6', '0.7'],
    ['A', '0.5', '0.3-0.4'],
    ['B', 'no such version', '0.3-0.4'],
  ] as const)('%s pinned to %s: refused, with both facts named', (generation, pin, found) => {
    const lines = generation === 'C2' ? open : one(generation);
    const { traces: [trace], counts } = read(lines, { scheme: pin });
    expect(trace?.findings).toHaveLength(1);
    expect(trace?.findings[0]?.id).toBe('scheme-mismatch');
    expect(trace?.findings[0]?.text).toContain(pin);
    expect(trace?.findings[0]?.text).toContain(found);
    expect(counts['scheme_mismatch']).toBe(1);
    expect(rootOf(trace)).toMatchObject({ 'shimtrace.scheme': found, 'shimtrace.finding': ['scheme-mismatch'] });
  });

  test('a pin that the lines prove anyway changes nothing', () => {
    expect(printed(read(one('D'), { scheme: '0.7' }).traces)).toBe(printed(read(one('D')).traces));
  });

  test('urunc is upgraded in the middle of a file: each start by its own marks', () => {
    const generations = ['A', 'B', 'D'] as const;
    const lines = generations.flatMap((generation, index) =>
      start(new Random(index), { generation, id: `box-${index}`, at: AT + BigInt(index) * SECOND }));
    expect(read(lines).traces.map((trace) => trace.schemes.join())).toEqual(['0.3-0.4', '0.3-0.4', '0.7']);
  });

  test('urunc is upgraded between create and start: no version explains both, nothing is claimed', () => {
    const old = one('B', { fate: 'created' });
    const { traces } = read([...old, ...one('D').filter((each) => /TS1[1-8]/.test(each.mark))]);
    expect(traces).toHaveLength(1);
    expect(traces[0]).toMatchObject({ outcome: 'incomplete', schemes: ['0.3-0.4', '0.5', '0.6', '0.7'] });
    expect(traces[0]?.spans.map((span) => span.name)).toEqual(['container start']);
    expect(traces[0]?.loose.every(({ reason }) => reason === 'undecided')).toBe(true);
  });
});

describe('starts in parts', () => {
  test.each(['A', 'B', 'D'] as const)('%s: created, started three hours later: a trace of its own, linked', (generation) => {
    const { traces, counts } = read(one(generation, { gap: Number(3n * HOUR) }));
    expect(traces.map((trace) => trace.outcome)).toEqual(['created', 'ok']);
    const [created, started] = traces;
    expect([created?.spans[0]?.error, created?.errorType]).toEqual([undefined, undefined]);
    expect(rootOf(started)['shimtrace.continues']).toBe('created');
    expect(started?.spans[0]?.links).toEqual([{ traceId: created?.id, spanId: created?.spans[0]?.id, attributes: [['shimtrace.link', 'created']] }]);
    // Its version is that of the whole start, though its own lines begin in the middle of every column.
    expect(started?.schemes).toEqual(created?.schemes);
    expect(counts).toEqual({ settled_created: 1, settled_ok: 1 });
  });

  test('the link survives a restart between the two parts', () => {
    const lines = one('D', { gap: Number(3n * HOUR) });
    const whole = tracesOf(text(lines)).traces;
    const cut = text(lines.filter((each) => each.time < AT + HOUR)).length;
    const ledger = newLedger();
    const feed = new Feed(ledger, { log: text(lines) });
    feed.more(cut);
    ledger.atEnd(feed.id);
    const [created] = ledger.settle(MUCH_LATER);
    ledger.acknowledged(created?.trace.id ?? '');
    expect(ledger.pinned(feed.id)).toBe(undefined);
    const second = newLedger();
    second.restore(JSON.parse(JSON.stringify(ledger.remember())));
    const rest = new Feed(second, { log: text(lines) }, cut);
    rest.more(1e6);
    rest.end();
    expect([created?.trace, ...sorted(second.settle(MUCH_LATER))].map((trace) => trace && bytesOf(trace))).toEqual(whole.map(bytesOf));
  });

  test('incomplete, then completed after the patience was over', () => {
    const lines = one('D');
    const last = lines.findIndex((each) => each.mark === 'TS18');
    const late = [...lines.slice(0, last), mark('D', 'TS18', 90n * SECOND)];
    const { traces: [failed, completed], counts } = read(inOrder(late));
    expect([failed?.outcome, failed?.errorType, failed?.lastMark]).toEqual(['incomplete', 'incomplete', 'disk set up']);
    expect(failed?.spans[0]?.error).toContain('"monitor execed" never came');
    expect(completed).toMatchObject({ outcome: 'ok', lastMark: 'monitor execed', wall: 0 });
    expect(rootOf(completed)['shimtrace.continues']).toBe('late_completion');
    expect(completed?.spans[0]?.links).toMatchObject([{ traceId: failed?.id, spanId: failed?.spans[0]?.id }]);
    expect(counts).toEqual({ settled_incomplete: 1, settled_ok: 1 });
  });

  test('TS00 alone is an incomplete start of no length', () => {
    const { traces } = read([mark('D', 'TS00', 0n)]);
    expect(traces).toMatchObject([{ outcome: 'incomplete', wall: 0, active: 0, lastMark: 'create invoked', loose: [] }]);
    expect(traces[0]?.spans.map((span) => `${span.name} ${span.certainty}`)).toEqual(['container start inferred', 'create inferred']);
  });

  test('the same id again, while the first start is not complete: two traces', () => {
    const again = start(new Random(9), { generation: 'D', id: ID, at: AT + 2n * SECOND });
    const { traces } = read([...one('D', { fate: 'killed' }), ...again]);
    expect(traces.map((trace) => trace.outcome)).toEqual(['incomplete', 'ok']);
    expect(new Set(traces.map((trace) => trace.id)).size).toBe(2);
  });
});

describe('a log that begins inside a start', () => {
  const tail = one('D').slice(6);

  test('a content never seen before, at its first bytes: an error of its own name', () => {
    const { traces, counts } = read(tail);
    expect(traces).toMatchObject([{ outcome: 'incomplete', errorType: 'log_begins_inside', schemes: ['0.7'] }]);
    expect(traces[0]?.spans[0]?.error).toContain('the log begins inside this start');
    expect(traces[0]?.at).toBe(tail[0]?.time);
    expect(counts).toEqual({ log_begins_inside: 1, settled_incomplete: 1 });
  });

  test('anywhere else the marks are loose, and counted', () => {
    const { traces, counts, verdicts } = read(tail, { fresh: false });
    expect([traces, counts]).toEqual([[], { loose_without_start: tail.length }]);
    expect(verdicts.events).toBe(tail.length);
  });

  test('marks without a start, long after the log began, are loose', () => {
    const early = start(new Random(1), { generation: 'D', id: 'first', at: AT - 100n * SECOND });
    const { traces, counts } = read([...early, ...tail]);
    expect(traces).toMatchObject([{ outcome: 'ok', container: 'first' }]);
    expect(counts).toEqual({ settled_ok: 1, loose_without_start: tail.length });
  });

  test('the beginning stands in an older file that is read later: an ordinary start', () => {
    const lines = one('D');
    const { traces, counts } = tracesOf([
      { log: text(lines.slice(6)), rank: 1, fresh: false, key: 'new' },
      { log: text(lines.slice(0, 6)), rank: 0, key: 'old' },
    ]);
    expect(printed(traces)).toBe(printed(tracesOf(text(lines)).traces));
    expect(counts).toEqual({ settled_ok: 1 });
  });
});

describe('marks too many', () => {
  test('a mark again at another time: the first is the boundary, the second is loose', () => {
    const lines = one('D');
    const known = tracesOf(text(lines)).traces[0];
    const again = lines.find((each) => each.mark === 'TS02');
    const { traces: [trace] } = read(inOrder([...lines, mark('D', 'TS02', (again?.time ?? 0n) - AT + 77n)]));
    expect(trace?.loose.map(({ name, reason }) => `${name} ${reason}`)).toEqual(['set up repeated']);
    expect(trace?.spans.map((span) => [span.name, span.start, span.end])).toEqual(known?.spans.map((span) => [span.name, span.start, span.end]));
  });

  test('the same line twice counts once', () => {
    const lines = one('D');
    const doubled = lines.flatMap((each) => [each, each]);
    const { traces, counts, verdicts } = read(doubled);
    expect(printed(traces)).toBe(printed(tracesOf(text(lines)).traces));
    expect(counts).toEqual({ duplicate: lines.length, settled_ok: 1 });
    expect(verdicts).toMatchObject({ lines: 38, events: 38 });
  });

  test('the same file under two names counts once', () => {
    const log = text(one('A'));
    const { traces, counts } = tracesOf([{ log, key: 'one' }, { log, key: 'two' }]);
    expect(printed(traces)).toBe(printed(tracesOf(log).traces));
    expect(counts).toEqual({ duplicate: 26, settled_ok: 1 });
  });

  test.each([1n, 30n, 600n])('urunc’s checks at kill and delete, %d s later, neither open nor extend', (seconds) => {
    const lines = one('A');
    const kill = ['cTS00', 'cTS01', 'cTS00', 'cTS01'].map((name, index) => mark('A', name, seconds * SECOND + BigInt(index) * 1_000_000n));
    const { traces, counts } = read([...lines, ...kill]);
    expect(printed(traces)).toBe(printed(tracesOf(text(lines)).traces));
    expect(counts).toEqual({ after_end: 4, settled_ok: 1 });
    const unstarted = read(kill);
    expect([unstarted.traces, unstarted.counts]).toEqual([[], { loose_without_start: 4 }]);
  });

  test('two thousand marks in one life: cut, marked, counted', () => {
    const noise = Array.from({ length: 2_000 }, (_, index) => mark('D', 'TS01', 1_000_000n + BigInt(index) * 1_000n));
    const log = text([mark('D', 'TS00', 0n), ...noise]);
    const { traces, counts, verdicts } = tracesOf(log, { chunk: 4_096 });
    expect(traces).toHaveLength(1);
    expect(traces[0]).toMatchObject({ outcome: 'incomplete', errorType: 'too_many_events' });
    expect(counts).toMatchObject({ settled_incomplete: 1, too_many_events: 1 });
    expect(traces[0]?.loose.length).toBeGreaterThanOrEqual(1_022);
    expect((counts['late'] ?? 0) + (counts['after_end'] ?? 0) + (traces[0]?.loose.length ?? 0) + 2).toBe(2_001);
    expect(verdicts).toMatchObject({ lines: 2_001, events: 2_001 });
    const root = traces[0]?.spans[0];
    expect([root?.events.length, (root?.droppedEvents ?? 0) > 800]).toEqual([128, true]);
  });

  test('more lives under way than may be: the oldest is cut, marked, counted', () => {
    const lines = Array.from({ length: 5 }, (_, index) => mark('D', 'TS00', BigInt(index) * 1_000_000n, `box-${index}`));
    const { traces, counts } = tracesOf(text(lines), { mostOpen: 3, chunk: 150 });
    expect(traces.map((trace) => `${trace.container} ${trace.errorType}`)).toEqual([
      'box-0 too_many_open', 'box-1 too_many_open', 'box-2 incomplete', 'box-3 incomplete', 'box-4 incomplete',
    ]);
    expect(counts).toEqual({ settled_incomplete: 5, too_many_open: 2 });
  });

  test('all marks at the same nanosecond: an order of its own, and the same one from any order of lines', () => {
    const lines = one('D').map((each) => line('D', ID, each.mark, AT));
    const { traces: [trace] } = read(lines);
    expect(trace).toMatchObject({ outcome: 'ok', wall: 0, schemes: ['0.7'] });
    expect(trace?.spans.every((span) => span.start === 0 && span.end === 0)).toBe(true);
  });
});

describe('names of containers', () => {
  test.each([
    '', ' ', '../../etc/passwd', '__proto__', 'a b', 'a/b', 'a\\u0000b', 'ünïcode', '-rf', '.hidden', 'x'.repeat(129), '\\u001b[31mred', '<script>',
  ])('%j is none: refused by name', (id) => {
    const { traces, counts, verdicts } = tracesOf(text([{ ...mark('D', 'TS00', 0n), text: mark('D', 'TS00', 0n).text.replace(ID, id) }]));
    expect([traces, counts]).toEqual([[], {}]);
    expect(verdicts).toEqual({ lines: 1, events: 0, unknown: 0, ignored: {}, malformed: { 'bad-container-id': 1 } });
  });

  test.each(['constructor', 'toString', '0', 'mix-plain-c1-2', 'a.b_c-d', 'x'.repeat(128)])('%j is one', (id) => {
    expect(read(start(new Random(2), { generation: 'D', id, at: AT })).traces).toMatchObject([{ container: id, outcome: 'ok' }]);
  });
});

describe('what a source is held for', () => {
  test('awaited while a start is under way, pinned until it is acknowledged', () => {
    const lines = one('D');
    const log = text(lines);
    const second = log.indexOf('\n') + 1;
    const ledger = newLedger();
    const other = start(new Random(2), { generation: 'D', id: 'other', at: AT + SECOND });
    const feed = new Feed(ledger, { log: log + text(other) });
    const held = (): readonly unknown[] => [ledger.pinned(feed.id), ledger.awaited(feed.id)];
    expect(held()).toEqual([undefined, false]);
    feed.more(second - 1);
    expect(held()).toEqual([undefined, false]); // the line is not whole yet
    feed.more(1);
    expect(held()).toEqual([0, true]);
    feed.more(log.length - second);
    expect(held()).toEqual([0, true]);
    feed.more(1e6);
    const [settled] = ledger.settle(clockAt(AT + SECOND));
    expect([settled?.trace.container, settled?.waited]).toEqual([ID, false]);
    expect(held()).toEqual([0, true]);
    ledger.acknowledged(settled?.trace.id ?? '');
    expect(held()).toEqual([log.length, true]);
    feed.end();
    const [last] = ledger.settle(clockAt(AT + 2n * SECOND));
    expect(held()).toEqual([log.length, false]);
    ledger.acknowledged(last?.trace.id ?? '');
    expect(held()).toEqual([undefined, false]);
    expect(ledger.close(feed.id)?.verdicts.lines).toBe(38);
  });

  test('marks without a start hold their lines, but nobody waits for more', () => {
    const ledger = newLedger();
    const feed = new Feed(ledger, { log: text(one('D').slice(6)), fresh: false });
    feed.more(1e6);
    expect([ledger.pinned(feed.id), ledger.awaited(feed.id)]).toEqual([0, false]);
    ledger.atEnd(feed.id);
    expect(ledger.settle(MUCH_LATER)).toEqual([]);
    expect(ledger.pinned(feed.id)).toBe(undefined);
  });

  test('a start settles when its source has passed it, or has stood at its end for settle and lateness', () => {
    const lines = one('D');
    const end = lines.at(-1)?.time ?? 0n;
    const ledger = newLedger();
    const feed = new Feed(ledger, { log: text(lines) });
    feed.more(1e6);
    ledger.atEnd(feed.id);
    expect(ledger.settle(clockAt(end, 1_000))).toEqual([]);
    expect(ledger.nextDue()).toBe(1_500);
    expect(ledger.settle(clockAt(end, 1_490))).toEqual([]);
    expect(ledger.settle(clockAt(end, 1_500))).toHaveLength(1);
    expect(ledger.nextDue()).toBe(undefined);
  });
});
