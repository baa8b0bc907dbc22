/** What becomes of containerd's own log: each recording against the stamps of the driver that asked it. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { steady } from '../../src/model/time.ts';
import type { Span, Trace } from '../../src/model/trace.ts';
import { corpusFile, overRecordings } from '../support/corpus.ts';
import { CONTAINERD, EVENTS, KATA1, KATA_GO, KATA_RS, RUNC, URUNC, Feed, bytesOf, clockAt, newLedger, printed, tracesOf } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { GENERATIONS } from '../support/uruncwriter.ts';
import { SHIM_CASES, attribute, eventLog, moment, recorded, rootOf, seen } from './recording.ts';

const CRI = ['cri-pod', 'cri-gap', 'cri-pods4', 'cri-plain', 'cri-fail'];
const CASES = GENERATIONS.flatMap((generation) => CRI.map((name) => `${generation}/${name}`)).filter((name) => name !== 'C2/cri-fail');
const journal = (name: string): Buffer => readFileSync(corpusFile(`urunc-real/${name}.journal.log`));
const journalOf = (name: string): string => `${name}/journal.${name.startsWith('kata-rs') ? 'json.' : ''}log`;
const infoOnly = (log: Buffer): string => log.toString('utf8').split('\n').filter((line) => !line.includes('level=debug')).join('\n');
const read = (log: string | Buffer): ReturnType<typeof tracesOf> => tracesOf(log, { runtimes: [CONTAINERD] });
const starts = (traces: readonly Trace[]): Trace[] => traces.filter(({ episode }) => episode === 'start');

interface Placed {
  readonly container: unknown;
  readonly verb: string;
  readonly from: bigint;
  readonly to: bigint;
}

const VERBS = ['RunPodSandbox', 'CreateContainer', 'StartContainer'];
const callsIn = (traces: readonly Trace[]): Placed[] =>
  traces.flatMap((trace) => trace.spans.filter(({ name }) => VERBS.includes(name)).map((span) => ({ container: attribute(trace, span, 'container.id'), verb: span.name, from: moment(trace, span.start), to: moment(trace, span.end) })));

/** Each span lies inside what the driver saw of it. Calls of several pods at once begin under no id: then some call of the verb began before it. */
function checkCalls(name: string, traces: readonly Trace[]): void {
  const calls = callsIn(traces);
  const stamps = seen(name).filter(({ source }) => source === 'driver');
  for (const verb of VERBS) {
    const ends = stamps.filter(({ what }) => what === `${verb} ends`);
    const begins = stamps.filter(({ what }) => what === `${verb} begins`).map(({ time }) => time);
    const mine = calls.filter((one) => one.verb === verb).toSorted((a, b) => (a.from < b.from ? -1 : 1));
    for (const { container, time } of ends) {
      const span = mine.find((one) => one.container === container);
      expect(span !== undefined && span.to <= time, `${verb} ${container}`).toBe(true);
    }
    mine.forEach(({ from }, at) => expect(begins.filter((time) => time <= from).length, `${verb} ${at}`).toBeGreaterThan(at));
    expect(mine.length).toBe(begins.length);
  }
}

