/** Real servers, each a process of its own on free loopback ports. `npm run test:servers` builds them. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempDisposableSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './program.ts';

const CACHE = process.env['SHIMTRACE_SERVERS'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'shimtrace-servers');

export const binaryOf = (name: string): string => join(CACHE, name);

/** Why tests that need these servers cannot run; undefined: they can. */
export function lacks(...names: readonly string[]): string | undefined {
  const absent = names.filter((name) => !existsSync(binaryOf(name)));
  return absent.length === 0 ? undefined : `no ${absent.join(', no ')} in ${CACHE}: npm run test:servers builds it`;
}

/** Where a program of the system is; undefined: it is not there. */
export const programOf = (name: string): string | undefined => (process.env['PATH'] ?? '').split(':').map((folder) => join(folder, name)).find((path) => existsSync(path));

/** Why tests that need these packages of Debian cannot run; undefined: they can. */
export function lacksPackage(packages: Readonly<Record<string, readonly string[]>>): string | undefined {
  const absent = Object.entries(packages).filter(([, programs]) => programs.some((name) => programOf(name) === undefined)).map(([name]) => name);
  return absent.length === 0 ? undefined : `no ${absent.join(', no ')}: apt-get install --no-install-recommends ${absent.join(' ')}`;
}

export interface Recipe {
  readonly name: string;
  /** Where it is, when it is none that was built. */
  readonly path?: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Answers 200 once the server can be used. */
  readonly ready: string;
}

export class Server implements AsyncDisposable {
  readonly #recipe: Recipe;
  readonly #folder = mkdtempDisposableSync(join(tmpdir(), 'shimtrace-server-'));
  #child: ChildProcess | undefined;
  #said = '';

  private constructor(recipe: (folder: string) => Recipe) {
    this.#recipe = recipe(this.#folder.path);
  }

  /** With a throw-away folder that lasts over `stop` and `start`. */
  static async start(recipe: (folder: string) => Recipe): Promise<Server> {
    const server = new Server(recipe);
    try {
      await server.start();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** The end of all it wrote. */
  get said(): string {
    return this.#said;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it, once more after `stop`, and waits until it is ready. */
  async start(): Promise<void> {
    const { name, path = binaryOf(name), args, env } = this.#recipe;
    const home = this.#folder.path;
    this.#child = spawn(path, args, { cwd: home, env: { PATH: process.env['PATH'], HOME: home, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    const listen = (chunk: Buffer): void => void (this.#said = `${this.#said}${chunk.toString()}`.slice(-20_000));
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.on('data', listen);
    await until(30_000, () => this.#ready(), () => `${name} is not ready: ${this.#said}`);
  }

  async #ready(): Promise<boolean> {
    if (!this.running) throw new Error(`${this.#recipe.name} ended: ${this.#said}`);
    try {
      return (await fetch(this.#recipe.ready, { signal: AbortSignal.timeout(1_000) })).ok;
    } catch {
      return false;
    }
  }

  /** The signal, two seconds, SIGKILL. Its folder stays. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (child === undefined || !this.running) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    const impatience = setTimeout(() => child.kill('SIGKILL'), 2_000);
    await ended;
    clearTimeout(impatience);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#folder.remove();
  }
}

/** The body of an answer; undefined: 404. Throws at any other failure. */
export async function ask(url: string, accept = 'application/json'): Promise<Uint8Array | undefined> {
  const answer = await fetch(url, { headers: { accept }, signal: AbortSignal.timeout(10_000) });
  const body = await answer.bytes();
  if (answer.status === 404) return undefined;
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}: ${textOf(body).slice(0, 500)}`);
  return body;
}

export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Ports that are free, below those that outgoing connections are given: nobody takes one while its server is down. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(20_000, 32_000);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  const listening = await new Promise<boolean>((resolve) => server.once('listening', () => resolve(true)).once('error', () => resolve(false)));
  if (listening) await once(server.close(), 'close');
  return listening;
}
