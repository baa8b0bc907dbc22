/** From the spool to those who use the lines: nothing before it is on the disk, everything in order, each piece a bounded share. */
import type { Clock, Intake, SourceId } from '../../model/source.ts';
import { LineFeeder, NEWLINE } from '../lines.ts';
import type { Log } from '../report.ts';
import type { LineSpool } from './spool.ts';

export interface OutflowSettings {
  readonly intake: Intake;
  readonly source: SourceId;
  readonly spool: LineSpool;
  /** Where to begin, */
  readonly from: number;
  /** of which no state says that a line begins there. */
  readonly fresh: boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly onRead: () => void;
  /** Least time between two syncs of the disk, in ms. */
  readonly sync: number;
}

const CHUNK = 256 << 10;
const CHUNKS_PER_TURN = 4;

export class Outflow {
  /** Stretches of the stream that are gone. */
  holes = 0;
  readonly #settings: OutflowSettings;
  #feeder: LineFeeder;
  /** What was read of the spool, up to here, */
  #read: number;
  /** and what of it is safe to be used. */
  #safe: number;
  /** The last run's stream had a hole here: the rest of the line that it cut is no line. */
  #torn: boolean;
  #syncing: Promise<void> | undefined;
  #syncedAt = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;
  #paused = false;
  #stopped = false;
  #buffer: Buffer | undefined;

  constructor(settings: OutflowSettings) {
    const { intake, source, from } = settings;
    this.#settings = settings;
    this.#feeder = new LineFeeder(intake, source, from);
    this.#read = this.#safe = from;
    this.#torn = settings.spool.next(from) === from && !settings.spool.beginsLine(from) && settings.fresh;
  }

  /** The first place of which nothing was handed over. */
  get at(): number {
    return this.#feeder.offset;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#go();
  }

  /** The spool may have got more. */
  more(): void {
    const { intake, source, spool, clock, sync } = this.#settings;
    if (this.#stopped) return;
    if (spool.end === this.#safe) return void (this.#turn ??= setImmediate(() => this.#go()));
    intake.behind(source);
    if (this.#syncing !== undefined || this.#timer !== undefined) return;
    const wait = sync - (clock.steady() - this.#syncedAt);
    if (wait <= 0) this.#sync();
    else this.#timer = setTimeout(() => this.#sync(), wait);
  }

  /** No more is handed over; what is being synced is waited for. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    clearImmediate(this.#turn);
    await this.#syncing;
  }

  #sync(): void {
    const { spool, clock } = this.#settings;
    this.#timer = undefined;
    const { end } = spool;
    this.#syncing = new Promise((resolve) => spool.sync(() => {
      this.#syncing = undefined;
      this.#syncedAt = clock.steady();
      this.#safe = end;
      resolve();
      this.#go();
      if (spool.end > this.#safe) this.more();
    }));
  }

  #go(): void {
    this.#turn = undefined;
    if (this.#paused || this.#stopped) return;
    const { spool, intake, source, clock, onRead } = this.#settings;
    for (let chunk = 0; chunk < CHUNKS_PER_TURN && this.#read < this.#safe; chunk++) this.#step();
    spool.handed(this.#read);
    if (this.#read < this.#safe) this.#turn ??= setImmediate(() => this.#go());
    else if (this.#read === spool.end) intake.atEnd(source, clock.steady());
    onRead();
  }

  #step(): void {
    const { spool } = this.#settings;
    const next = spool.next(this.#read);
    if (next > this.#read) this.#hole(next, !spool.beginsLine(next));
    if (this.#read >= this.#safe) return;
    this.#buffer ??= Buffer.allocUnsafe(CHUNK);
    const room = Math.min(CHUNK, this.#safe - this.#read);
    const count = spool.read(this.#read, this.#buffer.subarray(0, room));
    // The disk does not give back what it took: the next part may be whole.
    if (count === 0) return this.#hole(this.#read + room, true);
    const bytes = this.#buffer.subarray(0, count);
    this.#read += count;
    this.#feed(bytes);
  }

  #feed(bytes: Buffer): void {
    if (!this.#torn) return this.#feeder.push(bytes);
    const { intake, source } = this.#settings;
    const end = bytes.indexOf(NEWLINE) + 1;
    const rest = bytes.subarray(end === 0 ? bytes.length : end);
    this.#feeder = new LineFeeder(intake, source, this.#read - rest.length);
    this.#torn = end === 0;
    this.#feeder.push(rest);
  }

  /** Bytes that were only in memory when a crash came, or that somebody removed. */
  #hole(to: number, torn: boolean): void {
    const { log, intake, source } = this.#settings;
    const bytes = to - this.#feeder.offset;
    this.holes += 1;
    log('warn', 'command_hole', { from: this.#feeder.offset, to, text: `${bytes} bytes of a command's lines that were not acknowledged are gone: they were not on the disk when shimtrace ended, or were removed.` });
    this.#read = to;
    this.#feeder = new LineFeeder(intake, source, to);
    this.#torn = torn;
  }
}
