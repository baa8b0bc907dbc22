/** Real Kata 1.12.1, eight cases, against containerd's events and the client's own stamps. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Span, Trace } from '../../src/model/trace.ts';
import { corpusFile, overRecordings } from '../support/corpus.ts';
import { KATA1, bytesOf, printed, tracesOf } from '../support/ledger.ts';
import type { ReadResult } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { checkTrace } from './laws.ts';
import { CASES, attribute, containerOf, journal, moment, near, truth } from './recording.ts';
import type { Case } from './recording.ts';

const read = (name: Case): ReadResult => tracesOf(journal(name), { runtimes: [KATA1] });
const starts = (traces: readonly Trace[]): Trace[] => traces.filter(({ episode }) => episode === 'start');
const spansOf = (trace: Trace | undefined, service: string, name: string): Span[] => (trace?.spans ?? []).filter((span) => span.service === service && span.name === name);

/** Milliseconds between the end of a process and containerd's event; four guests at once on two cores are slower. */
/** seq5's second start: its last line stands 149 ms before the event, and nothing of Kata's in between. */
const within = (name: Case): number => (name === 'par4' ? 500 : name === 'seq5' ? 150 : 100);

/** Containers that never came up, by the first characters of their ids, and what their runtime says. */
const FAILED: Readonly<Record<Case, Readonly<Record<string, RegExp>>>> = {
  'start-stop': {},
  seq5: {},
  par4: { a79c66: /^Failed to check if grpc server is working: .*transport is closing$/, b6fe44: /transport is closing$/ },
  exec: {},
  'fail-cmd': { a7246a: /stat \/bin\/nosuchcmd: no such file or directory/ },
  'fail-vmm': { d71a61: /'no-such-device' is not a valid device model name/ },
  pod2: {},
  'pod2-pause-exited': { df22b8: /lstat \/proc\/132\/ns\/pid: no such file or directory/, b52a4e: /^open \/run\/vc\/sbs\/89e2308f[0-9a-f]+: no such file or directory$/ },
};

/** Least and greatest difference of the clocks over all starts (reference/real-kata.md 2), milliseconds. */
const CLOCKS = [-7, 1_375] as const;

