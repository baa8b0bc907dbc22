import { expect, test } from 'vitest';
import { outage } from '../bench/outage.ts';

/** An hour at 1,000 lines a second. */
const LINES = Number(process.env['LINES'] ?? 3_600_000);
const MEGABYTE = 1e6 / 2 ** 20;

test(`a back-end that is away for ${LINES} lines (B1) costs no start and little memory`, { timeout: 900_000 }, async () => {
  const result = await outage(LINES);
  console.log(JSON.stringify(result));
  expect(result.delivered).toBe(result.starts);
  expect(result.peakAway).toBeLessThan(150 * MEGABYTE);
  expect(result.spooled).toBeLessThan(256);
});
