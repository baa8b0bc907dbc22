/** Starts of real Kata as containerd's journal, its events and Kata's own lines tell of them together: one trace each. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Trace } from '../../src/model/trace.ts';
import { attribute, eventsIn, moment, recorded, rootOf, SHIM_CASES } from '../containerd/recording.ts';
import { corpusFile, overRecordings } from '../support/corpus.ts';
import { CONTAINERD, EVENTS, KATA1, KATA_GO, KATA_RS, printed, RUNC, tracesOf, URUNC } from '../support/ledger.ts';
import type { ReadResult } from '../support/ledger.ts';
import { creditsAddUp, lieInside } from './laws.ts';

const ALL = [URUNC, CONTAINERD, EVENTS, RUNC, KATA1, KATA_GO, KATA_RS];
const CASES = SHIM_CASES.filter((path) => path.startsWith('kata-'));

/** With all fields where it was recorded so. */
const journalOf = (path: string): Buffer => recorded(`${path}/${/kata-rs|start-stop/.test(path) ? 'journal.json.log' : 'journal.log'}`);

function together(path: string, turned = false): ReadResult {
  const logs = [{ log: journalOf(path), key: 'journal' }, { log: recorded(`${path}/ctr-events.log`), key: 'events' }];
  return tracesOf(turned ? logs.toReversed() : logs, { runtimes: ALL, eager: false });
}

const isStart = ({ episode }: Trace): boolean => episode === 'start';

overRecordings('Kata with containerd around it', () => {
  describe.each(CASES)('%s', (path) => {
    test('one trace a start, its events to the nanosecond', () => check(path));

    test('the same traces by whoever settles as he reads, and by whoever reads all before he settles', () => {
      const whole = printed(tracesOf(journalOf(path), { runtimes: ALL, eager: false }).traces);
      for (const chunk of [512, 4_096]) expect(printed(tracesOf(journalOf(path), { runtimes: ALL, chunk }).traces)).toBe(whole);
    });
  });
});

function check(path: string): void {
  const events = eventsIn(recorded(`${path}/ctr-events.log`).toString('utf8'));
  const { traces } = together(path);
  const starts = traces.filter(isStart);
  for (const trace of traces) {
    lieInside(trace);
    if (isStart(trace)) creditsAddUp(trace);
  }
  const told = (what: string): string[] => events.filter((one) => one.what === what).map(({ container, time }) => `${container} ${time}`).toSorted();
  const ends = (name: string): string[] =>
    starts.flatMap((trace) => trace.spans.filter((span) => span.name === name && String(attribute(trace, span, 'shimtrace.to')).startsWith('/tasks/')).map((span) => `${String(attribute(trace, span, 'container.id'))} ${moment(trace, span.end)}`)).toSorted();
  expect(ends('oci: create')).toEqual(told('/tasks/create'));
  expect(ends('oci: start')).toEqual(told('/tasks/start'));
  // Each container that containerd made is in one trace.
  const made = events.filter(({ what }) => what === '/containers/create').map(({ container }) => container);
  expect(starts.flatMap(({ containers }) => containers).toSorted()).toEqual(made.toSorted());
  for (const trace of starts) expect([trace.runtime, trace.rootLayer]).toEqual([path.replace(/^(kata-(?:go|rs)).*/, '$1').replace(/^kata-1.*/, 'kata-1'), 'cri']);
  // Kata's own spans are those of its lines alone.
  const kata = (trace: Trace): string[] => trace.spans.filter(({ service, parent, name }) => parent !== undefined && /^kata|^hypervisor/.test(service) && name !== 'container start').map((span) => `${span.service} ${span.name} ${moment(trace, span.start)} ${moment(trace, span.end)}`);
  const alone = tracesOf(journalOf(path), { runtimes: [KATA1, KATA_GO, KATA_RS], eager: false }).traces;
  // What comes after a start that was over outside is an episode of its own: there may be more of those, and none is missing.
  expect(traces.flatMap(kata)).toEqual(expect.arrayContaining(alone.flatMap(kata)));
  explained(path, starts);
  expect(printed(together(path, true).traces)).toBe(printed(traces));
}

/** What the client measured of `ctr run` lies around its trace: by its own start and end, nothing else. */
function explained(path: string, starts: readonly Trace[]): void {
  const client = readFileSync(corpusFile(`${path}/client.log`), 'utf8').split('\n');
  const runs = client.flatMap((line, at) => (/^\S+Z ctr run -d /.test(line) ? [{ from: stamp(line), to: stamp(client[at + 1] ?? ''), line }] : []));
  for (const { from, to, line } of runs) {
    const trace = starts.find(({ container }) => line.includes(container));
    if (trace === undefined || trace.outcome !== 'ok' || to === undefined || from === undefined) continue;
    const end = moment(trace, trace.wall);
    // containerd stamps an event after it has answered.
    expect([trace.at > from, end < to + 2_000_000n]).toEqual([true, true]);
    expect(trace.at - from + (to - end)).toBeLessThan(CLIENT);
    expect(attribute(trace, rootOf(trace), 'shimtrace.credit.client_ns')).toBeDefined();
  }
}

/** ctr itself: to begin, to connect, and to end, on an emulating host under load. */
const CLIENT = 400_000_000n;

function stamp(line: string): bigint | undefined {
  const [, seconds, fraction = ''] = /^(\S+T\d\d:\d\d:\d\d)(?:\.(\d+))?Z /.exec(line) ?? [];
  return seconds === undefined ? undefined : BigInt(Date.parse(`${seconds}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
}
