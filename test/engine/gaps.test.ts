/** Lines that may be missing: which traces they touch, and that whoever reads the log again says the same. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { StoredMemory } from '../../src/engine/memory.ts';
import type { Gap } from '../../src/model/source.ts';
import { nanos } from '../../src/model/time.ts';
import type { Trace } from '../../src/model/trace.ts';
import { clockAt, EVENTS, Feed, KATA1, KATA_GO, KATA_RS, MUCH_LATER, newLedger, printed, sorted, tracesOf, URUNC } from '../support/ledger.ts';
import type { ReadOptions } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { start } from '../support/uruncwriter.ts';

const RUNTIMES: ReadOptions = { runtimes: [URUNC, KATA1, KATA_GO, KATA_RS] };
const fixture = (name: string): string[] => readFileSync(new URL(`../fixtures/${name}/journal.log`, import.meta.url), 'utf8').split('\n').filter((line) => line !== '');

const entry = (time: string, fields: Readonly<Record<string, string>>): string => JSON.stringify({ __REALTIME_TIMESTAMP: time, _HOSTNAME: 'testhost', SYSLOG_IDENTIFIER: 'systemd-journald', ...fields });
const suppressed = (time: string, unit: string, transport = 'driver'): string =>
  entry(time, { MESSAGE: `Suppressed 4521 messages from ${unit}`, MESSAGE_ID: 'a596d6fe7bfa4994828e72309e95d61e', N_DROPPED: '4521', _SYSTEMD_UNIT: 'systemd-journald.service', _TRANSPORT: transport });

/** A Kata 4 start whose entries tell their unit, as journald writes them. */
const RS = fixture('kata-rs/start-stop').map((line) => `${line.slice(0, -1)},"_SYSTEMD_UNIT":"containerd.service"}`);
const timeOf = (line: string): string => /"__REALTIME_TIMESTAMP":"(\d+)"/.exec(line)?.[1] ?? '';
const inserted = (lines: readonly string[], at: number, ...more: string[]): string => [...lines.slice(0, at), ...more, ...lines.slice(at), ''].join('\n');

const attribute = (trace: Trace | undefined, name: string): unknown => trace?.spans[0]?.attributes.find(([known]) => known === name)?.[1];
const eventsOf = (trace: Trace | undefined): unknown[] => trace?.spans[0]?.events.filter(({ name }) => name === 'lines missing').map(({ attributes }) => attributes) ?? [];

describe('journald left lines out', () => {
  const marker = suppressed(timeOf(RS[60] ?? ''), 'containerd.service');
  const log = inserted(RS, 60, marker);

  test('the start during which it said so is marked, with the line that proves it', () => {
    const { traces, counts, verdicts } = tracesOf(log, RUNTIMES);
    const [first] = traces;
    expect(attribute(first, 'shimtrace.gap')).toEqual(['rate_limited']);
    expect(attribute(first, 'shimtrace.gap_lines')).toBe(4_521);
    expect(eventsOf(first)).toEqual([[['log.record.original', marker], ['shimtrace.gap', 'rate_limited'], ['shimtrace.gap_lines', 4_521]]]);
    const finding = first?.findings.find(({ id }) => id === 'lines-missing');
    expect([finding?.text, finding?.evidence.map(({ line, row }) => [line, row])]).toEqual(
      ['4521 lines of containerd.service were left out by journald, as too much was written; some may be of this trace', [[marker, 61]]]);
    expect([counts['gap_rate_limited'], counts['lines_missing'], counts['touched_by_gap'], verdicts.ignored['left out by journald']]).toEqual([1, 4_521, 1, 1]);
    // Only that trace is another, and only by that.
    const without = tracesOf(inserted(RS, 60), RUNTIMES).traces;
    expect(printed(traces.slice(1))).toBe(printed(without.slice(1)));
    expect(first?.spans.map(({ id, start, end }) => [id, start, end])).toEqual(without[0]?.spans.map(({ id, start, end }) => [id, start, end]));
  });

  test.each([
    ['another unit', inserted(RS, 60, suppressed(timeOf(RS[60] ?? ''), 'ssh.service'))],
    ['a word that another program wrote', inserted(RS, 60, suppressed(timeOf(RS[60] ?? ''), 'containerd.service', 'journal'))],
    ['long after it', inserted(RS, RS.length, suppressed(String(BigInt(timeOf(RS.at(-1) ?? '')) + 400_000_000n), 'containerd.service'))],
    ['before it', inserted(RS, 0, suppressed(String(BigInt(timeOf(RS[0] ?? '')) - 1_000_000n), 'containerd.service'))],
  ])('not: %s', (_, other) => {
    expect(tracesOf(other, RUNTIMES).traces.map((trace) => [attribute(trace, 'shimtrace.gap'), eventsOf(trace)])).toEqual([[undefined, []], [undefined, []]]);
  });

  test('in the text of a journal, where the line before tells when', () => {
    const lines = fixture('kata-go/start-stop');
    const { traces, counts } = tracesOf(inserted(lines, 60, 'Nov 20 23:23:46 testhost systemd-journald[41]: Suppressed 7 messages from /system.slice/containerd.service'), RUNTIMES);
    expect(traces.map((trace) => [trace.episode, attribute(trace, 'shimtrace.gap'), attribute(trace, 'shimtrace.gap_lines')])).toEqual([['start', ['rate_limited'], 7], ['stop', undefined, undefined]]);
    expect(counts['gap_rate_limited']).toBe(1);
  });

  test('however it is cut into pieces the bytes are the same', () => {
    const whole = printed(tracesOf(log, RUNTIMES).traces);
    for (const chunk of [700, 4_096, 33_333]) expect(printed(tracesOf(log, { ...RUNTIMES, chunk }).traces)).toBe(whole);
  });

  test('a marker for each of a thousand lines: the last are remembered, all are counted', () => {
    const many = Array.from({ length: 1_000 }, (_, at) => suppressed(String(BigInt(timeOf(RS[60] ?? '')) + BigInt(at)), 'containerd.service'));
    const { traces, counts } = tracesOf(inserted(RS, 60, ...many), RUNTIMES);
    expect(counts['gap_rate_limited']).toBe(1_000);
    expect(eventsOf(traces[0]).length).toBeLessThanOrEqual(128);
  });
});

