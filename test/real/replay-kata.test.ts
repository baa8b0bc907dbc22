/** Recordings of real Kata 1.x, replayed into followed syslog files with a rotation and a kill -9, against a real Jaeger. */
import { appendFileSync, copyFileSync, mkdirSync, mkdtempDisposableSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Receiver } from '../support/receiver.ts';
import { criticalPath } from './criticalpath.ts';
import { now } from './host.ts';
import { Jaeger } from './jaeger.ts';
import { Daemon, shimtrace, until } from './program.ts';
import { missing as noRecordings, played } from './replay-kata.ts';
import type { PlayedLine } from './replay-kata.ts';
import { lacks } from './server.ts';
import { byTrace, viewJson, viewWire } from './spans.ts';
import type { SpanView } from './spans.ts';

const HOST = 'replay-host';
const missing = lacks('jaeger') ?? noRecordings;

/** Each in a log of its own, as on a host of its own; of the measured lines the cold start, whose dial paused. */
const RECORDINGS: Readonly<{ [name: string]: (at: bigint) => PlayedLine[] }> = {
  'start-stop': (at) => played('kata-1.12-real/start-stop/journal.log', at),
  'exec': (at) => played('kata-1.12-real/exec/journal.log', at),
  'fail-cmd': (at) => played('kata-1.12-real/fail-cmd/journal.log', at),
  'fail-vmm': (at) => played('kata-1.12-real/fail-vmm/journal.log', at),
  'par4': (at) => played('kata-1.12-real/par4/journal.log', at),
  'pod2': (at) => played('kata-1.12-real/pod2/journal.log.gz', at),
  'gist': (at) => played('kata-1/gist-lines.log', at, { from: 17 }),
};
/** Renamed away in the middle of a start, as logrotate does it: rsyslog goes on in a new file. */
const ROTATED = 'start-stop';
const ROTATES_AFTER = 9_000_000_000n;
const KILLED_AFTER = 12_000_000_000n;

