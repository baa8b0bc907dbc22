import { appendFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Random } from '../support/random.ts';
import { start } from '../support/uruncwriter.ts';
import { remove } from '../support/remove.ts';
import { MAIN, SHORT, report, startReceiver, usage } from './support.ts';

/** The daemon with nothing to do, and at a steady 2,000 lines a second. */
export async function bench(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'shimtrace-bench-'));
  const file = join(folder, 'log');
  writeFileSync(file, '');
  const receiver = await startReceiver();
  // As systemd runs it: a sign of life every minute. Nobody listens, which saves it nothing.
  const supervised = { ...process.env, NOTIFY_SOCKET: join(folder, 'notify'), WATCHDOG_USEC: '120000000' };
  const daemon = spawn(process.execPath, [MAIN, 'run', '--listen', '127.0.0.1:0', '--file', file, '--otlp', receiver.url, '--state-dir', join(folder, 'state')], { stdio: 'ignore', env: supervised });
  const { pid } = daemon;
  if (pid === undefined) throw new Error('the daemon did not start');
  try {
    await pause(SHORT ? 1_500 : 15_000); // until start-up is over: rest is what is measured
    const atRest = usage(pid);
    const restSeconds = SHORT ? 1 : 10;
    await pause(restSeconds * 1_000);
    const rested = usage(pid);
    report(`CPU ticks in ${restSeconds} s at rest`, Math.round((rested.cpu - atRest.cpu) * 100), 'ticks', { at: 'most', value: 0 });
    report('resident at rest', rested.rss, 'MiB', { at: 'most', value: 85 });
    if (!SHORT) await minute(pid);
    const busy = usage(pid);
    const seconds = await write(file, SHORT ? 1 : 30);
    const done = usage(pid);
    report('of a core at 2,000 lines/s', (100 * (done.cpu - busy.cpu)) / seconds, '%', { at: 'most', value: 6 });
    report('resident at 2,000 lines/s', done.rss, 'MiB');
  } finally {
    daemon.kill('SIGKILL');
    receiver.child.kill();
    remove(folder);
  }
}

/** Any minute holds one sign of life, whose process counts, too. */
async function minute(pid: number): Promise<void> {
  const before = usage(pid);
  await pause(60_000);
  const after = usage(pid);
  report('CPU ticks in 60 s at rest, with a sign of life', Math.round((after.cpu + after.helped - before.cpu - before.helped) * 100), 'ticks', { at: 'most', value: 3 });
}

/** About 105 starts a second, a write of whole lines every 10 ms, with present times. @returns seconds it took. */
async function write(file: string, seconds: number): Promise<number> {
  const random = new Random(7);
  const began = performance.now();
  let lines: { time: bigint; text: string }[] = [];
  let started = 0;
  for (;;) {
    const elapsed = (performance.now() - began) / 1_000;
    if (elapsed >= seconds) return elapsed;
    const now = BigInt(Date.now()) * 1_000_000n;
    for (; started < elapsed * (2_000 / 19); started++) lines.push(...start(random, { generation: 'C', id: random.hex(64), at: now }));
    const due = lines.filter((line) => line.time <= now).sort((a, b) => (a.time < b.time ? -1 : 1));
    lines = lines.filter((line) => line.time > now);
    if (due.length > 0) appendFileSync(file, due.map((line) => `${line.text}\n`).join(''));
    await pause(10);
  }
}
