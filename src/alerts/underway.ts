/** Looks at starts under way, and only while a rule asks for it: a start that hangs never finishes. */
import type { OpenStart } from '../model/alert.ts';
import { between, duration } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import type { Trace } from '../model/trace.ts';

export interface WatchParts {
  /** Something is under way, or looks so. */
  readonly some: () => boolean;
  /** None while lines wait to be read: what looks open may be over. */
  readonly open: () => Iterable<OpenStart>;
  readonly now: () => Nanos;
  /** A start that has been under way for the shortest limit or longer, and for how long. */
  readonly overdue: (trace: Trace, took: Duration) => void;
}

/** Of an older one a log tells that is read for the first time. */
const RECENT = duration(600e9);
const LEAST_MS = 100;

export class Underway {
  readonly #parts: WatchParts;
  #limit: Duration | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  /** The shortest time that a rule asks for; undefined: no rule does. */
  set limit(limit: Duration | undefined) {
    this.#limit = limit;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.stirred();
  }

  /** Something was read. */
  stirred(): void {
    if (this.#limit !== undefined && this.#timer === undefined && this.#parts.some()) this.#arm(this.#limit / 1e6);
  }

  stop(): void {
    this.#limit = undefined;
    clearTimeout(this.#timer);
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#look();
    }, Math.min(Math.max(ms, LEAST_MS), 2 ** 31 - 1)).unref();
  }

  #look(): void {
    const { some, open, now, overdue } = this.#parts;
    const limit = this.#limit;
    if (limit === undefined) return;
    const wall = now();
    let next: number | undefined;
    for (const start of open()) {
      const age = between(start.opened, wall);
      if (age > RECENT || age < 0) continue;
      const trace = age > limit ? start.trace() : undefined;
      const took = trace === undefined ? undefined : underwayFor(trace, wall);
      if (trace !== undefined && took !== undefined && took > limit) overdue(trace, took);
      const wait = took === undefined ? limit - age : limit - took;
      next = Math.min(next ?? Infinity, wait > 0 ? wait : limit);
    }
    // Nothing to see yet is no reason to look away: lines may wait to be read.
    if (next !== undefined || some()) this.#arm((next ?? limit) / 1e6 + 1);
  }
}

/** How long it has been active; undefined: it was created and rests until somebody starts it. */
function underwayFor(trace: Trace, now: Nanos): Duration | undefined {
  if (trace.episode !== 'start' || trace.outcome === 'created') return undefined;
  return duration(trace.active + Math.max(0, between(trace.at, now) - trace.wall));
}
