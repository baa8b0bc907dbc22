/** Starts of real urunc as containerd's journal, its events and urunc's own log tell of them together: one trace each. */
import { describe, expect, test } from 'vitest';
import { duration } from '../../src/model/time.ts';
import type { Span, Trace } from '../../src/model/trace.ts';
import { attribute, eventLog, moment, recorded, rootOf, seen } from '../containerd/recording.ts';
import type { Seen } from '../containerd/recording.ts';
import { overRecordings, recordedLogs } from '../support/corpus.ts';
import { CONTAINERD, EVENTS, KATA1, KATA_GO, KATA_RS, printed, RUNC, tracesOf, URUNC } from '../support/ledger.ts';
import type { LogFile, ReadResult } from '../support/ledger.ts';
import { GENERATIONS } from '../support/uruncwriter.ts';
import type { Generation } from '../support/uruncwriter.ts';
import { creditsAddUp, lieInside } from './laws.ts';

const ALL = [URUNC, CONTAINERD, EVENTS, RUNC, KATA1, KATA_GO, KATA_RS];
/** In the last four urunc was called by hand, and containerd knows nothing of it. */
const CASES = ['single', 'seq10', 'conc8', 'exit3', 'tty', 'restart', 'net', 'mixed', 'plain3', 'fail-nobin', 'fail-nohv', 'fail-badhv', 'fail-badtype', 'fail-target', 'debug', 'cri-pod', 'cri-gap', 'cri-pods4', 'cri-plain', 'cri-fail', 'hooks', 'createonly', 'killed', 'rotated'] as const;

const logsOf = (generation: Generation, name: string): LogFile[] => [
  ...recordedLogs(generation, name).map((log, at) => ({ log, key: `urunc ${at}`, rank: at })),
  { log: recorded(`urunc-real/${generation}/${name}.journal.log`), key: 'journal' },
  { log: eventLog(seen(`${generation}/${name}`), name.startsWith('cri') ? 'k8s.io' : 'default'), key: 'events' },
];

const together = (generation: Generation, name: string, turned = false): ReadResult => {
  const logs = logsOf(generation, name);
  return tracesOf(turned ? logs.toReversed() : logs, { runtimes: ALL, eager: false });
};

/** Up to 0.5 `urunc start` only sends the message: the hypervisor is execed after containerd has told that the task runs, with four at once by up to 21 ms. */
const late = (generation: Generation): bigint => (generation === 'D' || generation === 'C2' ? 0n : 25_000_000n);

const isStart = ({ episode }: Trace): boolean => episode === 'start';
const ends = (trace: Trace, name: string): { readonly container: unknown; readonly end: bigint }[] =>
  trace.spans.filter((span) => span.name === name && String(attribute(trace, span, 'shimtrace.to')).startsWith('/tasks/')).map((span) => ({ container: attribute(trace, span, 'container.id'), end: moment(trace, span.end) }));
const of = (all: readonly Seen[], what: string): { readonly container: string; readonly end: bigint }[] =>
  all.filter((one) => one.source === 'containerd' && one.what === what).map(({ container, time }) => ({ container, end: time }));
const byEnd = (a: { readonly end: bigint }, b: { readonly end: bigint }): number => (a.end < b.end ? -1 : 1);

/** urunc's own spans with whom they are of and when they were, as text. */
const uruncs = (trace: Trace): string[] =>
  trace.spans.filter(({ service, parent }) => service.startsWith('urunc') && parent !== undefined)
    .map((span: Span) => `${String(attribute(trace, span, 'container.id'))} ${span.service} ${span.name} ${moment(trace, span.start)} ${moment(trace, span.end)}`);

