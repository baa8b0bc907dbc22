import { spawn } from 'node:child_process';
import process from 'node:process';
import { reasonOf } from '../report.ts';

/** What it says on standard error is kept to so many characters: journalctl says one sentence, a wrapper might not. */
const MOST_SAID = 4_096;

export interface Ended {
  /** Exit status 0, and it was not ended by a signal. */
  readonly ok: boolean;
  /** For people: its status, or the signal, or why it could not be run at all. */
  readonly how: string;
  /** It could not be run: there is no such program. */
  readonly absent: boolean;
  readonly said: string;
}

/** A process of journalctl. Never a shell. */
export interface Child {
  pause(): void;
  resume(): void;
  /** Ends it; `ended` is called all the same. */
  kill(): void;
}

/** Its words are matched, so they must be in one language; its pager and colours are not for us. */
const environment = (): NodeJS.ProcessEnv => ({ PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', LANG: 'C', SYSTEMD_COLORS: '0', SYSTEMD_PAGER: '', TZ: 'UTC' });

/** @param data called with its output, piece by piece. @param ended called once, after all output. */
export function runChild(command: string, args: readonly string[], data: (chunk: Buffer) => void, ended: (end: Ended) => void): Child {
  const child = spawn(command, args, { env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let failed: unknown;
  child.stdout.on('data', (chunk: Buffer) => data(chunk));
  child.stderr.on('data', (chunk: Buffer) => {
    if (said.length < MOST_SAID) said = `${said}${chunk.toString('latin1')}`.slice(0, MOST_SAID);
  });
  child.once('error', (error) => (failed ??= error));
  child.once('close', (code, signal) => {
    const absent = failed instanceof Error && 'code' in failed && failed.code === 'ENOENT';
    const how = failed !== undefined ? reasonOf(failed) : signal !== null ? `ended by ${signal}` : `exit status ${code}`;
    ended({ ok: code === 0, how, absent, said: said.trim() });
  });
  return { pause: () => child.stdout.pause(), resume: () => child.stdout.resume(), kill: () => void child.kill('SIGKILL') };
}
