import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Random } from '../support/random.ts';
import { log } from '../support/uruncwriter.ts';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const MAIN = join(ROOT, 'dist/main.js');

/** A module as it is shipped: compiled JavaScript. Types come from its source. */
export const built = (module: string): Promise<never> => import(join(ROOT, 'dist', `${module}.js`)) as Promise<never>;

const CACHE = join(ROOT, '.cache/bench');

/** `--short` only checks that everything runs: its figures mean nothing. */
export const SHORT = process.argv.includes('--short');

/** A log of about `lines` urunc lines (generation C, interleaved starts), made once. */
export async function uruncLog(lines: number): Promise<{ path: string; lines: number; starts: number }> {
  mkdirSync(CACHE, { recursive: true });
  const path = join(CACHE, `urunc-${lines}.log`);
  const random = new Random(1);
  let at = 1_795_216_504_234_688_158n;
  let written = 0;
  let starts = 0;
  const fresh = !existsSync(path) || statSync(path).size === 0;
  const out = fresh ? createWriteStream(path) : undefined;
  while (written < lines) {
    const count = Math.min(2_000, Math.ceil((lines - written) / 19));
    const part = log(random, { generation: 'C', starts: count, at, every: 10_000_000 });
    starts += count;
    at = (part.at(-1)?.time ?? at) + 1_000_000n;
    written += part.length;
    if (out !== undefined && !out.write(part.map((line) => `${line.text}\n`).join(''))) await once(out, 'drain');
  }
  if (out !== undefined) {
    out.end();
    await once(out, 'finish');
  }
  return { path, lines: written, starts };
}

/** CPU time and memory of a process from /proc: user and system seconds, resident MiB now and at most. */
/** `helped`: CPU seconds of children that have ended. */
export function usage(pid: number): { cpu: number; helped: number; rss: number; peak: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const mib = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
  return { cpu: (Number(fields[11]) + Number(fields[12])) / 100, helped: (Number(fields[13]) + Number(fields[14])) / 100, rss: mib('VmRSS'), peak: mib('VmHWM') };
}

/** Children that a process has now, of its main thread. */
export const childrenOf = (pid: number): number[] => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter((each) => each !== '').map(Number);

export interface Finished {
  readonly code: number | null;
  /** Seconds, start of the process included. */
  readonly wall: number;
  /** CPU seconds, user and system, and peak MiB, as a Node process tells them itself; NaN for other programs. */
  readonly cpu: number;
  readonly peak: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Arguments for Node that make the process tell its figures as it exits. */
export const MEASURED = ['--import', join(ROOT, 'test/bench/usage.ts')];

/** Runs a program to its end; undefined when there is no such program here. */
export async function finish(command: string, args: readonly string[]): Promise<Finished | undefined> {
  const began = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const missing = new Promise<'missing'>((resolve) => child.once('error', () => resolve('missing')));
  const [stdout, stderr, exit] = await Promise.all([text(child.stdout), text(child.stderr), Promise.race([once(child, 'exit'), missing])]);
  if (exit === 'missing') return undefined;
  const wall = (performance.now() - began) / 1000;
  const report = /\x00([\d.]+) ([\d.]+)\s*$/.exec(stderr);
  return {
    code: child.exitCode,
    cpu: Number(report?.[1] ?? NaN),
    wall,
    peak: Number(report?.[2] ?? NaN),
    stdout,
    stderr: stderr.slice(0, report?.index ?? undefined),
  };
}

/** The same for our own program, which is there. */
export async function finishNode(args: readonly string[]): Promise<Finished> {
  const finished = await finish(process.execPath, args);
  if (finished === undefined || finished.code !== 0) throw new Error(`node ${args.join(' ')} exited ${finished?.code}: ${finished?.stderr}`);
  return finished;
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += String(chunk);
  return all;
}

/** The receiving end in a process of its own, so that its CPU is not ours. */
export async function startReceiver(...args: readonly string[]): Promise<{ url: string; child: ChildProcess; count(): Promise<{ requests: number; bytes: number; traces: number }> }> {
  const child = spawn(process.execPath, [join(ROOT, 'test/bench/receiver.ts'), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines: ((line: string) => void)[] = [];
  let rest = '';
  child.stdout.on('data', (chunk: Buffer) => {
    rest += String(chunk);
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n')) {
      lines.shift()?.(rest.slice(0, end));
      rest = rest.slice(end + 1);
    }
  });
  const line = (): Promise<string> => new Promise((resolve) => lines.push(resolve));
  const url = await line();
  return {
    url,
    child,
    count: async () => {
      const answer = line();
      child.stdin.write('count\n');
      const [requests = 0, bytes = 0, traces = 0] = (await answer).split(' ').map(Number);
      return { requests, bytes, traces };
    },
  };
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN;
}

let failed = 0;

/** One figure against its limit. A benchmark reports; it fails only when something did not run. */
export function report(name: string, value: number, unit: string, limit?: { readonly at: 'least' | 'most'; readonly value: number }): void {
  const shown = value >= 1_000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
  const met = limit === undefined || SHORT || (limit.at === 'least' ? value >= limit.value : value <= limit.value);
  const wanted = limit === undefined ? '' : `   (${limit.at === 'least' ? '>=' : '<='} ${limit.value.toLocaleString('en')}${met ? '' : '  NOT MET'})`;
  process.stdout.write(`  ${name.padEnd(62)} ${shown} ${unit}${wanted}\n`);
  if (!Number.isFinite(value)) failed++;
}

/** Ends the benchmark: 1 when a figure could not be taken. */
export function conclude(): never {
  process.exit(failed === 0 ? 0 : 1);
}
