/**
 * What systemd is told of the daemon (sd_notify(3)): when it is ready, reloading, stopping, and that it lives. Node has no
 * datagram sockets, so each message is a short run of systemd-notify: rare ones only.
 */
import { spawn } from 'node:child_process';
import { codeOf, reasonOf } from '../sources/report.ts';
import type { Logger } from './logger.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Runs a command to its end; undefined: it did what it should. */
export type Tell = (message: readonly string[]) => Promise<Error | undefined>;

const COMMAND = 'systemd-notify';

export class ServiceManager {
  readonly #tell: Tell;
  readonly #log: Logger;
  /** Messages in the order in which they were given: READY may not pass RELOADING. */
  #told: Promise<void> = Promise.resolve();
  #ready = false;
  #beat: NodeJS.Timeout | undefined;
  #beating = false;
  #complained = false;

  constructor(tell: Tell, log: Logger) {
    this.#tell = tell;
    this.#log = log;
  }

  /** Everything is followed; `status` is shown by `systemctl status`. From now on, and every `beatMs`, it hears that we live. */
  ready(status: string, beatMs: number | undefined): void {
    this.#ready = true;
    this.#say(['READY=1', `STATUS=${status}`]);
    if (beatMs !== undefined) this.#beat ??= setInterval(() => this.#live(), beatMs);
  }

  /** Around reading the configuration again, which takes a moment of the event loop. Before it was ready it is not ready after. */
  async reloading(reload: () => Promise<void>): Promise<void> {
    if (!this.#ready) return reload();
    this.#say(['RELOADING=1']);
    await reload();
    if (this.#ready) this.#say(['READY=1']);
  }

  stopping(): void {
    this.#ready = false;
    clearInterval(this.#beat);
    this.#say(['STOPPING=1']);
  }

  /** A timer fires only if the event loop turns, which is what is to be shown. One message at a time: none is worth two. */
  #live(): void {
    if (this.#beating) return;
    this.#beating = true;
    this.#say(['WATCHDOG=1'], () => (this.#beating = false));
  }

  #say(message: readonly string[], then: () => void = () => undefined): void {
    this.#told = this.#told.then(async () => {
      const failure = await this.#tell(message);
      if (failure !== undefined) this.#complain(failure);
      then();
    });
  }

  #complain(error: Error): void {
    if (this.#complained) return;
    this.#complained = true;
    const why = codeOf(error) === 'ENOENT' ? 'it is not installed' : reasonOf(error);
    this.#log('warn', 'systemd_not_told', {
      text: `Cannot run ${COMMAND} (${why}): systemd does not hear that shimtrace works, and will stop it for being silent. Install it (package systemd), or let the unit do without: Type=exec and WatchdogSec=0 by "systemctl edit shimtrace".`,
    });
  }
}

/** How often a sign of life is due: half of what systemd allows (sd_watchdog_enabled(3)). Undefined: it expects none of us. */
export function beatMs(env: Environment, pid: number): number | undefined {
  const allowed = Number(env['WATCHDOG_USEC']);
  const whose = env['WATCHDOG_PID'];
  if (!Number.isSafeInteger(allowed) || allowed <= 0 || (whose !== undefined && whose !== String(pid))) return undefined;
  return Math.min(allowed / 2_000, 2 ** 31 - 1);
}

/** systemd's ear; without one (a terminal, another supervisor) nothing is ever run. Its address is taken out of `env`: no other child may speak for us. */
export function tellSystemd(env: NodeJS.ProcessEnv): Tell {
  if (env['NOTIFY_SOCKET'] === undefined) return () => Promise.resolve(undefined);
  const own = { ...env };
  delete env['NOTIFY_SOCKET'];
  return (message) =>
    new Promise((resolve) => {
      const child = spawn(COMMAND, message, { env: own, stdio: 'ignore' });
      // A last message must not keep the daemon from ending.
      child.unref();
      child.once('error', resolve);
      child.once('exit', (code, signal) => resolve(code === 0 ? undefined : new Error(`it ended with ${signal ?? code}`)));
    });
}
