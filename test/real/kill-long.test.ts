import { describe, expect, test } from 'vitest';
import { killRounds } from './kill.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
/** Kills in all: a tenth of them each in shards of their own, so that what is wrong is found in a small world. */
const ROUNDS = Number(process.env['ROUNDS'] ?? 200);
const SHARDS = 10;
const rounds = Math.ceil(ROUNDS / SHARDS);
/** What may be sent again, of what is sent: a prototype had a fifth. */
const MOST_REPEATED = 0.4;

describe(`killed ${rounds * SHARDS} times at random moments (F1): nothing missing, one content per span`, () => {
  test.each(Array.from({ length: SHARDS }, (_, shard) => SEED + shard))('seed %i', { timeout: 60_000 + rounds * 4_000 }, async (seed) => {
    const report = await killRounds({ seed, rounds, world: 'busy', outage: 20 });
    console.log(JSON.stringify(report));
    expect(report.broken).toEqual([]);
    expect(report.rotations).toBeGreaterThan(rounds / 20);
    expect(report.state).toBeLessThan(2 ** 20);
    expect(report.repeated / report.sent).toBeLessThan(MOST_REPEATED);
  });
});
