/** An episode under way: its events so far, and when it may be looked at. */
import { after, between, duration } from '../model/time.ts';
import type { Duration, Nanos, Steady } from '../model/time.ts';
import type { CompiledEpisode, CompiledRuntime, Spelling } from './compile.ts';
import { mayBeSameBoot, PlainEvent, sortEvents } from './event.ts';
import type { Event } from './event.ts';
import { exchangesIn, patienceOf, quiet } from './exchanges.ts';
import { completion, reachOf } from './judge.ts';
import { decide } from './scheme.ts';
import type { Decision } from './scheme.ts';
import type { Holes } from './template.ts';
import type { Tombstone } from './tombstone.ts';

/** An episode spans this much log time at most (design.md 3). */
const LONGEST = duration(600_000_000_000);
/** More events than any honest start has, unless the runtime asks for more: what goes beyond is cut, marked and counted. */
export const MOST_EVENTS = 1_024;
const BEGUN: ReadonlyMap<string, string | undefined> = new Map();

const longer = (a: Duration, b: Duration): Duration => (a > b ? a : b);

/**
 * start: begun by an opener. continuation: the rest of a start that was settled as created or incomplete.
 * inside: marks at the first bytes of a log, whose beginning was never seen. stray: marks elsewhere without a beginning,
 * held back for as long as one might still turn up in another file.
 */
export type EpisodeKind = 'start' | 'continuation' | 'inside' | 'stray';

export interface Waiting {
  readonly settle: Duration;
  readonly exitWithin: Duration;
  readonly patience: Duration;
}

export class OpenEpisode {
  readonly runtime: CompiledRuntime;
  readonly rule: CompiledEpisode;
  /** The life it is part of: a sandbox, or a container alone. */
  readonly subject: string;
  readonly container: string;
  /** Its processes, where the runtime's lines name them, each with its boot where that is known. */
  #handles: ReadonlyMap<string, string | undefined> = BEGUN;
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
  /** It has failed, or its task has exited: what other runtimes tell of the same start is awaited no longer. */
  over = false;
  /** Lines beyond this log time are not its own. As `due`, but where another part of the same start was over before. */
  limit: Nanos;
  /** What it waits for although its own time has come: another part of the same start. */
  heldBy: OpenEpisode | 'unnamed' | undefined;
  /** Why it must be settled now, whatever the time. */
  cut: string | undefined;
  /** When the mark of `since` was written, on the monotonic clock, as far as can be told. */
  written: Steady | undefined;
  changed = true;
  /** What a line is told that went in here: made once, not once a line. */
  readonly taken: { readonly kind: 'taken'; readonly episode: OpenEpisode; readonly absorbed: readonly OpenEpisode[] };
  #completers = 0;
  #sorted = true;
  #decision: Decision | undefined;
  #lastWithin: Nanos;
  #containers: ReadonlySet<string> | undefined;

  constructor(rule: CompiledEpisode, { runtime, subject }: { readonly runtime: CompiledRuntime; readonly subject: string }, container: string, kind: EpisodeKind, opened: Nanos) {
    this.runtime = runtime;
    this.rule = rule;
    this.subject = subject;
    this.container = container;
    this.kind = kind;
    this.opened = opened;
    this.last = opened;
    this.due = opened;
    this.limit = opened;
    this.since = opened;
    this.#lastWithin = opened;
    this.taken = { kind: 'taken', episode: this, absorbed: [] };
  }