overRecordings('recordings', () => {
  test.each(CASES)('%s: every call lies where the driver saw it', (name) => {
    const { traces, verdicts } = read(journal(name));
    checkCalls(name, traces);
    expect([verdicts.unknown, verdicts.malformed]).toEqual([0, {}]);
  });

  test.each(CASES)('%s: at level info the same calls, to the nanosecond, and nothing that is not told', (name) => {
    const debug = read(journal(name)).traces;
    const info = read(infoOnly(journal(name))).traces;
    expect(callsIn(info)).toEqual(callsIn(debug));
    const names = new Set(info.flatMap(({ spans }) => spans.map((span) => span.name)));
    expect(['sandbox: prepare', 'network: set up'].filter((phase) => names.has(phase))).toEqual([]);
    for (const span of starts(info).flatMap(({ spans }) => spans).filter(({ name: phase }) => phase === 'shim: start')) expect(span.certainty).not.toBe('exact');
  });

  test.each(CASES)('%s: one start for a pod with its container, which names both', (name) => {
    const pods = starts(read(journal(name)).traces);
    const stamps = seen(name);
    expect(pods.length).toBe(stamps.filter(({ what }) => what === 'RunPodSandbox begins').length);
    for (const pod of pods) {
      const root = rootOf(pod);
      expect([root.name, pod.containers.length]).toEqual(['pod start', 2]);
      expect([attribute(pod, root, 'k8s.pod.name'), attribute(pod, root, 'k8s.namespace.name'), attribute(pod, root, 'shimtrace.attempt')]).toEqual([expect.stringMatching(/^pod-/), 'default', 0]);
      const [run, create] = ['RunPodSandbox', 'CreateContainer'].map((verb) => pod.spans.find((span) => span.name === verb));
      expect(run && attribute(pod, run, 'k8s.container.name')).toBeUndefined();
      expect(create && attribute(pod, create, 'k8s.container.name')).toBe('app');
    }
  });

  test.each(CASES)('%s: shuffled, in portions, read twice, with the JSON beside it: the same traces', (name) => {
    const log = journal(name).toString('utf8');
    const whole = printed(read(log).traces);
    const random = new Random(7);
    const lines = log.split('\n').filter((line) => line !== '').map((line) => [random.next(), line] as const);
    const shuffled = lines.toSorted(([a], [b]) => a - b).map(([, line]) => line);
    expect(printed(tracesOf(`${shuffled.join('\n')}\n`, { runtimes: [CONTAINERD], eager: false }).traces)).toBe(whole);
    expect(printed(tracesOf(log, { runtimes: [CONTAINERD], chunk: 3_000 }).traces)).toBe(whole);
    expect(printed(tracesOf([{ log, key: 'a' }, { log, key: 'b' }], { runtimes: [CONTAINERD], eager: false }).traces)).toBe(whole);
  });

  test('a start that fails says why, in containerd\'s words, and its stop fails with it', () => {
    const { traces } = read(journal('D/cri-fail'));
    const [pod] = starts(traces);
    expect([pod?.outcome, pod && rootOf(pod).error]).toEqual(['failed', expect.stringContaining('OCI runtime start failed')]);
    const failed = pod?.spans.find(({ name, error }) => name === 'StartContainer' && error !== undefined);
    expect(failed?.certainty).toBe('exact');
    expect(traces.filter(({ episode, outcome }) => episode === 'stop' && outcome === 'failed').length).toBeGreaterThan(0);
    expect(rootOf(starts(read(recorded('kata-go-4.0-real/pod-bad/journal.log')).traces)[0] ?? fail()).error).toBe('failed to create containerd task: failed to create shim task: the file /bin/nosuchcmd was not found');
  });

  test.each(['kata-go-4.0-real/pod2', 'kata-go-4.0-real/pod-bad', 'kata-rs-4.0-real/pod2', 'kata-1.12-real/pod2'])('%s: calls lie where the client saw them', (name) => {
    const stamps = [...recorded(`${name}/client.log`).toString('utf8').matchAll(/^(\S+Z) (RunPodSandbox|CreateContainer) (start|end)/gm)].map(([, stamp = '', verb = '', which = '']) => {
      const [seconds = '', fraction = ''] = stamp.slice(0, -1).split('.');
      return { verb, which, time: BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0')) };
    });
    const calls = callsIn(read(recorded(journalOf(name))).traces);
    for (const verb of ['RunPodSandbox', 'CreateContainer']) {
      const times = (which: string): bigint[] => stamps.filter((one) => one.verb === verb && one.which === which).map(({ time }) => time);
      const mine = calls.filter((one) => one.verb === verb).toSorted((a, b) => (a.from < b.from ? -1 : 1));
      expect(mine.map(({ from, to }, at) => from >= (times('start')[at] ?? 0n) && to <= (times('end')[at] ?? 0n)), verb).toEqual(times('start').map(() => true));
    }
  });

  const LOGS = [
    ...GENERATIONS.flatMap((generation) => ['single', 'conc8', 'restart', 'mixed', 'fail-target', ...CRI].map((name) => `urunc-real/${generation}/${name}.journal.log`)).filter((path) => path !== 'urunc-real/C2/cri-fail.journal.log'),
    // runtime-rs writes entries of the journal, of which only their fields tell all.
    ...SHIM_CASES.map(journalOf),
    ...['aks-azurecni-pod-kubelet-8h-offset', 'aks-container-exit0-restart', 'aks-image-pull', 'aks-multi-container-pod-syslog', 'aks-multi-container-sandbox-grep', 'aks-nginx-create-by-pod', 'aks-nginx-delete-by-container', 'aks-nginx-delete-by-pod', 'aks-nginx-delete-by-sandbox', 'containerd-restart-task-exit-broken-pipe', 'usernetes-kubeadm-controlplane-journal', 'k3s-agent-journal', 'k3s-server-journal'].map((name) => `containerd/${name}.log`),
    'local-runs/containerd-1.6.20-debug.text.log', 'local-runs/containerd-1.6.20-info.json-mixed.log',
  ];
  const ALL = [CONTAINERD, EVENTS, KATA1, KATA_GO, KATA_RS, RUNC, URUNC];

  test.each(LOGS)('%s: every line has a verdict, none of containerd is unknown, and no line is two runtimes\'', (path) => {
    const log = recorded(path);
    const { verdicts } = tracesOf(log, { runtimes: ALL });
    const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((total, count) => total + count, 0);
    expect(verdicts.events + verdicts.unknown + sum(verdicts.ignored) + sum(verdicts.malformed)).toBe(verdicts.lines);
    expect(verdicts.unknown).toBe(0);
    for (const line of log.toString('utf8').split('\n')) expect(claims(Buffer.from(line)).length, line).toBeLessThanOrEqual(1);
  });

  /** Runtimes of which a rule takes the line, as an event or by a name under which it is ignored. */
  function claims(line: Buffer): string[] {
    return ALL.filter(({ sources }) => sources.some((source) => source.syntaxes.some((syntax) => {
      const entry = syntax.read(line, 0, line.length);
      const match = typeof entry === 'string' ? undefined : source.match(entry);
      return match?.kind === 'event' || match?.kind === 'ignored';
    }))).map(({ name }) => name);
  }

  test.each(GENERATIONS)('%s: a container that is started three times is three starts, by all logs together', (generation) => {
    const logs = [{ log: journal(`${generation}/restart`), key: 'journal' }, { log: eventLog(seen(`${generation}/restart`)), key: 'events' }, { log: readFileSync(corpusFile(`urunc-real/${generation}/restart.log`)), key: 'urunc' }];
    const { traces } = tracesOf(logs, { runtimes: ALL, eager: false });
    expect(starts(traces).map(({ runtime, outcome }) => [runtime, outcome])).toEqual([1, 2, 3].map(() => ['urunc', 'ok']));
  });

  test('what a pod or container is made of reaches no trace', () => {
    const secret = /PodSandboxConfig|ContainerConfig\{|specs\.Spec|PluginConfig|OCI runtime \{|Envs:/;
    for (const name of CASES) {
      expect(journal(name).toString('utf8')).toMatch(secret);
      const { traces, verdicts } = read(journal(name));
      expect(traces.map(bytesOf).join('\n')).not.toMatch(secret);
      expect(Object.keys(verdicts.ignored).filter((one) => one.startsWith('secret: ')).length).toBe(3);
    }
  });

  test('the kubelet\'s node: eight pods at once by one log at level info', () => {
    const { traces, counts } = read(recorded('containerd/usernetes-kubeadm-controlplane-journal.log'));
    const roots = traces.map((trace) => [rootOf(trace).name, trace.outcome, trace.containers.length]);
    expect(roots.filter(([name, outcome]) => name === 'pod start' && outcome === 'ok').length).toBe(8);
    const failed = traces.filter(({ outcome }) => outcome === 'failed');
    expect(failed.map((trace) => [attribute(trace, rootOf(trace), 'k8s.namespace.name'), rootOf(trace).error])).toEqual([1, 2].map(() => ['kube-system', expect.stringContaining('loadFlannelSubnetEnv failed')]));
    // Images that were pulled before any pod was there, and one that might be either of two pods'.
    expect([counts['of_no_start'], counts['of_several_starts']]).toEqual([6, 1]);
  });
});

function fail(): never {
  throw new Error('no start');
}

const TIME = '2026-11-20T14:22:1';
const line = (at: number, msg: string, rest = ''): string => `time="${TIME}${(at / 1000).toFixed(3).padEnd(11, '0')}Z" level=info msg=${JSON.stringify(msg)}${rest}\n`;
const SB = 'a'.repeat(64);
const POD = 'RunPodSandbox for &PodSandboxMetadata{Name:web,Uid:u1,Namespace:default,Attempt:0,}';

describe('lines', () => {
  const pull = (...parts: string[]): ReturnType<typeof tracesOf> => read(parts.join(''));

  test('a pull is the only start\'s that is under way, and keeps its pod open', () => {
    const { traces, counts } = pull(
      line(0, POD), line(100, `${POD} returns sandbox id "${SB}"`),
      line(200, 'PullImage "nginx:1"'), line(7_900, 'PullImage "nginx:1" returns image reference "sha256:ab"'),
      line(8_000, `CreateContainer within sandbox "${SB}" for container &ContainerMetadata{Name:app,Attempt:3,}`),
      line(8_100, `CreateContainer within sandbox "${SB}" for &ContainerMetadata{Name:app,Attempt:3,} returns container id "c1"`),
      line(8_200, 'StartContainer for "c1"'), line(8_300, 'StartContainer for "c1" returns successfully'),
    );
    expect(traces.map(({ spans }) => spans.map(({ name }: Span) => name).toSorted())).toEqual([[
      'CreateContainer', 'PullImage', 'RunPodSandbox', 'StartContainer', 'caller: gap before StartContainer', 'container start', 'container start', 'pod start',
    ]]);
    expect(counts['of_several_starts']).toBeUndefined();
  });

  test('a pull while two pods start is neither\'s, and counted', () => {
    const other = POD.replace('u1', 'u2');
    const { traces, counts } = pull(line(0, POD), line(10, other), line(20, 'PullImage "nginx:1"'), line(30, 'PullImage "nginx:1" returns image reference "sha256:ab"'), line(100, `${POD} returns sandbox id "${SB}"`), line(110, `${other} returns sandbox id "${'b'.repeat(64)}"`));
    expect(counts['of_several_starts']).toBe(1);
    expect(traces.flatMap(({ spans }) => spans.map(({ name }) => name)).filter((name) => name === 'PullImage')).toEqual([]);
  });

  test('a pull that may be either of two pods\' makes neither settle before its lines had their time to come', () => {
    const other = POD.replace('u1', 'u2');
    const log = [line(0, POD), line(10, other), line(100, `${POD} returns sandbox id "${SB}"`), line(110, `${other} returns sandbox id "${'b'.repeat(64)}"`), line(150, 'PullImage "nginx:1"'), line(160, 'PullImage "nginx:1" returns image reference "sha256:ab"')].join('');
    const ledger = newLedger({}, [CONTAINERD]);
    const feed = new Feed(ledger, { log });
    feed.more(1e6);
    ledger.atEnd(feed.id, steady(1_000_000));
    const last = BigInt(Date.parse(`${TIME}0.160Z`)) * 1_000_000n;
    // 300 ms after the last line, which is 360 and 350 after their own: 500 are theirs (settle and lateness).
    expect(ledger.settle(clockAt(last + 300_000_000n, 1_000_300))).toEqual([]);
    expect(ledger.counts.get('of_several_starts')).toBe(1);
    ledger.atEnd(feed.id, steady(1_060_000));
    expect(ledger.settle(clockAt(last + 60_000_000_000n, 1_060_000))).toHaveLength(2);
  });

  test('a second request for a name that is refused is not the answer to the first', () => {
    const { traces } = pull(line(0, POD), line(1_000, POD), line(1_001, `${POD} failed, error`, ' error="failed to reserve sandbox name: name is reserved"'), line(2_000, `${POD} returns sandbox id "${SB}"`));
    expect(traces.map(({ container, outcome, wall }) => [container, outcome, wall])).toEqual([[SB, 'ok', 2_000_000_000], ['web_default_u1_0', 'failed', 1_000_000]]);
  });

  test('a request that is never answered is incomplete under the name that it has', () => {
    const { traces } = pull(line(0, POD), line(1_000, 'StopPodSandbox for "x"'), line(1_001, 'StopPodSandbox for "x" returns successfully'));
    expect(starts(traces).map(({ container, outcome }) => [container, outcome])).toEqual([['web_default_u1_0', 'incomplete']]);
  });

  test('a name that is longer than a container\'s keeps its end, one that no container can have is counted', () => {
    const long = POD.replace('web', 'w'.repeat(200));
    const { traces, counts } = pull(line(0, long), line(5, `${long} failed, error`, ' error="no network"'), line(10, POD.replace('web', '../x')), line(15, `${POD.replace('web', '../x')} failed, error`, ' error="no"'));
    expect(traces.map(({ container }) => [container.length, container.endsWith('_default_u1_0')])).toEqual([[128, true]]);
    expect(counts['unnamed']).toBe(2);
  });

  test('one text that is asked for ever is bounded, and nothing is lost without a word', () => {
    const { traces, counts } = pull(...Array.from({ length: 3_000 }, (_, at) => line(at, POD)));
    const told = traces.length + (counts['duplicate'] ?? 0) + (counts['late'] ?? 0);
    expect(told).toBeGreaterThan(2_900);
    expect(new Set(traces.map(({ container }) => container))).toEqual(new Set(['web_default_u1_0']));
  });

  test('both ways of writing a pod\'s metadata are one', () => {
    const proto = 'RunPodSandbox for name:"web"  uid:"u1" namespace:"default"';
    const { traces } = pull(line(0, proto), line(5, `${proto} returns sandbox id "${SB}"`));
    expect(traces.map((trace) => ['k8s.pod.name', 'k8s.pod.uid', 'k8s.namespace.name', 'shimtrace.attempt'].map((name) => attribute(trace, rootOf(trace), name)))).toEqual([['web', 'u1', 'default', 0]]);
  });

  test('a name is cut and cannot command a terminal', () => {
    const hostile = `RunPodSandbox for name:"\u001b]0;x${'y'.repeat(500)}" uid:"u"`;
    const { traces } = pull(line(0, hostile), line(5, `${hostile} returns sandbox id "${SB}"`));
    const name = String(traces[0] && attribute(traces[0], rootOf(traces[0]), 'k8s.pod.name'));
    expect(name.length).toBeLessThanOrEqual(256);
    expect(name).not.toMatch(/\u001b/);
  });
});
