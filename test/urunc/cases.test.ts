/** The version of a start's log, starts in parts, and logs that begin inside one. */
import { describe, expect, test } from 'vitest';
import { steady } from '../../src/model/time.ts';
import type { Trace } from '../../src/model/trace.ts';
import { bytesOf, Feed, MUCH_LATER, newLedger, printed, sorted, tracesOf } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { start, text } from '../support/uruncwriter.ts';
import { AT, ID, inOrder, mark, one, read, SECOND } from './small.ts';

const HOUR = 3_600n * SECOND;
const rootOf = (trace: Trace | undefined) => Object.fromEntries(trace?.spans[0]?.attributes ?? []);
const certainty = (trace: Trace | undefined, name: string): string | undefined => trace?.spans.find((span) => span.name === name)?.certainty;

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
    ledger.atEnd(feed.id, steady(0));
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
