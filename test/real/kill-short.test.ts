import { expect, test } from 'vitest';
import { killRounds } from './kill.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

test('killed twenty times at random moments: nothing missing, one content per span', { timeout: 90_000 }, async () => {
  const report = await killRounds({ seed: SEED, rounds: 20, world: 'harsh' });
  console.log(JSON.stringify(report));
  expect(report.broken, `SEED=${SEED}`).toEqual([]);
});
