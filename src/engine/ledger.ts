/**
 * The ledger (design.md 3): lines from any number of sources become events of lives, lives hold episodes under way, and
 * an episode that every source has passed is settled and folded. Time arrives as data; what the ledger decides depends on
 * log times alone, so that a re-read decides the same.
 */
import type { Clock, Intake, SourceId, SourceInfo } from '../model/source.ts';
import { duration, steady } from '../model/time.ts';
import type { Duration, Nanos, Steady } from '../model/time.ts';
import type { Trace } from '../model/trace.ts';
import type { CompiledRuntime } from './compile.ts';
import type { Event } from './event.ts';
import { conclude } from './conclude.ts';
import { dueAt, hasPassed, look } from './due.ts';
import { Flights } from './flights.ts';
import { holding } from './holding.ts';
import type { Holding } from './holding.ts';
import type { Life } from './life.ts';
import { Lives } from './lives.ts';
import { Memory } from './memory.ts';
import type { StoredMemory } from './memory.ts';
import { OpenEpisode } from './open.ts';
import type { Waiting } from './open.ts';
import { addVerdicts, newVerdicts } from './reading.ts';
import type { Reading, Verdicts } from './reading.ts';
import { Sources } from './sources.ts';
import { chooseKept, infoOfStored, storeLines } from './snapshot.ts';
import type { Tombstone } from './tombstone.ts';

export interface LedgerOptions {
  readonly hostId: string;
  readonly settle: Duration;
  readonly patience: Duration;
  /** How late a line may reach a file after the time it tells. */
  readonly lateness: Duration;
  /** Episodes under way at once; beyond, the oldest is cut. */
  readonly mostOpen: number;
  /** When so many acknowledged starts lie beyond the first line that is held, the oldest open ones are kept in the state. */
  readonly keepBeyond: number;
  /** Added to the time of every line, by the user's explicit wish; the trace says so. */
  readonly shift?: bigint;
}

export const LEDGER_DEFAULTS: Omit<LedgerOptions, 'hostId'> = {
  settle: duration(250_000_000),
  patience: duration(60_000_000_000),
  lateness: duration(250_000_000),
  mostOpen: 10_000,
  keepBeyond: 1_000,
};

/** A settled episode. `waited`: settled by waiting; its cut must be on disk before it is sent (`Ledger.remember`). */
export interface Settlement {
  readonly trace: Trace;
  readonly waited: boolean;
}

/** What the ledger counts beside the verdicts of its sources. Every loss has a name here. */
export type Count =
  | 'duplicate' | 'late' | 'replayed' | 'after_end' | 'loose_without_start' | 'handed-to-runc'
  | 'too_many_events' | 'too_many_open' | 'scheme_mismatch' | 'log_begins_inside'
  | 'settled_ok' | 'settled_created' | 'settled_incomplete' | (string & {});

export class Ledger implements Intake {
  readonly counts = new Map<Count, number>();
  readonly #runtimes: readonly CompiledRuntime[];
  readonly #options: LedgerOptions;
  readonly #waiting: Waiting;
  readonly #sources: Sources;
  readonly #lives: Lives;
  readonly #open = new Set<OpenEpisode>();
  readonly #flights = new Flights();
  readonly #memory = new Memory();
  #held: Holding | undefined;
  /** Lines that the state being written holds: let go once it is written. */
  #keeping: readonly Event[] = [];

  constructor(runtimes: readonly CompiledRuntime[], options: LedgerOptions) {
    this.#runtimes = runtimes;
    this.#options = options;
    this.#lives = new Lives(runtimes);
    this.#sources = new Sources(runtimes.flatMap((runtime) => runtime.sources), options.shift);
    this.#waiting = { settle: options.settle, patience: options.patience };
  }

  begin(info: SourceInfo): SourceId {
    return this.#sources.begin(info, (event, container, runtime, from) => this.#gather(event, container, runtime, from));
  }

