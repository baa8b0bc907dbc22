/** An episode under way: its events so far, and when it may be looked at. */
import { after, between, duration } from '../model/time.ts';
import type { Duration, Nanos, Steady } from '../model/time.ts';
import type { CompiledRuntime, Spelling } from './compile.ts';
import { sortEvents } from './event.ts';
import type { Event } from './event.ts';
import { completion } from './judge.ts';
import { decide } from './scheme.ts';
import type { Decision } from './scheme.ts';
import type { Tombstone } from './tombstone.ts';

/** An episode spans this much log time at most (design.md 3). */
const LONGEST = duration(600_000_000_000);
/** More events than any honest start has: what goes beyond is cut, marked and counted. */
export const MOST_EVENTS = 1_024;

/**
 * start: begun by an opener. continuation: the rest of a start that was settled as created or incomplete.
 * inside: marks at the first bytes of a log, whose beginning was never seen. stray: marks elsewhere without a beginning,
 * held back for as long as one might still turn up in another file.
 */
export type EpisodeKind = 'start' | 'continuation' | 'inside' | 'stray';

export interface Waiting {
  readonly settle: Duration;
  readonly patience: Duration;
}

export class OpenEpisode {
  readonly runtime: CompiledRuntime;
  readonly container: string;
  kind: EpisodeKind;
  opened: Nanos;
  events: Event[] = [];
  previous: Tombstone | undefined;
  /** The user's word for the version of the lines. */
  pin: string | undefined;
  /** Time of the last mark that is not loose by design. */
  last: Nanos;
  /** Log time that every source must have passed before this can be settled, */
  due: Nanos;
  /** counted from the mark of this time. Not always the last: what lies beyond `due` belongs to something else. */
  since: Nanos;
  complete = false;
  /** Why it must be settled now, whatever the time. */
  cut: string | undefined;
  /** When the mark of `since` was written, on the monotonic clock, as far as can be told. */
  written: Steady | undefined;
  changed = true;
  /** What a line is told that went in here: made once, not once a line. */
  readonly taken: { readonly kind: 'taken'; readonly episode: OpenEpisode; readonly absorbed: readonly OpenEpisode[] };
  #completers = 0;
  #decision: Decision | undefined;
  #lastWithin: Nanos;

  constructor(runtime: CompiledRuntime, container: string, kind: EpisodeKind, opened: Nanos) {
    this.runtime = runtime;
    this.container = container;
    this.kind = kind;
    this.opened = opened;
    this.last = opened;
    this.due = opened;
    this.since = opened;
    this.#lastWithin = opened;
    this.taken = { kind: 'taken', episode: this, absorbed: [] };
  }

  /** @returns false for a line that is already there: the same mark at the same nanosecond. */
  add(event: Event): boolean {
    for (const known of this.events) if (known.spelling === event.spelling && known.time === event.time) return false;
    this.events.push(event);
    this.#decision = undefined; // a line that bounds nothing may still tell the version
    if (event.spelling.loose) return true;
    if (event.time > this.last) this.last = event.time;
    if (event.spelling.mayComplete) this.#completers++;
    if (this.events.length >= MOST_EVENTS) this.cut = 'too_many_events';
    this.changed = true;
    return true;
  }

  /** Gives up the events from `moment` on: they belong to a start that began then. */
  giveUpFrom(moment: Nanos): Event[] {
    const given = this.events.filter((event) => event.time >= moment);
    this.#keep(this.events.filter((event) => event.time < moment));
    return given;
  }

  #keep(events: Event[]): void {
    this.events = [];
    this.last = this.opened;
    this.#completers = 0;
    for (const event of events) this.add(event);
    this.changed = true;
  }

  /** These events after the start's earlier spellings: its version and its end are decided from all of it. */
  history(events: readonly Event[]): readonly Event[] {
    const { previous } = this;
    const [first] = events;
    if (previous === undefined || first === undefined) return events;
    const spelt = new Map<string, Spelling>(this.runtime.spellings.map((spelling) => [spelling.text, spelling]));
    const earlier = previous.seen.map((text) => spelt.get(text)).filter((spelling) => spelling !== undefined);
    return [...earlier.map((spelling): Event => ({ ...first, spelling, time: previous.opened })), ...events];
  }

  /** The version of these lines; asked for all of them twice, worked out once. */
  decide(events: readonly Event[]): Decision {
    const whole = events.length === this.events.length;
    if (whole && this.#decision !== undefined) return this.#decision;
    const decision = decide(this.runtime, this.history(events), this.pin);
    if (whole) this.#decision = decision;
    return decision;
  }

  /** Works out how far the episode reaches and when it may be settled. */
  evaluate(waiting: Waiting): void {
    sortEvents(this.events);
    this.changed = false;
    this.#decision = undefined;
    const patience = this.runtime.start.rule.patience ?? waiting.patience;
    const settle = this.runtime.start.rule.settle ?? waiting.settle;
    const within = this.#withoutGap(patience);
    const mayEnd = this.previous !== undefined || this.#completers >= this.runtime.start.until.length;
    const end = mayEnd ? this.#completedAt(within) : undefined;
    this.complete = end !== undefined;
    if (end !== undefined) {
      this.since = end;
      this.due = after(end, settle);
      return;
    }
    this.#lastWithin = within.findLast((event) => !event.spelling.loose)?.time ?? this.opened;
    this.since = this.#lastWithin;
    this.due = after(this.#lastWithin, patience);
  }

  /** Log time after which a line belongs to something else: the same for whoever reads these lines, whenever. */
  #withoutGap(patience: Duration): readonly Event[] {
    const whole = between(this.opened, this.last);
    if (whole <= patience && whole <= LONGEST) return this.events;
    let last = this.opened;
    for (const [at, event] of this.events.entries()) {
      if (event.spelling.loose) continue;
      if (between(last, event.time) > patience || between(this.opened, event.time) > LONGEST) return this.events.slice(0, at);
      last = event.time;
    }
    return this.events;
  }

  /** When the last expected mark came, under every version that remains; undefined: it is still awaited under one. */
  #completedAt(events: readonly Event[]): Nanos | undefined {
    const whole = this.history(events);
    let latest = this.opened;
    for (const scheme of this.decide(events).schemes) {
      const last = completion(this.runtime, whole, scheme);
      if (last === undefined) return undefined;
      if (last.time > latest) latest = last.time;
    }
    return latest;
  }

  /** Events are in order: whether the last one lies beyond the end. */
  #looseAfter(): boolean {
    const final = this.events[this.events.length - 1];
    return final !== undefined && final.time > this.due;
  }

  /** Splits the events at the settled end: what belongs to it, and what came after. Call after `evaluate`. */
  split(settle: Duration): { readonly members: readonly Event[]; readonly rest: readonly Event[] } {
    if (this.complete && this.last <= this.due && !this.#looseAfter()) return { members: this.events, rest: [] };
    const limit = this.complete ? this.due : this.#lastWithin;
    const looseLimit = this.complete ? this.due : after(limit, settle);
    const belongs = (event: Event): boolean => event.time <= (event.spelling.loose ? looseLimit : limit);
    return { members: this.events.filter(belongs), rest: this.events.filter((event) => !belongs(event)) };
  }
}
