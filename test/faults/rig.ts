/** A daemon as users run it, a back-end that takes all, and starts that are written to logs: what was written must arrive. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { appendFileSync, chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { now } from '../real/host.ts';
import { Daemon, until } from '../real/program.ts';
import { traceIdOf, viewWire } from '../real/spans.ts';
import { readRequest } from '../support/otlp.ts';
import { Random } from '../support/random.ts';
import { Receiver } from '../support/receiver.ts';
import { remove } from '../support/remove.ts';
import { start, text } from '../support/uruncwriter.ts';

const HOST = 'fault-host';
export const IS_ROOT = process.geteuid?.() === 0;

/** Whether a shell script can be run in a mount namespace of its own. */
export const canInNamespace = (script: string): boolean => spawnSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-ec', script], { stdio: 'ignore' }).status === 0;

export class Rig {
  readonly folder = mkdtempSync(join(tmpdir(), 'shimtrace-fault-'));
  readonly receiver: Receiver;
  readonly #random = new Random(4);
  readonly #written = new Set<string>();
  readonly #taken = new Set<string>();
  readonly #contents = new Map<string, string>();
  readonly #twofold = new Set<string>();
  #looked = 0;
  #daemon: Daemon | undefined;

  private constructor(receiver: Receiver) {
    this.receiver = receiver;
    chmodSync(this.folder, 0o755);
  }

  static async begin(): Promise<Rig> {
    return new Rig(await Receiver.start());
  }

  at(name: string): string {
    return join(this.folder, name);
  }

  get daemon(): Daemon {
    if (this.#daemon === undefined) throw new Error('no daemon runs');
    return this.#daemon;
  }

  /** `prefix`: a command that runs the daemon, as prlimit does. `args`: more of its own. */
  async run(globs: readonly string[], { prefix = [], args = [] }: { readonly prefix?: readonly string[]; readonly args?: readonly string[] } = {}): Promise<void> {
    const files = globs.flatMap((glob) => ['--file', glob]);
    this.#daemon = new Daemon([...files, '--otlp', this.receiver.url, '--state-dir', this.at('state'), '--host-id', HOST, '--log-level', 'debug', ...args], {}, prefix);
    await this.#daemon.ready();
  }

  async stop(): Promise<void> {
    this.daemon.signal('SIGTERM');
    await this.daemon.ended(10_000);
  }

  /** The lines of so many complete starts that are over. They must arrive from now on. */
  starts(count = 1): string {
    let lines = '';
    for (let each = 0; each < count; each++) {
      const id = this.#random.hex(64);
      const at = now() - 1_000_000_000n;
      this.#written.add(traceIdOf(HOST, id, at));
      lines += text(start(this.#random, { generation: 'D', id, at, gap: 5_000_000 }));
    }
    return lines;
  }

  write(path: string, count = 1): void {
    appendFileSync(path, this.starts(count), { mode: 0o644 });
  }

  /** Waits until all that was written was taken; then: nothing else was, and no span came with two contents. */
  async arrived(limit: number): Promise<void> {
    await until(limit, () => this.#missing() === 0, () => `${this.#missing()} of ${this.#written.size} starts did not arrive; ${this.#daemon?.said ?? ''}`);
    const invented = [...this.#taken].filter((trace) => !this.#written.has(trace));
    if (invented.length > 0) throw new Error(`traces that nobody wrote: ${invented.join(' ')}`);
    if (this.#twofold.size > 0) throw new Error(`spans with two contents: ${[...this.#twofold].join(' ')}`);
  }

  #missing(): number {
    for (const { bytes } of this.receiver.requests.slice(this.#looked)) this.#take(bytes);
    this.#looked = this.receiver.requests.length;
    return [...this.#written].filter((trace) => !this.#taken.has(trace)).length;
  }

  #take(bytes: Buffer): void {
    for (const { traceId } of viewWire(bytes)) this.#taken.add(traceId);
    for (const resource of readRequest(bytes)) {
      for (const span of resource.scopes.flatMap((scope) => scope.spans)) {
        const content = JSON.stringify([resource.attributes, span], (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each));
        const id = `${span.traceId}/${span.spanId}`;
        if ((this.#contents.get(id) ?? content) !== content) this.#twofold.add(id);
        this.#contents.set(id, content);
      }
    }
  }

  async dispose(): Promise<void> {
    if (this.#daemon?.running === true) {
      this.#daemon.signal('SIGCONT');
      await this.#daemon.kill();
    }
    await this.receiver.stop();
    remove(this.folder);
  }
}

/** A mount namespace of its own: what is mounted in it is gone with it. Needs root. */
export class Mounts {
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  static async begin(): Promise<Mounts> {
    const mounts = new Mounts(spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', 'echo ready; exec sleep infinity'], { stdio: ['ignore', 'pipe', 'inherit'] }));
    await new Promise((resolve) => mounts.#holder.stdout?.once('data', resolve));
    return mounts;
  }

  /** Runs what follows it in the namespace. */
  get prefix(): string[] {
    return ['nsenter', `--target=${this.#holder.pid}`, '--mount', '--'];
  }

  /** A shell script in the namespace; `input` is its standard input. */
  sh(script: string, input = ''): void {
    const [command = '', ...args] = this.prefix;
    execFileSync(command, [...args, 'sh', '-ec', script], { input, stdio: ['pipe', 'ignore', 'inherit'] });
  }

  end(): void {
    this.#holder.kill('SIGKILL');
  }
}