  /** @returns false for a line that is already there: the same mark at the same nanosecond. */
  add(event: Event): boolean {
    const { events } = this;
    // From the end: the line it would equal is one of the last.
    for (let at = events.length - 1; at >= 0; at--) {
      const known = events[at];
      if (known === undefined || (this.#sorted && known.time < event.time)) break;
      if (same(known, event)) {
        // Which copy was read first must not show.
        if (isBefore(event.line, known.line)) events[at] = event;
        return false;
      }
    }
    if (event.time < (events[events.length - 1]?.time ?? event.time)) this.#sorted = false;
    events.push(event);
    if (event.handle !== undefined) this.#name(event.handle, event.boot);
    if (event.also !== undefined) this.#name(event.also, event.boot);
    this.#containers = undefined;
    this.#decision = undefined; // a line that bounds nothing may still tell the version
    this.changed ||= this.runtime.keyed; // processes live on in lines that bound nothing
    if (event.spelling.loose) return true;
    if (event.time > this.last) this.last = event.time;
    if (event.spelling.mayComplete) this.#completers++;
    if (events.length >= (this.rule.rule.most ?? MOST_EVENTS)) this.cut = 'too_many_events';
    this.changed = true;
    return true;
  }

  /** All that its lines name: containers, and the sandbox. As far as it reaches: what lies beyond may have been read already, or not. */
  get containers(): ReadonlySet<string> {
    if (this.#containers !== undefined) return this.#containers;
    const all = new Set([this.container, this.subject]);
    for (const { container, time } of this.events) if (container !== undefined && this.#mayReach(time)) all.add(container);
    this.#containers = all;
    return all;
  }

  /** The last moment that is known of it, as above: of a line that tells the time in such steps, in ns. */
  get reach(): { readonly time: Nanos; readonly step: number } {
    const last = this.events.findLast(({ time, spelling }) => !spelling.loose && this.#mayReach(time));
    const time = this.complete && this.rule.until.length > 0 ? this.since : (last?.time ?? this.opened);
    return { time, step: last?.step ?? 1 };
  }

  #mayReach(time: Nanos): boolean {
    return this.changed || time <= this.due;
  }

  #name(handle: string, boot: string | undefined): void {
    if (this.#handles.has(handle) && (boot === undefined || this.#handles.get(handle) !== undefined)) return;
    if (this.#handles === BEGUN) this.#handles = new Map([[handle, boot]]);
    else if (this.#handles instanceof Map) this.#handles.set(handle, boot);
  }

  /** Whether this process of this boot is one of its own. */
  has(handle: string, boot: string | undefined): boolean {
    return this.#handles.has(handle) && mayBeSameBoot(this.#handles.get(handle), boot);
  }

  /** Gives up its container's events from `moment` on: they belong to a start that began then. */
  giveUpFrom(moment: Nanos): Event[] {
    const goes = (event: Event): boolean => event.time >= moment && (event.container === undefined || event.container === this.container);
    const given = this.events.filter(goes);
    if (given.length > 0) this.#keep(this.events.filter((event) => !goes(event)));
    return given;
  }

  /** Gives up these, unless none would be left. @returns how many they are. */
  leaveOut(goes: (event: Event) => boolean): number {
    const left = this.events.filter((event) => !goes(event));
    const gone = this.events.length - left.length;
    if (gone === 0 || left.length === 0) return 0;
    this.#keep(left);
    return gone;
  }

  #keep(events: Event[]): void {
    this.events = [];
    this.#handles = BEGUN;
    this.#sorted = true;
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
    return [...earlier.map((spelling): Event => new PlainEvent(previous.opened, spelling, first.line, this.container, first)), ...events];
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
    this.#sorted = true;
    this.changed = false;
    this.#decision = this.#containers = undefined;
    const { rule, undone } = this.rule;
    const settle = duration(Math.max(rule.settle ?? waiting.settle, undone === undefined ? 0 : waiting.exitWithin));
    if (rule.until.length === 0) return this.#evaluateQuiet(settle);
    const usual = rule.patience ?? waiting.patience;
    const exchanges = exchangesIn(this.rule, this.events);
    const within = this.#withoutGap(longer(usual, patienceOf(exchanges)));
    const mayEnd = this.previous !== undefined || this.#completers >= (this.rule.fails.size > 0 ? 1 : rule.until.length);
    const end = mayEnd ? this.#completedAt(within, settle) : undefined;
    this.complete = end !== undefined;
    if (end !== undefined) {
      this.since = end;
      this.due = after(end, settle);
      this.over = this.events.some((event) => event.time <= this.due && this.#isOver(event));
      return;
    }
    this.#lastWithin = within.findLast((event) => !event.spelling.loose)?.time ?? this.opened;
    this.since = this.#lastWithin;
    this.over = within.some((event) => this.#isOver(event));
    this.due = after(this.#lastWithin, this.over ? settle : longer(usual, patienceOf(exchanges.filter(({ answered }) => answered === undefined))));
  }

  /** Without a mark that ends it: it is over when its processes have been quiet for long enough. */
  #evaluateQuiet(settle: Duration): void {
    this.complete = true;
    this.due = quiet(this.events, this.opened, settle, exchangesIn(this.rule, this.events)).over;
    this.over = this.events.some((event) => event.time <= this.due && this.#isOver(event));
  }

  #isOver({ spelling: { agreed } }: Event): boolean {
    return agreed !== undefined && (agreed === this.rule.undone?.by || this.rule.fails.has(agreed));
  }

  /** Log time after which a line belongs to something else: the same for whoever reads these lines, whenever. */
  #withoutGap(patience: Duration): readonly Event[] {
    const whole = between(this.opened, this.last);
    const longest = longer(LONGEST, patience);
    if (whole <= patience && whole <= longest) return this.events;
    let last = this.opened;
    for (const [at, event] of this.events.entries()) {
      if (event.spelling.loose) continue;
      if (between(last, event.time) > patience || between(this.opened, event.time) > longest) return this.events.slice(0, at);
      last = event.time;
    }
    return this.events;
  }

  /** When the last expected mark came, under every version that remains; undefined: it is still awaited under one. */
  #completedAt(events: readonly Event[], settle: Duration): Nanos | undefined {
    if (this.runtime.keyed) return reachOf(this.rule, this.history(events), settle);
    const whole = this.history(events);
    let latest = this.opened;
    for (const scheme of this.decide(events).schemes) {
      const last = completion(this.rule, whole, scheme);
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

  /**
   * Splits the events at the settled end: what belongs to it, and what came after. Call after `evaluate`.
   * @param most another part of the same start was over then.
   */
  split(settle: Duration, most?: Nanos): { readonly members: readonly Event[]; readonly rest: readonly Event[] } {
    const cut = most !== undefined && most < this.due;
    this.limit = cut ? most : this.due;
    if (!cut && this.complete && this.last <= this.due && !this.#looseAfter()) return { members: this.events, rest: [] };
    const limit = earlier(this.complete ? this.due : this.#lastWithin, this.limit);
    const looseLimit = this.complete ? this.limit : earlier(after(limit, settle), this.limit);
    const belongs = (event: Event): boolean => event.time <= (event.spelling.loose ? looseLimit : limit);
    // What undoes it stands in the episode that it opened, too.
    const isRest = (event: Event): boolean => !belongs(event) && (this.rule.undone === undefined || event.spelling.agreed !== this.rule.undone.by);
    return { members: this.events.filter(belongs), rest: this.events.filter(isRest) };
  }
}

const earlier = (a: Nanos, b: Nanos): Nanos => (a < b ? a : b);

/** One line, whether it was read once or in two logs that write it differently (a journal as text and as JSON). */
const same = (a: Event, b: Event): boolean =>
  a.spelling === b.spelling && a.time === b.time && a.handle === b.handle && mayBeSameBoot(a.boot, b.boot) && a.container === b.container && !twoOfASecond(a, b) && (a.line === b.line || sameHoles(a.holes, b.holes));

/** A writer of whole seconds writes the same more than once within one. */
const twoOfASecond = (a: Event, b: Event): boolean => a.step > 1 && a.source === b.source && a.offset !== b.offset;

/** Of two copies the shorter one is kept: the record with less around it. */
const isBefore = (a: string, b: string): boolean => (a.length === b.length ? a < b : a.length < b.length);

function sameHoles(a: Holes | undefined, b: Holes | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