describe('a source says that lines may be missing', () => {
  const AT = 1_795_216_803_000_000_000n;
  const written = start(new Random(3), { generation: 'D', id: 'c-1', at: AT, fate: 'complete' });
  const lines = written.map(({ text }) => `${text}\n`);
  const times = written.map(({ time }) => time);
  const gap = (from: bigint, to: bigint): Gap => ({ name: 'vacuumed', from: nanos(from), to: nanos(to), missing: undefined });

  /** The gap is told before the line of this number. */
  function read(at: number, told: Gap, others: readonly string[] = []): readonly Trace[] {
    const ledger = newLedger();
    const feed = new Feed(ledger, { log: lines.join(''), key: 'a' });
    const other = new Feed(ledger, { log: others.join(''), key: 'b' });
    feed.more(lines.slice(0, at).join('').length);
    ledger.gap(feed.id, told);
    feed.more(1_000_000);
    other.more(1_000_000);
    for (const one of [feed, other]) one.end();
    return sorted(ledger.settle(MUCH_LATER));
  }

  test('with lines on both sides the start is marked; what proves it are these two lines', () => {
    const [before = 0n, after = 0n] = times.slice(5);
    const [trace] = read(6, gap(before, after));
    expect([attribute(trace, 'shimtrace.gap'), attribute(trace, 'shimtrace.gap_lines')]).toEqual([['vacuumed'], undefined]);
    expect(trace?.findings.find(({ id }) => id === 'lines-missing')?.evidence.map(({ line }) => `${line}\n`)).toEqual(lines.slice(5, 7));
  });

  test('what was complete before is not; what still waited is', () => {
    const last = times.at(-1) ?? 0n;
    expect(attribute(read(lines.length, gap(last, last + 9_000_000_000n))[0], 'shimtrace.gap')).toBeUndefined();
    const cut = newLedger();
    const feed = new Feed(cut, { log: lines.slice(0, 6).join(''), key: 'a' });
    feed.more(1_000_000);
    cut.gap(feed.id, gap(times[5] ?? 0n, last + 9_000_000_000n));
    feed.end();
    const [trace] = sorted(cut.settle(MUCH_LATER));
    expect([trace?.outcome, attribute(trace, 'shimtrace.gap')]).toEqual(['incomplete', ['vacuumed']]);
  });

  test('only starts with lines of that source', () => {
    const others = start(new Random(4), { generation: 'D', id: 'c-2', at: AT + 1n, fate: 'complete' }).map(({ text }) => `${text}\n`);
    const traces = read(6, gap(times[5] ?? 0n, times[6] ?? 0n), others);
    expect(traces.map((trace) => [trace.container, attribute(trace, 'shimtrace.gap')])).toEqual([['c-1', ['vacuumed']], ['c-2', undefined]]);
  });

  test('of what tells of any start from outside a gap marks every start that it falls into, also after a restart', () => {
    const ledger = newLedger({}, [URUNC, EVENTS]);
    const feed = new Feed(ledger, { log: lines.join(''), key: 'a' });
    const events = new Feed(ledger, { log: '', key: 'events' });
    ledger.gap(events.id, { ...gap(times[1] ?? 0n, times[2] ?? 0n), name: 'not_running' });
    const memory: StoredMemory = JSON.parse(JSON.stringify({ ...ledger.remember(), gaps: [] }));
    feed.more(1_000_000);
    const stored: StoredMemory = JSON.parse(JSON.stringify(ledger.remember()));
    for (const one of [feed, events]) one.end();
    const [trace] = sorted(ledger.settle(MUCH_LATER));
    expect([attribute(trace, 'shimtrace.gap'), trace?.outcome]).toEqual([['not_running'], 'ok']);
    const again = (from: StoredMemory): readonly Trace[] => {
      const second = newLedger({}, [URUNC, EVENTS]);
      second.restore(from);
      const rest = new Feed(second, { log: lines.join(''), key: 'a' });
      rest.more(1_000_000);
      rest.end();
      return sorted(second.settle(MUCH_LATER));
    };
    expect(printed(again(stored))).toBe(printed(trace === undefined ? [] : [trace]));
    expect(attribute(again(memory)[0], 'shimtrace.gap')).toBeUndefined();
  });

  test('a reader that died knows it still', () => {
    const ledger = newLedger();
    const feed = new Feed(ledger, { log: lines.join(''), key: 'a' });
    feed.more(lines.slice(0, 6).join('').length);
    ledger.gap(feed.id, gap(times[5] ?? 0n, times[6] ?? 0n));
    ledger.settle(clockAt(0n, 0));
    const memory: StoredMemory = JSON.parse(JSON.stringify(ledger.remember()));
    const again = newLedger();
    again.restore(memory);
    const second = new Feed(again, { log: lines.join(''), key: 'a' });
    second.more(1_000_000);
    second.end();
    expect(printed(sorted(again.settle(MUCH_LATER)))).toBe(printed(read(6, gap(times[5] ?? 0n, times[6] ?? 0n))));
  });
});
