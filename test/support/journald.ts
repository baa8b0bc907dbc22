/** A journald of the tests' own: a private namespace, real files, no service manager. Needs root and systemd. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { remove } from './remove.ts';

const PROGRAM = ['/usr/lib/systemd/systemd-journald', '/lib/systemd/systemd-journald'].find((path) => existsSync(path));
const REMOTE = ['/usr/lib/systemd/systemd-journal-remote', '/lib/systemd/systemd-journal-remote'].find((path) => existsSync(path));
const MACHINE = existsSync('/etc/machine-id') ? readFileSync('/etc/machine-id', 'utf8').trim() : '';

export const haveJournalctl = spawnSync('journalctl', ['--version'], { stdio: 'ignore' }).status === 0;
export const haveJournald = haveJournalctl && PROGRAM !== undefined && process.geteuid?.() === 0 && /^[0-9a-f]{32}$/.test(MACHINE);
export const haveRemote = haveJournalctl && REMOTE !== undefined;

let made = 0;

export class Journald implements AsyncDisposable {
  readonly namespace = `shimtest${process.pid}x${++made}`;
  /** Where its files lie. */
  readonly folder: string;
  readonly #settings: string;
  #child: ChildProcess | undefined;
  readonly #writers: Writer[] = [];

  private constructor(settings: string) {
    this.#settings = settings;
    this.folder = `/var/log/journal/${MACHINE}.${this.namespace}`;
  }

  /** @param settings of its [Journal] section. */
  static async start(settings: readonly string[] = []): Promise<Journald> {
    const all = ['Storage=persistent', 'SystemMaxUse=64M', 'SystemMaxFileSize=8M', 'RateLimitBurst=0', ...settings];
    const journald = new Journald(`[Journal]\n${all.join('\n')}\n`);
    await journald.begin();
    return journald;
  }

  get #conf(): string {
    return `/etc/systemd/journald@${this.namespace}.conf`;
  }

  get #sockets(): string {
    return `/run/systemd/journal.${this.namespace}`;
  }

  async begin(): Promise<void> {
    writeFileSync(this.#conf, this.#settings);
    this.#child = spawn(PROGRAM ?? '', [this.namespace], { stdio: 'ignore' });
    for (const end = performance.now() + 20_000; ;) {
      try {
        await (await this.writer('shimtrace-test')).end();
        return;
      } catch (error) {
        if (performance.now() > end) throw error;
        await pause(10);
      }
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }

  rotate(): void {
    this.#child?.kill('SIGUSR2');
  }

  /** A stream as a service's standard output is one. */
  async writer(identifier: string): Promise<Writer> {
    // journald closes its own side at once.
    const socket = connect({ path: `${this.#sockets}/stdout`, allowHalfOpen: true });
    await once(socket, 'connect');
    const writer = new Writer(socket, identifier);
    this.#writers.push(writer);
    return writer;
  }

  /** Rotates, then leaves archives of so many bytes in all. */
  vacuum(bytes: number): void {
    execFileSync('journalctl', [`--directory=${this.folder}`, `--vacuum-size=${bytes}`], { stdio: 'ignore' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const writer of this.#writers) writer.destroy();
    await this.stop();
    for (const path of [this.folder, this.#conf, this.#sockets, `/run/log/journal/${MACHINE}.${this.namespace}`]) remove(path);
  }
}

export class Writer {
  readonly #socket: Socket;

  constructor(socket: Socket, identifier: string) {
    this.#socket = socket;
    socket.on('error', () => undefined); // a journald that is stopped on purpose hangs up
    socket.write(`${identifier}\n\n6\n0\n0\n0\n0\n`);
  }

  /** Resolves when journald may take more. */
  async write(text: string | Buffer): Promise<void> {
    if (!this.#socket.write(text)) await once(this.#socket, 'drain');
  }

  async end(): Promise<void> {
    this.#socket.end();
    await once(this.#socket, 'finish');
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** An entry in the export format: fields as they are told; bytes with a length before them. */
export function exported(fields: readonly (readonly [name: string, value: string | Buffer])[]): Buffer {
  const parts = fields.flatMap(([name, value]) => {
    if (typeof value === 'string' && !value.includes('\n')) return [Buffer.from(`${name}=${value}\n`)];
    const bytes = Buffer.from(value);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    return [Buffer.from(`${name}\n`), length, bytes, Buffer.from('\n')];
  });
  return Buffer.concat([...parts, Buffer.from('\n')]);
}

/** Makes a journal file of entries in the export format, or adds to one. */
export function toJournal(file: string, entries: Buffer): void {
  execFileSync(REMOTE ?? '', ['-o', file, '-'], { input: entries, stdio: ['pipe', 'ignore', 'ignore'] });
}
