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
import { episodeId, fold, rootId } from './fold.ts';
import type { Previous } from './fold.ts';
import { judge, nothing } from './judge.ts';
import { Life } from './life.ts';
import { Memory } from './memory.ts';
import type { StoredMemory } from './memory.ts';
import { OpenEpisode } from './open.ts';
import type { Waiting } from './open.ts';
import { Reading } from './reading.ts';
import { extentsOf } from './tombstone.ts';
import type { Tombstone } from './tombstone.ts';

export interface LedgerOptions {
  readonly hostId: string;
  readonly settle: Duration;
  readonly patience: Duration;
  /** How late a line may reach a file after the time it tells. */
  readonly lateness: Duration;
  /** Episodes under way at once; beyond, the oldest is cut. */
  readonly mostOpen: number;
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
  #held: Map<SourceId, { from: number; awaited: boolean }> | undefined;

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
    const reading = new Reading(id, info, sources, (event, container, runtime) => this.#gather(event, container, runtime, info));
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

  /** What is held where, worked out once until something changes. */
  #holding(): Map<SourceId, { from: number; awaited: boolean }> {
    if (this.#held !== undefined) return this.#held;
    const held = new Map<SourceId, { from: number; awaited: boolean }>();
    const hold = ({ source, offset }: Held, awaited: boolean): void => {
      const known = held.get(source);
      if (known === undefined) held.set(source, { from: offset, awaited });
      else {
        known.from = Math.min(known.from, offset);
        known.awaited ||= awaited;
      }
    };
    for (const episode of this.#open) for (const event of episode.events) hold(event, episode.kind !== 'stray');
    for (const flight of this.#flying.values()) for (const at of flight.held) hold(at, false);
    this.#held = held;
    return held;
  }

  // ------------------------------------------------------------------------------------------------- gathering

  #count(name: Count, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by);
  }

  #life(runtime: CompiledRuntime, container: string): Life {
    const lives = this.#lives.get(runtime) ?? new Map<string, Life>();
    let life = lives.get(container);
    if (life === undefined) {
      life = new Life(runtime, container);
      lives.set(container, life);
    }
    return life;
  }

  #gather(event: Event, container: string, runtime: CompiledRuntime, info: SourceInfo): void {
    const life = this.#life(runtime, container);
    const reading = this.#sources.get(event.source)?.reading;
    const inside = info.fresh && reading?.firstTime !== undefined && between(reading.firstTime, event.time) <= this.#options.patience;
    const found = event.spelling.opens ? life.open(event, info.key) : life.place(event, info.key, inside);
    switch (found.kind) {
      case 'taken':
        this.#open.add(found.episode);
        found.episode.pin ??= info.scheme;
        for (const gone of found.absorbed) this.#open.delete(gone);
        if (this.#open.size > this.#options.mostOpen) this.#cutOldest();
        return;
      case 'counted':
        this.#count(found.name);
        if (life.idle) this.#forget(life);
        return;
      default:
        found satisfies never;
    }
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
    const frontier = this.#frontier();
    const settled: Settlement[] = [];
    for (const episode of this.#open) {
      if (episode.changed) this.#look(episode, clock);
      if (episode.cut === undefined && !this.#passed(episode, frontier, now)) continue;
      const settlement = this.#settleOne(episode);
      if (settlement !== undefined) settled.push(settlement);
    }
    return settled;
  }

  #look(episode: OpenEpisode, clock: Clock): void {
    episode.evaluate(this.#waiting);
    // A line read late was written when it says; a clock that was set back since must not make it wait longer.
    const age = Math.max(0, Number(clock.now() - episode.last) / 1e6);
    episode.written = steady(clock.steady() - age);
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
    return now >= this.#dueAt(episode);
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
    life.close(episode);
    const { members, rest } = episode.split(episode.runtime.start.rule.settle ?? this.#options.settle);
    const settlement = this.#conclude(episode, life, members);
    for (const event of rest) {
      const info = this.#sources.get(event.source)?.reading.info;
      if (info !== undefined) this.#gather(event, episode.container, episode.runtime, info);
    }
    if (life.idle) this.#forget(life);
    return settlement;
  }

  #conclude(episode: OpenEpisode, life: Life, members: readonly Event[]): Settlement | undefined {
    if (episode.kind === 'stray' || !members.some((event) => !event.spelling.loose)) {
      this.#count('loose_without_start', members.length);
      return undefined;
    }
    const decision = episode.decide(members);
    const none = nothing(episode.runtime, members, decision.schemes);
    if (none !== undefined) {
      this.#count(none);
      this.#bury(life, this.#tombstone(episode, members, 'nothing'));
      return undefined;
    }
    const fault = episode.kind === 'inside' ? 'log_begins_inside' : episode.cut;
    const outcome = fault === undefined ? judge(episode.runtime, members, decision.schemes) : 'incomplete';
    const trace = fold({
      runtime: episode.runtime,
      hostId: this.#options.hostId,
      container: episode.container,
      events: members,
      outcome,
      decision,
      fault,
      previous: episode.previous && previousOf(episode.previous, episode.runtime),
    });
    this.#count(`settled_${outcome}`);
    if (fault !== undefined) this.#count(fault);
    if (decision.refusedPin !== undefined) this.#count('scheme_mismatch');
    const tombstone = this.#tombstone(episode, members, outcome);
    this.#flying.set(trace.id, { life, tombstone, held: heldBy(members) });
    life.bury(tombstone);
    return { trace, waited: tombstone.waited };
  }

  #tombstone(episode: OpenEpisode, members: readonly Event[], outcome: Tombstone['outcome']): Tombstone {
    const [first] = members;
    const opened = first?.time ?? episode.opened;
    return {
      runtime: episode.runtime.name,
      container: episode.container,
      traceId: episodeId(this.#options.hostId, episode.runtime, episode.container, opened),
      opened,
      until: episode.due,
      outcome,
      seen: outcome === 'created' || outcome === 'incomplete' ? members.slice(0, 64).map((event) => event.spelling.text) : [],
      extents: extentsOf(members, (source) => this.#keyOf(source)),
      waited: !episode.complete,
      capped: episode.cut !== undefined,
    };
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

/** undefined: no such source. nowhere: one of them has not told a time yet. */
interface Frontier {
  readonly behind: Nanos | 'nowhere' | undefined;
  readonly atEnd: Nanos | 'nowhere' | undefined;
}

interface Held {
  readonly source: SourceId;
  readonly offset: number;
}

/** The first line in each source holds all that follow. */
function heldBy(events: readonly Event[]): Held[] {
  const first = new Map<SourceId, number>();
  for (const { source, offset } of events) first.set(source, Math.min(first.get(source) ?? offset, offset));
  return [...first].map(([source, offset]) => ({ source, offset }));
}

const previousOf = (tombstone: Tombstone, runtime: CompiledRuntime): Previous => ({
  traceId: tombstone.traceId,
  rootId: rootId(tombstone.traceId, runtime),
  why: tombstone.outcome === 'created' ? 'created' : 'late_completion',
});

function earlier(known: Nanos | 'nowhere' | undefined, time: Nanos | undefined): Nanos | 'nowhere' {
  if (known === 'nowhere' || time === undefined) return 'nowhere';
  return known === undefined || time < known ? time : known;
}