overRecordings('corpus/kata-1.12-real', () => {
  test.each(CASES)('%s: one start for each container that was created, and none without', (name) => {
    const { traces } = read(name);
    const created = truth(name).filter(({ topic }) => topic === '/containers/create').map(({ container }) => container);
    expect(starts(traces).flatMap(({ containers }) => containers).toSorted()).toEqual([...new Set(created)].toSorted());
    for (const trace of traces) checkTrace(trace);
  });

  test.each(CASES)('%s: create and start end when containerd says so', (name) => {
    const all = starts(read(name).traces);
    for (const { topic, container, time } of truth(name)) {
      if (topic !== '/tasks/create' && topic !== '/tasks/start') continue;
      const trace = all.find(({ containers }) => containers.includes(container));
      const span = spansOf(trace, 'kata-runtime', topic.slice('/tasks/'.length)).find((one) => trace && containerOf(trace, one) === container);
      if (trace === undefined || span === undefined) throw new Error(`${topic} of ${container} has no span`);
      expect(near(moment(trace, span.end), time), `${topic} ${container}`).toBeLessThan(within(name));
      expect(moment(trace, 0)).toBeLessThan(time);
    }
  });

  test.each(CASES)('%s: what failed is an error with the reason of its runtime, and nothing else is', (name) => {
    const { traces } = read(name);
    const failed = FAILED[name];
    for (const trace of starts(traces)) {
      const reasons = trace.containers.map((container) => failed[container.slice(0, 6)]).filter((reason) => reason !== undefined);
      expect(trace.outcome, trace.container).toBe(reasons.length > 0 ? 'failed' : 'ok');
      for (const reason of reasons) expect(trace.spans[0]?.error).toMatch(reason);
      for (const span of trace.spans.filter(({ service, error }) => service === 'kata-runtime' && error !== undefined)) {
        expect(failed[String(containerOf(trace, span)).slice(0, 6)], `${span.name} failed`).toBeDefined();
      }
    }
    for (const trace of traces.filter(({ episode }) => episode === 'stop')) expect([trace.outcome, trace.spans.find(({ error }) => error !== undefined)]).toEqual(['ok', undefined]);
  });

  test.each(CASES)('%s: every call of a start whose end the guest logged is a pair', (name) => {
    const log = journal(name).toString('utf8');
    for (const trace of starts(read(name).traces)) {
      const clients = trace.spans.filter(({ kind, name: phase }) => kind === 'client' && phase.startsWith('call '));
      const servers = trace.spans.filter(({ kind, parent }) => kind === 'server' && parent !== undefined);
      const ended = clients.filter((client) => endOf(log, trace, client));
      expect(servers.length).toBe(ended.length);
      expect(new Set(servers.map(({ parent }) => parent)).size).toBe(servers.length);
    }
  });

  test.each(CASES)('%s: the guest is aligned within what was measured', (name) => {
    for (const trace of read(name).traces) {
      const offsets = trace.spans.map((span) => attribute(trace, span, 'shimtrace.clock.offset_ns')).filter((offset) => typeof offset === 'number');
      for (const offset of offsets) {
        expect(offset / 1e6).toBeGreaterThanOrEqual(CLOCKS[0]);
        expect(offset / 1e6).toBeLessThanOrEqual(CLOCKS[1]);
      }
    }
  });

  test('exec: three results', () => {
    const execs = read('exec').traces.filter(({ episode }) => episode === 'exec');
    expect(execs.map(({ outcome, spans: [root] }) => [outcome, root?.error ?? ''])).toEqual([
      ['ok', ''], ['failed', expect.stringMatching(/executable file not found in \$PATH/)], ['ok', ''],
    ]);
    expect(execs.map((trace) => trace.spans[0] && attribute(trace, trace.spans[0], 'process.exit.code'))).toEqual([0, undefined, 7]);
  });

  test('start-stop: the VM stops inside kill', () => {
    const stop = read('start-stop').traces.find(({ episode }) => episode === 'stop');
    const [vm] = spansOf(stop, 'kata-runtime', 'vm: stop');
    const [kill] = spansOf(stop, 'kata-runtime', 'kill');
    expect(vm?.parent).toBe(kill?.id);
    expect(spansOf(stop, 'hypervisor', 'qmp: quit')[0]?.certainty).toBe('exact');
  });

  test('pod2: the sandbox and its containers are one start, three stops', () => {
    const { traces } = read('pod2');
    expect(traces.map(({ episode, containers }) => [episode, containers.length])).toEqual([['start', 3], ['stop', 1], ['stop', 1], ['stop', 1]]);
    const [pod] = traces;
    expect(pod?.spans[0]?.name).toBe('pod start');
    expect(spansOf(pod, 'kata', 'container start').map((span) => [span.parent === pod?.spans[0]?.id, pod && containerOf(pod, span)])).toEqual((pod?.containers ?? []).map((container) => [true, container]));
  });

  test.each(CASES)('%s: shuffled, in portions, read twice: the same traces', (name) => {
    const log = journal(name).toString('utf8');
    const whole = printed(read(name).traces);
    const lines = log.split('\n').filter((line) => line !== '');
    expect(printed(tracesOf(`${shuffled(lines).join('\n')}\n`, { runtimes: [KATA1], eager: false }).traces)).toBe(whole);
    expect(printed(tracesOf(log, { runtimes: [KATA1], chunk: 20_000 }).traces)).toBe(whole);
    expect(printed(tracesOf([{ log, key: 'a' }, { log, key: 'b' }], { runtimes: [KATA1], eager: false }).traces)).toBe(whole);
  });

  test.each(CASES)('%s: every line has a verdict, and no line of Kata is unknown', (name) => {
    const { verdicts } = read(name);
    const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((total, count) => total + count, 0);
    expect(verdicts.events + verdicts.unknown + sum(verdicts.ignored) + sum(verdicts.malformed)).toBe(verdicts.lines);
    expect(verdicts.unknown).toBe(0);
  });

  test('a log in whole seconds claims nothing exact', () => {
    const { traces } = tracesOf(readFileSync(corpusFile('kata-1.12-real/start-stop/runtime-log.json.log')), { runtimes: [KATA1] });
    expect(traces.map(({ episode, outcome }) => [episode, outcome])).toEqual([['start', 'ok']]);
    for (const span of traces.flatMap(({ spans }) => spans)) expect(span.certainty, span.name).not.toBe('exact');
  });

  test('the same bytes twice', () => {
    expect(read('exec').traces.map(bytesOf)).toEqual(read('exec').traces.map(bytesOf));
  });
});

function shuffled(lines: readonly string[]): string[] {
  const random = new Random(7);
  return lines.map((line) => [random.next(), line] as const).sort(([a], [b]) => a - b).map(([, line]) => line);
}

/** Whether the log has a `request end` for this call: of its verb, in the sandbox, as the call went on or soon after. */
function endOf(log: string, trace: Trace, client: Span): boolean {
  const verb = client.name.slice('call '.length);
  return log.split('\n').some((line) => {
    if (!line.includes(`request end`) || !line.includes(`sandbox=${trace.container}`) || !new RegExp(`request=/grpc\\.\\w+/(?:Get)?${verb} `).test(line)) return false;
    const [, stamp = ''] = / time="([^"]+)"/.exec(line) ?? [];
    const [, seconds = '', fraction = ''] = /^(.*?)(?:\.(\d+))?Z$/.exec(stamp) ?? [];
    const at = BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
    return at >= moment(trace, client.start) && at <= moment(trace, client.end) + 1_000_000_000n;
  });
}
