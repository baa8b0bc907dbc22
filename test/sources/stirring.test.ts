/** How soon folders are looked through when something came or went in them. Time passes when the test says so. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Clock } from '../../src/model/source.ts';
import { nanos, steady } from '../../src/model/time.ts';
import { Stirring } from '../../src/sources/stirring.ts';

let now = 0;
beforeEach(() => {
  vi.useFakeTimers();
  now = 100_000;
});
afterEach(() => void vi.useRealTimers());

const clock: Clock = { now: () => nanos(0n), steady: () => steady(now) };

/** Timers run on time, but for what a look holds up. */
function pass(ms: number): void {
  for (const end = now + ms; now < end;) {
    now += 1;
    vi.advanceTimersByTime(1);
  }
}

/** @param lasts how long a look takes, ms. */
function looking(lasts: number): { readonly stirring: Stirring; readonly looks: number[] } {
  const looks: number[] = [];
  const stirring = new Stirring(clock, () => {
    const began = clock.steady();
    looks.push(began);
    now += lasts;
    stirring.looked(began);
  });
  return { stirring, looks };
}

test('on a quiet host at once, and what comes meanwhile together', () => {
  const { stirring, looks } = looking(2);
  for (let each = 0; each < 5; each++) stirring.stirred();
  pass(1);
  expect(looks).toHaveLength(1);
  pass(1_000);
  stirring.stirred();
  pass(1);
  expect(looks).toHaveLength(2);
});

test('where much happens every 50 ms', () => {
  const { stirring, looks } = looking(1);
  for (let ms = 0; ms < 1_000; ms++) {
    stirring.stirred();
    pass(1);
  }
  expect(looks.length).toBeGreaterThan(15);
  expect(looks.length).toBeLessThanOrEqual(21);
});

test('where a look takes long, for a fifth of the time', () => {
  const { stirring, looks } = looking(200);
  for (const end = now + 10_000; now < end;) {
    stirring.stirred();
    pass(10);
  }
  expect(looks.length).toBeGreaterThanOrEqual(9);
  expect(looks.length).toBeLessThanOrEqual(11);
});

test('and never more than two seconds later, however long one took', () => {
  const { stirring, looks } = looking(0);
  stirring.looked(steady(now - 3_600_000));
  stirring.stirred();
  pass(2_000);
  expect(looks).toHaveLength(1);
});

test('not after it was stopped', () => {
  const { stirring, looks } = looking(0);
  stirring.stirred();
  stirring.stop();
  pass(100);
  expect(looks).toEqual([]);
});
