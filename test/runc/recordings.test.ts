/** Lines of runc that nobody here wrote, each with its verdict, and what a file's path and a process tell of whose they are. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { corpusFile, overRecordings } from '../support/corpus.ts';
import { steady } from '../../src/model/time.ts';
import { Feed, RUNC, clockAt, newLedger, tracesOf } from '../support/ledger.ts';
import type { LogFile, ReadResult } from '../support/ledger.ts';

const read = (files: readonly LogFile[] | string): ReadResult => tracesOf(files, { runtimes: [RUNC] });
const fixture = (name: string): string => readFileSync(fileURLToPath(new URL(`../fixtures/runc/${name}`, import.meta.url)), 'utf8');
const spans = ({ traces }: ReadResult): string[] => traces.flatMap((trace) => trace.spans.map(({ name, start, end, certainty }) => `${name} ${start}..${end} ${certainty}`));
const outcomes = ({ traces }: ReadResult): string[] => traces.map(({ container, outcome, spans: [root] }) => `${container} ${outcome}${root?.error === undefined ? '' : `: ${root.error}`}`);

overRecordings('samples', () => {
  test.each([
    ['local-runs/runc-1.1.5-debug.json.log', { lines: 25, events: 7, unknown: 0, ignored: { 'runc: stages': 18 }, malformed: {} }],
    ['local-runs/runc-1.1.5-debug.text.log', { lines: 25, events: 7, unknown: 0, ignored: { 'runc: stages': 18 }, malformed: {} }],
    // A name with quotes that are not escaped; the words of a Go test around it.
    ['runc/runc-checkpoint-criu-timeout-logrus.log', { lines: 16, events: 0, unknown: 1, ignored: { 'runc: the log of CRIU': 12 }, malformed: { 'logfmt-broken': 1, 'not-json': 2 } }],
    // A terminal's form tells no date.
    ['runc/runc-nsexec-debug-tty-format.log', { lines: 14, events: 0, unknown: 0, ignored: {}, malformed: { 'logfmt-broken': 6, 'not-json': 8 } }],
  ])('%s: a verdict for each line', (path, verdicts) => {
    expect(read([{ log: readFileSync(corpusFile(path)), key: '/tmp/sample' }]).verdicts).toEqual(verdicts);
  });

  test.each(['json', 'text'])('as %s, in a file that is named for its container: a start whose lines are in order and claim no time', (form) => {
    const result = read([{ log: readFileSync(corpusFile(`local-runs/runc-1.1.5-debug.${form}.log`)), key: '/run/containerd/io.containerd.runtime.v2.task/default/t3/log.json' }]);
    expect(outcomes(result)).toEqual(['t3 ok']);
    expect(spans(result)).toEqual(['container start 0..0 inferred']);
    const lines = ['set-up begun', 'stage-1 begun', 'namespaces unshared', 'stage-2 begun', 'nsexec ended', 'init begun', 'init ended'];
    expect(result.traces.flatMap((trace) => trace.spans.flatMap(({ events }) => events.map(({ name }) => name)))).toEqual(lines);
  });

  test('in a file that is named for nobody, lines are known and belong to nobody', () => {
    const { traces, counts } = read([{ log: readFileSync(corpusFile('local-runs/runc-1.1.5-debug.text.log')), key: '/tmp/runc-debug.txt' }]);
    expect([traces, counts]).toEqual([[], { unattributed: 7 }]);
  });
});

describe('whose lines these are', () => {
  test.each([
    ['/run/containerd/io.containerd.runtime.v2.task/k8s.io/0a1b/log.json', ['0a1b']], ['/var/log/runc/web-1.log', ['web-1']], ['/var/log/runc/web-1.log.2', ['web-1']],
    ['/var/log/runc/a b.log', []], ['/log.json', []], ['/var/log/runc/web-1.log.old', []],
  ])('%s', (key, containers) => {
    expect(read([{ log: fixture('text/r1.log'), key }]).traces.map(({ container }) => container)).toEqual(containers);
  });

  test('a name that no container can have makes its lines malformed', () => {
    expect(read([{ log: fixture('text/r1.log'), key: '/var/log/runc/a b.log' }]).verdicts.malformed).toEqual({ 'bad-container-id': 7 });
  });

  test('two containers at once, each in its own file, are two starts', () => {
    const files = ['a', 'b'].map((name) => ({ log: fixture('text/r1.log'), key: `/var/log/runc/${name}.log` }));
    expect(outcomes(read(files)).toSorted()).toEqual(['a ok', 'b ok']);
  });

  test('lines of another program in such a journal are no matter of runc', () => {
    const journal = fixture('journal/journal.log').replaceAll('"SYSLOG_IDENTIFIER":"runc"', '"SYSLOG_IDENTIFIER":"conmon"');
    const { traces, verdicts } = read(journal);
    expect([traces, verdicts.events, verdicts.ignored]).toEqual([[], 0, { 'another program': 25 }]);
  });
});

describe('what the lines prove', () => {
  const TIME = '2026-11-21T10:00:0';
  const line = (second: number, msg: string, level = 'debug'): string => `${JSON.stringify({ level, msg, time: `${TIME}${second}Z` })}\n`;
  const begun = (second: number): string => line(second, 'nsexec[7]: => nsexec container setup') + line(second, 'nsexec-1[8]: ~> nsexec stage-1');
  const one = (log: string): ReadResult => read([{ log, key: '/var/log/runc/c1.log' }]);

  test('a failure without --debug is a start that failed, and why', () => {
    expect(outcomes(one(line(1, 'runc create failed: invalid rootfs: stat /b/rootfs: no such file or directory', 'error')))).toEqual(['c1 failed: invalid rootfs: stat /b/rootfs: no such file or directory']);
    expect(outcomes(one(line(1, 'container_linux.go:380: starting container process caused: exec: "x": not found', 'error')))).toEqual(['c1 failed: : exec: "x": not found']);
  });

  test('a failure is told as soon as it is written, also in the second in which the start began', () => {
    const ledger = newLedger({}, [RUNC]);
    const feed = new Feed(ledger, { log: begun(1) + line(1, 'runc create failed: unable to start container process: EOF', 'error') + line(1, 'container does not exist', 'error'), key: '/var/log/runc/c1.log' });
    while (feed.more(65_536));
    const second = BigInt(Date.parse(`${TIME}1Z`)) * 1_000_000n;
    ledger.atEnd(feed.id, steady(3_000));
    expect(ledger.settle(clockAt(second + 3_000_000_000n, 3_000)).map(({ trace }) => [trace.outcome, trace.spans.length])).toEqual([['failed', 1]]);
  });

  test('a failure at --debug ends the start under way, and a stage says why better than runc', () => {
    const log = begun(1) + line(2, 'nsexec-1[8]: failed to unshare remaining namespaces: Operation not permitted', 'fatal') + line(2, 'runc create failed: unable to start container process: EOF', 'error');
    expect(outcomes(one(log))).toEqual(['c1 failed: failed to unshare remaining namespaces: Operation not permitted']);
  });

  test('a command on what is not there is no failure of a start', () => {
    const { traces, verdicts } = one(line(1, 'container does not exist', 'error'));
    expect([traces, verdicts.events]).toEqual([[], 1]);
  });

  test('an exec is none, whether it ends or hangs', () => {
    const joined = line(1, 'nsexec-1[8]: setns(0x20000) into mnt namespace (with path /proc/7/ns/mnt)');
    for (const rest of ['', line(1, 'setns_init: about to exec')]) {
      const { traces, counts } = one(begun(1) + joined + rest);
      expect([traces, counts]).toEqual([[], { 'exec-of-runc': 1 }]);
    }
  });

  test('a second in between is no proof of a hang; two are, at the step where they passed', () => {
    const log = (end: number): ReadResult => one(begun(1) + line(1, 'child process in init()') + line(end, 'init: closing the pipe to signal completion'));
    expect(log(2).traces.flatMap(({ findings }) => findings.map(({ id }) => id))).toEqual([]);
    const { traces: [hang] } = log(3);
    expect(hang?.findings.map(({ id, loss, evidence }) => [id, loss, evidence.length])).toEqual([['runc-hang', 2_000_000_000, 2]]);
    expect(hang?.spans.find(({ name }) => name === 'init: set up container')).toMatchObject({ end: 2_000_000_000, certainty: 'bounded' });
  });

  test('a hook that holds up an init of 1.2 is a span of its own', () => {
    const log = begun(1) + ['child process in init()', 'writing sync procReady', 'read sync procReady', 'writing sync procRun', 'read sync procRun', 'writing sync procHooks', 'read sync procHooks'].map((text) => line(1, text)).join('')
      + ['writing sync procHooksDone', 'read sync procHooksDone', 'init: closing the pipe to signal completion', 'init: about to wait on exec fifo'].map((text) => line(4, text)).join('');
    const result = one(log);
    expect(spans(result)).toContain('init: wait for hooks 0..3000000000 bounded');
    expect([outcomes(result), result.verdicts.unknown]).toEqual([['c1 ok'], 0]);
  });
});
