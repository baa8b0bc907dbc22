import type { Clock, Intake } from '../model/source.ts';
import { Pace } from '../model/pace.ts';
import { steady } from '../model/time.ts';
import type { Steady } from '../model/time.ts';
import type { Held } from './held.ts';
import type { FileReader } from './reader.ts';
import type { Register } from './register.ts';
import { ioProblem } from './report.ts';
import type { Log } from './report.ts';

export interface PumpSettings {
  readonly intake: Intake;
  readonly clock: Clock;
  readonly log: Log;
  readonly graceMs: number;
  readonly register: Register;
  /** Called at a file's end, before anybody is told: has its path another file by now? */
  readonly recheck: (held: Held) => void;
  /** After a round in which bytes were handed over. */
  readonly onRead: () => void;
  /** After a round that brought nothing: files stand at their ends of which that was not known, or not any more. */
  readonly onEnds: () => void;
  /** No file is known to have more to read. */
  readonly onRest: () => void;
  /** Bytes came that no watch has spoken of. */
  readonly onMissed: () => void;
  /** As FollowerSettings. */
  readonly isBusy: () => boolean;
}

const CHUNKS_PER_TURN = 4;
/** After so many bytes of all files the event loop has its turn, some milliseconds later: after a restart there may be many files, and connections are made meanwhile. */
const ROUND_BYTES = 512 * 1024;
/** So many wakes a second are followed at once; */
const AT_ONCE = 10;
/** beyond, those of this time together. Well below the time a file's lines are given to appear (lateness, 250 ms). */
const GATHER_MS = 100;
/** A watch that has not spoken so long after its bytes were found will not speak. */
const HEARING_MS = 100;

/** A file whose bytes nobody announced is named in the log once in so long; the others only at `debug`. */
const SAID_EVERY_MS = 60_000;

/** Reads what is there to be read: all files in turn, each a bounded share, and the event loop between the rounds. */
export class Pump {
  paused = false;
  lastRead: Steady = steady(-Infinity);
  readonly counters = { wake_missed: 0, wake_missed_bytes: 0, truncated: 0 };
  readonly #settings: PumpSettings;
  readonly #dirty = new Set<Held>();
  /** A sweep found bytes in them, and no watch has said so yet. */
  readonly #unheard = new Map<Held, number>();
  #saidAt: Steady = steady(-Infinity);
  readonly #pace = new Pace(AT_ONCE);
  /** In this round one stood at its end of which that was not known. */
  #ends = false;
  #next: NodeJS.Immediate | undefined;
  #later: NodeJS.Timeout | undefined;
  #hearing: NodeJS.Timeout | undefined;

  constructor(settings: PumpSettings) {
    this.#settings = settings;
  }

