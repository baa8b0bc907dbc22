/** The store against real files: what is kept, for how long, and what happens when the file is not what it should be. */
import { appendFileSync, existsSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { brief } from '../../src/engine/render/line.ts';
import { duration, MINUTE, nanos, SECOND } from '../../src/model/time.ts';
import type { Trace } from '../../src/model/trace.ts';
import { openForReading, storePath } from '../../src/store/file.ts';
import { unpackPhases } from '../../src/store/phases.ts';
import { StoreReader } from '../../src/store/reader.ts';
import { Store } from '../../src/store/store.ts';
import type { StoreOptions } from '../../src/store/store.ts';
import { Folder, Journal } from '../support/files.ts';
import { copies, decode, encode, fixtureTraces, nameOf, written } from './traces.ts';

const DAY = 24 * 60 * MINUTE;
const HOST = [['host.id', 'h1']] as const;

let folder: Folder;
let journal: Journal;
let now = 1_795_300_000_000_000_000n;
const open: { close(): void }[] = [];

beforeEach(() => {
  folder = new Folder();
  journal = new Journal();
  now = 1_795_300_000_000_000_000n;
});

afterEach(() => {
  for (const each of open.splice(0)) each.close();
  folder.dispose();
});

function store(more: Partial<StoreOptions> = {}): Store {
  const made = new Store({
    path: storePath(folder.path), keep: duration(14 * DAY), max: 2 ** 30, host: HOST, log: journal.log, now: () => nanos(now), brief, nameOf,
    ...more,
  });
  open.push(made);
  return made;
}

function reader(): StoreReader {
  const opening = openForReading(storePath(folder.path));
  if (opening.kind !== 'open') throw new Error(JSON.stringify(opening));
  const made = new StoreReader(opening.database);
  open.push(made);
  return made;
}

const give = (to: Store, traces: Iterable<Trace>, live = true): void => {
  for (const trace of traces) to.add({ trace, live });
  to.flush();
};

const everything = { all: true } as const;
const ids = (rows: readonly { readonly traceId: string }[]): string[] => rows.map(({ traceId }) => traceId);
const newestFirst = (traces: readonly Trace[]): string[] => traces.toSorted((a, b) => (a.at < b.at ? 1 : -1)).map(({ id }) => id);
const [sample = fixtureTraces()[0]] = written(1);
const one = (): Trace => {
  if (sample === undefined) throw new Error('no trace');
  return sample;
};

describe('what was told', () => {
  test('is listed, newest first, and found whole by either id', () => {
    const traces = written(200);
    give(store(), traces);
    const read = reader();
    expect(ids(read.list(everything, 1_000))).toEqual(newestFirst(traces));
    for (const trace of traces) {
      for (const prefix of [trace.id, trace.id.slice(0, 20), trace.container]) {
        const found = read.find(prefix);
        expect(found.kind === 'found' && found.kept).toEqual({ trace: encode(trace), host: JSON.stringify(HOST) });
      }
    }
    const last = read.find(undefined);
    expect(last.kind === 'found' && decode(last.kept.trace)?.id).toBe(newestFirst(traces)[0]);
  });

  test('is there after a restart, and told twice is one row', () => {
    const traces = written(10);
    const first = store();
    give(first, traces);
    for (const trace of traces) first.add({ trace, live: true });
    first.close();
    const second = store();
    expect(traces.every(({ id }) => second.knows(id))).toBe(true);
    expect(second.knows('f'.repeat(32))).toBe(false);
    give(second, [...traces, ...written(5, 'A', 9)]);
    expect(reader().list(everything, 100)).toHaveLength(15);
    expect(second.counters).toEqual({ written: 5, lost: 0, pruned: 0, waiting: 0 });
  });

  test('has its phases, each with what it is', () => {
    const trace = one();
    give(store(), [trace]);
    const database = new DatabaseSync(storePath(folder.path), { readOnly: true });
    const kinds = new Map(database.prepare('SELECT * FROM phase').all().map((row) => [row['id'], row]));
    const packed = database.prepare('SELECT phases FROM start').get()?.['phases'];
    database.close();
    const phases = packed instanceof Uint8Array ? unpackPhases(packed) : [];
    expect(phases.map(({ kind, start, length }) => [kinds.get(kind)?.['service'], kinds.get(kind)?.['name'], kinds.get(kind)?.['certainty'], kinds.get(kind)?.['credit'], start, length]))
      .toEqual(trace.spans.map(({ service, name, certainty, credit, start, end }) => [service, name, certainty, credit, start, end - start]));
  });

  test('is written without being asked when much has gathered', () => {
    const made = store();
    for (const trace of copies(one(), 500)) made.add({ trace, live: true });
    expect(made.counters).toMatchObject({ written: 448, waiting: 52 });
  });

  test('may be of any year', () => {
    const traces = [-(10n ** 18n), 0n, 2n ** 63n - 1n, 2n ** 70n].map((at, index) => ({ ...one(), id: String(index).padStart(32, '0'), at: nanos(at) }));
    give(store(), traces);
    expect(new Set(ids(reader().list(everything, 10)))).toEqual(new Set(ids(traces.map(({ id }) => ({ traceId: id })))));
  });
});

describe('filters', () => {
  const base = [...copies(one(), 40)];
  const traces = base.map((trace, index): Trace => ({
    ...trace,
    runtime: index % 4 === 0 ? 'kata' : 'urunc',
    outcome: index % 5 === 0 ? 'incomplete' : index % 7 === 0 ? 'failed' : 'ok',
    active: duration(index * 100e6),
    episode: index % 10 === 9 ? 'stop' : 'start',
  }));
  const [middle = one()] = traces.slice(20, 21);
  test.each([
    ['nothing: starts only', {}, (trace: Trace) => trace.episode === 'start'],
    ['all', everything, () => true],
    ['a runtime', { runtime: 'kata' }, (trace: Trace) => trace.runtime === 'kata' && trace.episode === 'start'],
    ['failed', { failed: true, all: true }, (trace: Trace) => trace.outcome !== 'ok'],
    ['slow', { slow: duration(3 * SECOND), all: true }, (trace: Trace) => trace.active >= 3 * SECOND],
    ['since', { since: middle.at, all: true }, (trace: Trace) => trace.at >= middle.at],
    ['a container', { container: middle.container.slice(0, 9) }, (trace: Trace) => trace === middle],
    ['several', { runtime: 'urunc', failed: true, slow: duration(SECOND), since: middle.at }, (trace: Trace) => trace.runtime === 'urunc' && trace.outcome !== 'ok' && trace.active >= SECOND && trace.at >= middle.at && trace.episode === 'start'],
  ])('%s', (_, filter, wanted) => {
    give(store(), traces);
    const expected = newestFirst(traces.filter(wanted));
    expect(expected.length).toBeGreaterThan(0);
    expect(ids(reader().list(filter, 100))).toEqual(expected);
    expect(ids(reader().list(filter, 2))).toEqual(expected.slice(0, 2));
  });
});

describe('an abbreviated id', () => {
  const named = (id: string, container: string, at: bigint, more: Partial<Trace> = {}): Trace => ({ ...one(), id, container, containers: [], at: nanos(at), ...more });
  const traces = [
    named('aaaa0000'.padEnd(32, '0'), 'feed1111', 5n), named('aaaa1111'.padEnd(32, '0'), 'feed2222', 6n), named('bbbb'.padEnd(32, '0'), 'feed1111', 9n),
    named('cccc'.padEnd(32, '0'), 'web', 3n), named('dddd'.padEnd(32, '0'), 'web-2', 4n), named('eeee'.padEnd(32, '0'), 'sandbox9', 1n, { containers: ['sandbox9', 'inner77'] }),
  ];
  const find = (prefix: string): unknown => {
    const found = reader().find(prefix);
    switch (found.kind) {
      case 'found':
        return decode(found.kept.trace)?.id.slice(0, 4);
      case 'ambiguous':
        return found.names;
      case 'none':
        return 'none';
      default:
        return found satisfies never;
    }
  };

  test('is the last start of the only container, or the only trace, or a list', () => {
    give(store(), traces);
    expect(find('feed1')).toBe('bbbb');
    expect(find('feed')).toEqual(['feed1111', 'feed2222']);
    expect(find('aaaa0')).toBe('aaaa');
    expect(find('aaaa')).toEqual([`trace ${traces[0]?.id}`, `trace ${traces[1]?.id}`]);
    expect(find('web')).toBe('cccc');
    expect(find('inner')).toBe('eeee');
    expect(find('nobody')).toBe('none');
    expect(find('%')).toBe('none');
    expect(find('\u{10ffff}')).toBe('none');
  });
});

describe('what is old or too much goes', () => {
  test('by age: what was stored longer ago, whenever it happened', () => {
    const first = store({ keep: duration(DAY) });
    give(first, copies(one(), 100));
    now += BigInt(DAY) / 2n;
    give(first, written(3, 'A', 5));
    now += BigInt(DAY) / 2n + 1_000_000_000n;
    give(first, written(2, 'B', 6));
    expect(reader().list(everything, 200)).toHaveLength(5);
    expect(first.counters.pruned).toBe(100);
    first.close();
    now += BigInt(DAY) / 2n;
    store({ keep: duration(DAY) });
    expect(reader().list(everything, 200)).toHaveLength(2);
  });

  test('by size: the oldest, and the file stays below its limit', () => {
    const max = 2 * 2 ** 20;
    const made = store({ max });
    for (const trace of copies(one(), 12_000)) made.add({ trace, live: false });
    made.flush();
    const kept = reader().list(everything, 20_000);
    expect(kept.length + made.counters.pruned).toBe(12_000);
    expect(made.counters.pruned).toBeGreaterThan(1_000);
    expect(kept.length).toBeGreaterThan(1_000);
    expect(statSync(storePath(folder.path)).size).toBeLessThan(max * 1.25);
    // What is gone is gone everywhere, and what is there is whole.
    const database = new DatabaseSync(storePath(folder.path), { readOnly: true });
    expect(database.prepare('SELECT count(*) AS n FROM member').get()?.['n']).toBe(kept.length);
    expect(database.prepare('PRAGMA integrity_check').get()).toMatchObject({ integrity_check: 'ok' });
    database.close();
    expect(reader().find(kept.at(-1)?.container).kind).toBe('found');
  });
});

describe('a file that is not what it should be', () => {
  test.each([
    ['random bytes', () => writeFileSync(storePath(folder.path), Buffer.alloc(9_000, 7))],
    ['a store whose pages were overwritten', () => {
      const first = store();
      give(first, written(300));
      first.close();
      truncateSync(storePath(folder.path), 60_000);
      writeFileSync(storePath(folder.path), Buffer.alloc(20_000, 0xaa), { flag: 'r+' });
    }],
  ])('%s: set aside with a message, and a new one begins', (_, damage) => {
    damage();
    const made = store();
    give(made, written(5));
    expect(journal.entries.map(({ event }) => event)).toEqual(['store_damaged']);
    expect(existsSync(`${storePath(folder.path)}.damaged`)).toBe(true);
    expect(reader().list(everything, 100)).toHaveLength(5);
  });

  test('damaged while it is open: what was to be written goes into a new one', () => {
    const made = store();
    give(made, copies(one(), 300));
    made.close();
    // Everything but the first page, which tells the layout.
    const { size } = statSync(storePath(folder.path));
    truncateSync(storePath(folder.path), 4_096);
    appendFileSync(storePath(folder.path), Buffer.alloc(size - 4_096, 0xaa));
    const second = store();
    give(second, written(5));
    expect(journal.count('store_damaged')).toBe(1);
    expect(reader().list(everything, 100)).toHaveLength(5);
    expect(second.counters).toMatchObject({ written: 5, lost: 0 });
  });

  test('of a newer version: left alone, with a message', () => {
    const database = new DatabaseSync(storePath(folder.path));
    database.exec('PRAGMA user_version = 999; CREATE TABLE theirs (x)');
    database.close();
    const made = store();
    give(made, written(5));
    made.close();
    expect(journal.entries.map(({ event }) => event)).toEqual(['store_newer']);
    expect(readdirSync(folder.path)).toEqual(['starts.db']);
    expect(openForReading(storePath(folder.path))).toEqual({ kind: 'newer', version: 999 });
  });

  test('cannot be made: said once, starts wait within bounds, the lost are counted, and it goes on when it can', () => {
    const path = `${folder.path}/later/starts.db`;
    const made = store({ path });
    for (const trace of copies(one(), 1_200)) made.add({ trace, live: true });
    for (let n = 0; n < 5; n++) made.flush();
    expect(journal.entries.map(({ event }) => event)).toEqual(['store_unwritable']);
    expect(made.failing).toBe(true);
    expect(made.counters).toEqual({ written: 0, lost: 700, pruned: 0, waiting: 500 });
    folder.write('later', '');
    made.flush();
    expect(made.counters.waiting).toBe(500);
  });
});

test('a reader sees each transaction whole while the daemon writes', () => {
  const made = store();
  give(made, written(3));
  const read = reader();
  expect(read.list(everything, 100)).toHaveLength(3);
  give(made, written(4, 'A', 2));
  expect(read.list(everything, 100)).toHaveLength(7);
});
