/** The daemon's ends and beginnings: told to stop, started twice, started before its back-end. */
import { once } from 'node:events';
import { mkdtempDisposableSync, readFileSync } from 'node:fs';
import type { DisposableTempDir } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Random } from '../support/random.ts';
import { portOf, Receiver, status } from '../support/receiver.ts';
import { start } from '../support/uruncwriter.ts';
import { Host, now } from './host.ts';
import { Daemon, until } from './program.ts';
import { traceIdOf, viewWire } from './spans.ts';

const HOST = 'shutdown-host';
/** Quiet time after the last mark, lateness of a file, and one write of the state: what a start takes beside its sending. */
const SETTLE_MS = 500;

let folder: DisposableTempDir;
let host: Host;
const daemons: Daemon[] = [];
vi.setConfig({ testTimeout: 60_000 });
beforeEach(() => {
  folder = mkdtempDisposableSync(join(tmpdir(), 'shimtrace-shutdown-'));
  host = new Host(join(folder.path, 'timestamps.log'));
});
afterEach(async () => {
  for (const daemon of daemons.splice(0)) if (daemon.running) await daemon.kill();
  host.dispose();
  folder.remove();
});

const state = (): string => join(folder.path, 'state', 'state.json');

function run(url: string): Daemon {
  const daemon = new Daemon(['--file', host.log, '--otlp', url, '--state-dir', join(folder.path, 'state'), '--host-id', HOST]);
  daemons.push(daemon);
  return daemon;
}

/** Writes one complete start, live. @returns its trace id. */
async function oneStart(seed: number): Promise<string> {
  const id = new Random(seed).hex(64);
  const at = now();
  host.plan('D', start(new Random(seed), { generation: 'D', id, at }));
  await host.play();
  return traceIdOf(HOST, id, at);
}

/** In order, each time it was taken. */
function tracesOf(receiver: Receiver): string[] {
  const taken = receiver.requests.filter(({ behaviour }) => behaviour.kind === 'ok');
  return taken.flatMap(({ bytes }) => [...new Set(viewWire(bytes).map((span) => span.traceId))]);
}

const taken = (receiver: Receiver, trace: string, daemon: Daemon): Promise<void> =>
  until(10_000, () => tracesOf(receiver).includes(trace), () => `${trace} never came; ${daemon.said}`);

test('SIGTERM: exit 0 within 5 s, the state written; what was taken is not sent again', async () => {
  const receiver = await Receiver.start();
  const first = await oneStart(1);
  const daemon = run(receiver.url);
  await taken(receiver, first, daemon);
  daemon.signal('SIGTERM');
  expect(await daemon.ended(5_000), daemon.said).toEqual({ code: 0, signal: null });
  expect(readFileSync(state(), 'utf8')).toContain('timestamps.log');

  const second = await oneStart(2);
  const again = run(receiver.url);
  await taken(receiver, second, again);
  expect(tracesOf(receiver)).toEqual([first, second]);
  await receiver.stop();
});

test('SIGTERM while the back-end hangs: exit 0 within 5 s, and the next run sends what was not taken', async () => {
  const receiver = await Receiver.start({ script: () => ({ kind: 'hang' }) });
  const trace = await oneStart(3);
  const daemon = run(receiver.url);
  await until(10_000, () => receiver.requests.length > 0, () => daemon.said);
  daemon.signal('SIGTERM');
  expect(await daemon.ended(5_000), daemon.said).toEqual({ code: 0, signal: null });
  receiver.script = () => ({ kind: 'ok' });
  await taken(receiver, trace, run(receiver.url));
  await receiver.stop();
});

test('SIGTERM while the back-end refuses: exit 0 within 5 s', async () => {
  const receiver = await Receiver.start({ script: () => ({ kind: 'status', code: status.UNAVAILABLE, message: 'not now' }) });
  await oneStart(4);
  const daemon = run(receiver.url);
  await until(10_000, () => receiver.requests.length > 0, () => daemon.said);
  daemon.signal('SIGTERM');
  expect(await daemon.ended(5_000), daemon.said).toEqual({ code: 0, signal: null });
  await receiver.stop();
});

test('a second one on the same state folder ends at once with a clear message; the first goes on', async () => {
  const receiver = await Receiver.start();
  const first = run(receiver.url);
  const early = await oneStart(5);
  await taken(receiver, early, first);
  const second = run(receiver.url);
  expect(await second.ended(5_000)).toEqual({ code: 74, signal: null });
  expect(second.said).toContain('another shimtrace works with this state folder');
  expect(second.said).toContain(join(folder.path, 'state'));
  await taken(receiver, await oneStart(6), first);
  await receiver.stop();
});

test('killed: the folder is free at once', async () => {
  const receiver = await Receiver.start();
  const trace = await oneStart(7);
  const first = run(receiver.url);
  await taken(receiver, trace, first);
  await first.kill();
  const second = run(receiver.url);
  await taken(receiver, await oneStart(8), second);
  await receiver.stop();
});

test('the back-end is down at the start and comes up after many attempts: delivered within 3 s', async () => {
  let attempts = 0;
  const nobody = createServer((socket) => {
    attempts++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(nobody, 'listening');
  const port = portOf(nobody);
  const daemon = run(`http://127.0.0.1:${port}`);
  const trace = await oneStart(9);
  await until(20_000, () => attempts >= 4, () => `${attempts} attempts; ${daemon.said}`);
  await once(nobody.close(), 'close');
  const receiver = await Receiver.start({ port });
  const up = performance.now();
  await taken(receiver, trace, daemon);
  expect(performance.now() - up).toBeLessThan(3_000 + SETTLE_MS);
  await receiver.stop();
});

test('the back-end goes away and comes back: delivered within 3 s', async () => {
  const receiver = await Receiver.start();
  const { port } = new URL(receiver.url);
  const daemon = run(receiver.url);
  await taken(receiver, await oneStart(10), daemon);
  await receiver.stop();
  const trace = await oneStart(11);
  const back = await Receiver.start({ port: Number(port) });
  const up = performance.now();
  await taken(back, trace, daemon);
  expect(performance.now() - up).toBeLessThan(3_000 + SETTLE_MS);
  await back.stop();
});
