/**
 * The ledger (design.md 3): lines from any number of sources become events of lives, lives hold episodes under way, and
 * an episode that every source has passed is settled and folded. Time arrives as data; what the ledger decides depends on
 * log times alone, so that a re-read decides the same.
 */
import type { Clock, Intake, SourceId, SourceInfo } from '../model/source.ts';
import { sourceId } from '../model/source.ts';
import { between, duration, steady } from '../model/time.ts';
import type { Duration, Nanos, Steady } from '../model/time.ts';
import type { Trace } from '../model/trace.ts';
import type { CompiledRuntime } from './compile.ts';
import type { Event } from './event.ts';
import { conclude } from './conclude.ts';
import { firstLines, holding } from './holding.ts';
import type { Held, Holding } from './holding.ts';
import { Life } from './life.ts';
import { Memory } from './memory.ts';
import type { StoredMemory } from './memory.ts';
import { OpenEpisode } from './open.ts';
import type { Waiting } from './open.ts';
import { Reading } from './reading.ts';
import type { Tombstone } from './tombstone.ts';

/** containerd allows 76 letters, digits and `._-`, others less; runc also `+`. */
const CONTAINER_ID = /^[A-Za-z0-9][A-Za-z0-9_.+:-]{0,127}$/;

export interface LedgerOptions {
  readonly hostId: string;
  readonly settle: Duration;
  readonly patience: Duration;
  /** How late a line may reach a file after the time it tells. */
  readonly lateness: Duration;
  /** Episodes under way at once; beyond, the oldest is cut. */
  readonly mostOpen: number;
  /** Added to the time of every line, by the user's explicit wish; the trace says so. */
  readonly shift?: bigint;
}

