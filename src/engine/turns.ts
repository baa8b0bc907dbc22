/**
 * Requests that name nobody yet, under a text that may come again: `RunPodSandbox for` a pod, whose sandbox gets its id while it goes on. Which
 * request a line is about is decided in the order of the log, once every source has passed it, so that it does not hang on the order of reading.
 */
import { after } from '../model/time.ts';
import type { Duration, Nanos, Steady } from '../model/time.ts';
import { passed, wakeAt, writtenAt } from './due.ts';
import { inOrder } from './event.ts';
import type { Event } from './event.ts';
import type { Named } from './whom.ts';
import { leastOf } from './sources.ts';
import type { Frontier } from './sources.ts';

/** A line that takes its turn. */
export interface Turn {
  readonly event: Event;
  readonly named: Named;
  /** When it was met, on the monotonic clock. */
  written: Steady | undefined;
}

/** A request under way: its line, and copies of that in other logs. */
interface Request {
  readonly turns: Turn[];
  /** Whose it is, as far as is known. */
  container: string | undefined;
  /** The only start under way when it began; where it names nobody at all. */
  readonly subject: string | undefined;
}

/** What the requests of a runtime are decided with. */
export interface Deciding {
  readonly frontier: Frontier;
  readonly now: Steady;
  readonly wall: Nanos;
  /** A request that is not answered for so long is given up. */
  readonly patience: (event: Event) => Duration;
  /** The start under way at this moment, where exactly one is; else the name under which that is counted. */
  readonly only: (event: Event) => { readonly subject: string } | { readonly count: string };
  /** Whose it is has been decided. */
  readonly emit: (event: Event, named: Named) => void;
  readonly count: (name: string) => void;
}

/** More than any honest host has under way, of all and of one text; the oldest are given up. */
const MOST = 65_536;
const MOST_ALIKE = 64;

export class Turns {
  #pending: Turn[] = [];
  #sorted = true;
  readonly #requests = new Map<string, Request[]>();
  #size = 0;
  /** No request is given up before this: most lines need not look at them all. */
  #nextExpiry: Nanos | undefined;

  add(event: Event, named: Named): void {
    const last = this.#pending[this.#pending.length - 1];
    if (last !== undefined && last.event.time > event.time) this.#sorted = false;
    this.#pending.push({ event, named, written: undefined });
  }

  get idle(): boolean {
    return this.#pending.length === 0 && this.#size === 0;
  }

