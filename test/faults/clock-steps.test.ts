/** A clock that is set changes no interval, loses nothing, stalls nothing and makes nobody run in circles. */
import { describe, expect, test } from 'vitest';
import { bytesOf, tracesOf } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { start, text } from '../support/uruncwriter.ts';
import type { WrittenLine } from '../support/uruncwriter.ts';
import { Station } from './station.ts';

const AT = 1_795_216_000_000_000_000n;
const HOUR = 3_600_000_000_000n;
const YEAR = 365n * 24n * HOUR;

const STEPS: readonly (readonly [name: string, steps: readonly bigint[]])[] = [
  ['an hour forward', [HOUR]],
  ['an hour back', [-HOUR]],
  ['a year forward', [YEAR]],
  ['a year back', [-YEAR]],
  ['back and forth', [HOUR, -2n * HOUR, YEAR, -2n * YEAR, YEAR]],
];

const begun = (id: string, at: bigint): WrittenLine[] => start(new Random(3), { generation: 'D', id, at });

/** What the same lines give where no clock is asked. */
const expected = (lines: readonly WrittenLine[]): string[] => tracesOf(text(lines)).traces.map(bytesOf).sort();

describe('C1: the clock is set while a start is under way', () => {
  test.each(STEPS)('%s: the start is not cut, and its trace is the same to the byte', async (_, steps) => {
    await using station = new Station(AT);
    station.start();
    const lines = begun('under-way', AT);
    // The file is known and at its end before the start begins, as on any host that runs.
    await station.write('a.log', text(begun('before', AT - HOUR)));
    await station.settled(1);
    await station.write('a.log', text(lines.slice(0, 5)));
    for (const [index, step] of steps.entries()) {
      station.step(step);
      await station.write('a.log', text(lines.slice(5 + index, 6 + index)));
      // Whoever asks the wall clock whether the start has waited long enough cuts it here.
      await station.sweeps(2);
      expect(station.traces).toHaveLength(1);
    }
    await station.write('a.log', text(lines.slice(5 + steps.length)));
    await station.settled(2);
    expect(station.bytes).toEqual(expected([...begun('before', AT - HOUR), ...lines]));
    expect(Object.fromEntries(station.ledger.counts)).toEqual({ settled_ok: 2 });
  });
});

describe('C1: the clock is set between two starts, and the log goes on with it', () => {
  test.each(STEPS)('%s: each start is whole and no later than without', async (_, steps) => {
    await using station = new Station(AT);
    station.start();
    const written: WrittenLine[] = [];
    for (const [index, step] of [0n, ...steps].entries()) {
      station.step(step);
      const lines = begun(`start-${index}`, station.wall);
      written.push(...lines);
      await station.write('a.log', text(lines));
      await station.settled(index + 1);
    }
    expect(station.bytes).toEqual(expected(written));
    expect(station.traces.every((trace) => trace.outcome === 'ok')).toBe(true);
  });

  test('a start that nothing followed before a step back settles after it', async () => {
    await using station = new Station(AT);
    station.start();
    const first = begun('first', AT);
    await station.write('a.log', text(first));
    station.step(-YEAR);
    await station.settled(1);
    const second = begun('second', station.wall);
    await station.write('a.log', text(second));
    await station.settled(2);
    expect(station.bytes).toEqual([...expected(first), ...expected(second)].sort());
  });
});

test.each(STEPS)('C1: %s: nobody runs in circles', async (_, steps) => {
  await using station = new Station(AT);
  station.start();
  await station.write('a.log', text(begun('open', AT).slice(0, 5)));
  for (const step of steps) station.step(step);
  const { settles, sweeps, reads } = station.counts;
  await station.sweeps(20);
  const looked = station.counts.settles - settles;
  // One look after each sweep and each reading, and one when something was due.
  expect(looked).toBeLessThanOrEqual(station.counts.sweeps - sweeps + (station.counts.reads - reads) + 2);
});
