import { afterAll, describe, expect, test } from 'vitest';
import { killRounds } from './kill.ts';
import type { KillReport } from './kill.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
/** Kills in all: a tenth of them each in shards of their own, so that what is wrong is found in a small world. */
const KILLS = Number(process.env['KILLS'] ?? 200);
const SHARDS = 10;
const rounds = Math.ceil(KILLS / SHARDS);
/** What may be sent again, of what is sent: a prototype had a fifth. One shard may have bad luck with one large request. */
const MOST_REPEATED = 0.4;

describe(`killed ${rounds * SHARDS} times at random moments (F1): nothing missing, one content per span`, () => {
  const reports: KillReport[] = [];

  test.each(Array.from({ length: SHARDS }, (_, shard) => SEED + shard))('seed %i', { timeout: 60_000 + rounds * 4_000 }, async (seed) => {
    const report = await killRounds({ seed, rounds, world: 'busy', outage: 20 });
    reports.push(report);
    console.log(JSON.stringify(report));
    expect(report.broken).toEqual([]);
    expect(report.state).toBeLessThan(2 ** 20);
  });

  afterAll(() => {
    const sum = (figure: (report: KillReport) => number): number => reports.reduce((total, report) => total + figure(report), 0);
    const share = sum(({ repeated }) => repeated) / sum(({ sent }) => sent);
    console.log(`${sum((report) => report.rounds)} kills, ${sum(({ rotations }) => rotations)} rotations, ${sum(({ sent }) => sent)} traces sent, ${Math.round(share * 100)} % of them again (${sum(({ answered }) => answered)} that had been answered)`);
    expect(share).toBeLessThan(MOST_REPEATED);
    expect(sum(({ rotations }) => rotations)).toBeGreaterThan(KILLS / 20);
  });
});
