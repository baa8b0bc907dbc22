/** Who looks at finished starts: what they are told, and that none of them can stop a trace. */
import { expect, test } from 'vitest';
import { Finished } from '../../src/cli/finished.ts';
import type { Logger } from '../../src/cli/logger.ts';
import type { FinishedStart } from '../../src/model/finished.ts';
import { after, duration, MINUTE, nanos } from '../../src/model/time.ts';
import { Journal } from '../support/files.ts';
import { uruncTrace } from '../render/trace.ts';

const trace = uruncTrace();
const END = after(trace.at, trace.wall);

function scene(known: (id: string) => boolean = () => false, broken = false): { finished: Finished; seen: FinishedStart[]; journal: Journal } {
  const seen: FinishedStart[] = [];
  const journal = new Journal();
  const log: Logger = (level, event, fields = {}) => journal.log(level === 'trace' ? 'debug' : level, event, fields);
  const bad = { name: 'broken', see: () => { throw new Error('out of order'); } };
  const finished = new Finished([...(broken ? [bad] : []), { name: 'list', see: (start) => void seen.push(start) }], known, log);
  return { finished, seen, journal };
}

test.each([
  ['ended just now', 0, true],
  ['ended ten minutes ago', 10 * MINUTE, true],
  ['ended earlier', 10 * MINUTE + 1, false],
  ['ends in a second by a clock that was set back', -1_000_000_000, true],
  ['ends in an hour', -60 * MINUTE, false],
])('a start that %s', (_, age, live) => {
  const { finished, seen } = scene();
  finished.tell(trace, after(END, duration(age)));
  expect(seen).toEqual([{ trace, live }]);
});

test('a start that was seen before is told again, but counts no more', () => {
  const { finished, seen } = scene((id) => id === trace.id);
  finished.tell(trace, END);
  finished.tell({ ...trace, id: 'f'.repeat(32) }, END);
  expect(seen.map(({ live }) => live)).toEqual([false, true]);
});

test('a start of the year 1970 or of another age is history', () => {
  const { finished, seen } = scene();
  for (const at of [nanos(0n), nanos(-5n), nanos(2n ** 63n)]) finished.tell({ ...trace, at }, END);
  expect(seen.map(({ live }) => live)).toEqual([false, false, false]);
});

test('one who fails is named once, and the others are told', () => {
  const { finished, seen, journal } = scene(undefined, true);
  for (let n = 0; n < 3; n++) finished.tell(trace, END);
  expect(seen).toHaveLength(3);
  expect(journal.entries.filter(({ event }) => event === 'observer_failed').map(({ fields }) => fields['observer'])).toEqual(['broken']);
});

test('a memory that fails does not hide a start', () => {
  const { finished, seen, journal } = scene(() => { throw new Error('no memory'); });
  for (let n = 0; n < 2; n++) finished.tell(trace, END);
  expect(seen.map(({ live }) => live)).toEqual([true, true]);
  expect(journal.count('observer_failed')).toBe(1);
});
