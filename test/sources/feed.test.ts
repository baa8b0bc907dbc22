/** Which entries of a journal become lines. */
import { expect, test } from 'vitest';
import { sourceKey } from '../../src/model/source.ts';
import type { Writers } from '../../src/model/writers.ts';
import { ExportReader } from '../../src/sources/journal/export.ts';
import { Feed } from '../../src/sources/journal/feed.ts';
import { NOWHERE } from '../../src/sources/journal/marks.ts';
import { FakeIntake } from '../support/files.ts';
import { exported } from '../support/journald.ts';

const WRITERS: Writers = { identifiers: new Set(['kata']), begins: ['time='], signs: ['NAME'] };
type Field = readonly [name: string, text: string];

/** Feeds entries of one second each, cut into chunks of `size` bytes. */
function fed(entries: readonly (readonly Field[])[], size: number): { intake: FakeIntake; feed: Feed } {
  const intake = new FakeIntake();
  const source = intake.begin({ key: sourceKey('j'), name: 'j', fresh: true, rank: 0 });
  const feed = new Feed(intake, source, { pid: '1', unit: undefined, machine: undefined, boot: undefined }, NOWHERE, 0, WRITERS);
  const reader = new ExportReader((entry) => feed.take(entry));
  const bytes = Buffer.concat(entries.map((fields, at) => exported([['__CURSOR', `c${at}`], ['__REALTIME_TIMESTAMP', `${at + 1}000000`], ...fields])));
  for (let at = 0; at < bytes.length; at += size) {
    reader.push(bytes.subarray(at, at + size));
    feed.flush();
  }
  return { intake, feed };
}

const ENTRIES: readonly (readonly Field[])[] = [
  [['MESSAGE', 'link up'], ['SYSLOG_IDENTIFIER', 'kernel']],
  [['MESSAGE', 'anything'], ['SYSLOG_IDENTIFIER', 'kata']],
  [['MESSAGE', 'time="x"'], ['SYSLOG_IDENTIFIER', 'unheard-of']],
  [['MESSAGE', 'native'], ['NAME', 'kata-runtime'], ['_COMM', 'x']],
  [['MESSAGE', 'of nobody']],
  [['MESSAGE', 'Accepted'], ['_COMM', 'sshd']],
  [['_COMM', 'sshd']],
  // A line in pieces: the second is no record by its look.
  [['MESSAGE', 'time="long'], ['SYSLOG_IDENTIFIER', 'unheard-of'], ['_STREAM_ID', 's'], ['_LINE_BREAK', 'line-max']],
  [['MESSAGE', ' and longer"'], ['SYSLOG_IDENTIFIER', 'unheard-of'], ['_STREAM_ID', 's']],
  [['MESSAGE', 'piece'], ['SYSLOG_IDENTIFIER', 'cron'], ['_STREAM_ID', 't'], ['_LINE_BREAK', 'line-max']],
];

test.each([1 << 16, 97, 3])('nobody\'s business is counted with its times, the rest are lines, in chunks of %d bytes', (size) => {
  const { intake, feed } = fed(ENTRIES, size);
  const [source] = intake.sources;
  expect(source?.lines.map(({ text }) => /"MESSAGE":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1])).toEqual(['anything', 'time=\\"x\\"', 'native', 'of nobody', 'time=\\"long and longer\\"']);
  const passed = source?.passed ?? [];
  expect([passed.reduce((sum, { lines }) => sum + lines, 0), passed[0]?.first, passed.at(-1)?.last]).toEqual([4, 1_000_000_000n, 10_000_000_000n]);
  expect([feed.counters.entries, feed.marks.newest.cursor]).toEqual([10, 'c9']);
});

test('places do not depend on how the output was cut', () => {
  const places = [1 << 16, 97, 3].map((size) => fed(ENTRIES, size)).map(({ intake, feed }) => [intake.sources[0]?.lines.map(({ offset }) => offset), feed.marks.newest.at]);
  expect(places[1]).toEqual(places[0]);
  expect(places[2]).toEqual(places[0]);
});
