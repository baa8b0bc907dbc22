/** What a node costs on which nearly every line is another program's. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Journald, haveJournald } from '../support/journald.ts';
import { Random } from '../support/random.ts';
import { busyJournal, haveRecordings, other } from './busyjournal.ts';
import { remove } from '../support/remove.ts';
import { MAIN, MEASURED, ROOT, SHORT, childrenOf, finish, finishNode, median, report, startReceiver, usage } from './support.ts';

const SECONDS = SHORT ? 1 : 30;
const TICK_MS = 10;
const A_TICK = 20;

export async function bench(): Promise<void> {
  if (haveRecordings) await imported(SHORT ? 20_000 : 1_000_000);
  else process.stdout.write('  not measured: ../shared/corpus is absent\n');
  await followed();
  if (haveJournald) await journal();
  else process.stdout.write('  not measured: a journald of one\'s own needs root and systemd\n');
}

/** The whole program reads it, against a program that only counts the lines with some word. */
async function imported(lines: number): Promise<void> {
  const path = busyJournal(lines);
  const [wall, cpu, peak, grep]: [number[], number[], number[], number[]] = [[], [], [], []];
  for (let round = 0; round < (SHORT ? 1 : 3); round++) {
    const ours = await finishNode([...MEASURED, MAIN, 'import', path, '--format', 'json', '-o', '/dev/null']);
    const peer = await finish('grep', ['-cE', '[a-z]: time="[^"]+".*kata', path]);
    wall.push(lines / ours.wall);
    cpu.push(lines / ours.cpu);
    peak.push(ours.peak);
    if (peer !== undefined) grep.push(lines / peer.wall);
  }
  report('a busy node\'s journal, one line in twenty a runtime\'s (wall)', median(wall), 'lines/s', { at: 'least', value: 300_000 });
  report('the same, per CPU second', median(cpu), 'lines/s');
  report('the same, resident memory at most', median(peak), 'MiB', { at: 'most', value: 200 });
  if (grep.length === 0) return void process.stdout.write('  (no grep: that peer is left out)\n');
  report('grep, which counts the lines that match an expression', median(grep), 'lines/s');
  report('ratio', median(wall) / median(grep), 'x');
}

/** 2,000 lines a second that are nobody's business, in a file, against the least that can read them. */
async function followed(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'shimtrace-busy-'));
  const file = join(folder, 'messages');
  writeFileSync(file, '');
  const receiver = await startReceiver();
  const ours = daemon(['--file', file, '--otlp', receiver.url, '--state-dir', join(folder, 'state')]);
  const bare = spawn(process.execPath, [join(ROOT, 'test/bench/bareread.ts'), file], { stdio: ['pipe', 'ignore', 'inherit'] });
  try {
    const [share = NaN, peer = NaN] = await shares([ours, bare], (text) => appendFileSync(file, text), (random) => `Nov 20 14:11:54 node-7 ${other(random)}\n`);
    report('2,000 lines/s of other programs in a file, of a core', 100 * share, '%', { at: 'most', value: 2 });
    report('a bare watch and read loop on the same file', 100 * peer, '%');
  } finally {
    await end(ours, bare, receiver.child);
    remove(folder);
  }
}

/** The same in a journal: every entry asked for, and what is asked for by default. */
async function journal(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'shimtrace-busy-'));
  await using journald = await Journald.start();
  const writer = await journald.writer('kubelet');
  const receiver = await startReceiver();
  const whole = daemon(['--journal', `ns:${journald.namespace}`, '--otlp', receiver.url, '--state-dir', join(folder, 'whole')]);
  const picked = daemon(['--journal', `ns:${journald.namespace},kata,kata-runtime,containerd`, '--otlp', receiver.url, '--state-dir', join(folder, 'picked')]);
  const bare = spawn('journalctl', ['--no-pager', '--merge', '--lines=0', '--follow', '--output=export', `--namespace=${journald.namespace}`], { stdio: 'ignore' });
  try {
    const [all = NaN, some = NaN, peer = NaN] = await shares([whole, picked, bare], (text) => writer.write(text), (random) => `${other(random)}\n`);
    report('2,000 entries/s of other programs, a whole journal, of a core', 100 * all, '%');
    report('the same where runtimes are asked for by name', 100 * some, '%', { at: 'most', value: 2 });
    report('a bare journalctl that follows the whole journal', 100 * peer, '%');
  } finally {
    await end(whole, picked, bare, receiver.child);
    remove(folder);
  }
}

const daemon = (args: readonly string[]): ChildProcess => spawn(process.execPath, [MAIN, 'run', '--listen', '127.0.0.1:0', ...args], { stdio: 'ignore' });

/** What each takes of a core while the lines come, with the children it has. */
async function shares(children: readonly ChildProcess[], write: (text: string) => unknown, line: (random: Random) => string): Promise<number[]> {
  const random = new Random(7);
  const parts = Array.from({ length: 50 }, () => Array.from({ length: A_TICK }, () => line(random)).join(''));
  const put = async (seconds: number): Promise<number> => {
    const began = performance.now();
    for (let ticks = 0; performance.now() - began < seconds * 1_000; await pause(TICK_MS / 2)) {
      for (; ticks * TICK_MS < performance.now() - began; ticks++) await write(parts[ticks % parts.length] ?? '');
    }
    return (performance.now() - began) / 1_000;
  };
  await pause(SHORT ? 1_500 : 5_000);
  await put(SHORT ? 1 : 10); // until the code is warm
  const before = children.map(({ pid = 0 }) => family(pid));
  const seconds = await put(SECONDS);
  return children.map(({ pid = 0 }, at) => (family(pid) - (before[at] ?? NaN)) / seconds);
}

/** CPU seconds of a process and of the children it has and had. */
function family(pid: number): number {
  const { cpu, helped } = usage(pid);
  return cpu + helped + childrenOf(pid).reduce((sum, child) => sum + usage(child).cpu, 0);
}

async function end(...children: readonly ChildProcess[]): Promise<void> {
  for (const child of children) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}