  read(source: SourceId, bytes: Buffer, length: number, offset: number): number {
    this.#held = undefined;
    return this.#sources.read(source, bytes, length, offset);
  }

  overlong(source: SourceId, head: Buffer, offset: number): void {
    this.#sources.get(source)?.overlong(head, offset);
  }

  atEnd(source: SourceId, now: Steady): void {
    this.#sources.atEnd(source, now);
  }

  behind(source: SourceId): void {
    this.#sources.stand(source, 'behind');
  }

  end(source: SourceId): void {
    this.#sources.stand(source, 'ended');
  }

  pinned(source: SourceId): number | undefined {
    return this.#holding().get(source)?.from;
  }

  awaited(source: SourceId): boolean {
    return this.#holding().get(source)?.awaited ?? false;
  }

  /** Worked out once until something changes. */
  #holding(): Holding {
    this.#held ??= holding(this.#open, this.#flights.all().flatMap((flight) => flight.held));
    return this.#held;
  }

  #count(name: Count, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by);
  }

  #gather(event: Event, container: string, runtime: CompiledRuntime, reading: Reading): boolean {
    const life = this.#lives.of(runtime, container);
    if (life === undefined) return false;
    const found = event.spelling.opens ? life.open(event, reading) : life.place(event, reading, this.#options.patience);
    if (found.kind === 'counted') {
      this.#count(found.name);
      this.#lives.tidy(life);
      return true;
    }
    const { episode, absorbed } = found;
    // An opener may find its episode's first lines already there: an earlier episode gives them up.
    if (event.spelling.opens || episode.events.length === 1) {
      this.#open.add(episode);
      episode.pin ??= reading.info.scheme;
      for (const gone of absorbed) this.#open.delete(gone);
      if (this.#open.size > this.#options.mostOpen) this.#cutOldest();
    }
    return true;
  }

  #cutOldest(): void {
    for (const episode of this.#open) {
      if (episode.cut !== undefined) continue;
      episode.cut = 'too_many_open';
      return;
    }
  }

  /** Settles every episode that all sources have passed. Call after reading, and when `nextDue` says so. */
  settle(clock: Clock): Settlement[] {
    const now = clock.steady();
    const wall = clock.now();
    const frontier = this.#sources.frontier(wall);
    const settled: Settlement[] = [];
    for (const episode of this.#open) {
      if (episode.changed) look(episode, this.#waiting, wall, now, this.#sources);
      if (episode.cut === undefined && !hasPassed(episode, frontier, this.#options.lateness, now)) continue;
      const settlement = this.#settleOne(episode);
      if (settlement !== undefined) settled.push(settlement);
    }
    return settled;
  }

  /** The earliest moment at which `settle` may find something without a further line; undefined: nothing is under way. */
  nextDue(): Steady | undefined {
    // Only what is read can say more while a source has unread lines.
    if (this.#sources.behind) return undefined;
    let next: Steady | undefined;
    for (const episode of this.#open) {
      const due = episode.written === undefined ? steady(0) : dueAt(episode, this.#options.lateness);
      if (next === undefined || due < next) next = due;
    }
    return next;
  }

  #settleOne(episode: OpenEpisode): Settlement | undefined {
    this.#held = undefined;
    this.#open.delete(episode);
    const life = this.#lives.of(episode.runtime, episode.container);
    if (life === undefined) return undefined;
    life.close(episode);
    const { members, rest } = episode.split(episode.runtime.start.rule.settle ?? this.#options.settle);
    const settlement = this.#conclude(episode, life, members);
    for (const event of rest) {
      const reading = this.#sources.get(event.source);
      if (reading !== undefined) this.#gather(event, episode.container, episode.runtime, reading);
    }
    this.#lives.tidy(life);
    return settlement;
  }

  #conclude(episode: OpenEpisode, life: Life, members: readonly Event[]): Settlement | undefined {
    const end = conclude(episode, members, this.#options, (source) => this.#sources.keyOf(source));
    for (const name of end.counts) this.#count(name, end.kind === 'loose' ? members.length : 1);
    switch (end.kind) {
      case 'loose':
        return undefined;
      case 'nothing':
        this.#bury(life, end.tombstone);
        return undefined;
      case 'trace':
        this.#flights.add(end.trace.id, life, end.tombstone, members, episode.kind === 'inside');
        life.bury(end.tombstone);
        return { trace: end.trace, waited: end.tombstone.waited };
      default:
        return end satisfies never;
    }
  }

  #bury(life: Life, tombstone: Tombstone): void {
    life.bury(tombstone);
    this.#keep(life, tombstone);
  }

  #keep(life: Life, tombstone: Tombstone): void {
    for (const gone of this.#memory.add(life, tombstone)) this.#lives.tidy(gone);
  }

  /** The trace was taken by the back-end, or will never be: its lines need not be read again. */
  acknowledged(trace: string): void {
    const flight = this.#flights.land(trace);
    if (flight === undefined) return;
    this.#held = undefined;
    this.#keep(flight.life, flight.tombstone);
  }

  /**
   * What must outlive the process, beside the sources' offsets as they were asked for before this: settled episodes whose
   * lines may come again, and the lines that will not. Call `remembered` when it is on disk.
   */
  remember(): StoredMemory {
    this.#sources.retire((source) => this.#holding().has(source));
    const held = new Map<string, number>();
    for (const [source, { from }] of this.#holding()) if (from !== undefined) held.set(this.#sources.keyOf(source), from);
    const flying = this.#flights.all();
    const inside = [...[...this.#open].filter((episode) => episode.kind === 'inside'), ...flying.filter((flight) => flight.inside).map((flight) => flight.tombstone)];
    const insides = inside.map(({ container, opened, runtime }) => ({ container, opened: String(opened), runtime: typeof runtime === 'string' ? runtime : runtime.name }));
    const { needed, ...stored } = this.#memory.store(flying.map((flight) => flight.tombstone), (source) => held.get(source));
    const kept = [...[...this.#open].flatMap(({ events }) => events.filter((event) => event.kept)), ...flying.flatMap((flight) => flight.kept)];
    this.#keeping = needed > this.#options.keepBeyond ? chooseKept(this.#open, kept) : [];
    return { ...stored, inside: insides, kept: storeLines([...kept, ...this.#keeping], (source) => this.#sources.infoOf(source)) };
  }

  /** What `remember` gave last is on disk. */
  remembered(): void {
    for (const event of this.#keeping) event.kept = true;
    this.#keeping = [];
    this.#held = undefined;
  }

  /** Before any source begins. */
  restore(stored: StoredMemory): void {
    const runtimes = new Map(this.#runtimes.map((runtime) => [runtime.name, runtime]));
    this.#memory.restore(stored, (name, container) => {
      const runtime = runtimes.get(name);
      return runtime && this.#lives.of(runtime, container);
    });
    for (const lines of stored.kept) {
      const source = this.begin(infoOfStored(lines));
      for (const [offset, text] of lines.lines) {
        const bytes = Buffer.from(`${text}\n`);
        this.read(source, bytes, bytes.length, offset);
      }
      this.end(source);
    }
  }

  get openEpisodes(): number {
    return this.#open.size;
  }

  get flying(): number {
    return this.#flights.size;
  }

  /** Log time of the last line read from a source; undefined: none told one yet. */
  reached(source: SourceId): Nanos | undefined {
    return this.#sources.get(source)?.lastTime;
  }

  readings(): Reading[] {
    return this.#sources.readings();
  }

  /** All that was ever read. */
  verdicts(): Verdicts {
    const all = newVerdicts();
    addVerdicts(all, this.#sources.past);
    for (const { verdicts } of this.#sources.readings()) addVerdicts(all, verdicts);
    return all;
  }
}
