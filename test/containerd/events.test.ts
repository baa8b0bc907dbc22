/** What becomes of `ctr events`: each recording against the events themselves, to the nanosecond. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Trace } from '../../src/model/trace.ts';
import { corpusFile, overRecordings } from '../support/corpus.ts';
import { EVENTS, printed, tracesOf } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { SHIM_CASES, URUNC_CASES, attribute, eventLog, eventsIn, goTime, moment, recorded, rootOf, seen } from './recording.ts';
import type { Seen } from './recording.ts';

const read = (log: string | Buffer): ReturnType<typeof tracesOf> => tracesOf(log, { runtimes: [EVENTS] });
const spanAt = (trace: Trace | undefined, name: string): readonly [bigint, bigint] | undefined => {
  const span = trace?.spans.find((one) => one.name === name);
  return trace && span && [moment(trace, span.start), moment(trace, span.end)];
};

/** Each /tasks/start with what came before it for its container: a task that was started again has an own. */
function startsIn(all: readonly Seen[]): { readonly container: string; readonly created: bigint | undefined; readonly task: bigint; readonly started: bigint }[] {
  return all.filter(({ what }) => what === '/tasks/start').flatMap(({ container, time }) => {
    const before = (topic: string): bigint | undefined => all.findLast((one) => one.what === topic && one.container === container && one.time < time)?.time;
    const task = before('/tasks/create');
    if (task === undefined) return []; // created before the recording began
    const first = all.find(({ what, container: other }) => what === '/tasks/create' && other === container)?.time === task;
    return [{ container, created: first ? before('/containers/create') : undefined, task, started: time }];
  });
}

/** A task that exits so soon after its start has failed to start. */
const UNDONE = 250_000_000n;

function checkStarts(all: readonly Seen[], traces: readonly Trace[]): void {
  const starts = traces.filter(({ episode }) => episode === 'start');
  for (const { container, created, task, started } of startsIn(all)) {
    const trace = starts.find((one) => one.container === container && spanAt(one, 'oci: start')?.[1] === started);
    const exit = all.find((one) => one.what === '/tasks/exit' && one.container === container && one.time > started && one.time <= started + UNDONE);
    const [, code] = /"exit_status":(\d+)/.exec(exit?.detail ?? '') ?? [];
    expect([trace?.outcome, trace?.errorType], container).toEqual(code === undefined ? ['ok', undefined] : ['failed', `exit_${code}`]);
    expect(spanAt(trace, 'oci: start')).toEqual([task, started]);
    if (created !== undefined) expect(spanAt(trace, 'oci: create')).toEqual([created, task]);
  }
  expect(starts.filter(({ outcome, errorType }) => outcome === 'ok' || errorType?.startsWith('exit_')).length).toBe(startsIn(all).length);
}

function checkStops(events: readonly Seen[], traces: readonly Trace[]): void {
  const all = events.filter(({ what, detail }) => what !== '/tasks/exit' || !/"id":"ex\d"/.test(detail));
  const stops = traces.filter(({ episode }) => episode === 'stop');
  for (const { container, time, detail } of all.filter(({ what }) => what === '/tasks/delete')) {
    const exit = all.findLast((one) => one.what === '/tasks/exit' && one.container === container && one.time < time) ?? all.find((one) => one.what === '/tasks/exit' && one.container === container);
    if (exit === undefined) continue; // it never ran
    const trace = stops.find((one) => one.container === container && moment(one, 0) <= exit.time && moment(one, one.wall) >= time);
    // runtime-rs tells the exit after the deletion, and its own twice.
    if (exit.time < time) {
      const first = all.findLast((one) => one.what === '/tasks/exit' && one.container === container && one.time < time && one.detail === exit.detail && one.time !== exit.time);
      expect(spanAt(trace, 'oci: delete'), `${container} ${detail}`).toEqual([first?.time ?? exit.time, time]);
    }
    const [, code = '0'] = /"exit_status":(\d+)/.exec(exit.detail) ?? [];
    expect(trace && attribute(trace, rootOf(trace), 'process.exit.code'), container).toBe(Number(code));
  }
}

