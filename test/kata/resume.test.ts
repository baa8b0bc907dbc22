/** A reader that dies at some byte of a Kata log and goes on from what it remembered: the same traces, byte for byte. */
import { expect, test } from 'vitest';
import { overRecordings } from '../support/corpus.ts';
import { KATA1, bytesOf, tracesOf } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { resumed, union } from '../urunc/resume.ts';
import { journal } from './recording.ts';
import type { Case } from './recording.ts';

const ROUNDS = Number(process.env['RUNS'] ?? 60);

function timeOf(line: string): bigint | undefined {
  const [, seconds, fraction = ''] = /time="(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z"/.exec(line) ?? [];
  return seconds === undefined ? undefined : BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
}

/** Kata's own lines, in the order of their times: how late a line may come is the sources' matter, not this test's. */
function logOf(name: Case): string {
  const lines = journal(name).toString('utf8').split('\n').filter((line) => line.includes(' kata-') && timeOf(line) !== undefined);
  return `${lines.sort((a, b) => ((timeOf(a) ?? 0n) < (timeOf(b) ?? 0n) ? -1 : 1)).join('\n')}\n`;
}

overRecordings('cut and resumed', () => {
  test.each(['start-stop', 'exec', 'fail-vmm', 'pod2', 'pod2-pause-exited', 'par4'] as const)('%s', (name) => {
    const log = logOf(name);
    const wanted = new Map(tracesOf(log, { runtimes: [KATA1] }).traces.map((trace) => [trace.id, bytesOf(trace)]));
    const random = new Random(3);
    for (let round = 0; round < ROUNDS; round++) {
      const cut = random.whole(0, log.length);
      expect(union(resumed(log, cut, random, { runtimes: [KATA1], timeOf })), `cut at ${cut}`).toEqual(wanted);
    }
  });
});
