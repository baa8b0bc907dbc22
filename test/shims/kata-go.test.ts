/** Real Kata 4.0.0 with the Go shim, eleven cases, against containerd's events and the client's own stamps. */
import { expect, test } from 'vitest';
import type { Span, Trace } from '../../src/model/trace.ts';
import { attribute, containerOf, moment, near } from '../kata/recording.ts';
import { overRecordings } from '../support/corpus.ts';
import { KATA_GO, bytesOf, printed, tracesOf } from '../support/ledger.ts';
import type { ReadResult } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { checkTrace } from './laws.ts';
import { created, needed, truth } from './recording.ts';

const CASES = ['start-stop', 'start-stop-info', 'seq5', 'par4', 'exec', 'exec-hang', 'pod2', 'pod-bad', 'fail-cmd', 'fail-vmm', 'fail-agent-timeout'] as const;
type Case = (typeof CASES)[number];

const folder = (name: Case): string => `kata-go-4.0-real/${name}`;
const journal = (name: Case): Buffer => needed(`${folder(name)}/journal.log`);
const read = (name: Case): ReadResult => tracesOf(journal(name), { runtimes: [KATA_GO] });
const starts = (traces: readonly Trace[]): Trace[] => traces.filter(({ episode }) => episode === 'start');
const spansOf = (trace: Trace | undefined, service: string, name: string): Span[] => (trace?.spans ?? []).filter((span) => span.service === service && span.name === name);

/** Milliseconds between the end of a request and containerd's event; four guests at once on two cores are slower. */
const within = (name: Case): number => (name === 'par4' ? 500 : 100);

/** Containers that never came up, by the first characters of their ids, and what the log says of them. */
const FAILED: Readonly<Partial<Record<Case, Readonly<Record<string, RegExp>>>>> = {
  'pod-bad': { d8d256: /^the file \/bin\/nosuchcmd was not found$/ },
  'fail-cmd': { '72143e': /^the file \/bin\/nosuchcmd was not found$/ },
  'fail-vmm': { '07acef': /'no-such-device' is not a valid device model name/ },
  'fail-agent-timeout': { a140d2: /timed out connecting to vsock \d+:1024$/ },
};

