/** A program that is told of an alert: no shell, nothing from a log among its arguments, an end to its time and its words. */
import { spawn } from 'node:child_process';
import process from 'node:process';
import { brief } from './delivery.ts';
import type { Delivery } from './delivery.ts';

export interface Call {
  readonly argv: readonly string[];
  /** For its standard input. */
  readonly input: string;
  /** Then it and all it started are killed, in ms. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

const MOST_OUTPUT = 4_096;
/** Of our own surroundings; the others may hold tokens. */
const PASSED = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ'];
/** What was killed leaves its pipes at once; a child of its own that fled its group may not. */
const AFTER_KILL_MS = 500;

/** Never rejects. Exit code 0 is a delivery, anything else comes again; a program that is not there is refused. */
export function call({ argv, input, limit, signal }: Call): Promise<Delivery> {
  const [program = '', ...args] = argv;
  return new Promise((resolve) => {
    if (signal.aborted) return resolve({ kind: 'failed', why: 'stopped' });
    const env = Object.fromEntries(PASSED.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
    // A group of its own, so that what it starts ends with it.
    const child = spawn(program, args, { shell: false, detached: true, cwd: '/', env, stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    let why: string | undefined;
    const listen = (chunk: Buffer): void => {
      if (said.length < MOST_OUTPUT) said += chunk.toString('utf8', 0, MOST_OUTPUT);
    };
    const end = (delivery: Delivery): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      resolve(delivery);
    };
    const kill = (reason: string): void => {
      why ??= reason;
      if (child.pid !== undefined) killGroup(child.pid);
      setTimeout(() => end({ kind: 'failed', why: why ?? reason }), AFTER_KILL_MS).unref();
    };
    const stop = (): void => kill('stopped');
    const timer = setTimeout(() => kill(`it ran longer than ${limit / 1_000} s and was killed`), limit);
    signal.addEventListener('abort', stop);
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.stdin.on('error', () => undefined); // it need not read all of it, or any
    child.on('error', (error) => end({ kind: 'code' in error && (error.code === 'ENOENT' || error.code === 'EACCES') ? 'refused' : 'failed', why: brief(error.message) }));
    child.on('close', (code, name) => {
      if (why !== undefined) end({ kind: 'failed', why });
      else if (code === 0) end({ kind: 'delivered' });
      else end({ kind: 'failed', why: `it ended with ${code ?? name ?? ''}${brief(said) === '' ? '' : `: ${brief(said)}`}` });
    });
    child.stdin.end(`${input}\n`);
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error; // it has ended by itself
  }
}