  /** Have a look at this file soon. `by` says who found that there may be something. */
  wake(held: Held, by: 'watch' | 'sweep' | undefined): void {
    if (by === 'watch') {
      this.#unheard.delete(held);
      this.#tellStirred(held);
    }
    held.wokenBy = held.wokenBy === 'watch' ? 'watch' : by;
    this.#dirty.add(held);
    if (by === 'watch' && !this.#pace.take(this.#settings.clock.steady())) this.#later ??= setTimeout(() => this.#round(), GATHER_MS);
    else this.#next ??= setImmediate(() => this.#round());
  }

  wakeAll(): void {
    for (const held of this.#settings.register.held.values()) this.wake(held, undefined);
  }

  /** Looks at all files at once; what it finds, the watches have missed. */
  sweep(): void {
    for (const held of this.#settings.register.held.values()) this.wake(held, 'sweep');
    this.#round();
  }

  stop(): void {
    this.paused = true;
    clearImmediate(this.#next);
    clearTimeout(this.#later);
    clearTimeout(this.#hearing);
    this.#dirty.clear();
  }

  #round(): void {
    clearImmediate(this.#next);
    clearTimeout(this.#later);
    this.#next = undefined;
    this.#later = undefined;
    if (this.#settings.isBusy()) {
      this.#next = setImmediate(() => this.#round());
      return;
    }
    const { register, onRead, onEnds, onRest } = this.#settings;
    let read = 0;
    this.#ends = false;
    for (const held of [...this.#dirty]) {
      // Whoever has more comes after those who had no turn yet.
      this.#dirty.delete(held);
      if (register.held.get(held.inode) !== held) continue;
      this.#dirty.add(held);
      read += this.#guardedTurn(held);
      if (read >= ROUND_BYTES) break;
    }
    if (this.#dirty.size > 0) this.#next ??= setImmediate(() => this.#round());
    else onRest();
    if (read === 0) return this.#ends ? onEnds() : undefined;
    this.lastRead = this.#settings.clock.steady();
    onRead();
  }

  /**
   * A file that cannot be read is a problem of that file: the next sweep tries again, and when it fails, too, nobody waits for it any more.
   * @returns bytes that were handed over.
   */
  #guardedTurn(held: Held): number {
    try {
      const read = this.#turn(held);
      if (held.reader !== undefined) held.problem = undefined;
      return read;
    } catch (error) {
      this.#dirty.delete(held);
      const problem = ioProblem(held.path, error);
      if (held.problem === undefined) this.#settings.log('warn', 'source_problem', { ...problem });
      else if (held.reader !== undefined) this.#tellEnd(held, held.reader, this.#settings.clock.steady());
      held.problem = problem;
      return 0;
    }
  }

  /** One file's share. @returns bytes that were handed over. */
  #turn(held: Held): number {
    const { register, clock } = this.#settings;
    register.settle(held);
    const { reader } = held;
    if (reader === undefined || this.paused) {
      this.#dirty.delete(held);
      if (reader !== undefined) this.#rest(held, reader);
      else if (held.place.kind === 'left' && this.#isQuiet(held, clock.steady())) register.finish(held);
      return 0;
    }
    const now = clock.steady();
    const { kind, bytes } = this.#read(reader);
    if (bytes > 0) this.#came(held, bytes, now);
    if (kind === 'rewritten') {
      this.counters.truncated += 1;
      register.rewritten(held);
    } else if (kind === 'end') this.#atEnd(held, reader, now);
    else this.#tellBehind(held, reader);
    return bytes;
  }

  #read(reader: FileReader): { kind: 'read' | 'end' | 'rewritten'; bytes: number } {
    let bytes = 0;
    for (let chunk = 0; chunk < CHUNKS_PER_TURN; chunk++) {
      const step = reader.step();
      if (step.kind !== 'read') return { kind: step.kind, bytes };
      bytes += step.bytes;
    }
    return { kind: 'read', bytes };
  }

  #came(held: Held, bytes: number, now: Steady): void {
    if ((held.content?.scanned ?? 0) > held.found) held.lastBytes = now;
    held.look();
    if (held.content !== undefined) this.#settings.register.contents.grew(held.content);
    if (held.wokenBy !== 'sweep') return;
    this.#unheard.set(held, (this.#unheard.get(held) ?? 0) + bytes);
    this.#hearing ??= setTimeout(() => {
      this.#hearing = undefined;
      this.#countMissed();
    }, HEARING_MS);
  }

  /** No watch has announced what a sweep found by now: the file system does not tell, or its events were lost. */
  #countMissed(): void {
    const { log, clock, onMissed } = this.#settings;
    const now = clock.steady();
    for (const [{ path }, bytes] of this.#unheard) {
      this.counters.wake_missed += 1;
      this.counters.wake_missed_bytes += bytes;
      const isTime = now - this.#saidAt >= SAID_EVERY_MS;
      if (isTime) this.#saidAt = now;
      log(isTime ? 'info' : 'debug', 'wake_missed', { path, bytes, text: `${path} grew by ${bytes} bytes without a notice of the kernel; files are looked at more often for a while.` });
    }
    if (this.#unheard.size > 0) onMissed();
    this.#unheard.clear();
  }

  #atEnd(held: Held, reader: FileReader, now: Steady): void {
    const { recheck } = this.#settings;
    this.#dirty.delete(held);
    if (held.wokenBy !== 'sweep') recheck(held);
    held.wokenBy = undefined;
    this.#tellEnd(held, reader, now);
    if (this.#isQuiet(held, now)) this.#close(held, reader);
  }

  /** Nobody has written to it for the grace, counted from when it left its path. */
  #isQuiet(held: Held, now: Steady): boolean {
    const since = held.place.kind === 'left' ? held.place.since : 0;
    return now - Math.max(since, held.lastBytes) >= this.#settings.graceMs;
  }

  /**
   * A quiet file that was rotated away is finished as far as anybody can know: only now its unfinished last line is a line.
   * It is let go unless a start under way may still write to it (urunc's reexec keeps its file over a rotation), pins may
   * still need its bytes, or a pattern still names it.
   */
  #close(held: Held, reader: FileReader): void {
    const { intake, register, onRead } = this.#settings;
    const { content } = reader;
    const left = held.place.kind === 'left';
    if (!left && !(content.isUnfinished && register.contents.isSuperseded(content, held.path))) return;
    if (intake.awaited(content.source)) return;
    if (reader.finish()) onRead();
    if (left && intake.pinned(content.source) === undefined && !intake.awaited(content.source)) register.finish(held);
  }

  /** Paused: what is known to be unread is said, nothing else. */
  #rest(held: Held, reader: FileReader): void {
    held.look();
    if (reader.content.size > reader.content.scanned) this.#tellBehind(held, reader);
  }

  #tellEnd(held: Held, { content }: FileReader, now: Steady): void {
    this.#settings.intake.atEnd(content.source, now);
    this.#ends ||= held.lastTold !== 'end';
    held.lastTold = 'end';
  }

  #tellStirred(held: Held): void {
    if (held.lastTold !== 'end' || held.reader === undefined) return;
    held.lastTold = 'stirred';
    this.#settings.intake.stirred(held.reader.content.source);
  }

  #tellBehind(held: Held, reader: FileReader): void {
    if (held.lastTold === 'behind') return;
    held.lastTold = 'behind';
    this.#settings.intake.behind(reader.content.source);
  }
}
