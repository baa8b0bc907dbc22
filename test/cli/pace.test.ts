import { expect, test } from 'vitest';
import { Pace } from '../../src/model/pace.ts';
import { steady } from '../../src/model/time.ts';

/** How many of so many askers may pass, one every `gap` ms from `from` on. */
const passed = (pace: Pace, { from, gap, askers }: { from: number; gap: number; askers: number }): number =>
  Array.from({ length: askers }, (_, at) => pace.take(steady(from + at * gap))).filter(Boolean).length;

test('so many at once, and as many a second after that', () => {
  const pace = new Pace(10);
  expect(passed(pace, { from: 0, gap: 0, askers: 20 })).toBe(10);
  expect(passed(pace, { from: 1, gap: 10, askers: 201 })).toBe(20);
});

test('or so many at once, and fewer a second: after a rest as many at once again, and no more', () => {
  const pace = new Pace(5, 0.5);
  expect(passed(pace, { from: 0, gap: 0, askers: 20 })).toBe(5);
  expect(passed(pace, { from: 1, gap: 10, askers: 1_001 })).toBe(5);
  expect(passed(pace, { from: 60_000, gap: 0, askers: 20 })).toBe(5);
});