overRecordings('corpus/kata-go-4.0-real', () => {
  test.each(CASES)('%s: one start for each container that was created, and none without', (name) => {
    const { traces } = read(name);
    expect(starts(traces).flatMap(({ containers }) => containers).toSorted()).toEqual(created(folder(name)));
    for (const trace of traces) checkTrace(trace);
  });

  test.each(CASES)('%s: create and start end when containerd says so', (name) => {
    const all = starts(read(name).traces);
    for (const { topic, container, time } of truth(folder(name))) {
      if (topic !== '/tasks/create' && topic !== '/tasks/start') continue;
      const trace = all.find(({ containers }) => containers.includes(container));
      const span = spansOf(trace, 'kata-shim', topic.slice('/tasks/'.length)).find((one) => trace && containerOf(trace, one) === container);
      if (trace === undefined || span === undefined) throw new Error(`${topic} of ${container} has no span`);
      expect(near(moment(trace, span.end), time), `${topic} ${container}`).toBeLessThan(within(name));
      expect(moment(trace, 0)).toBeLessThan(time);
    }
  });

  test.each(CASES)('%s: what failed is an error with the reason of the log, and nothing else is', (name) => {
    const { traces } = read(name);
    const failed = FAILED[name] ?? {};
    for (const trace of starts(traces)) {
      const reasons = trace.containers.flatMap((container) => failed[container.slice(0, 6)] ?? []);
      expect(trace.outcome, trace.container).toBe(reasons.length > 0 ? 'failed' : 'ok');
      for (const reason of reasons) expect(trace.spans[0]?.error).toMatch(reason);
      for (const span of trace.spans.filter(({ service, error }) => service === 'kata-shim' && error !== undefined)) {
        expect(failed[String(containerOf(trace, span)).slice(0, 6)], `${span.name} failed`).toBeDefined();
      }
    }
  });

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
    expect(starts(traces).flatMap(({ containers }) => containers).toSorted()).toEqual(created(folder(name)));
    expect(starts(traces).map(({ outcome }) => outcome)).toEqual(starts(read(name).traces).map(({ outcome }) => outcome));
    for (const trace of traces) checkTrace(trace);
    for (const span of traces.flatMap(({ spans }) => spans)) if (span.service === 'kata-shim' && /^(create|start)$/.test(span.name)) expect(span.certainty).toBe('bounded');
  });

  test('par4: no line of a guest is lost, and the clocks are those that were measured', () => {
    for (const trace of starts(read('par4').traces)) {
      const guest = trace.spans.filter(({ service }) => service === 'kata-agent').map(({ name }) => name);
      expect(guest).toEqual(expect.arrayContaining(['guest: kernel boot', 'agent: start', 'update_interface', 'update_routes', 'create_sandbox', 'get_guest_details', 'create_container', 'start_container']));
      for (const span of trace.spans) {
        const offset = attribute(trace, span, 'shimtrace.clock.offset_ns');
        if (typeof offset === 'number') expect(Math.abs(offset)).toBeLessThan(1.2e9);
      }
    }
  });

  test('exec: three results', () => {
    const execs = read('exec').traces.filter(({ episode }) => episode === 'exec');
    expect(execs.map(({ outcome, spans: [root] }) => [outcome, root?.error ?? ''])).toEqual([['ok', ''], ['failed', 'the file nosuchcmd was not found'], ['ok', '']]);
  });

  test('exec-hang: requests that never end are incomplete, and say which', () => {
    const hung = read('exec-hang').traces.filter(({ outcome }) => outcome === 'incomplete');
    expect(hung.map(({ episode, errorType }) => [episode, errorType])).toEqual([['exec', 'incomplete'], ['stop', 'incomplete'], ['stop', 'incomplete'], ['stop', 'incomplete']]);
    expect(hung[0]?.spans[0]?.error).toMatch(/"exec running" and "start ended" never came/);
    expect(hung[1]?.spans[0]?.error).toMatch(/"kill ended" never came/);
  });

  test('pod2: the sandbox and its containers are one start, each knows its calls in the guest; three stops', () => {
    const { traces } = read('pod2');
    expect(traces.map(({ episode, containers }) => [episode, containers.length])).toEqual([['start', 3], ['stop', 1], ['stop', 1], ['stop', 1]]);
    const [pod] = traces;
    if (pod === undefined) throw new Error('no pod');
    expect(pod.spans[0]?.name).toBe('pod start');
    for (const name of ['create_container', 'start_container']) expect(spansOf(pod, 'kata-agent', name).map((span) => containerOf(pod, span))).toEqual(pod.containers);
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

  test.each(CASES)('%s: shuffled, in portions, read twice: the same traces', (name) => {
    const log = journal(name).toString('utf8');
    const whole = printed(read(name).traces);
    const lines = log.split('\n').filter((line) => line !== '');
    const random = new Random(7);
    const mixed = lines.map((line) => [random.next(), line] as const).sort(([a], [b]) => a - b).map(([, line]) => line);
    expect(printed(tracesOf(`${mixed.join('\n')}\n`, { runtimes: [KATA_GO], eager: false }).traces)).toBe(whole);
    expect(printed(tracesOf(log, { runtimes: [KATA_GO], chunk: 20_000 }).traces)).toBe(whole);
    expect(printed(tracesOf([{ log, key: 'a' }, { log, key: 'b' }], { runtimes: [KATA_GO], eager: false }).traces)).toBe(whole);
  });

  test.each(CASES)('%s: every line has a verdict, and no line of Kata is unknown', (name) => {
    const { verdicts } = read(name);
    const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((total, count) => total + count, 0);
    expect(verdicts.events + verdicts.unknown + sum(verdicts.ignored) + sum(verdicts.malformed)).toBe(verdicts.lines);
    expect(verdicts.unknown).toBe(0);
  });

  test('nothing secret reaches a trace', () => {
    for (const name of CASES) expect(read(name).traces.map(bytesOf).join('\n')).not.toMatch(/receive createcontainer|process command|AgentConfig|PATH=/);
  });
});
