/** A child process whose output is read: journalctl, `ctr events`, a command of the user's. Never a shell. */
import { spawn } from 'node:child_process';
import process from 'node:process';
import { codeOf, reasonOf } from './report.ts';

/** What it says on standard error is kept to so many characters, the last ones: a program says one sentence, a wrapper might not. */
const MOST_SAID = 4_096;

export interface Ended {
  /** Exit status 0, and it was not ended by a signal. */
  readonly ok: boolean;
  /** For people: its status, or the signal, or why it could not be run at all. */
  readonly how: string;
  /** Why it could not be run: no such program, or it may not be run. undefined: it ran. */
  readonly unrun: 'absent' | 'denied' | 'failed' | undefined;
  readonly said: string;
}

export interface Child {
  pause(): void;
  resume(): void;
  /** Ends it; `ended` is called all the same. */
  kill(): void;
}

/** journalctl's words are matched, so they must be in one language; its pager and colours are not for us. */
const plain = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', LANG: 'C', SYSTEMD_COLORS: '0', SYSTEMD_PAGER: '', TZ: 'UTC' });

export interface ChildOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** A group of its own, in no folder of ours: what it starts ends with it, and not with what a terminal sends to us. */
  readonly group?: boolean;
}

/** @param data called with its output, piece by piece. @param ended called once, after all output. */
export function runChild(command: string, args: readonly string[], data: (chunk: Buffer) => void, ended: (end: Ended) => void, { env = plain(), group = false }: ChildOptions = {}): Child {
  const child = spawn(command, args, { env, ...(group && { cwd: '/' }), detached: group, stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = (): void => (group && child.pid !== undefined ? killGroup(child.pid) : void child.kill('SIGKILL'));
  let said = '';
  let failed: unknown;
  child.stdout.on('data', (chunk: Buffer) => data(chunk));
  child.stderr.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString('latin1')}`.slice(-MOST_SAID)));
  child.once('error', (error) => (failed ??= error));
  // What it started and left behind would hold its output open.
  if (group) child.once('exit', kill);
  child.once('close', (code, signal) => {
    const how = failed !== undefined ? reasonOf(failed) : signal !== null ? `ended by ${signal}` : `exit status ${code}`;
    ended({ ok: code === 0, how, unrun: failed === undefined ? undefined : reasonNotRun(failed), said: said.trim() });
  });
  return { pause: () => child.stdout.pause(), resume: () => child.stdout.resume(), kill };
}

function reasonNotRun(error: unknown): 'absent' | 'denied' | 'failed' {
  const code = codeOf(error);
  return code === 'ENOENT' ? 'absent' : code === 'EACCES' ? 'denied' : 'failed';
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // It has ended by itself, or became another user's (sudo): that one ends when nobody reads what it writes.
    if (codeOf(error) !== 'ESRCH' && codeOf(error) !== 'EPERM') throw error;
  }
}

/** How long to wait before a child that failed so many times in a row is started again, in ms: doubled each time. */
export const retryAfter = (failures: number, first: number, longest: number): number => Math.min(longest, first * 2 ** Math.min(failures - 1, 20));
