/** What installing and removing the service share: where things lie, and how to speak to the person and the host. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

/** The checkout, or the installed copy when it removes itself. */
export const ROOT = join(import.meta.dirname, '../..');

export const HOME = '/opt/shimtrace';
export const UNIT = 'shimtrace.service';
export const UNIT_FILE = `/usr/local/lib/systemd/system/${UNIT}`;
export const STATE = '/var/lib/shimtrace';
export const CONFIG_FOLDER = '/etc/shimtrace';
export const CONFIG = `${CONFIG_FOLDER}/shimtrace.yaml`;
export const EXAMPLE = 'deploy/shimtrace.example.yaml';
export const COMMAND = '/usr/local/bin/shimtrace';
/** In HOME: tells that it was made by us, and of what. */
export const RECORD = 'installed.json';

/** Where systemd looks for what the administrator installed; /etc stays free for what people change. */
export const SYSTEMD_FILES: readonly { readonly from: string; readonly to: string }[] = [
  { from: 'deploy/systemd/shimtrace.service', to: UNIT_FILE },
  { from: 'deploy/systemd/shimtrace.sysusers.conf', to: '/usr/local/lib/sysusers.d/shimtrace.conf' },
  { from: 'deploy/systemd/shimtrace.tmpfiles.conf', to: '/usr/local/lib/tmpfiles.d/shimtrace.conf' },
];

/** Any `node` would run the wrong one: the wrapper names the service's own. */
export const WRAPPER = `#!/bin/sh\nexec ${HOME}/bin/node ${HOME}/dist/main.js "$@"\n`;

/** The person cannot have what was asked for. The message says why and what to do; nothing was changed. */
export class Refusal extends Error {}

export const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Runs a command and returns what it printed. Throws what it said when it fails. */
export function run(command: string, ...args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (error !== undefined) throw new Refusal(`Cannot run ${command}: ${error.message}.`);
  if (status !== 0) throw new Refusal(`"${[command, ...args].join(' ')}" ended with ${status}: ${stderr.trim() || stdout.trim() || 'it said nothing'}`);
  return stdout;
}

/** Whether a command ends with 0. */
export const succeeds = (command: string, ...args: readonly string[]): boolean => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

/** @param script this program, from the root of the checkout. */
export function needRootAndSystemd(script: string): void {
  if (process.getuid?.() !== 0) {
    throw new Refusal(`This must be run by root, as it writes to ${HOME}, /etc and /usr/local: sudo npm run ${script}-service (or, where root's npm is another: sudo node_modules/.bin/node deploy/service/${script}.ts).`);
  }
  if (!existsSync('/run/systemd/system')) {
    throw new Refusal('This host was not started by systemd, so there is nobody to run the service. In a container or under another supervisor run "npm start", or "node_modules/.bin/node dist/main.js run", instead.');
  }
}

/** Ends the process: 0, or 1 with the reason. */
export function main(work: () => void): void {
  process.umask(0o022);
  try {
    work();
  } catch (error) {
    const why = reasonOf(error);
    if (why === undefined) throw error;
    process.stderr.write(`shimtrace: ${why}\n`);
    process.exitCode = 1;
  }
}

/** Undefined: a bug of ours. */
function reasonOf(error: unknown): string | undefined {
  if (error instanceof Refusal) return error.message;
  if (!(error instanceof Error) || !('syscall' in error)) return undefined;
  return `${error.message}. What was done stands above; make that possible (space, permissions, a read-only mount), then run this again: it goes on from there.`;
}
