import type { Clock, Intake, SourceKey } from '../model/source.ts';
import { steady } from '../model/time.ts';
import type { Steady } from '../model/time.ts';
import type { FirstSight } from './contents.ts';
import { limitDeleted } from './deleted.ts';
import { Finder } from './finder.ts';
import type { Held } from './held.ts';
import type { Trust } from './walk.ts';
import type { FollowPattern } from './pattern.ts';
import type { FileRecord } from './record.ts';
import { descriptorBudget } from './parking.ts';
import { Pump } from './pump.ts';
import { Register } from './register.ts';
import type { Log } from './report.ts';
import { Scout } from './scout.ts';
import { statusOf } from './status.ts';
import type { FileStatus } from './status.ts';
import { Stirring } from './stirring.ts';
import { systemWakes } from './wakes.ts';
import type { WakeSource } from './wakes.ts';

export interface FollowOptions {
  readonly from: FirstSight;
  readonly trust: Trust;
  /** Milliseconds between two looks at everything when nothing happens. */
  readonly sweepMs: number;
  /** The same shortly after bytes came, so that ends are told in time. */
  readonly busySweepMs: number;
  /** So many milliseconds without a byte make a file that left its path a finished one. */
  readonly graceMs: number;
  /** So many files are held open at once; where more are followed, those at their end are closed and looked at by name. */
  readonly budget: number;
  /** Deleted files that only our descriptors keep may take so many bytes of the disk. */
  readonly deletedMax: number;
}

export const FOLLOW_DEFAULTS: Omit<FollowOptions, 'budget'> = {
  from: { kind: 'beginning' }, trust: { kind: 'owned', uids: [] }, sweepMs: 2000, busySweepMs: 250, graceMs: 60_000,
  deletedMax: 2 ** 30,
};

export interface FollowerSettings {
  readonly patterns: readonly FollowPattern[];
  readonly intake: Intake;
  readonly clock: Clock;
  readonly log: Log;
  /** What the last run saved. */
  readonly records: readonly FileRecord[];
  /** When the last run looked through all folders last, by the clock of the file system, ns since the epoch; undefined: there was none. */
  readonly lastRun?: bigint | undefined;
  /** Our own files and folders: state, store, outputs. */
  readonly exclude: readonly string[];
  /** After bytes were handed to the intake. */
  readonly onRead: () => void;
  /** Files stand at their ends of which that was not known, or not any more, and brought nothing: the intake was told. */
  readonly onEnds?: () => void;
  /** After every sweep: the intake was told which sources stand at their end. */
  readonly onSweep?: () => void;
  /** What was handed over is still being worked on, in this event loop: nothing more is read meanwhile. */
  readonly isBusy?: () => boolean;
  readonly options?: Partial<FollowOptions>;
  readonly wakes?: WakeSource;
}

/** How long after the last bytes sweeps stay frequent: longer than the engine waits for late lines. */
const BUSY_MS = 3000;
/** Without working watches the sweep is all there is. */
const DEAF_SWEEP_MS = 500;
/** So long after bytes that no watch announced the sweep does not trust them. */
const ALERT_MS = 30_000;
/** Longer than the daemon gathers what is read before it settles it (100 ms). */
const ADMIT_GAP_MS = 150;
/** Sweeps take at most this share of the time, however many files there are. */
const SWEEP_SHARE = 1 / 10;

/**
 * Follows files over rotation, truncation and restart and hands every whole line to the intake once. Watches only wake it;
 * a slow sweep finds what they miss. Nothing here throws for what files contain or where they go.
 */
export class Follower {
  readonly #settings: FollowerSettings;
  readonly #options: FollowOptions;
  readonly #register: Register;
  readonly #pump: Pump;
  readonly #scout: Scout;
  readonly #finder: Finder;
  readonly #wakes: WakeSource;
  readonly #stirring: Stirring;
  #sweep: NodeJS.Timeout | undefined;
  #admission: NodeJS.Timeout | undefined;
  #sweepDue: Steady = steady(Infinity);
  #waiters: (() => void)[] = [];
  #running = false;
  #deaf = false;
  #alertUntil: Steady = steady(-Infinity);
  #sweepTook = 0;
  #looked: Steady;
  readonly #counts = { watch_failures: 0, held_deleted_bytes: 0 };

