/** One container's life: its episodes under way and what is remembered of those that are settled. */
import type { SourceKey } from '../model/source.ts';
import type { Duration, Nanos } from '../model/time.ts';
import type { CompiledRuntime } from './compile.ts';
import type { Event } from './event.ts';
import type { Reading } from './reading.ts';
import { OpenEpisode } from './open.ts';
import { covers, mayContinue } from './tombstone.ts';
import type { Tombstone } from './tombstone.ts';

/** Where a line went: into an episode (which may have swallowed others), or nowhere, counted by name. */
export type Found =
  | { readonly kind: 'taken'; readonly episode: OpenEpisode; readonly absorbed: readonly OpenEpisode[] }
  | { readonly kind: 'counted'; readonly name: 'duplicate' | 'late' | 'replayed' | 'after_end' };

const NONE: readonly OpenEpisode[] = [];
const NOWHERE: readonly Nanos[] = [];

const counted = (name: Extract<Found, { kind: 'counted' }>['name']): Found => ({ kind: 'counted', name });

export class Life {
  readonly runtime: CompiledRuntime;
  readonly container: string;
  /** By the time they opened. */
  #open: OpenEpisode[] = [];
  #settled: Tombstone[] = [];
  /** Episodes that were cut by waiting before a crash and may not have been acknowledged: to be cut there again. */
  #cuts: Tombstone[] = [];
  #inside: readonly Nanos[] = NOWHERE;

  constructor(runtime: CompiledRuntime, container: string) {
    this.runtime = runtime;
    this.container = container;
  }

  get idle(): boolean {
    return this.#open.length === 0 && this.#settled.length === 0 && this.#cuts.length === 0;
  }

  /** An opener: at a time of its own it always opens a new episode. */
  open(event: Event, { info: { key: source } }: Reading): Found {
    const settled = this.#settled.find((tombstone) => tombstone.opened === event.time);
    if (settled !== undefined) return counted(covers(settled.extents, source, event.offset) ? 'replayed' : 'duplicate');
    const known = this.#open.find((episode) => episode.opened === event.time && episode.kind === 'start');
    if (known !== undefined) return this.#add(known, event, source);
    const episode = new OpenEpisode(this.runtime, this.container, 'start', event.time);
    const absorbed = this.#makeRoom(episode);
    this.#insert(episode);
    return this.#add(episode, event, source, absorbed);
  }

  /** A new start takes what an earlier one held from its opening on, and what had no beginning before it came. */
  #makeRoom(episode: OpenEpisode): OpenEpisode[] {
    const before = this.#latest(episode.opened);
    for (const event of before?.giveUpFrom(episode.opened) ?? []) episode.add(event);
    const next = this.#open.find((other) => other.kind === 'start' && other.opened > episode.opened)?.opened;
    const orphans = this.#open.filter(
      (other) => (other.kind === 'inside' || other.kind === 'stray') && other.opened >= episode.opened && (next === undefined || other.opened < next),
    );
    for (const orphan of orphans) for (const event of orphan.events) episode.add(event);
    this.#open = this.#open.filter((other) => !orphans.includes(other));
    return orphans;
  }

  /**
   * Any other line: belongs to the latest episode that had opened by then.
   * Marks without a beginning are a start, not strays, where the log's first bytes may lie inside it. Also those that
   * bound nothing wait for one: of two files of a rotation the newer may be read first.
   */
  place(event: Event, reading: Reading, patience: Duration): Found {
    const source = reading.info.key;
    const episode = this.#latest(event.time);
    const settled = this.#settled.length === 0 ? undefined : this.#settled.findLast((tombstone) => tombstone.opened <= event.time);
    if (episode !== undefined && (settled === undefined || episode.opened >= settled.opened)) return this.#add(episode, event, source);
    if (settled !== undefined) return this.#afterwards(settled, event, source);
    const orphan = this.#open.find((other) => other.kind === 'inside' || other.kind === 'stray');
    if (orphan !== undefined) return this.#extend(orphan, event, source);
    const kind = reading.beginsInside(event.time, patience) || this.#inside.includes(event.time) ? 'inside' : 'stray';
    return this.#begin(new OpenEpisode(this.runtime, this.container, kind, event.time), event, source);
  }

  #afterwards(settled: Tombstone, event: Event, source: SourceKey): Found {
    if (event.time <= settled.until) {
      if (covers(settled.extents, source, event.offset)) return counted('replayed');
      // A start that ended by waiting reaches as far as it waited; a mark that bounds nothing (kill, delete) is not late for it.
      return counted(event.spelling.loose && settled.waited ? 'after_end' : 'late');
    }
    if (event.spelling.loose || !mayContinue(settled)) return counted('after_end');
    const under = this.#open.find((other) => other.previous === settled);
    if (under !== undefined) return this.#extend(under, event, source);
    const episode = new OpenEpisode(this.runtime, this.container, 'continuation', event.time);
    episode.previous = settled;
    return this.#begin(episode, event, source);
  }

  #begin(episode: OpenEpisode, event: Event, source: SourceKey): Found {
    this.#insert(episode);
    return this.#add(episode, event, source);
  }

  /** An earlier line of an episode without an opener: it begins there. */
  #extend(episode: OpenEpisode, event: Event, source: SourceKey): Found {
    if (event.time < episode.opened) {
      this.close(episode);
      episode.opened = event.time;
      episode.changed = true;
      this.#insert(episode);
    }
    return this.#add(episode, event, source);
  }

  #add(episode: OpenEpisode, event: Event, source: SourceKey, absorbed: readonly OpenEpisode[] = NONE): Found {
    if (this.#cuts.length > 0) {
      const cut = this.#cuts.find((tombstone) => tombstone.opened === episode.opened);
      if (cut !== undefined && event.time <= cut.until && !covers(cut.extents, source, event.offset)) return counted('late');
    }
    if (!episode.add(event)) return counted('duplicate');
    return absorbed.length === 0 ? episode.taken : { kind: 'taken', episode, absorbed };
  }

  #latest(time: Nanos): OpenEpisode | undefined {
    const { length } = this.#open;
    const last = this.#open[length - 1];
    if (last !== undefined && last.opened <= time) return last;
    return this.#open.findLast((episode) => episode.opened <= time);
  }

  #insert(episode: OpenEpisode): void {
    const at = this.#open.findIndex((other) => other.opened > episode.opened);
    if (at < 0) this.#open.push(episode);
    else this.#open.splice(at, 0, episode);
  }

  close(episode: OpenEpisode): void {
    this.#open = this.#open.filter((other) => other !== episode);
  }

  bury(tombstone: Tombstone): void {
    if (this.#settled.includes(tombstone)) return;
    const at = this.#settled.findIndex((other) => other.opened > tombstone.opened);
    if (at < 0) this.#settled.push(tombstone);
    else this.#settled.splice(at, 0, tombstone);
  }

  /** Forgets a settled episode: too many are remembered. */
  exhume(tombstone: Tombstone): void {
    this.#settled = this.#settled.filter((other) => other !== tombstone);
    this.#cuts = this.#cuts.filter((other) => other !== tombstone);
  }

  /** Before a restart a start without a beginning was met here, its first line of this time. */
  expectInside(opened: Nanos): void {
    this.#inside = [...this.#inside, opened];
  }

  cutAgain(tombstone: Tombstone): void {
    this.#cuts.push(tombstone);
  }
}
