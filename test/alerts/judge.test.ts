import { describe, expect, test } from 'vitest';
import { breachesOf, concerns, isError } from '../../src/alerts/judge.ts';
import type { Breach } from '../../src/alerts/judge.ts';
import type { History, Rule } from '../../src/model/alert.ts';
import { duration } from '../../src/model/time.ts';
import { rule, slowStart } from './parts.ts';

const above = (ms: number): Rule['above'] => ({ kind: 'fixed', limit: duration(ms * 1e6) });
const usual = (factor: number): Rule['above'] => ({ kind: 'relative', factor, percentile: 95, window: duration(7 * 86_400e9) });
const said = (breaches: readonly Breach[]): [string, number, number][] => breaches.map(({ phase, took, limit }) => [phase, took / 1e6, limit / 1e6]);
const history = (ms: number, samples: number): History => ({ percentile: () => ({ value: duration(ms * 1e6), samples }) });

describe('a limit of its own', () => {
  test.each([[2_000, 1_000, [['total', 2_000, 1_000]]], [1_000, 1_000, []], [999, 1_000, []]])('active %i ms against %i ms; the gap of the caller does not count', (active, limit, breaches) => {
    expect(said(breachesOf(rule({ above: above(limit) }), slowStart(active), undefined))).toEqual(breaches);
  });

  test('a phase by its name, also one that waits for the caller', () => {
    expect(said(breachesOf(rule({ phase: 'create: wait', above: above(500) }), slowStart(2_000), undefined))).toEqual([['create: wait', 1_200, 500]]);
    expect(said(breachesOf(rule({ phase: 'reexec: wait', above: above(500) }), slowStart(2_000), undefined))).toEqual([['reexec: wait', 2_800, 500]]);
    expect(breachesOf(rule({ phase: 'create: wa', above: above(1) }), slowStart(2_000), undefined)).toEqual([]);
  });

  test('any phase: the part before the whole, nothing that overlaps a gap of the caller', () => {
    expect(said(breachesOf(rule({ phase: '*', above: above(500) }), slowStart(2_000), undefined))).toEqual([['create: wait', 1_200, 500], ['create', 2_000, 500]]);
  });
});

describe('a factor over what was usual', () => {
  test.each([[2, 900, 100, 1], [2, 1_000, 100, 0], [2, 900, 49, 0], [3, 900, 100, 0]])('%d x %i ms of %i starts', (factor, value, samples, breaches) => {
    expect(breachesOf(rule({ above: usual(factor) }), slowStart(2_000), history(value, samples))).toHaveLength(breaches);
  });

  test('the breach tells what it was held against; without a history there is none', () => {
    const [breach] = breachesOf(rule({ above: usual(2) }), slowStart(2_000), history(900, 60));
    expect(breach?.usual).toEqual({ factor: 2, percentile: 95, window: 7 * 86_400e9, value: 900e6, samples: 60 });
    expect(breach?.limit).toBe(1_800e6);
    expect(breachesOf(rule({ above: usual(2) }), slowStart(2_000), undefined)).toEqual([]);
    expect(breachesOf(rule({ above: usual(2) }), slowStart(2_000), { percentile: () => undefined })).toEqual([]);
  });

  test('each phase is asked for by its name', () => {
    const asked: string[] = [];
    const slow: History = { percentile: ({ runtime, rootLayer }, phase, percentile, window) => (asked.push(`${runtime} ${rootLayer} ${phase} ${percentile} ${window}`), { value: duration(1e6), samples: 100 }) };
    breachesOf(rule({ phase: '*', above: usual(2) }), slowStart(2_000), slow);
    expect(asked).toEqual([`urunc runtime create 95 ${7 * 86_400e9}`, `urunc runtime create: wait 95 ${7 * 86_400e9}`]);
  });
});

test('whom a rule concerns', () => {
  expect(concerns(rule(), slowStart(1))).toBe(true);
  expect(concerns(rule({ runtime: 'urunc' }), slowStart(1))).toBe(true);
  expect(concerns(rule({ runtime: 'kata-1' }), slowStart(1))).toBe(false);
  expect(concerns(rule(), slowStart(1, { episode: 'stop' }))).toBe(false);
  expect([isError(slowStart(1)), isError(slowStart(1, { outcome: 'incomplete', errorType: 'incomplete' })), isError(slowStart(1, { outcome: 'created' }))]).toEqual([false, true, false]);
});