overRecordings('recordings', () => {
  test.each(SHIM_CASES)('%s: starts, stops and exits are where the events are', (name) => {
    const log = recorded(`${name}/ctr-events.log`).toString('utf8');
    const { traces, verdicts } = read(log);
    checkStarts(eventsIn(log), traces);
    checkStops(eventsIn(log), traces);
    expect([verdicts.unknown, verdicts.malformed]).toEqual([0, {}]);
  });

  test.each(URUNC_CASES)('urunc %s: the same of its truth', (name) => {
    const all = seen(name);
    const { traces, verdicts } = read(eventLog(all));
    const events = all.filter(({ source }) => source === 'containerd');
    checkStarts(events, traces);
    checkStops(events, traces);
    expect([verdicts.unknown, verdicts.malformed]).toEqual([0, {}]);
  });

  test.each(['kata-go-4.0-real/exec', 'kata-rs-4.0-real/exec', 'kata-1.12-real/exec', 'gvisor-real/exec'])('%s: execs, by their own ids', (name) => {
    const log = recorded(`${name}/ctr-events.log`).toString('utf8');
    const execs = read(log).traces.filter(({ episode }) => episode === 'exec');
    const added = eventsIn(log).filter(({ what }) => what === '/tasks/exec-added');
    expect(execs.map(({ at }) => at)).toEqual(added.map(({ time }) => time));
    expect(execs.map((trace) => [trace.outcome, attribute(trace, rootOf(trace), 'process.exit.code')])).toEqual(name.startsWith('kata-rs') ? execs.map(expect.anything) : [['ok', 0], ['incomplete', undefined], ['ok', 7]]);
  });

  test('an exit that is told twice counts once', () => {
    const twice = SHIM_CASES.map((name) => recorded(`${name}/ctr-events.log`).toString('utf8')).filter((log) => {
      const exits = eventsIn(log).filter(({ what }) => what === '/tasks/exit').map(({ detail }) => detail);
      return new Set(exits).size < exits.length;
    });
    expect(twice.length).toBeGreaterThan(0);
    for (const log of twice) {
      const deleted = new Set(eventsIn(log).filter(({ what }) => what === '/tasks/delete').map(({ container }) => container));
      const stops = read(log).traces.filter(({ episode }) => episode === 'stop');
      expect(stops.map(({ container }) => container).toSorted()).toEqual([...deleted].filter((id) => stops.some(({ container }) => container === id)).toSorted());
    }
  });

  test('restart: three starts and three stops of one id', () => {
    const { traces } = read(eventLog(seen('D/restart')));
    expect(traces.map(({ episode, outcome }) => [episode, outcome])).toEqual([['start', 'ok'], ['stop', 'ok'], ['start', 'ok'], ['stop', 'ok'], ['start', 'ok'], ['stop', 'ok']]);
    expect(new Set(traces.map(({ container }) => container)).size).toBe(1);
  });

  test('a container that is deleted and never started has failed', () => {
    const { traces } = read(recorded('kata-go-4.0-real/pod-bad/ctr-events.log'));
    expect(traces.filter(({ outcome }) => outcome === 'failed').map((trace) => rootOf(trace).error)).toEqual(['deleted before it had started']);
  });

  test.each([...SHIM_CASES.map((name) => `${name}/ctr-events.log`), 'local-runs/containerd-1.6.20-ctr-events.log'])('%s: shuffled, in portions, read twice: the same traces', (path) => {
    const log = recorded(path).toString('utf8');
    const whole = printed(read(log).traces);
    const random = new Random(7);
    const shuffled = log.split('\n').filter((line) => line !== '').map((line) => [random.next(), line] as const).sort(([a], [b]) => a - b).map(([, line]) => line);
    expect(printed(tracesOf(`${shuffled.join('\n')}\n`, { runtimes: [EVENTS], eager: false }).traces)).toBe(whole);
    expect(printed(tracesOf(log, { runtimes: [EVENTS], chunk: 700 }).traces)).toBe(whole);
    expect(printed(tracesOf([{ log, key: 'a' }, { log, key: 'b' }], { runtimes: [EVENTS], eager: false }).traces)).toBe(whole);
  });

  test('what was run here', () => {
    const log = readFileSync(corpusFile('local-runs/containerd-1.6.20-ctr-events.log'), 'utf8');
    checkStarts(eventsIn(log), read(log).traces);
    checkStops(eventsIn(log), read(log).traces);
  });
});

describe('a line', () => {
  const BEGUN = 1_795_216_000_000_000_000n;
  const event = (ms: number, topic: string, json: string): string => `${goTime(BEGUN + BigInt(ms) * 1_000_000n)} k8s.io ${topic} ${json}\n`;

  test('of a snapshot that is no container\'s opens nothing', () => {
    const { traces, verdicts } = read(event(0, '/snapshot/prepare', '{"key":"extract-715372-Cqvq sha256:abc","parent":"sha256:def"}') + event(1, '/snapshot/prepare', '{"key":"abc-init-key"}'));
    expect([traces.length, verdicts.ignored]).toEqual([0, { 'containerd: another snapshot': 2 }]);
  });

  test('of a process whose end nobody saw tells no time of it', () => {
    const log = event(0, '/tasks/exit', '{"container_id":"a1","id":"a1","pid":7,"exit_status":137,"exited_at":"0001-01-01T00:00:00Z"}') + event(5, '/tasks/delete', '{"container_id":"a1","pid":7}');
    const [stop] = read(log).traces;
    expect(stop && attribute(stop, rootOf(stop), 'process.exit.code')).toBe(137);
  });

  test('may be long and hostile', () => {
    const deep = `${'{"a":'.repeat(40)}1${'}'.repeat(40)}`;
    const { verdicts } = read([
      event(0, '/containers/create', `{"id":"${'x'.repeat(100_000)}"}`),
      event(1, '/containers/create', '{"id":"\\u001b]0;x\\u0007"}'),
      event(2, '/containers/create', `{"id":"b","runtime":${deep}}`),
      event(3, '/tasks/start', '{"container_id":"b"'),
      event(4, '/tasks/unheard', '{"container_id":"b"}'),
    ].join(''));
    expect([verdicts.malformed, verdicts.unknown]).toEqual([{ 'bad-container-id': 2, 'json-too-deep': 1, 'json-broken': 1 }, 1]);
  });
});
