/** Real Kata 4.0.0 with runtime-rs, nine cases, against containerd's events and the client's own stamps. */
import { expect, test } from 'vitest';
import { attribute } from '../kata/recording.ts';
import { overRecordings } from '../support/corpus.ts';
import { KATA_RS, tracesOf } from '../support/ledger.ts';
import type { ReadResult } from '../support/ledger.ts';
import { CALLS, Recordings, spansOf, starts } from './both.ts';
import type { Failed } from './both.ts';
import { checkTrace } from './laws.ts';
import { created } from './recording.ts';

const CASES = ['start-stop', 'start-stop-info', 'seq5', 'par4', 'exec', 'pod2', 'pod-bad', 'fail-cmd', 'fail-vmm'] as const;
type Case = (typeof CASES)[number];

const recordings = new Recordings('kata-rs-4.0-real', 'journal.json.log', KATA_RS, CASES);
const journal = (name: Case): Buffer => recordings.journal(name);
const read = (name: Case): ReadResult => recordings.read(name);

/**
 * Milliseconds between the end of a request and containerd's event; four guests at once on two cores are slower. pod-bad: the thread that
 * writes the log was 118 ms late once. It wrote nothing in between, and the request itself stands in the journal after the event that ended
 * it: no line of the shim's is nearer, only containerd's own (`event forwarded ... topic=/tasks/start`), which is containerd's to tell.
 */
const within = (name: Case): number => (name === 'par4' ? 500 : name === 'pod-bad' ? 120 : 100);

/** Containers that never came up, by the first characters of their ids, and what the log says of them. */
const FAILED: Readonly<Partial<Record<Case, Failed>>> = {
  'pod-bad': { '662601': { outcome: 'failed', reason: /^the file \/bin\/nosuchcmd was not found$/ } },
  'fail-cmd': { '306410': { outcome: 'failed', reason: /^the file \/bin\/nosuchcmd was not found$/ } },
  // The VMM is gone and the shim does not notice: nothing says so.
  'fail-vmm': { '305287': { outcome: 'incomplete', reason: /^incomplete: .*"started" and "io begun" never came$/ } },
};

overRecordings('corpus/kata-rs-4.0-real', () => {
  recordings.check(within, FAILED);

  test.each(['start-stop', 'pod2'] as const)('%s: what is left of it at level info is the same starts', (name) => {
    const info = journal(name).toString('utf8').split('\n').filter((line) => !/"PRIORITY":"[67]"|"SUBSYSTEM":"agent".*\\"msg|\\"msg.*"SUBSYSTEM":"agent"|vm console:/.test(line)).map((line) => `${line}\n`).join('');
    const { traces } = tracesOf(info, { runtimes: [KATA_RS] });
    expect(starts(traces).flatMap(({ containers }) => containers).toSorted()).toEqual(created(recordings.folder(name)));
    expect(starts(traces).map(({ outcome }) => outcome)).toEqual(['ok']);
    for (const trace of traces) checkTrace(trace);
  });

  test('par4: no line of a guest is lost, and the clocks are those that were measured: one ten seconds ahead of the host, one a quarter of a second', () => {
    const offsets = new Map<string, number>();
    for (const trace of starts(read('par4').traces)) {
      const guest = trace.spans.filter(({ service }) => service === 'kata-agent').map(({ name }) => name);
      expect(guest).toEqual(expect.arrayContaining(CALLS));
      for (const span of trace.spans) {
        const offset = attribute(trace, span, 'shimtrace.clock.offset_ns');
        if (typeof offset === 'number') offsets.set(trace.id, offset / 1e9);
      }
    }
    const measured = [-10.1, -0.23, 0.35, 0.44];
    for (const [index, offset] of [...offsets.values()].toSorted((a, b) => a - b).entries()) expect(Math.abs(offset - (measured[index] ?? 0))).toBeLessThan(0.02);
    expect(offsets.size).toBe(measured.length);
  });

  test('what stops three times has stopped once, and exits count once', () => {
    for (const trace of read('seq5').traces.filter(({ episode }) => episode === 'stop')) {
      expect(spansOf(trace, 'hypervisor', 'vm: stop').length).toBe(1);
      expect(trace.loose).toEqual([]);
    }
  });

  test('fail-cmd: a request without an answer ends where its container is given up', () => {
    const [trace] = read('fail-cmd').traces;
    const [create] = spansOf(trace, 'kata-shim', 'create');
    const [remove] = spansOf(trace, 'kata-shim', 'delete');
    expect([create?.end, create?.certainty]).toEqual([remove?.start, 'bounded']);
    expect(create?.error).toBeDefined();
  });

  test('fail-vmm: a request that nothing ends is incomplete to where it was last seen', () => {
    const [trace] = read('fail-vmm').traces;
    const [create] = spansOf(trace, 'kata-shim', 'create');
    expect([create?.incomplete, create?.certainty]).toEqual([true, 'inferred']);
    expect((create?.end ?? 0) / 1e9).toBeGreaterThan(10);
  });
});
