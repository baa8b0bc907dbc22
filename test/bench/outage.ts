/**
 * A back-end that is away for an hour of a busy host (3.6 million lines at 1,000 a second), compressed into the time it
 * takes to read them: what the daemon's memory does meanwhile, and how fast it delivers all of it afterwards.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { portOf } from '../support/receiver.ts';
import { remove } from '../support/remove.ts';
import { MAIN, startReceiver, usage, uruncLog } from './support.ts';

export interface Outage {
  readonly lines: number;
  readonly starts: number;
  /** Traces that arrived, and seconds from the back-end's return to the last. */
  readonly delivered: number;
  readonly seconds: number;
  /** Peak resident MiB: at the end of the outage, and of all. */
  readonly peakAway: number;
  readonly peak: number;
  /** MiB on disk at the end of the outage. */
  readonly spooled: number;
}

export async function outage(wanted: number): Promise<Outage> {
  const { path, lines, starts } = await uruncLog(wanted);
  const folder = mkdtempSync(join(tmpdir(), 'shimtrace-outage-'));
  const port = await freePort();
  const state = join(folder, 'state');
  const daemon = spawn(process.execPath, [MAIN, 'run', '--listen', '127.0.0.1:0', '--file', path, '--otlp', `http://127.0.0.1:${port}`, '--state-dir', state, '--log-level', 'warn'], { stdio: 'ignore' });
  const { pid } = daemon;
  if (pid === undefined) throw new Error('the daemon did not start');
  try {
    // A daemon that reads uses CPU time and fills its spool; one that has read all, or waits for room, does neither.
    await stillFor(3_000, () => `${Math.round(usage(pid).cpu * 4)} ${sizeOf(join(state, 'spool'))}`);
    const away = { peak: usage(pid).peak, spooled: sizeOf(join(state, 'spool')) / 2 ** 20 };
    const receiver = await startReceiver('count', String(port));
    const began = performance.now();
    let delivered = 0;
    let last = began;
    try {
      while (delivered < starts && performance.now() - last < 60_000) {
        await pause(100);
        const { traces } = await receiver.count();
        if (traces > delivered) last = performance.now();
        delivered = traces;
      }
    } finally {
      receiver.child.kill();
    }
    return { lines, starts, delivered, seconds: (last - began) / 1_000, peakAway: away.peak, peak: usage(pid).peak, spooled: away.spooled };
  } finally {
    daemon.kill('SIGKILL');
    await once(daemon, 'exit');
    remove(folder);
  }
}

/** Waits until what is looked at has not changed for so long. */
async function stillFor(ms: number, look: () => string): Promise<void> {
  let seen = look();
  for (let since = performance.now(); performance.now() - since < ms; ) {
    await pause(200);
    const now = look();
    if (now !== seen) since = performance.now();
    seen = now;
  }
}

function sizeOf(folder: string): number {
  try {
    return readdirSync(folder).reduce((sum, name) => sum + (statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
  } catch {
    // Not made yet.
    return 0;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server);
  await once(server.close(), 'close');
  return port;
}
