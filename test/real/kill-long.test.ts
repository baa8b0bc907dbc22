import { expect, test } from 'vitest';
import { killRounds } from './kill.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 200);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

test(`killed ${ROUNDS} times at random moments: nothing missing, one content per span`, { timeout: 60_000 + ROUNDS * 3_000 }, async () => {
  const report = await killRounds(SEED, ROUNDS);
  console.log(JSON.stringify(report));
  expect(report.broken, `SEED=${SEED}`).toEqual([]);
});
