/** How long a line takes through a journal, and what it costs to wait for one. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { Journald, haveJournald } from '../support/journald.ts';
import type { Writer } from '../support/journald.ts';
import { session } from '../support/katawriter.ts';
import type { KataLine } from '../support/katawriter.ts';
import { Random } from '../support/random.ts';
import { remove } from '../support/remove.ts';
import { MAIN, ROOT, SHORT, childrenOf, quantile, report, usage } from './support.ts';

/** A Kata start settles so long after its last line. */
const SETTLE_MS = 5_000;
const AT_ONCE = 10;
const ROUNDS = 10;
/** The first starts find code that was never run. */
const WARM_UP = 2;
const WRITERS = ['kata-runtime', 'kata-proxy', 'kata-shim'] as const;

const wall = (): number => performance.timeOrigin + performance.now();

export async function bench(): Promise<void> {
  if (!haveJournald) return void process.stdout.write('  not measured: a journald of one\'s own needs root and systemd\n');
  const folder = mkdtempSync(join(tmpdir(), 'shimtrace-latency-'));
  await using journald = await Journald.start();
  const receiver = spawn(process.execPath, [join(ROOT, 'test/bench/receiver.ts'), 'stamp'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const stamps = createInterface({ input: receiver.stdout })[Symbol.asyncIterator]();
  const url = String((await stamps.next()).value);
  const log = join(folder, 'log');
  const fd = openSync(log, 'a');
  const daemon = spawn(process.execPath, [MAIN, 'run', '--listen', 'off', '--journal', `ns:${journald.namespace}`, '--otlp', url, '--state-dir', join(folder, 'state')], { stdio: ['ignore', fd, fd] });
  closeSync(fd);
  try {
    await pause(3_000); // until it follows
    await latency(journald, stamps);
    await rest(daemon.pid ?? 0, log);
  } finally {
    await end(daemon, receiver);
    remove(folder);
  }
}

/** From the write of a start's last line to the arrival of its trace, against a bare journalctl that reads the same. */
async function latency(journald: Journald, stamps: AsyncIterator<string>): Promise<void> {
  const writers: Record<string, Writer> = {};
  for (const name of WRITERS) writers[name] = await journald.writer(name);
  const bare = new Bare(journald.namespace);
  const [ours, theirs]: [number[], number[]] = [[], []];
  await pause(1_000);
  for (let round = SHORT ? WARM_UP : 0; round < (SHORT ? WARM_UP + 1 : WARM_UP + ROUNDS); round++) {
    const starts = Array.from({ length: AT_ONCE }, (_, at) => startThatEndsNow(round * AT_ONCE + at));
    const heard = bare.hears(starts.map(({ sandbox }) => sandbox));
    for (const line of starts.flatMap(({ lines }) => lines)) await writers[line.writer]?.write(`${line.text}\n`);
    const written = wall();
    const bareAt = await heard;
    if (round >= WARM_UP) theirs.push(...bareAt.map((at) => at - written));
    for (let arrived = 0; arrived < AT_ONCE; arrived++) {
      const stamp = await Promise.race([stamps.next(), pause(30_000, undefined, { ref: false })]);
      if (stamp === undefined) throw new Error(`only ${arrived} of ${AT_ONCE} arrived`);
      if (round >= WARM_UP) ours.push(Number(stamp.value) - written - SETTLE_MS);
    }
  }
  bare.stop();
  report('a bare journalctl --follow, write to line, p50', quantile(theirs, 0.5), 'ms');
  report('a bare journalctl --follow, write to line, p99', quantile(theirs, 0.99), 'ms');
  report(`write to trace received, less ${SETTLE_MS} ms, p50`, quantile(ours, 0.5), 'ms');
  report(`write to trace received, less ${SETTLE_MS} ms, p99`, quantile(ours, 0.99), 'ms');
  report('beyond the bare journalctl, p99', quantile(ours, 0.99) - quantile(theirs, 0.99), 'ms', { at: 'most', value: 50 });
}

/** A start up to the line that completes it, which is of this moment: the same story is told again with other times. */
function startThatEndsNow(seed: number): { readonly sandbox: string; readonly lines: readonly KataLine[] } {
  const story = (at: bigint): { readonly sandbox: string; readonly lines: readonly KataLine[] } => {
    let pid = 1_000 + seed * 100;
    const { sandbox, lines } = session(new Random(seed), { version: '1.12.1', kind: 'cold', at, behind: 0n, pid: () => ++pid });
    return { sandbox, lines: lines.slice(0, lines.findLastIndex(({ text }) => text.includes('is started')) + 1) };
  };
  const now = BigInt(Math.round(wall() * 1_000)) * 1_000n;
  const length = (story(now).lines.at(-1)?.time ?? now) - now;
  return story(now - length);
}

/** Notes when the last line of a sandbox comes out. */
class Bare {
  readonly #child: ChildProcess;
  #last = new Map<string, number>();
  #rest = '';

  constructor(namespace: string) {
    this.#child = spawn('journalctl', ['--no-pager', '--merge', '--lines=0', '--follow', '--output=cat', `--namespace=${namespace}`], { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (this.#rest + chunk.toString('latin1')).split('\n');
      this.#rest = lines.pop() ?? '';
      const now = wall();
      for (const line of lines) for (const [id] of this.#last) if (line.includes(id)) this.#last.set(id, now);
    });
  }

  /** Resolves with the times at which the last lines that name these came, once nothing more comes. */
  async hears(ids: readonly string[]): Promise<number[]> {
    this.#last = new Map(ids.map((id) => [id, 0]));
    await pause(4_000);
    return [...this.#last.values()];
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Nothing is written: nobody works, and nothing is said. */
async function rest(pid: number, log: string): Promise<void> {
  await pause(SHORT ? 1_000 : 15_000);
  const [child = 0] = childrenOf(pid);
  const [before, below, said] = [usage(pid), usage(child), statSync(log).size];
  const seconds = SHORT ? 1 : 60;
  await pause(seconds * 1_000);
  const after = usage(pid);
  report(`following a journal at rest, CPU ticks in ${seconds} s`, Math.round((after.cpu - before.cpu) * 100), 'ticks', { at: 'most', value: 0 });
  report('looks whether there is more, CPU ticks', Math.round((after.helped - before.helped) * 100), 'ticks');
  report('its journalctl, CPU ticks', childrenOf(pid).includes(child) ? Math.round((usage(child).cpu - below.cpu) * 100) : NaN, 'ticks', { at: 'most', value: 0 });
  report('bytes of its own log', statSync(log).size - said, 'bytes', { at: 'most', value: 0 });
}

async function end(...children: readonly ChildProcess[]): Promise<void> {
  for (const child of children) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}
