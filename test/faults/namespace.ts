/** A small disk of its own for one daemon: a tmpfs in a private mount namespace, which only root may make. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';

/** Whether this machine lets us. */
export const canMount = spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs none /mnt && command -v nsenter'], { stdio: 'ignore' }).status === 0;

export class SmallDisk implements Disposable {
  readonly #holder: ChildProcess;
  readonly #folder: string;

  private constructor(holder: ChildProcess, folder: string) {
    this.#holder = holder;
    this.#folder = folder;
  }

  /** Mounted over `folder`, which is made, for those who run `within`; everybody else sees the folder below. */
  static async mount(folder: string, size: string): Promise<SmallDisk> {
    mkdirSync(folder, { mode: 0o700 });
    const script = 'mount -t tmpfs -o "size=$1,mode=0700" none "$2" && echo ready && exec sleep 1000';
    const holder = spawn('unshare', ['-m', 'sh', '-c', script, 'sh', size, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    if (holder.stdout === null) throw new Error('no pipe');
    await once(holder.stdout, 'data');
    return new SmallDisk(holder, folder);
  }

  /** Runs what follows with this disk. */
  get within(): readonly string[] {
    return ['nsenter', '-t', String(this.#holder.pid), '-m', '--'];
  }

  /** The folder as seen from outside. */
  get path(): string {
    return `/proc/${this.#holder.pid}/root${this.#folder}`;
  }

  /** From now on the folder cannot be written. What is open in it stays open, so another disk is laid over this one. */
  cover(): void {
    this.#run('mount', '-t', 'tmpfs', '-o', 'ro', 'none', this.#folder);
  }

  uncover(): void {
    this.#run('umount', this.#folder);
  }

  #run(...command: readonly string[]): void {
    const [enter = '', ...rest] = this.within;
    execFileSync(enter, [...rest, ...command]);
  }

  [Symbol.dispose](): void {
    this.#holder.kill('SIGKILL');
  }
}