  /** Decides all that every source has passed. */
  decide(by: Deciding): void {
    if (!this.#sorted) this.#pending.sort((a, b) => inOrder(a.event, b.event));
    this.#sorted = true;
    let done = 0;
    for (const turn of this.#pending) {
      turn.written ??= writtenAt(turn.event.time, by.wall, by.now);
      if (!passed(turn.event.time, turn.written, by.frontier, by.now)) break;
      done++;
      this.#expire(turn.event.time, by);
      this.#take(turn, by);
    }
    this.#pending = this.#pending.slice(done);
    const reached = leastOf(by.frontier) ?? by.wall;
    if (reached !== 'nowhere' && this.#size > 0) this.#expire(reached, by);
  }

  #take(turn: Turn, by: Deciding): void {
    const { event, named } = turn;
    const { handle } = event;
    const requests = handle === undefined ? [] : (this.#requests.get(handle) ?? []);
    switch (event.spelling.turn) {
      case 'asks':
      case 'asks for nobody':
        return this.#ask(turn, requests, by);
      case 'names': {
        const request = requests.find(({ container }) => container === event.container) ?? requests.find(({ container }) => container === undefined);
        if (request !== undefined) name(request, event.container, by);
        rename(event);
        return by.emit(event, named);
      }
      case 'ends':
      case 'ends for nobody':
        return this.#end(turn, requests, by);
      case undefined:
        throw new Error('a line without a turn came to its turn');
      default:
        return event.spelling.turn satisfies never;
    }
  }

  #ask(turn: Turn, requests: readonly Request[], by: Deciding): void {
    const { event } = turn;
    const copy = requests.find(({ turns: [first] }) => first?.event.time === event.time && first.event.spelling === event.spelling);
    if (copy !== undefined) {
      copy.turns.push(turn);
      if (copy.container !== undefined || copy.subject !== undefined) tell(copy, turn, by);
      return;
    }
    const only = event.spelling.turn === 'asks for nobody' ? by.only(event) : undefined;
    if (only !== undefined && 'count' in only) by.count(only.count);
    const request: Request = { turns: [turn], container: undefined, subject: only !== undefined && 'subject' in only ? only.subject : undefined };
    if (request.subject !== undefined) tell(request, turn, by);
    if (event.handle === undefined) return;
    this.#requests.set(event.handle, [...requests, request]);
    this.#size++;
    const expiry = after(event.time, by.patience(event));
    if (this.#nextExpiry === undefined || expiry < this.#nextExpiry) this.#nextExpiry = expiry;
    const [eldest] = requests;
    if (requests.length >= MOST_ALIKE && eldest !== undefined) this.#giveUp(event.handle, eldest, by);
    if (this.#size > MOST) for (const [handle, [oldest]] of this.#requests) if (oldest !== undefined) return this.#giveUp(handle, oldest, by);
  }

  #end({ event, named }: Turn, requests: readonly Request[], by: Deciding): void {
    const request = requests.findLast(({ container }) => event.container !== undefined && container === event.container) ?? pick(requests, event);
    if (request === undefined) {
      // Its beginning was not seen: whom it names is all there is. The answer to a copy of what was answered before is known by that.
      const whom = event.container ?? named.otherwise?.slice(-LONGEST_NAME);
      if (whom === undefined) return by.count('answer_without_request');
      event.container = whom;
      rename(event);
      return by.emit(event, named);
    }
    if (request.subject === undefined) name(request, event.container ?? request.container ?? otherwise(request), by);
    this.#drop(event.handle, request);
    if (event.spelling.turn === 'ends for nobody') {
      if (request.subject !== undefined) by.emit(event, { ...named, sandbox: request.subject });
      return;
    }
    event.container ??= request.container;
    rename(event);
    by.emit(event, named);
  }

  #drop(handle: string | undefined, request: Request): void {
    if (handle === undefined) return;
    const left = (this.#requests.get(handle) ?? []).filter((one) => one !== request);
    this.#size--;
    if (left.length === 0) this.#requests.delete(handle);
    else this.#requests.set(handle, left);
  }

  #expire(reached: Nanos, by: Deciding): void {
    if (this.#nextExpiry === undefined || reached <= this.#nextExpiry) return;
    this.#nextExpiry = undefined;
    for (const [handle, requests] of this.#requests) {
      for (const request of requests) {
        const [first] = request.turns;
        if (first === undefined) continue;
        const expiry = after(first.event.time, by.patience(first.event));
        if (expiry < reached) this.#giveUp(handle, request, by);
        else if (this.#nextExpiry === undefined || expiry < this.#nextExpiry) this.#nextExpiry = expiry;
      }
    }
  }

  /** Never answered: what it asked for goes by the name that it has. */
  #giveUp(handle: string, request: Request, by: Deciding): void {
    if (request.subject === undefined && request.container === undefined) name(request, otherwise(request), by);
    this.#drop(handle, request);
  }

  /** Whether a request for a container of this sandbox, that began by then, is not answered yet. */
  awaits(sandbox: string, until: Nanos): boolean {
    for (const requests of this.#requests.values()) {
      for (const { turns: [first], container } of requests) if (container === undefined && first?.named.sandbox === sandbox && first.event.time <= until) return true;
    }
    return false;
  }

  /** Openers of starts that have no name yet, begun by then. */
  unnamed(until: Nanos): number {
    let count = 0;
    for (const requests of this.#requests.values()) {
      for (const { turns: [first], container } of requests) if (container === undefined && first?.named.sandbox === undefined && first?.event.spelling.opens !== undefined && first.event.time <= until) count++;
    }
    return count;
  }

  /** Lines that wait: their sources may not let them go. */
  *waiting(): Iterable<Event> {
    for (const { event } of this.#pending) yield event;
    for (const requests of this.#requests.values()) {
      for (const { turns, container, subject } of requests) if (container === undefined && subject === undefined) for (const { event } of turns) yield event;
    }
  }

  /** When the first that waits may have its turn without a further line, on the monotonic clock; undefined: none waits, or whoever has read more calls. */
  next(frontier: Frontier, now: Steady): Steady | undefined {
    const [first] = this.#pending;
    return first === undefined ? undefined : wakeAt(first.event.time, first.written, frontier, now);
  }
}

/** A pod's name may be longer than any container's: what tells it from others stands at its end. */
const LONGEST_NAME = 128;
const otherwise = ({ turns: [first] }: Request): string | undefined => first?.named.otherwise?.slice(-LONGEST_NAME);

/** A server that refuses a second request of a kind while the first goes on has answered the newest; else they go on side by side, and the oldest ends first. */
function pick(requests: readonly Request[], event: Event): Request | undefined {
  const free = (request: Request): boolean => event.container === undefined || request.container === undefined;
  return event.spelling.turn === 'ends for nobody' ? requests.find(free) : requests.findLast(free);
}

function name(request: Request, container: string | undefined, by: Deciding): void {
  if (container === undefined || request.container !== undefined) return;
  request.container = container;
  for (const turn of request.turns) tell(request, turn, by);
}

function tell({ container, subject }: Request, { event, named }: Turn, by: Deciding): void {
  if (container !== undefined) {
    event.container = container;
    rename(event);
  }
  by.emit(event, subject === undefined ? named : { ...named, sandbox: subject });
}

/** Its text has named it until now: from here on it is what is done, and for whom. */
function rename(event: Event): void {
  if (event.command !== undefined && event.container !== undefined) event.handle = `${event.command} ${event.container}`;
}
