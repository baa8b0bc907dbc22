/** Lines that others published, of Kata 2.x to 4.x: each gets a verdict, and what is unknown is known to be. */
import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { corpusFile, haveCorpus, overRecordings } from '../support/corpus.ts';
import { KATA1, KATA_GO, KATA_RS, URUNC, tracesOf } from '../support/ledger.ts';

const FOLDER = corpusFile('kata-2-to-4/');
const NAMES = haveCorpus ? readdirSync(FOLDER).filter((name) => name.endsWith('.log')).sort() : [];

/** Lines of the agent alone, as it writes them in the guest: nothing says whose sandbox it is. */
const UNKNOWN: Readonly<Record<string, number>> = { 'ccv0-agent-create-container-console.log': 44 };

/** What became of it: runtime, kind, outcome. */
const TRACES: Readonly<Record<string, readonly string[]>> = {
  'kata2-node4-qemu-full-debug-start.log': ['kata-go start incomplete'],
  'kata2-node4-qemu-info-start.log': ['kata-go start ok'],
  'nixos-kata21-ctr-vsock-timeout.log': ['kata-go start incomplete'],
};

overRecordings('corpus/kata-2-to-4', () => {
  test('there are samples', () => {
    expect(NAMES.length).toBeGreaterThan(5);
  });

  test.each(NAMES)('%s', (name) => {
    const log = readFileSync(FOLDER + name);
    const { traces, verdicts } = tracesOf(log, { runtimes: [KATA1, KATA_GO, KATA_RS, URUNC] });
    const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((total, count) => total + count, 0);
    expect(verdicts.events + verdicts.unknown + sum(verdicts.ignored) + sum(verdicts.malformed)).toBe(verdicts.lines);
    expect(verdicts.lines).toBe(log.toString('latin1').split('\n').length - 1);
    expect([verdicts.unknown, verdicts.malformed]).toEqual([UNKNOWN[name] ?? 0, {}]);
    expect(traces.map(({ runtime, episode, outcome }) => `${runtime} ${episode} ${outcome}`)).toEqual(TRACES[name] ?? []);
  });
});
