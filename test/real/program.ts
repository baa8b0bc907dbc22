/** Runs shimtrace as a user does: as a process of its own. */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const ROOT = join(import.meta.dirname, '../..');
const BUILT = join(ROOT, 'dist/main.js');

/** The built entry; the sources themselves while they are newer, so that a test never judges yesterday's build. */
function entry(): string {
  const built = statSync(BUILT, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = globSync('src/**/*.ts', { cwd: ROOT });
  return sources.every((path) => statSync(join(ROOT, path)).mtimeMs <= built) ? BUILT : join(ROOT, 'src/main.ts');
}
export const ENTRY = entry();

/** The surroundings of the test must not steer it. */
export function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(OTEL_|SHIMTRACE_|NODE_|VITEST|npm_)/.test(name));
  return { ...Object.fromEntries(kept), NO_COLOR: '1' };
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running `shimtrace run`. */
export class Daemon {
  readonly #child: ChildProcess;
  readonly #ended: Promise<Ended>;
  readonly #born = performance.now();
  #said = '';
  /** ms from its birth until it said what it watches; undefined: it has not yet. */
  readyAfter: number | undefined;

  /** Without metrics, unless `--listen` is among the arguments: tests run beside each other. @param within a command that runs the rest of its arguments in surroundings of its own. */
  constructor(args: readonly string[], env: NodeJS.ProcessEnv = {}, within: readonly string[] = []) {
    const [command = '', ...rest] = [...within, process.execPath, ENTRY, 'run', ...(args.includes('--listen') ? [] : ['--listen', 'off']), ...args];
    this.#child = spawn(command, rest, { env: { ...environment(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const listen = (chunk: Buffer): void => {
      this.#said = `${this.#said}${chunk.toString()}`.slice(-20_000);
      if (/watching/i.test(this.#said)) this.readyAfter ??= Math.round(performance.now() - this.#born);
    };
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.on('data', listen);
    this.#ended = once(this.#child, 'close').then(() => ({ code: this.#child.exitCode, signal: this.#child.signalCode }));
  }

  /** The end of all it wrote. */
  get said(): string {
    return this.#said;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** It says what it watches once it does. */
  ready(): Promise<void> {
    return until(20_000, () => this.readyAfter !== undefined, () => this.#said);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** How it ended; fails after `limit` ms. */
  ended(limit: number): Promise<Ended> {
    return within(limit, this.#ended, () => `shimtrace did not end within ${limit} ms; it said:\n${this.#said}`);
  }

  async kill(): Promise<Ended> {
    this.signal('SIGKILL');
    return this.ended(20_000);
  }
}

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export function shimtrace(...args: readonly string[]): Outcome {
  const { status, stdout, stderr, error } = spawnSync(process.execPath, [ENTRY, ...args], {
    env: environment(), encoding: 'utf8', timeout: 30_000, maxBuffer: 256 << 20, stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (error !== undefined) throw error;
  return { code: status, stdout, stderr };
}

/** Waits until the condition holds, looking every 20 ms; fails with what `about` says after `limit` ms. */
export async function until(limit: number, condition: () => boolean | Promise<boolean>, about: () => string): Promise<void> {
  for (const end = performance.now() + limit; !(await condition());) {
    if (performance.now() > end) throw new Error(`waited ${limit} ms in vain: ${about()}`);
    await pause(20);
  }
}

async function within<T>(limit: number, promise: Promise<T>, about: () => string): Promise<T> {
  const stop = new AbortController();
  const late = pause(limit, undefined, { signal: stop.signal }).then(() => { throw new Error(about()); });
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop.abort();
    late.catch(() => undefined);
  }
}
