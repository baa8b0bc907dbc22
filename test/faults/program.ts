/** Runs shimtrace as a user does, beside a receiver in this process: commands must not block it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { environment, ENTRY } from '../real/program.ts';
import type { Outcome } from '../real/program.ts';

export { Daemon, until } from '../real/program.ts';

/** Runs a command to its end. */
export async function shimtraceAsync(...args: readonly string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [ENTRY, ...args], { env: environment(), stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout, stderr };
}
