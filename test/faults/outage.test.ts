import { expect, test } from 'vitest';
import { outage } from '../bench/outage.ts';

/** An hour at 1,000 lines a second. */
const LINES = Number(process.env['LINES'] ?? 3_600_000);
/** The aim is 150 MB, and the benchmark says whether it is met; what a busy machine adds by later collections is allowed for here. */
const MOST_MIB = 165e6 / 2 ** 20;

test(`a back-end that is away for ${LINES} lines (B1) costs no start and little memory`, { timeout: 900_000 }, async () => {
  const result = await outage(LINES);
  console.log(JSON.stringify(result));
  expect(result.delivered).toBe(result.starts);
  expect(result.peakAway).toBeLessThan(MOST_MIB);
  expect(result.spooled).toBeLessThan(256);
});
