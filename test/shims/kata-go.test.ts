/** Real Kata 4.0.0 with the Go shim, eleven cases, against containerd's events and the client's own stamps. */
import { expect, test } from 'vitest';
import type { Trace } from '../../src/model/trace.ts';
import { attribute } from '../kata/recording.ts';
import { overRecordings } from '../support/corpus.ts';
import { KATA_GO, tracesOf } from '../support/ledger.ts';
import type { ReadResult } from '../support/ledger.ts';
import { CALLS, Recordings, spansOf, starts } from './both.ts';
import type { Failed } from './both.ts';
import { checkTrace } from './laws.ts';
import { created, needed } from './recording.ts';

const CASES = ['start-stop', 'start-stop-info', 'seq5', 'par4', 'exec', 'exec-hang', 'pod2', 'pod-bad', 'fail-cmd', 'fail-vmm', 'fail-agent-timeout'] as const;
type Case = (typeof CASES)[number];

const recordings = new Recordings('kata-go-4.0-real', 'journal.log', KATA_GO, CASES);
const journal = (name: Case): Buffer => recordings.journal(name);
const read = (name: Case): ReadResult => recordings.read(name);

/** Milliseconds between the end of a request and containerd's event; four guests at once on two cores are slower. */
const within = (name: Case): number => (name === 'par4' ? 500 : 100);

/** Containers that never came up, by the first characters of their ids, and what the log says of them. */
const FAILED: Readonly<Partial<Record<Case, Failed>>> = {
  'pod-bad': { d8d256: { outcome: 'failed', reason: /^the file \/bin\/nosuchcmd was not found$/ } },
  'fail-cmd': { '72143e': { outcome: 'failed', reason: /^the file \/bin\/nosuchcmd was not found$/ } },
  'fail-vmm': { '07acef': { outcome: 'failed', reason: /'no-such-device' is not a valid device model name/ } },
  'fail-agent-timeout': { a140d2: { outcome: 'failed', reason: /timed out connecting to vsock \d+:1024$/ } },
};

overRecordings('corpus/kata-go-4.0-real', () => {
  recordings.check(within, FAILED);

  test.each(CASES)('%s: the two copies of a line are one event, whichever is there', (name) => {
    const log = journal(name).toString('utf8');
    const only = (identifier: string): string => log.split('\n').filter((line) => line.includes(` ${identifier}[`)).map((line) => `${line}\n`).join('');
    const { traces, verdicts, counts } = read(name);
    const marks = traces.reduce((sum, { spans }) => sum + spans.reduce((all, { events }) => all + events.length, 0), 0);
    for (const identifier of ['kata', 'containerd']) {
      const alone = tracesOf(only(identifier), { runtimes: [KATA_GO] });
      const evidence = alone.traces.reduce((sum, { spans }) => sum + spans.reduce((all, { events }) => all + events.length, 0), 0);
      expect(evidence).toBeLessThanOrEqual(marks);
    }
    if (counts['duplicate'] !== undefined) expect(counts['duplicate']).toBeLessThan(verdicts.events);
  });

  test('start-stop: as text and as JSON, and both read at once: the same spans', () => {
    const text = read('start-stop').traces;
    const json = needed('kata-go-4.0-real/start-stop/journal.json.log');
    const shapes = (traces: readonly Trace[]): unknown => traces.map(({ spans }) => spans.map(({ name, service, start, end, certainty }) => [service, name, start, end, certainty]));
    expect(shapes(tracesOf(json, { runtimes: [KATA_GO] }).traces)).toEqual(shapes(text));
    const both = tracesOf([{ log: journal('start-stop'), key: 'a' }, { log: json, key: 'b' }], { runtimes: [KATA_GO], eager: false });
    expect(shapes(both.traces)).toEqual(shapes(text));
  });

  test.each(['start-stop', 'pod2', 'pod-bad'] as const)('%s: what is left of it at level info is the same starts, no longer exact', (name) => {
    const info = journal(name).toString('utf8').split('\n').filter((line) => !line.includes('level=debug')).map((line) => `${line}\n`).join('');
    const { traces } = tracesOf(info, { runtimes: [KATA_GO] });
    expect(starts(traces).flatMap(({ containers }) => containers).toSorted()).toEqual(created(recordings.folder(name)));
    expect(starts(traces).map(({ outcome }) => outcome)).toEqual(starts(read(name).traces).map(({ outcome }) => outcome));
    for (const trace of traces) checkTrace(trace);
    for (const span of traces.flatMap(({ spans }) => spans)) if (span.service === 'kata-shim' && /^(create|start)$/.test(span.name)) expect(span.certainty).toBe('bounded');
  });

  test('par4: no line of a guest is lost, and the clocks are those that were measured', () => {
    for (const trace of starts(read('par4').traces)) {
      const guest = trace.spans.filter(({ service }) => service === 'kata-agent').map(({ name }) => name);
      expect(guest).toEqual(expect.arrayContaining(CALLS));
      for (const span of trace.spans) {
        const offset = attribute(trace, span, 'shimtrace.clock.offset_ns');
        if (typeof offset === 'number') expect(Math.abs(offset)).toBeLessThan(1.2e9);
      }
    }
  });

  test('exec-hang: requests that never end are incomplete, and say which', () => {
    const hung = read('exec-hang').traces.filter(({ outcome }) => outcome === 'incomplete');
    expect(hung.map(({ episode, errorType }) => [episode, errorType])).toEqual([['exec', 'incomplete'], ['stop', 'incomplete'], ['stop', 'incomplete'], ['stop', 'incomplete']]);
    expect(hung[0]?.spans[0]?.error).toMatch(/"exec running" and "start ended" never came/);
    expect(hung[1]?.spans[0]?.error).toMatch(/"kill ended" never came/);
  });

  test('start-stop: the figures of Kata\'s own tests', () => {
    const [start, stop] = read('start-stop').traces;
    const figure = (trace: Trace | undefined, name: string): unknown => trace?.spans[0] && attribute(trace, trace.spans[0], `shimtrace.kata.${name}`);
    const [boot] = spansOf(start, 'kata-agent', 'guest: kernel boot');
    const [create] = spansOf(start, 'kata-shim', 'create');
    const workload = Number(figure(start, 'to_workload'));
    expect(workload).toBeGreaterThan(create?.end ?? Infinity);
    expect(workload).toBeLessThan(start?.wall ?? 0);
    expect(figure(start, 'in_kernel')).toBe((boot?.end ?? 0) - (boot?.start ?? 0));
    expect(figure(start, 'to_kernel')).toBe(workload - Number(figure(start, 'in_kernel')));
    expect(figure(start, 'to_quit')).toBeUndefined();
    expect(figure(stop, 'to_quit')).toBeGreaterThan(0);
    const [info] = read('start-stop-info').traces;
    expect([figure(info, 'in_kernel'), figure(info, 'to_kernel')]).toEqual([undefined, undefined]);
    expect(figure(info, 'to_workload')).toBeGreaterThan(1e9);
  });
});
