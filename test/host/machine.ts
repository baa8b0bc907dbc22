/** A host of the test's own, with systemd as PID 1 (machine.sh), seen from outside. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdtempSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { Outcome } from '../real/program.ts';
import { remove } from '../support/remove.ts';

export const CHECKOUT = join(import.meta.dirname, '../..');
const SCRIPT = join(import.meta.dirname, 'machine.sh');

/** Why there can be no host here; undefined: there can. */
export function lacksHost(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const absent = ['/lib/systemd/systemd', '/usr/bin/systemd-notify', '/usr/sbin/userdel'].filter((path) => !existsSync(path));
  if (absent.length > 0) return `no ${absent.join(', no ')}: apt-get install systemd iproute2`;
  return process.env['SHIMTRACE_TEST_NET'] === 'alone' ? undefined : 'needs namespaces and the command ip: npm run test:host';
}

export class Machine implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'shimtrace-host-'));

  static async start(): Promise<Machine> {
    const machine = new Machine();
    const { code, stderr } = await ended(SCRIPT, ['up', machine.#folder, CHECKOUT]);
    if (code === 0) return machine;
    await machine[Symbol.asyncDispose]();
    throw new Error(`the host did not come up: ${stderr}`);
  }

  /** Runs a command inside to its end. */
  exec(...command: readonly string[]): Promise<Outcome> {
    return ended(SCRIPT, ['exec', this.#folder, ...command]);
  }

  /** What a command inside prints; throws when it fails. */
  async says(...command: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.exec(...command);
    if (code !== 0) throw new Error(`"${command.join(' ')}" ended with ${code} inside: ${stderr}${stdout}`);
    return stdout.trim();
  }

  /** A file of the host, by a path of ours. */
  path(inside: string): string {
    return `/proc/${readFileSync(join(this.#folder, 'init'), 'utf8').trim()}/root${inside}`;
  }

  /** All that differs from the machine below, by path; what was deleted, too. Not `/run`, `/tmp` and `/dev`, which end with the host. */
  written(): Map<string, string> {
    const keeper = readFileSync(join(this.#folder, 'keeper'), 'utf8').trim();
    const upper = `/proc/${keeper}/root${this.#folder}/layers/upper`;
    const found = new Map<string, string>();
    for (const entry of readdirSync(upper, { recursive: true, encoding: 'utf8' })) {
      const print = fingerprint(join(upper, entry));
      // Touched, and as it was: a folder in which something came and went.
      if (!existsSync(`/${entry}`) || fingerprint(`/${entry}`) !== print) found.set(`/${entry}`, print);
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await ended(SCRIPT, ['down', this.#folder]);
    remove(this.#folder);
  }
}

function fingerprint(path: string): string {
  const status = lstatSync(path);
  const mode = `${status.mode.toString(8)} ${status.uid}:${status.gid}`;
  if (status.isSymbolicLink()) return `link ${readlinkSync(path)}`;
  if (status.isFile()) return `${mode} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`;
  return mode;
}

async function ended(command: string, args: readonly string[]): Promise<Outcome> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  await once(child, 'close');
  return { code: child.exitCode, stdout, stderr };
}

/** Where `npm run` finds its commands. */
export const NPM_PATH = `${join(CHECKOUT, 'node_modules/.bin')}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`;

/** The command of an npm script of ours, as npm would give it to the shell. */
export function npmScript(name: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8'));
  const scripts: unknown = typeof manifest === 'object' && manifest !== null && 'scripts' in manifest ? manifest.scripts : undefined;
  const command: unknown = typeof scripts === 'object' && scripts !== null ? Reflect.get(scripts, name) : undefined;
  if (typeof command !== 'string') throw new Error(`there is no npm script ${name}`);
  return command;
}