overRecordings('urunc with containerd around it', () => {
  for (const generation of GENERATIONS) {
    describe(generation, () => {
      for (const name of CASES) {
        if (generation === 'C2' && name === 'cri-fail') continue; // not recorded
        test(name, () => check(generation, name));
      }

      test('restart: three starts of one container are three traces', () => {
        expect(together(generation, 'restart').traces.filter(isStart).map(({ runtime, outcome }) => [runtime, outcome])).toEqual([['urunc', 'ok'], ['urunc', 'ok'], ['urunc', 'ok']]);
      });

      test('fail-nobin: a task that exits at once has failed', () => {
        const [start, ...others] = together(generation, 'fail-nobin').traces.filter(isStart);
        expect([start?.outcome, start?.errorType, others]).toEqual(['failed', 'exit_1', []]);
      });

      test('fail-nobin: how soon is the user\'s word', () => {
        const { traces } = tracesOf(logsOf(generation, 'fail-nobin'), { runtimes: ALL, eager: false, exitWithin: duration(10_000_000) });
        expect(traces.filter(isStart).map(({ outcome, errorType }) => [outcome, errorType])).toEqual([['ok', undefined]]);
      });

      test('plain containers that were handed over are starts of runc', () => {
        const { traces } = together(generation, 'plain3');
        expect(traces.filter(isStart).map(({ runtime, outcome }) => [runtime, outcome])).toEqual([['runc', 'ok'], ['runc', 'ok'], ['runc', 'ok']]);
      });

      test('pods: a trace each, with the containers that start in it', () => {
        const starts = together(generation, 'cri-pods4').traces.filter(isStart);
        expect(starts.map((trace) => [rootOf(trace).name, trace.containers.length, trace.outcome, trace.rootLayer])).toEqual(starts.map(() => ['pod start', 2, 'ok', 'cri']));
        expect(starts).toHaveLength(4);
      });
    });
  }
});

function check(generation: Generation, name: string): void {
  const all = seen(`${generation}/${name}`);
  const { traces } = together(generation, name);
  const starts = traces.filter(isStart);
  for (const trace of traces) {
    lieInside(trace);
    if (trace.rootLayer === 'cri' && isStart(trace)) creditsAddUp(trace);
  }
  expect(starts.every(({ rootLayer }) => rootLayer === (all.some(({ what }) => what === '/containers/create') ? 'cri' : 'runtime'))).toBe(true);
  // What containerd says, to the nanosecond, and each once.
  expect(starts.flatMap((trace) => ends(trace, 'oci: create')).toSorted(byEnd)).toEqual(of(all, '/tasks/create').toSorted(byEnd));
  expect(starts.flatMap((trace) => ends(trace, 'oci: start')).toSorted(byEnd)).toEqual(of(all, '/tasks/start').toSorted(byEnd));
  // Its driver saw it begin before and end after; where it did not stamp how it made the container, it saw the rest.
  const [first] = all.filter(({ source }) => source === 'driver');
  for (const trace of starts) {
    const begun = all.findLast(({ what, time }) => /^(?:ctr run|task start|RunPodSandbox|urunc create) begins/.test(what) && time <= trace.at);
    expect(begun !== undefined || (name === 'restart' && trace.at < (first?.time ?? 0n))).toBe(true);
    const last = trace.containers.at(-1) ?? trace.container;
    const over = all.find(({ what, container, time }) => /^(?:ctr run|task start|StartContainer) ends$/.test(what) && container === last && time > trace.at);
    if (over !== undefined && trace.outcome === 'ok') expect(moment(trace, trace.wall)).toBeLessThanOrEqual(over.time + late(generation));
  }
  // urunc's spans are those of its log alone, each in the trace of its container.
  const alone = tracesOf(recordedLogs(generation, name).map((log, at) => ({ log, key: `urunc ${at}`, rank: at })), { eager: false }).traces;
  expect(traces.flatMap(uruncs).toSorted()).toEqual(alone.flatMap(uruncs).toSorted());
  // In whatever order they are read.
  expect(printed(together(generation, name, true).traces)).toBe(printed(traces));
}
