/** When nobody listened to what a command would have told, or had no room for it: named, counted, said, and handed on. */
import type { Gap } from '../../model/source.ts';
import { nanos } from '../../model/time.ts';
import type { Nanos } from '../../model/time.ts';
import type { CommandSettings, Timing } from './settings.ts';

interface With {
  readonly settings: CommandSettings;
  readonly timing: Timing;
  /** The command is known to listen. */
  readonly onHeard: () => void;
  /** Called before the lines after the gap are handed on. */
  readonly tell: (gap: Gap) => void;
}

/** So many are said; the others only at `debug`. */
const SAID = 20;

export class Silence {
  gaps = 0;
  readonly #with: With;
  /** Since when nobody listens; undefined: somebody does, or nobody ever did. */
  #since: Nanos | undefined;
  /** The command runs, and it is not known yet whether it listens. */
  #began: Nanos | undefined;
  #ever = false;
  #timer: NodeJS.Timeout | undefined;
  #full: Nanos | undefined;

  constructor(parts: With) {
    this.#with = parts;
  }

  /** The last run listened until then. */
  lived(until: Nanos): void {
    this.#since = until;
    this.#ever = true;
  }

  /** Until when lines are there, for the next run. */
  get until(): Nanos | undefined {
    return this.#full ?? this.#since ?? (this.#ever ? this.#now() : undefined);
  }

  /** The command was started. */
  begun(): void {
    this.#began = this.#now();
    this.#timer = setTimeout(() => this.heard(), this.#with.timing.proven);
  }

  /** It tells something, or has run for so long that it must be listening. */
  heard(): void {
    const began = this.#began;
    if (began === undefined) return;
    this.#began = undefined;
    this.#ever = true;
    clearTimeout(this.#timer);
    this.#with.onHeard();
    const since = this.#since;
    this.#since = undefined;
    if (since === undefined) return;
    const connected = nanos(began + BigInt(this.#with.timing.connect) * 1_000_000n);
    const now = this.#now();
    this.#gap('not_running', since, now < connected ? now : connected, undefined, 'What happened meanwhile it never told.');
  }

  /** The command has ended. */
  ended(): void {
    clearTimeout(this.#timer);
    // All that it wrote was taken: a start of which nothing is missing ended before this moment.
    if (this.#began === undefined) this.#since ??= this.#now();
    this.#began = undefined;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** There is no room for more. */
  full(limit: number): void {
    this.#full = this.#now();
    const { command: { about, name }, log, folder } = this.#with.settings;
    const text = `${about}: ${folder} holds ${limit} bytes that wait for the back-end and takes no more (limits.command_spool). What comes now is lost until there is room.`;
    log('warn', 'command_lost', { command: name, limit, text });
  }

  /** And now there is again. */
  room(lines: number): void {
    const since = this.#full ?? this.#now();
    this.#full = undefined;
    this.#gap('no_room', since, this.#now(), lines, `${lines} lines had no room in the spool and are lost.`);
  }

  #gap(name: Gap['name'], from: Nanos, to: Nanos, missing: number | undefined, what: string): void {
    const { settings: { log, command }, tell } = this.#with;
    this.gaps += 1;
    const seconds = Number(to - from) / 1e9;
    log(this.gaps <= SAID ? 'warn' : 'debug', 'command_gap', { command: command.name, missing: missing ?? 'unknown', seconds, text: `${command.about}: a gap of ${seconds.toFixed(1)} s. ${what}` });
    // A clock that was set back in between leaves nothing to go by.
    if (to > from) tell({ name, from, to, missing });
  }

  #now(): Nanos {
    return this.#with.settings.clock.now();
  }
}
