/** Too much of something, names that are none, marks at one moment, and what a source is held for. */
import { describe, expect, test } from 'vitest';
import type { StoredMemory } from '../../src/engine/memory.ts';
import { sourceKey } from '../../src/model/source.ts';
import { duration, steady } from '../../src/model/time.ts';
import { session } from '../support/katawriter.ts';
import { clockAt, Feed, KATA1, MUCH_LATER, newLedger, printed, sorted, tracesOf, URUNC } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { line, start, text } from '../support/uruncwriter.ts';
import { AT, ID, inOrder, mark, one, read, SECOND } from './small.ts';

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

  test('marks of two processes at one nanosecond: their processes order them, not the file', () => {
    // TS10 before TS09 proves 0.5; a reexec that came before it was spawned would refute all versions.
    const times: Readonly<Record<string, bigint>> = { TS03: 5n, TS04: 5n, TS06: 6n, TS05: 7n, TS07: 8n, TS08: 9n, TS10: 10n, TS09: 11n };
    const lines = inOrder(one('C').map((each) => mark('C', each.mark, times[each.mark] === undefined ? each.time - AT : times[each.mark] ?? 0n)));
    const early = lines.map((each) => (each.mark === 'TS01' || each.mark === 'TS02' ? mark('C', each.mark, each.mark === 'TS01' ? 1n : 2n) : each));
    const sortedLines = inOrder(early);
    const at = sortedLines.findIndex((each) => each.mark === 'TS03');
    const [spawned, invoked] = [sortedLines[at], sortedLines[at + 1]];
    if (spawned === undefined || invoked?.mark !== 'TS04') throw new Error('TS04 does not follow TS03');
    const swapped = [...sortedLines.slice(0, at), invoked, spawned, ...sortedLines.slice(at + 2)];
    const [trace] = read(swapped).traces;
    expect(trace).toMatchObject({ outcome: 'ok', schemes: ['0.5'] });
    expect(printed([trace].filter((each) => each !== undefined))).toBe(printed(read(sortedLines).traces));
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

test('each line is evidence on the shortest span of its process that it begins, else on the one it ends', () => {
  const [trace] = read(one('D')).traces;
  const evidence = trace?.spans.filter((span) => span.events.length > 0).map((span) => `${span.name}: ${span.events.map((event) => event.name).join(', ')}`);
  expect(evidence?.sort()).toEqual([
    'create: CreateRuntime hooks: pids received', 'create: container from spec: create invoked', 'create: initial setup: spec read',
    'create: send ACK: CreateRuntime hooks run, ack sent', 'create: spawn reexec: set up', 'create: wait for pids: reexec spawned',
    'reexec: CreateContainer hooks: ack received', 'reexec: base dir: reexec invoked', 'reexec: disk setup: network set up',
    'reexec: execve monitor: disk set up, monitor execed', 'reexec: join netns: start received', 'reexec: network setup: netns joined',
    'reexec: wait for ACK: base dir set up', 'reexec: wait for START: CreateContainer hooks run',
    'start: read state: start invoked', 'start: send START: state read, start sent',
  ]);
});

describe('what a source is held for', () => {
  test('from its first line on, also where that is not the earliest in time', () => {
    const lines = one('D');
    const [first, second, ...others] = lines;
    if (first === undefined || second === undefined) throw new Error('no lines');
    const ledger = newLedger();
    const feed = new Feed(ledger, { log: `\n${text([second, first, ...others])}` });
    feed.more(1e6);
    expect(ledger.pinned(feed.id)).toBe(1);
    feed.end();
    expect(ledger.settle(MUCH_LATER)).toHaveLength(1);
    expect(ledger.pinned(feed.id)).toBe(1);
  });

  test('what is acknowledged beyond a start under way is not sent again, however much it is', () => {
    const rest = Array.from({ length: 700 }, (_, index) => start(new Random(index), { generation: 'D', id: `box-${index}`, at: AT + SECOND + BigInt(index) * 40_000_000n })).flat();
    const log = text([mark('D', 'TS00', 0n, 'held'), ...inOrder(rest)]);
    const first = newLedger();
    const feed = new Feed(first, { log });
    feed.more(1e7);
    const last = rest.at(-1)?.time ?? AT;
    first.atEnd(feed.id, steady(0));
    const sent = first.settle(clockAt(last + SECOND));
    // The clock stands: what ends within settle and lateness of the last line is still open.
    expect(sent.length).toBeGreaterThan(650);
    for (const { trace } of sent) first.acknowledged(trace.id);
    expect(first.pinned(feed.id)).toBe(0);
    const second = newLedger();
    second.restore(JSON.parse(JSON.stringify(first.remember())));
    const again = new Feed(second, { log }, first.pinned(feed.id));
    again.more(1e7);
    again.end();
    const resent = sorted(second.settle(MUCH_LATER));
    expect(resent.length).toBe(701 - sent.length);
    expect(second.counts.get('replayed')).toBe(19 * sent.length);
  });

  test('of a start in two files either all is read again or nothing, however much was acknowledged since', () => {
    const many = 1_500;
    const hung = inOrder(start(new Random(1), { generation: 'D', id: 'hung', at: AT }));
    const torn = inOrder(start(new Random(2), { generation: 'D', id: 'torn', at: AT + SECOND }));
    const later = inOrder(Array.from({ length: many }, (_, index) => start(new Random(index + 3), { generation: 'D', id: `box-${index}`, at: AT + 2n * SECOND + BigInt(index) * 40_000_000n })).flat());
    // The file that is read again holds more starts than are remembered one by one.
    const before = text([...hung, ...torn.slice(0, 9), ...later]);
    // Of a process that opened the log when it had been rotated.
    const after = text(torn.slice(9));
    const first = newLedger();
    const files = [new Feed(first, { log: before, key: 'old', rank: 1 }), new Feed(first, { log: after, key: 'new' })];
    for (const feed of files) {
      feed.more(1e7);
      first.atEnd(feed.id, steady(0));
    }
    const sent = first.settle(clockAt((later.at(-1)?.time ?? AT) + 2n * SECOND, 1e7));
    expect(sent).toHaveLength(many + 2);
    for (const { trace } of sent) if (trace.container !== 'hung') first.acknowledged(trace.id);
    const [old, fresh] = files.map(({ id, at }) => first.pinned(id) ?? at);
    const memory: StoredMemory = JSON.parse(JSON.stringify(first.remember()));
    expect(memory.done.length).toBeLessThan(many);
    expect([old, fresh]).toEqual([0, after.length]);
    const second = newLedger();
    second.restore(memory);
    for (const [key, log, from] of [['old', before, old], ['new', after, fresh]] as const) {
      const feed = new Feed(second, { log, key, rank: key === 'old' ? 1 : 0 }, from);
      feed.more(1e7);
      feed.end();
    }
    const again = second.settle(MUCH_LATER).map(({ trace }) => trace.container);
    expect(again.length).toBeGreaterThan(1);
    expect(again).toContain('hung');
    expect(again).not.toContain('torn');
  });

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
    const [settled] = ledger.settle(clockAt(AT + 2n * SECOND));
    expect([settled?.trace.container, settled?.waited]).toEqual([ID, false]);
    expect(held()).toEqual([0, true]);
    ledger.acknowledged(settled?.trace.id ?? '');
    expect(held()).toEqual([log.length, true]);
    feed.end();
    const [last] = ledger.settle(clockAt(AT + 2n * SECOND));
    expect(held()).toEqual([log.length, false]);
    ledger.acknowledged(last?.trace.id ?? '');
    expect(held()).toEqual([undefined, false]);
    ledger.remember();
    expect([ledger.readings(), ledger.verdicts().lines]).toEqual([[], 38]); // the source is gone, its figures are not
  });

  test('marks without a start hold their lines, but nobody waits for more', () => {
    const ledger = newLedger();
    const feed = new Feed(ledger, { log: text(one('D').slice(6)), fresh: false });
    feed.more(1e6);
    expect([ledger.pinned(feed.id), ledger.awaited(feed.id)]).toEqual([0, false]);
    ledger.atEnd(feed.id, steady(0));
    expect(ledger.settle(MUCH_LATER)).toEqual([]);
    expect(ledger.pinned(feed.id)).toBe(undefined);
  });

  test('a start settles when its source has passed it, or has stood at its end for settle and lateness', () => {
    const lines = one('D');
    const end = lines.at(-1)?.time ?? 0n;
    const ledger = newLedger();
    const feed = new Feed(ledger, { log: text(lines) });
    feed.more(1e6);
    ledger.atEnd(feed.id, steady(0));
    expect(ledger.settle(clockAt(end, 1_000))).toEqual([]);
    expect(ledger.nextDue(clockAt(end, 1_000))).toBe(1_500);
    expect(ledger.settle(clockAt(end, 1_490))).toEqual([]);
    expect(ledger.settle(clockAt(end, 1_500))).toHaveLength(1);
    expect(ledger.nextDue(clockAt(end, 1_500))).toBe(undefined);
  });

  test('each source has its own lateness: one that cannot hold its lines holds no start back, read or not', () => {
    const lines = one('D');
    const end = lines.at(-1)?.time ?? 0n;
    for (const standing of ['at its end', 'unread'] as const) {
      const ledger = newLedger({}, [URUNC, KATA1]);
      const journal = ledger.begin({ key: sourceKey('j'), name: 'journal', fresh: false, rank: 0, journal: true, lateness: duration(1_500_000_000) });
      const feed = new Feed(ledger, { log: text(lines) });
      feed.more(1e6);
      ledger.atEnd(feed.id, steady(0));
      if (standing === 'at its end') ledger.atEnd(journal, steady(0));
      expect(ledger.settle(clockAt(end, 1_000))).toEqual([]);
      expect(ledger.nextDue(clockAt(end, 1_000))).toBe(1_500);
      expect(ledger.settle(clockAt(end, 1_500))).toHaveLength(1);
    }
  });

  test('a line that was on its way when its source stood at its end is waited for from when it was written; a clock set forward does not hide that it is new', () => {
    const lines = one('D');
    const end = lines.at(-1)?.time ?? 0n;
    for (const [age, due] of [[300n * 1_000_000n, 1_350], [3_600n * SECOND, 1_150]] as const) {
      const ledger = newLedger();
      const source = ledger.begin({ key: sourceKey('late'), name: 'late', fresh: false, rank: 0, lateness: duration(400_000_000) });
      ledger.atEnd(source, steady(900));
      const bytes = Buffer.from(text(lines));
      ledger.read(source, bytes, bytes.length, 0);
      ledger.atEnd(source, steady(1_000));
      expect(ledger.settle(clockAt(end + age, 1_000))).toEqual([]);
      expect(ledger.nextDue(clockAt(end + age, 1_000))).toBe(due);
      expect(ledger.settle(clockAt(end + age, due))).toHaveLength(1);
    }
  });

  test('one that may hold its lines does, for as long as its own may be late', () => {
    const { lines } = session(new Random(5), { version: '1.12.1', at: 1_795_216_000_000_000_000n, kind: 'cold', behind: 0n, pid: () => 77 });
    const end = lines.reduce((latest, { time }) => (time > latest ? time : latest), 0n);
    const ledger = newLedger({}, [URUNC, KATA1]);
    const journal = ledger.begin({ key: sourceKey('j'), name: 'journal', fresh: false, rank: 0, journal: true, lateness: duration(1_500_000_000) });
    const feed = new Feed(ledger, { log: lines.map((each) => `${each.text}\n`).join('') });
    feed.more(1e7);
    ledger.atEnd(feed.id, steady(0));
    ledger.atEnd(journal, steady(0));
    ledger.settle(clockAt(end, 1_000));
    const withJournal = ledger.nextDue(clockAt(end, 1_000));
    ledger.end(journal);
    const alone = ledger.nextDue(clockAt(end, 1_000));
    expect((withJournal ?? 0) - (alone ?? 0)).toBe(1_250);
  });
});

describe('a log that begins inside a start, over a restart', () => {
  test.each(['under way', 'sent, not acknowledged'])('%s: read again it is the same start', (state) => {
    const log = text(one('D').slice(6));
    const before = newLedger();
    const feed = new Feed(before, { log, fresh: true });
    feed.more(1e6);
    before.atEnd(feed.id, steady(0));
    const sent = state === 'under way' ? [] : before.settle(MUCH_LATER);
    const memory = JSON.parse(JSON.stringify(before.remember()));
    expect(before.pinned(feed.id)).toBe(0);

    const after = newLedger();
    after.restore(memory);
    const again = new Feed(after, { log, fresh: false });
    again.more(1e6);
    after.atEnd(again.id, steady(0));
    const [settled] = after.settle(MUCH_LATER);
    expect(settled?.trace).toMatchObject({ outcome: 'incomplete', errorType: 'log_begins_inside' });
    for (const { trace } of sent) expect(settled?.trace.id).toBe(trace.id);
  });
});