describe.skipIf(missing !== undefined)(`recordings of real Kata 1.x, replayed${missing === undefined ? '' : ` [${missing}]`}`, { timeout: 60_000 }, () => {
  const used = new AsyncDisposableStack();
  const begun = now();
  let jaeger: Jaeger;
  /** What an import of the whole makes, by trace. */
  let imported = new Map<string, SpanView[]>();
  let shown = new Map<string, SpanView[]>();
  let sent = new Map<string, SpanView[]>();

  beforeAll(async () => {
    const folder = used.use(mkdtempDisposableSync(join(tmpdir(), 'shimtrace-replay-kata-'))).path;
    jaeger = used.use(await Jaeger.start());
    const receiver = await Receiver.start();
    used.defer(() => receiver.stop());
    const logs = new Map(Object.keys(RECORDINGS).map((name) => [name, join(folder, name, 'kata.log')]));
    for (const log of logs.values()) {
      mkdirSync(dirname(log), { recursive: true });
      appendFileSync(log, '', { mode: 0o644 });
    }
    const arguments_ = (otlp: string, state: string): string[] => ['--file', `kata-1=${join(folder, '*', 'kata.log')}`, '--otlp', otlp, '--state-dir', join(folder, state), '--host-id', HOST];
    const start = (): Daemon[] => [new Daemon(arguments_(jaeger.otlp, 'state-jaeger')), new Daemon(arguments_(receiver.url, 'state-receiver'))];
    let daemons = start();
    used.defer(async () => void (await Promise.all(daemons.filter(({ running }) => running).map((daemon) => daemon.kill()))));
    await Promise.all(daemons.map((daemon) => daemon.ready()));
    const at = now();
    const killed = (async () => {
      await dueAt(at + KILLED_AFTER);
      await Promise.all(daemons.map((daemon) => daemon.kill()));
      daemons = start();
      await Promise.all(daemons.map((daemon) => daemon.ready()));
    })();
    await Promise.all([...logs].map(([name, log]) => play(log, RECORDINGS[name]?.(at) ?? [], name === ROTATED ? at + ROTATES_AFTER : undefined)));
    await killed;
    imported = importAll(folder, logs);
    await until(60_000, async () => {
      shown = byTrace(await jaeger.traces('kata', begun, now() + 60_000_000_000n));
      sent = new Map(receiver.requests.flatMap(({ bytes }) => [...byTrace(viewWire(bytes))]));
      return shown.size >= imported.size && sent.size >= imported.size;
    }, () => `${shown.size} and ${sent.size} of ${imported.size} traces came; the daemons said:\n${daemons.map(({ said }) => said).join('\n')}`);
  }, 180_000);

  afterAll(() => used.disposeAsync());

  test('the traces are those of an import of the whole, span for span', () => {
    expect([...sent.keys()].sort()).toEqual([...imported.keys()].sort());
    expect([...shown.keys()].sort()).toEqual([...imported.keys()].sort());
    for (const [id, spans] of imported) {
      expect(sent.get(id), id).toEqual(spans);
      expect(shown.get(id), id).toEqual(spans);
    }
  });

  test('as many starts, stops and execs as were recorded', () => {
    const roots = [...shown.values()].flat().filter(({ parent }) => parent === '');
    const named = (name: string): number => roots.filter((root) => root.name === name).length;
    // start-stop, exec, fail-cmd, fail-vmm and the measured one each, par4 four; pod2 one pod of three containers, each of which is stopped.
    expect([named('container start'), named('pod start'), named('container stop'), named('container exec')]).toEqual([9, 1, 7, 3]);
    // fail-cmd, fail-vmm and two of par4; of the measured one the log ends before its start does; one exec of a missing command.
    expect(roots.filter(({ status }) => status === 2).map(({ name }) => name).sort()).toEqual(['container exec', ...Array.from({ length: 5 }, () => 'container start')]);
  });

  test('no warning, no orphan, nothing out of its parent, no gap on the critical path', async () => {
    for (const [id, spans] of shown) {
      expect(await jaeger.doubts(id), id).toEqual({ warnings: [], orphans: [] });
      expect(criticalPath(spans), id).toMatchObject({ cut: [], gaps: [] });
    }
  });

  test('a service per component, and each call of the guest inside the host\'s', () => {
    const all = [...shown.values()].flat();
    expect([...new Set(all.map(({ service }) => service))].sort()).toEqual(expect.arrayContaining(['caller', 'hypervisor', 'kata', 'kata-agent', 'kata-proxy', 'kata-runtime', 'kata-shim']));
    const byId = new Map(all.map((span) => [span.spanId, span]));
    const calls = all.filter(({ service, kind }) => service === 'kata-agent' && kind === 2);
    expect(calls.length).toBeGreaterThan(50);
    for (const call of calls) expect(byId.get(call.parent), call.name).toMatchObject({ kind: 3, service: 'kata-runtime' });
  });

  test('the finding is found by its tag', async () => {
    const found = await jaeger.tagged('kata', { 'shimtrace.finding': 'dial-backoff' }, begun, now() + 60_000_000_000n);
    expect(found).toHaveLength(1);
  });
});

function importAll(folder: string, logs: ReadonlyMap<string, string>): Map<string, SpanView[]> {
  const all = new Map<string, SpanView[]>();
  for (const [name, log] of logs) {
    const files = name === ROTATED ? [`${log}.1`, log] : [log];
    // Away from the daemons' eyes, under other names.
    const copies = files.map((file, index) => {
      const copy = join(folder, `${name}.${index}.copy`);
      copyFileSync(file, copy);
      return copy;
    });
    const outcome = shimtrace('import', ...copies, '--runtime', 'kata-1', '--format', 'otlp-json', '--host-id', HOST);
    if (outcome.code !== 0) throw new Error(`import of ${name} ended with ${outcome.code}: ${outcome.stderr}`);
    for (const line of outcome.stdout.trim().split('\n')) for (const [id, spans] of byTrace(viewJson(JSON.parse(line)))) all.set(id, spans);
  }
  return all;
}

async function play(log: string, lines: readonly PlayedLine[], rotates: bigint | undefined): Promise<void> {
  let moved = rotates === undefined;
  for (const { time, text } of lines) {
    if (!moved && rotates !== undefined && time > rotates) {
      await dueAt(rotates);
      renameSync(log, `${log}.1`);
      moved = true;
    }
    await dueAt(time);
    appendFileSync(log, `${text}\n`, { mode: 0o644 });
  }
}

async function dueAt(time: bigint): Promise<void> {
  for (let wait = Number(time - now()) / 1e6; wait > 0; wait = Number(time - now()) / 1e6) await pause(wait);
}