export const LEDGER_DEFAULTS: Omit<LedgerOptions, 'hostId'> = {
  settle: duration(250_000_000),
  patience: duration(60_000_000_000),
  lateness: duration(250_000_000),
  mostOpen: 16_384,
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

interface Source {
  readonly reading: Reading;
  state: 'behind' | 'at end' | 'ended';
}

export class Ledger implements Intake {
  readonly counts = new Map<Count, number>();
  readonly #runtimes: readonly CompiledRuntime[];
  readonly #options: LedgerOptions;
  readonly #waiting: Waiting;
  readonly #sources = new Map<SourceId, Source>();
  readonly #lives = new Map<CompiledRuntime, Map<string, Life>>();
  readonly #open = new Set<OpenEpisode>();
  /** Settled and sent, not yet acknowledged: their lines are still held. */
  readonly #flying = new Map<string, { readonly life: Life; readonly tombstone: Tombstone; readonly held: readonly Held[] }>();
  readonly #memory = new Memory();
  #nextSource = 0;
  #held: Holding | undefined;

  constructor(runtimes: readonly CompiledRuntime[], options: LedgerOptions) {
    this.#runtimes = runtimes;
    this.#options = options;
    this.#waiting = { settle: options.settle, patience: options.patience };
    for (const runtime of runtimes) this.#lives.set(runtime, new Map());
  }

  // ------------------------------------------------------------------------------------------------- what sources call

  begin(info: SourceInfo): SourceId {
    const id = sourceId(this.#nextSource++);
    const sources = this.#runtimes.flatMap((runtime) => runtime.sources);
    const reading = new Reading(id, info, sources, this.#options.shift, (event, container, runtime, from) => this.#gather(event, container, runtime, from));
    this.#sources.set(id, { reading, state: 'behind' });
    return id;
  }

  read(source: SourceId, bytes: Buffer, length: number, offset: number): number {
    this.#held = undefined;
    return this.#sources.get(source)?.reading.read(bytes, length, offset) ?? length;
  }

  overlong(source: SourceId, head: Buffer): void {
    this.#sources.get(source)?.reading.overlong(head);
  }

  atEnd(source: SourceId): void {
    this.#stand(source, 'at end');
  }

  behind(source: SourceId): void {
    this.#stand(source, 'behind');
  }

  end(source: SourceId): void {
    this.#stand(source, 'ended');
  }

  #stand(id: SourceId, state: Source['state']): void {
    const source = this.#sources.get(id);
    if (source !== undefined && source.state !== 'ended') source.state = state;
  }

  pinned(source: SourceId): number | undefined {
    return this.#holding().get(source)?.from;
  }

  awaited(source: SourceId): boolean {
    return this.#holding().get(source)?.awaited ?? false;
  }

  /** Worked out once until something changes. */
  #holding(): Holding {
    this.#held ??= holding(this.#open, [...this.#flying.values()].flatMap((flight) => flight.held));
    return this.#held;
  }

  // ------------------------------------------------------------------------------------------------- gathering

  #count(name: Count, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by);
  }

  /** @returns undefined for a name that no container can have. */
  #life(runtime: CompiledRuntime, container: string): Life | undefined {
    const lives = this.#lives.get(runtime);
    const known = lives?.get(container);
    if (known !== undefined) return known;
    if (!CONTAINER_ID.test(container)) return undefined;
    const life = new Life(runtime, container);
    lives?.set(container, life);
    return life;
  }

  #gather(event: Event, container: string, runtime: CompiledRuntime, reading: Reading): boolean {
    const life = this.#life(runtime, container);
    if (life === undefined) return false;
    const found = event.spelling.opens ? life.open(event, reading) : life.place(event, reading, this.#options.patience);
    if (found.kind === 'counted') {
      this.#count(found.name);
      if (life.idle) this.#forget(life);
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

  #forget(life: Life): void {
    this.#lives.get(life.runtime)?.delete(life.container);
  }

  // ------------------------------------------------------------------------------------------------- settling

  /** Settles every episode that all sources have passed. Call after reading, and when `nextDue` says so. */
  settle(clock: Clock): Settlement[] {
    const now = clock.steady();
    const wall = clock.now();
    const frontier = this.#frontier();
    const settled: Settlement[] = [];
    for (const episode of this.#open) {
      if (episode.changed) this.#look(episode, wall, now);
      if (episode.cut === undefined && !this.#passed(episode, frontier, now)) continue;
      const settlement = this.#settleOne(episode);
      if (settlement !== undefined) settled.push(settlement);
    }
    return settled;
  }

  #look(episode: OpenEpisode, wall: Nanos, now: Steady): void {
    episode.evaluate(this.#waiting);
    // A line read late was written when it says; a clock that was set back since must not make it wait longer.
    episode.written = steady(now - Math.max(0, between(episode.last, wall) / 1e6));
  }

  /** Where the sources stand: the least time that a source with unread lines has reached, and one at its end has told. */
  #frontier(): Frontier {
    let behind: Nanos | 'nowhere' | undefined;
    let atEnd: Nanos | 'nowhere' | undefined;
    for (const { state, reading } of this.#sources.values()) {
      if (state === 'behind') behind = earlier(behind, reading.lastTime);
      else if (state === 'at end') atEnd = earlier(atEnd, reading.lastTime);
    }
    return { behind, atEnd };
  }

  #passed(episode: OpenEpisode, frontier: Frontier, now: Steady): boolean {
    const { behind, atEnd } = frontier;
    if (behind === 'nowhere' || (behind !== undefined && behind <= episode.due)) return false;
    if (atEnd === undefined || (atEnd !== 'nowhere' && atEnd > episode.due)) return true;
    return now + TIMER_MS >= this.#dueAt(episode);
  }

  /** When a source at its end has passed the episode's due time, on the monotonic clock. */
  #dueAt(episode: OpenEpisode): Steady {
    const wait = between(episode.last, episode.due) + this.#options.lateness;
    return steady((episode.written ?? 0) + wait / 1e6);
  }

  /** The earliest moment at which `settle` may find something without a further line; undefined: nothing is under way. */
  nextDue(): Steady | undefined {
    let next: Steady | undefined;
    for (const episode of this.#open) {
      const due = episode.written === undefined ? steady(0) : this.#dueAt(episode);
      if (next === undefined || due < next) next = due;
    }
    return next;
  }

  #settleOne(episode: OpenEpisode): Settlement | undefined {
    this.#held = undefined;
    this.#open.delete(episode);
    const life = this.#life(episode.runtime, episode.container);
    if (life === undefined) return undefined;
    life.close(episode);
    const { members, rest } = episode.split(episode.runtime.start.rule.settle ?? this.#options.settle);
    const settlement = this.#conclude(episode, life, members);
    for (const event of rest) {
      const reading = this.#sources.get(event.source)?.reading;
      if (reading !== undefined) this.#gather(event, episode.container, episode.runtime, reading);
    }
    if (life.idle) this.#forget(life);
    return settlement;
  }

  #conclude(episode: OpenEpisode, life: Life, members: readonly Event[]): Settlement | undefined {
    const end = conclude(episode, members, this.#options, (source) => this.#keyOf(source));
    for (const name of end.counts) this.#count(name, end.kind === 'loose' ? members.length : 1);
    switch (end.kind) {
      case 'loose':
        return undefined;
      case 'nothing':
        this.#bury(life, end.tombstone);
        return undefined;
      case 'trace':
        this.#flying.set(end.trace.id, { life, tombstone: end.tombstone, held: firstLines(members) });
        life.bury(end.tombstone);
        return { trace: end.trace, waited: end.tombstone.waited };
      default:
        return end satisfies never;
    }
  }

  #keyOf(source: SourceId): SourceInfo['key'] {
    const found = this.#sources.get(source);
    if (found === undefined) throw new Error(`source ${source} is not open`);
    return found.reading.info.key;
  }

  #bury(life: Life, tombstone: Tombstone): void {
    life.bury(tombstone);
    for (const gone of this.#memory.add(life, tombstone)) if (gone.idle) this.#forget(gone);
  }

  /** The trace was taken by the back-end, or will never be: its lines need not be read again. */
  acknowledged(trace: string): void {
    const flight = this.#flying.get(trace);
    if (flight === undefined) return;
    this.#flying.delete(trace);
    this.#held = undefined;
    for (const gone of this.#memory.add(flight.life, flight.tombstone)) if (gone.idle) this.#forget(gone);
  }

  // ------------------------------------------------------------------------------------------------- memory and figures

  /** What must outlive the process, beside the sources' offsets: settled episodes whose lines may come again. */
  remember(): StoredMemory {
    const held = new Map<string, number>();
    for (const [source, { from }] of this.#holding()) held.set(this.#keyOf(source), from);
    return this.#memory.store([...this.#flying.values()].map((flight) => flight.tombstone), (source) => held.get(source));
  }

  /** Before any source begins. */
  restore(stored: StoredMemory): void {
    const runtimes = new Map(this.#runtimes.map((runtime) => [runtime.name, runtime]));
    this.#memory.restore(stored, (name, container) => {
      const runtime = runtimes.get(name);
      return runtime && this.#life(runtime, container);
    });
  }

  get openEpisodes(): number {
    return this.#open.size;
  }

  get flying(): number {
    return this.#flying.size;
  }

  /** Log time of the last line read from a source; undefined: none told one yet. */
  reached(source: SourceId): Nanos | undefined {
    return this.#sources.get(source)?.reading.lastTime;
  }

  readings(): Reading[] {
    return [...this.#sources.values()].map((source) => source.reading);
  }

  /** Lets go of an ended source nothing is held in. @returns its figures, so that they are not lost. */
  close(source: SourceId): Reading | undefined {
    const found = this.#sources.get(source);
    if (found?.state !== 'ended' || this.pinned(source) !== undefined) return undefined;
    this.#sources.delete(source);
    return found.reading;
  }
}

/** Timers count whole milliseconds: what is due within the next one is due now. The wait itself is 500 of them. */
const TIMER_MS = 1;

/** undefined: no such source. nowhere: one of them has not told a time yet. */
interface Frontier {
  readonly behind: Nanos | 'nowhere' | undefined;
  readonly atEnd: Nanos | 'nowhere' | undefined;
}

function earlier(known: Nanos | 'nowhere' | undefined, time: Nanos | undefined): Nanos | 'nowhere' {
  if (known === 'nowhere' || time === undefined) return 'nowhere';
  return known === undefined || time < known ? time : known;
}
