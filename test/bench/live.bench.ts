import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { Random } from '../support/random.ts';
import { start } from '../support/uruncwriter.ts';
import { remove } from '../support/remove.ts';
import { MAIN, ROOT, SHORT, quantile, report } from './support.ts';

/** Settle time and the lateness of a file: what a start waits by design before it is sent. */
const WAIT_MS = 500;
/** The first starts find code that was never run. */
const WARM_UP = 10;

const wall = (): number => performance.timeOrigin + performance.now();

/** From the write of a start's last line to the arrival of its trace, against a bare watch, read and send loop. */
export async function bench(): Promise<void> {
  const count = SHORT ? 3 : 100;
  const ours = await measure(count, (file, url, folder) => [MAIN, 'run', '--listen', '127.0.0.1:0', '--file', file, '--otlp', url, '--state-dir', join(folder, 'state')], WAIT_MS);
  const bare = await measure(count, (file, url) => [join(ROOT, 'test/bench/bare.ts'), file, url], 0);
  report('bare loop, p50', quantile(bare, 0.5), 'ms');
  report('bare loop, p99', quantile(bare, 0.99), 'ms');
  report(`shimtrace less ${WAIT_MS} ms, p50`, quantile(ours, 0.5), 'ms');
  report(`shimtrace less ${WAIT_MS} ms, p99`, quantile(ours, 0.99), 'ms');
  report('ratio p50', quantile(ours, 0.5) / quantile(bare, 0.5), 'x', { at: 'most', value: 2 });
  report('ratio p99', quantile(ours, 0.99) / quantile(bare, 0.99), 'x', { at: 'most', value: 2 });
}

async function measure(count: number, command: (file: string, url: string, folder: string) => string[], wait: number): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'shimtrace-live-'));
  const file = join(folder, 'log');
  writeFileSync(file, '');
  const receiver = spawn(process.execPath, [join(ROOT, 'test/bench/receiver.ts'), 'stamp'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: receiver.stdout })[Symbol.asyncIterator]();
  const url = String((await lines.next()).value);
  const follower = spawn(process.execPath, command(file, url, folder), { stdio: ['pipe', 'ignore', 'ignore'] });
  try {
    await pause(1_500); // until it follows: there is no signal that both kinds give
    const written = await writeStarts(file, SHORT ? count : count + WARM_UP);
    const arrived: number[] = [];
    while (arrived.length < written.length) {
      const line = await Promise.race([lines.next(), pause(10_000, undefined, { ref: false })]);
      if (line === undefined) throw new Error(`only ${arrived.length} of ${written.length} arrived`);
      arrived.push(Number(line.value));
    }
    return written.map((at, index) => (arrived[index] ?? NaN) - at - wait).slice(SHORT ? 0 : WARM_UP);
  } finally {
    await end(follower);
    await end(receiver);
    remove(folder);
  }
}

/**
 * Whole starts, one write each; the last line's time is the time of its write. So far apart that each waits out its time:
 * the lines of a later start would tell sooner that nothing more comes.
 */
async function writeStarts(file: string, count: number): Promise<number[]> {
  const random = new Random(3);
  const written: number[] = [];
  for (let index = 0; index < count; index++) {
    const lines = start(random, { generation: 'C', id: random.hex(64), at: 0n });
    const last = lines.at(-1)?.time ?? 0n;
    const now = wall();
    const base = BigInt(Math.round(now * 1e6)) - last;
    appendFileSync(file, lines.map((line) => `${line.text.replace(/"time":\d+/, `"time":${line.time + base}`)}\n`).join(''));
    written.push(now);
    await pause(600 + random.whole(0, 50));
  }
  return written;
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
