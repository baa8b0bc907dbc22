/** The life of one sandbox or container: its episodes under way and what is remembered of those that are settled. */
import type { EpisodeName } from '../model/runtime.ts';
import type { SourceId, SourceKey } from '../model/source.ts';
import type { Duration, Nanos } from '../model/time.ts';
import type { CompiledEpisode, CompiledRuntime } from './compile.ts';
import { LONG_AGO } from './due.ts';
import type { Event } from './event.ts';
import { beginningMissing, continues, goesOn, homeOf, sameOpener } from './home.ts';
import type { Reading } from './reading.ts';
import { OpenEpisode } from './open.ts';
import type { EpisodeKind } from './open.ts';
import { covers, hasAll, mayContinue, took } from './tombstone.ts';
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
  readonly subject: string;
  /** By the time they opened. */
  #open: OpenEpisode[] = [];
  #settled: Tombstone[] = [];
  /** Episodes that were cut by waiting before a crash and may not have been acknowledged: to be cut there again. */
  #cuts: Tombstone[] = [];
  #inside: readonly Nanos[] = NOWHERE;
  #latestSeen: Nanos | undefined;
  /**
   * Lines came out of the order of their times: some may have gone to the wrong episode. They are placed again, in order,
   * before anything is settled, so that what is decided does not hang on the order in which lines were read.
   */
  disordered = false;

  constructor(runtime: CompiledRuntime, subject: string) {
    this.runtime = runtime;
    this.subject = subject;
  }

  /** By the time they opened. */
  get underway(): readonly OpenEpisode[] {
    return this.#open;
  }

  get idle(): boolean {
    return this.#open.length === 0 && this.#settled.length === 0 && this.#cuts.length === 0;
  }

  /** Takes note of the order in which lines come. @returns whether this one is late. */
  #isLate({ time }: Event): boolean {
    if (this.#latestSeen !== undefined && time < this.#latestSeen) return true;
    this.#latestSeen = time;
    return false;
  }

  /** Gives up all that is under way, to be placed again in order. */
  restart(): readonly OpenEpisode[] {
    const open = this.#open;
    this.#open = [];
    this.#latestSeen = undefined;
    this.disordered = false;
    return open;
  }

  /** Whether no other episode, under way or settled, reaches into the time of this one. */
  aloneAt({ opened, due }: OpenEpisode): boolean {
    return !this.runtime.keyed || (this.#open.length === 0 && !this.#settled.some((other) => other.until >= opened && other.opened <= due));
  }

  /** The settled episode whose own line this is, read again while another is under way. */
  #ownerOf({ time, handle, offset }: Event, source: SourceKey): Tombstone | undefined {
    return this.#settled.findLast((tombstone) =>
      tombstone.opened <= time && time <= tombstone.until &&
      (handle === undefined ? took(tombstone.extents, source, offset) === true : tombstone.handles?.includes(handle) === true && covers(tombstone.extents, source, offset)));
  }

  /** An opener: at a time of its own it always opens a new episode, unless what it opens is under way. */
  open(event: Event, rule: CompiledEpisode, { info: { key: source } }: Reading): Found {
    const container = event.container ?? this.subject;
    this.#undo(event, container);
    const settled = this.#settled.find((tombstone) => tombstone.opened === event.time && tombstone.container === container);
    if (settled !== undefined) return counted(covers(settled.extents, source, event.offset) ? 'replayed' : 'duplicate');
    const known = this.#open.find((episode) => episode.kind === 'start' && episode.rule === rule && sameOpener(episode, event, container));
    if (known !== undefined) return this.#add(known, event);
    if (this.runtime.keyed) {
      if (this.#isLate(event)) this.disordered = true;
      const before = this.#settledBefore(event, rule.name);
      if (before !== undefined && event.time <= before.until) return counted(covers(before.extents, source, event.offset) ? 'replayed' : 'late');
      const under = goesOn(this.#open, rule, event, container);
      if (under !== undefined) return this.#extend(under, event);
    }
    const episode = new OpenEpisode(rule, this, container, 'start', event.time);
    const absorbed = this.#makeRoom(episode);
    this.#insert(episode);
    return this.#add(episode, event, absorbed);
  }

  /** What opens one episode may show that another has come to nothing, and then stands in both. */
  #undo(event: Event, container: string): void {
    if (!this.#undoes(event)) return;
    const begun = this.#open.findLast((episode) => episode.rule.undone?.by === event.spelling.agreed && episode.opened <= event.time && episode.containers.has(container));
    begun?.add(event);
  }

  #undoes({ spelling: { agreed } }: Event): boolean {
    return agreed !== undefined && this.runtime.episodes.some(({ undone }) => undone?.by === agreed);
  }

  /** A new start takes what an earlier one held from its opening on, and what had no beginning before it came. */
  #makeRoom(episode: OpenEpisode): OpenEpisode[] {
    const mine = (other: OpenEpisode): boolean => other.rule === episode.rule && other.container === episode.container;
    const before = this.#open.findLast((other) => other.opened <= episode.opened && mine(other));
    for (const event of before?.giveUpFrom(episode.opened) ?? []) episode.add(event);
    const next = this.#open.find((other) => other.kind === 'start' && other.opened > episode.opened && mine(other))?.opened;
    const pod = episode.rule.rule.pod !== undefined && episode.container === this.subject;
    const orphans = this.#open.filter(
      (other) =>
        other.opened >= episode.opened && (next === undefined || other.opened < next) &&
        (other.kind === 'stray' || (other.rule === episode.rule && ((other.kind === 'inside' && mine(other)) || (pod && other.container !== episode.container)))),
    );
    for (const orphan of orphans) for (const event of orphan.events) episode.add(event);
    this.#open = this.#open.filter((other) => !orphans.includes(other));
    return orphans;
  }

  /**
   * Any other line: belongs to the latest episode that had opened by then, of its process or container where it names one.
   * Marks without a beginning are a start, not strays, where the log's first bytes may lie inside it. Also those that
   * bound nothing wait for one: of two files of a rotation the newer may be read first.
   */
  place(event: Event, reading: Reading, patience: Duration): Found {
    const source = reading.info.key;
    if (this.runtime.keyed) {
      if (this.#settled.length > 0 && this.#ownerOf(event, source) !== undefined) return counted('replayed');
      const home = homeOf(this.runtime, this.#open, event);
      // One episode under way takes whatever comes, in any order.
      if (this.#isLate(event) && (home === undefined || this.#open.length > 1)) this.disordered = true;
      if (home !== undefined) return this.#add(home, event);
    }
    const episode = this.runtime.keyed ? undefined : this.#latest(event.time);
    const settled = this.#settledBefore(event);
    if (episode !== undefined && (settled === undefined || episode.opened >= settled.opened)) return this.#add(episode, event);
    if (settled !== undefined) {
      const found = this.#afterwards(settled, event, source);
      if (found !== undefined) return found;
    }
    const lost = this.runtime.keyed ? beginningMissing(this.runtime, event) : undefined;
    if (lost !== undefined) return this.#begin(lost, 'inside', event);
    const orphan = this.#open.find((other) => other.kind === 'stray' || (other.kind === 'inside' && (!this.runtime.keyed || other.container === event.container)));
    if (orphan !== undefined) return this.#extend(orphan, event);
    const inside = reading.beginsInside(event.time, patience) || this.#inside.includes(event.time);
    return this.#begin(this.runtime.start, inside && (!this.runtime.keyed || continues(this.runtime, event)) ? 'inside' : 'stray', event);
  }

  /** The latest settled episode that the line may be late for; an opener (`kind`) is late for those that it could have opened: a task starts again while its stop goes on. */
  #settledBefore({ time, container, handle }: Event, kind?: EpisodeName): Tombstone | undefined {
    if (this.#settled.length === 0) return undefined;
    if (!this.runtime.keyed || handle === undefined) return this.#settled.findLast((tombstone) => tombstone.opened <= time && (kind === undefined || (tombstone.episode ?? 'start') === kind));
    const own = this.#settled.findLast((tombstone) => tombstone.opened <= time && time <= tombstone.until && tombstone.handles?.includes(handle) === true);
    // Another process of a container that it was about, later.
    return own ?? this.#settled.findLast((tombstone) => time > tombstone.until && container !== undefined && tombstone.containers?.includes(container) === true);
  }

  /** @returns undefined: the line has nothing to do with what is settled. */
  #afterwards(settled: Tombstone, event: Event, source: SourceKey): Found | undefined {
    if (event.time <= settled.until) {
      if (covers(settled.extents, source, event.offset)) return counted('replayed');
      // A start that ended by waiting reaches as far as it waited; a mark that bounds nothing (kill, delete) is not late for it.
      return counted(event.spelling.loose && settled.waited ? 'after_end' : 'late');
    }
    if (this.runtime.keyed) {
      if (beginningMissing(this.runtime, event) !== undefined) return undefined;
      if (!continues(this.runtime, event) || !mayContinue(settled)) return counted('after_end');
    } else if (event.spelling.loose || !mayContinue(settled)) return counted('after_end');
    const under = this.#open.find((other) => other.previous === settled);
    if (under !== undefined) return this.#extend(under, event);
    return this.#begin(this.runtime.start, 'continuation', event, settled);
  }

  #begin(rule: CompiledEpisode, kind: EpisodeKind, event: Event, previous?: Tombstone): Found {
    const episode = new OpenEpisode(rule, this, event.container ?? this.subject, kind, event.time);
    episode.previous = previous;
    this.#insert(episode);
    return this.#add(episode, event);
  }

  /** An earlier line of an episode: it begins there. */
  #extend(episode: OpenEpisode, event: Event): Found {
    if (event.time < episode.opened) {
      this.close(episode);
      episode.opened = event.time;
      episode.changed = true;
      this.#insert(episode);
    }
    return this.#add(episode, event);
  }

  #add(episode: OpenEpisode, event: Event, absorbed: readonly OpenEpisode[] = NONE): Found {
    if (!episode.add(event)) return counted('duplicate');
    if (this.#cuts.length > 0) episode.changed = true; // it may be the last line that it had before the restart
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

  /** It turned out to be part of another life: gives up all it has. */
  dissolve(): { readonly open: readonly OpenEpisode[]; readonly settled: readonly Tombstone[]; readonly cuts: readonly Tombstone[]; readonly inside: readonly Nanos[] } {
    const all = { open: this.#open, settled: this.#settled, cuts: this.#cuts, inside: this.#inside };
    this.#open = [];
    this.#settled = [];
    this.#cuts = [];
    this.#inside = NOWHERE;
    return all;
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

  /**
   * Leaves out of an episode that was cut before a restart what came later than that; with all its lines there it need not wait again. Asked before
   * it is evaluated: whichever way a line got in.
   * @returns how many lines are left out.
   */
  respectCut(episode: OpenEpisode, keyOf: (source: SourceId) => SourceKey): number {
    const cut = this.#cuts.find((tombstone) => tombstone.opened === episode.opened && tombstone.container === episode.container);
    if (cut === undefined) return 0;
    const late = episode.leaveOut((event) => event.time <= cut.until && !covers(cut.extents, keyOf(event.source), event.offset));
    if (hasAll(cut.extents, episode.events, keyOf)) episode.written = LONG_AGO;
    return late;
  }
}