  constructor(settings: FollowerSettings) {
    const { patterns, intake, clock, log, records, lastRun, exclude } = settings;
    this.#settings = settings;
    this.#looked = clock.steady();
    this.#options = { ...FOLLOW_DEFAULTS, budget: descriptorBudget(), ...settings.options };
    const { trust, from, graceMs, budget } = this.#options;
    this.#wakes = settings.wakes ?? systemWakes();
    this.#stirring = new Stirring(clock, () => this.look());
    this.#scout = new Scout({ patterns, trust, exclude, log, folder: (path) => this.#wakes.folder(path) });
    this.#register = new Register({
      intake, clock, log, trust, records, lastRun, from,
      opened: (held) => this.#opened(held),
      patternOf: (path) => this.#scout.patternOf(path),
      foreignPatternOf: (path) => this.#scout.foreignPatternOf(path),
      refused: (held, problem) => this.#scout.refuse(held.path, problem),
      ready: () => this.#ready(),
      onRead: () => this.#read(),
    });
    this.#pump = new Pump({
      intake, clock, log, graceMs, register: this.#register,
      recheck: (held) => this.#finder.recheck(held), onRead: () => this.#read(), onEnds: () => settings.onEnds?.(), onRest: () => this.#rest(), onMissed: () => this.#missed(),
      isBusy: () => settings.isBusy?.() === true,
    });
    this.#finder = new Finder({ scout: this.#scout, register: this.#register, clock, log, trust, graceMs, budget });
  }

  /** Looks at everything once and keeps on from there. */
  start(): void {
    this.#running = true;
    this.#wakes.start(
      { stirred: () => this.#stirred(), changed: (path) => this.#changed(path), deaf: (code, why) => this.#deafened(code, why) },
      (path) => this.#scout.concerns(path),
    );
    this.#search(true);
    this.#pump.wakeAll();
    this.#arm();
  }

  /** Stops reading and frees watches and files. `checkpointFiles` stays valid. */
  async stop(): Promise<void> {
    this.#running = false;
    clearTimeout(this.#sweep);
    this.#stirring.stop();
    clearTimeout(this.#admission);
    this.#pump.stop();
    this.#release();
    this.#register.close();
    await this.#wakes.close();
  }

  /** Back-pressure: bytes stay in the files. Rotated files are opened all the same, so that they cannot get lost. */
  pause(): void {
    this.#pump.paused = true;
  }

  resume(): void {
    this.#pump.paused = false;
    this.#release();
    if (this.#running) this.#pump.wakeAll();
    this.#stirred();
  }

  /** Looks at everything now, without waiting for a watch or the sweep. */
  look(): void {
    if (!this.#running) return;
    this.#search(false);
    this.#pump.wakeAll();
  }

  #search(first: boolean): void {
    const began = this.#settings.clock.steady();
    this.#finder.search(first);
    this.#looked = began;
    this.#stirring.looked(began);
  }

  /** ms since the last look through all folders began. */
  get lookedAgo(): number {
    return this.#settings.clock.steady() - this.#looked;
  }

  /** What the state must hold at this moment. */
  checkpointFiles(): FileRecord[] {
    return this.#register.contents.records();
  }

  /** How large files were, by the keys of their records, of which something was read since the last call. */
  takeGrown(): [SourceKey, number][] {
    return this.#register.contents.takeGrown();
  }

  get counters(): Readonly<Record<string, number>> {
    const { held, parking } = this.#register;
    return {
      ...this.#counts, ...this.#finder.counters, ...this.#pump.counters, ...this.#register.contents.counters,
      watch_degraded: Number(this.#deaf), files_open: held.size, files_parked: parking.size, files_waiting: this.#finder.waiting,
      files_followed: held.size + parking.size,
    };
  }

  /** Every file that is read, and every one that a pattern names but is not. */
  status(): FileStatus[] {
    return statusOf(this.#register, this.#scout);
  }

  #opened(held: Held): void {
    held.unwatch ??= this.#wakes.file(held.fd, held.path, () => this.#woken(held.inode));
    this.#pump.wake(held, undefined);
  }

  #woken(inode: string): void {
    const held = this.#register.held.get(inode);
    if (held !== undefined) this.#pump.wake(held, 'watch');
    else if (!this.#finder.woken(inode)) this.#stirred();
  }

  /** Something came or went in a watched folder. */
  #stirred(): void {
    if (this.#running) this.#stirring.stirred();
  }

  #changed(path: string): void {
    const inode = this.#scout.inodeAt(path);
    if (inode === undefined || !this.#finder.woken(inode)) this.#stirred();
  }

  #deafened(code: string, why: string): void {
    this.#counts.watch_failures += 1;
    if (this.#deaf) return;
    this.#deaf = true;
    const todo = 'raise fs.inotify.max_user_watches and max_user_instances; until then files are looked at more often';
    this.#settings.log('warn', 'watch_degraded', { code, why, todo });
    this.#arm();
  }

  /** All open files are read to their ends. What they brought is worked on before the next ones are opened: they hold it up. */
  #rest(): void {
    if (!this.#finder.isWaiting) return;
    this.#admission ??= setTimeout(() => {
      this.#admission = undefined;
      this.#finder.admit();
    }, ADMIT_GAP_MS);
  }

  /** Bytes were found that no watch announced: there will be more. */
  #missed(): void {
    this.#alertUntil = steady(this.#settings.clock.steady() + ALERT_MS);
    if (this.#running) this.#arm();
  }

  #read(): void {
    this.#settings.onRead();
    const { busySweepMs } = this.#options;
    if (this.#running && this.#sweepDue - this.#settings.clock.steady() > busySweepMs) this.#arm();
  }

  #arm(): void {
    const { sweepMs, busySweepMs } = this.#options;
    const now = this.#settings.clock.steady();
    const busy = now - this.#pump.lastRead < BUSY_MS;
    const deaf = this.#deaf || now < this.#alertUntil;
    const wanted = Math.min(sweepMs, busy ? busySweepMs : Infinity, deaf ? DEAF_SWEEP_MS : Infinity);
    const wait = Math.max(wanted, Math.min(sweepMs, this.#sweepTook / SWEEP_SHARE));
    this.#sweepDue = steady(now + wait);
    clearTimeout(this.#sweep);
    this.#sweep = setTimeout(() => {
      this.#sweepAll();
      this.#arm();
    }, wait);
  }

  #sweepAll(): void {
    const { clock, log, onSweep } = this.#settings;
    const began = clock.steady();
    this.#search(false);
    this.#pump.sweep();
    this.#counts.held_deleted_bytes = limitDeleted(this.#register, this.#options.deletedMax, log);
    this.#sweepTook = clock.steady() - began;
    onSweep?.();
  }

  #ready(): Promise<boolean> {
    if (!this.#running || !this.#pump.paused) return Promise.resolve(this.#running);
    return new Promise((resolve) => this.#waiters.push(() => resolve(this.#running)));
  }

  #release(): void {
    for (const go of this.#waiters.splice(0)) go();
  }
}
