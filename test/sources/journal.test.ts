/** The parts of the journal source that need no journal. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { linesOf } from '../../src/sources/journal/archive.ts';
import { JournalEntry, fieldOf, lineOf, readCursor, sameEntry } from '../../src/sources/journal/entry.ts';
import { ExportReader } from '../../src/sources/journal/export.ts';
import { Gaps } from '../../src/sources/journal/gaps.ts';
import { entryOf } from '../../src/sources/journal/json.ts';
import { Marks, NOWHERE } from '../../src/sources/journal/marks.ts';
import { Pieces } from '../../src/sources/journal/pieces.ts';
import { doneBefore, formOf, journalFromJson, journalToJson } from '../../src/sources/journal/record.ts';
import { argumentsOf, keyOf, parseSelection } from '../../src/sources/journal/selection.ts';
import { isLimited, problemOf } from '../../src/sources/journal/words.ts';
import { sourceKey } from '../../src/model/source.ts';
import type { Gap } from '../../src/model/source.ts';
import { Journal } from '../support/files.ts';
import { exported } from '../support/journald.ts';
import { JournalRig } from '../support/journalrig.ts';
import { until } from '../real/program.ts';

function entryWith(cursor: string | undefined, ...fields: readonly (readonly [name: string, text: string])[]): JournalEntry {
  const entry = new JournalEntry();
  entry.cursor = cursor;
  for (const [name, text] of fields) entry.add(name, text);
  return entry;
}

function entriesOf(bytes: Buffer, cuts: readonly number[] = []): JournalEntry[] {
  const entries: JournalEntry[] = [];
  const reader = new ExportReader((entry) => {
    entry.keep();
    entries.push(entry);
  });
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    reader.push(bytes.subarray(from, cut));
    from = Math.max(from, cut);
  }
  reader.push(bytes.subarray(from));
  reader.finish();
  return entries;
}

describe('export format', () => {
  const name = fc.stringMatching(/^[A-Z][A-Z0-9_]{0,20}$/);
  const value = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constant('a\nb\n'), fc.constant(''));

  test('gives back what was written, however it is cut', () => {
    fc.assert(fc.property(fc.array(fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 6 }), { maxLength: 5 }), fc.array(fc.nat(2_000)), (entries, cuts) => {
      const bytes = Buffer.concat(entries.map(exported));
      const read = entriesOf(bytes, cuts.map((cut) => Math.min(cut, bytes.length)));
      expect(read.map((entry) => entry.names.map((each, at) => [each, entry.values[at]]))).toEqual(entries.map((fields) => fields.map(([each, text]) => [each, Buffer.from(text).toString('utf8')])));
    }));
  });

  test('a field that is too long is skipped and named, and what follows is read', () => {
    const entry = [['MESSAGE', Buffer.alloc(2 << 20, 65)], ['COREDUMP', `${'x'.repeat(70_000)}`], ['A', 'b']] as const;
    const bytes = Buffer.concat([exported([...entry, ['TEXT', 'y'.repeat(3 << 20)]]), exported([['MESSAGE', 'next']])]);
    const read = entriesOf(bytes, [10, 100_000, 1_000_000, 3_000_000]);
    expect(read.map(({ cut, names, values }) => [cut, names, values])).toEqual([[['MESSAGE', 'COREDUMP', 'TEXT'], ['A'], ['b']], [[], ['MESSAGE'], ['next']]]);
  });

  test('any bytes are read to their end', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 3_000 }), (bytes) => {
      for (const entry of entriesOf(Buffer.from(bytes))) expect(() => JSON.parse(lineOf(entry))).not.toThrow();
    }));
  });
});

describe('lines', () => {
  test('J6: the order of fields does not show; bytes, doubled and absent messages are as they are', () => {
    const a = '{"MESSAGE":[104,27,255],"_PID":"7","__CURSOR":"c","__REALTIME_TIMESTAMP":"1","_CMDLINE":"--token=secret","A":["x","y"]}';
    const b = '{"A":["x","y"],"__REALTIME_TIMESTAMP":"1","_PID":"7","MESSAGE":[104,27,255]}';
    const [one, two] = [entryOf(a), entryOf(b)];
    if (one === undefined || two === undefined) throw new Error('no entries');
    expect(lineOf(one)).toBe(lineOf(two));
    expect(lineOf(one)).toBe('{"A":["x","y"],"MESSAGE":"h\\u001b\ufffd","_PID":"7","__REALTIME_TIMESTAMP":"1"}\n');
    const twice = entryOf('{"__REALTIME_TIMESTAMP":"1","MESSAGE":[[97,0],"b"]}');
    expect(twice && [twice.values.slice(1), fieldOf(twice, 'MESSAGE')]).toEqual([['a\0', 'b'], 'a\0']);
    const none = entryOf('{"__REALTIME_TIMESTAMP":"1","MESSAGE":null}');
    expect(none && [fieldOf(none, 'MESSAGE'), none.cut]).toEqual([undefined, ['MESSAGE']]);
    expect(entryOf('{"MESSAGE":"x"}') ?? entryOf('[]') ?? entryOf('no')).toBeUndefined();
  });

  test('exported text and JSON of one entry are one line; other text passes as it is', async () => {
    const json = '{"_BOOT_ID":"b","__REALTIME_TIMESTAMP":"5","MESSAGE":"time=\\"x\\"","_PID":"3"}\n';
    const text = exported([['__REALTIME_TIMESTAMP', '5'], ['_BOOT_ID', 'b'], ['_PID', '3'], ['MESSAGE', 'time="x"']]);
    async function* stream(chunks: Buffer[]): AsyncGenerator<Buffer> {
      yield* chunks;
    }
    const read = async (...chunks: Buffer[]): Promise<string> => {
      let all = '';
      for await (const part of linesOf(stream(chunks))) all += part.toString();
      return all;
    };
    expect(await read(text)).toBe(await read(Buffer.from(json)));
    expect(await read(Buffer.from(json.slice(0, 60)), Buffer.from(json.slice(60)))).toBe(await read(text));
    expect(await read(Buffer.from('{"level":"info"}\n'), Buffer.from('x'))).toBe('{"level":"info"}\nx');
  });

  test('J6: pieces of a line are joined, each stream for itself', () => {
    const piece = (stream: string, text: string, last: boolean): JournalEntry =>
      entryWith(undefined, ['_STREAM_ID', stream], ['MESSAGE', text], ...(last ? [] : [['_LINE_BREAK', 'line-max'] as const]));
    const pieces = new Pieces();
    const whole = [piece('a', 'x', true), piece('a', '1', false), piece('b', 'y', true), piece('a', '2', false), piece('b', 'z', false), piece('a', '3', true)].flatMap((one) => pieces.add(one));
    expect(whole.map((entry) => fieldOf(entry, 'MESSAGE'))).toEqual(['x', 'y', '123']);
    expect(pieces.release().map((entry) => fieldOf(entry, 'MESSAGE'))).toEqual(['z']);
  });
});

describe('places', () => {
  test('reading goes on at a mark that is not beyond what is held, however many there were', () => {
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: 40_000 }), { minLength: 1, maxLength: 6_000 }), fc.nat(), (steps, seed) => {
      const marks = new Marks(NOWHERE);
      const places = new Map<number, string>();
      let at = 0;
      for (const [index, step] of steps.entries()) marks.add({ at: at += step, cursor: `c${index}` });
      for (const [index, step] of [0, ...steps].entries()) places.set((places.size === 0 ? 0 : [...places.keys()].at(-1) ?? 0) + step, `c${index - 1}`);
      const pinned = seed % (at + 1);
      const found = marks.before(pinned);
      expect(found.at).toBeLessThanOrEqual(pinned);
      if (found.cursor !== undefined) expect(places.get(found.at)).toBe(found.cursor);
      expect(marks.before(undefined)).toEqual({ at, cursor: `c${steps.length - 1}` });
    }), { numRuns: 30 });
  });

  test('what is saved comes back; a record of another form hands over all after its mark', () => {
    const record = { key: sourceKey('journal:x'), name: 'journal', mark: { at: 100, cursor: 's=1' }, from: 150, form: '1', since: 5n };
    const json: unknown = JSON.parse(JSON.stringify(journalToJson(record)));
    expect(journalFromJson(json)).toEqual(record);
    const none = { identifiers: new Set<string>(), begins: [], signs: [] };
    const forms = [formOf(undefined), formOf(none), formOf({ ...none, identifiers: new Set(['kata']) }), formOf({ ...none, begins: ['kata'] })];
    expect(new Set(forms).size).toBe(4);
    expect(forms.map((form) => doneBefore(record, form))).toEqual([150, 100, 100, 100]);
    expect(journalFromJson({ ...journalToJson(record), at: -1 })).toBeUndefined();
  });

  test('a cursor names one entry', () => {
    const text = `s=${'a'.repeat(32)};i=1f;b=${'b'.repeat(32)};m=5;t=6;x=7`;
    const [one, other] = [readCursor(text), readCursor(text.replace('x=7', 'x=8'))];
    expect(one?.number).toBe(31n);
    expect(one && other && [sameEntry(one, one), sameEntry(one, other)]).toEqual([true, false]);
    expect(readCursor('garbage')).toBeUndefined();
  });
});

describe('gaps', () => {
  const entry = (number: number, series = 'a', ...fields: readonly (readonly [string, string])[]): JournalEntry =>
    entryWith(`s=${series.repeat(32)};i=${number.toString(16)};b=${'b'.repeat(32)};m=5;t=${number.toString(16)};x=7`, ...fields);

  test('numbers left out are counted where all entries are read, once we are there; another series is no gap', () => {
    const log = new Journal();
    const told: Gap[] = [];
    const gaps = new Gaps('journal', log.log, true, (gap) => told.push(gap));
    gaps.entry(entry(1), false);
    gaps.entry(entry(9), false);
    gaps.entry(entry(10), true);
    gaps.entry(entry(1, 'c'), true);
    gaps.entry(entry(14), true);
    expect([gaps.counters.gaps, gaps.counters.entries_missing, log.count('journal_gap')]).toEqual([1, 3, 1]);
    expect(told).toEqual([{ name: 'vacuumed', from: 10_000n, to: 14_000n, missing: 3 }]);
  });

  test('the entry that was read last is gone: from it to the one that is found, or, where reading begins anew, to the first that is newer', () => {
    const told: Gap[] = [];
    const gaps = new Gaps('journal', new Journal().log, false, (gap) => told.push(gap));
    const cursor = (number: number): string => entry(number).cursor ?? '';
    gaps.lost(cursor(5), readCursor(cursor(9)));
    gaps.lost('garbage', readCursor(cursor(9)));
    gaps.lost(cursor(20), undefined);
    for (const number of [3, 20, 24, 25]) gaps.entry(entry(number), true);
    expect(told).toEqual([{ name: 'vacuumed', from: 5_000n, to: 9_000n, missing: 3 }, { name: 'vacuumed', from: 20_000n, to: 24_000n, missing: undefined }]);
  });

  test('J6: what journald left out is counted by its markers', () => {
    const log = new Journal();
    const gaps = new Gaps('journal', log.log, false, () => undefined);
    const marker = (transport: string): JournalEntry => entry(
      1, 'a', ['MESSAGE_ID', 'a596d6fe7bfa4994828e72309e95d61e'], ['N_DROPPED', '42'], ['_SYSTEMD_UNIT', 'systemd-journald.service'], ['_TRANSPORT', transport],
      ['MESSAGE', 'Suppressed 42 messages from containerd.service'],
    );
    gaps.entry(marker('driver'), true);
    gaps.entry(marker('journal'), true); // anybody can write that
    expect([gaps.counters.suppressed, log.find('journal_suppressed')?.fields['unit']]).toEqual([42, 'containerd.service']);
  });
});

describe('from the first moment on', () => {
  test('others wait for it while journalctl is asked what it is, and no longer where it cannot be read', async () => {
    const rig = new JournalRig({}, [], { command: '/bin/false' });
    expect([rig.source?.state, rig.follower.record()?.mark.at, rig.follower.reading]).toEqual(['begun', 0, false]);
    await until(10_000, () => rig.source?.state === 'ended', () => 'it is waited for');
    expect([rig.follower.record(), rig.follower.problem === undefined]).toEqual([undefined, false]);
    rig.follower.stop();
  });
});

describe('selections', () => {
  test.each([
    ['', []],
    ['containerd.service', ['_SYSTEMD_UNIT=containerd.service', '+', 'MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e']],
    ['kata, _PID=7,/srv/j', ['--directory=/srv/j', '_PID=7', '+', 'SYSLOG_IDENTIFIER=kata', '+', 'MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e']],
    ['ns:kube', ['--namespace=kube']],
  ])('%s', (text, wanted) => {
    const selection = parseSelection(text);
    if (typeof selection === 'string') throw new Error(selection);
    expect(argumentsOf(selection)).toEqual(wanted);
  });

  test.each(['--file=/etc/shadow', '+', 'pid=7', 'ns:', 'a\0b', '/a,/b'])('%s is refused', (text) => {
    expect(parseSelection(text)).toBeTypeOf('string');
  });

  test('another selection is another source', () => {
    const key = (identifiers: string[]): string => keyOf({ units: [], identifiers, matches: [] });
    expect(key(['a'])).not.toBe(key(['b']));
    expect(key(['a'])).toBe(key(['a']));
  });
});

test.each([
  ['No journal files were opened due to insufficient permissions.', 'no_permission'],
  ['Hint: You are currently not seeing messages from other users and the system.', 'no_permission'],
  ['Failed to open /x: No such file or directory', 'missing'],
  ['No journal files were found.', 'missing'],
  ['Bad message', 'unreadable'],
])('%s', (said, kind) => {
  expect(problemOf('journal', { ok: false, how: 'exit status 1', unrun: undefined, said }).kind).toBe(kind);
  expect(isLimited(said)).toBe(said.startsWith('Hint'));
});
