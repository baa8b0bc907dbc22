/**
 * Whose life a line belongs to, for runtimes whose lines do not all name their container. A process keeps what its lines
 * told and lends it to those that did not know, earlier ones included; a container that turns out to run in a sandbox goes
 * over into that sandbox's life. Two containers are joined by a shared sandbox and by nothing else.
 */
import { between } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import { mayBeSameBoot } from './event.ts';
import type { Event } from './event.ts';
import type { Named } from './whom.ts';

/** One use of a handle: one process. */
interface Use {
  first: Nanos;
  last: Nanos;
  /** Its first line was seen: what comes before is an earlier use's. */
  begun: boolean;
  boot: string | undefined;
  container: string | undefined;
  sandbox: string | undefined;
  /** Its lines until it is known whose they are. */
  waiting: Event[];
}

/** Of processes and of containers in sandboxes: more than any honest host has at once. The oldest are forgotten. */
const MOST = 16_384;
/** Lines that wait for a name at most. */
const MOST_WAITING = 65_536;

export class Keys {
  readonly #uses = new Map<string, Use[]>();
  readonly #sandboxOf = new Map<string, string>();
  readonly #waiting = new Set<Use>();
  #held = 0;
  /** Lines whose process never said whom it serves. */
  unattributed = 0;
  /** A container that names a second sandbox. */
  refused = 0;

  /** After `resolve`: a life that turned out to be part of this one. */
  joins: string | undefined;
  /** After `resolve`: lines that waited for this one, oldest first, itself among them; undefined: only itself. */
  released: readonly Event[] | undefined;

  /** @returns whose life it is; undefined: it waits. Made for every line: what else it found is told by `joins` and `released`. */
  resolve(event: Event, named: Named): string | undefined {
    // What took its turn knows by now whose it is; its handle is another's next time.
    const use = event.handle === undefined || event.spelling.turn !== undefined ? undefined : this.#use(event.handle, event);
    if (use !== undefined) {
      use.container ??= event.container;
      use.sandbox ??= named.sandbox;
      event.container ??= use.container;
    }
    const sandbox = named.sandbox ?? use?.sandbox;
    if (event.also !== undefined) this.#lend(event.also, event, sandbox);
    this.joins = named.alias === undefined ? this.#learn(event.container, sandbox) : this.#learn(named.alias, event.container ?? sandbox);
    const subject = this.#subject(event.container ?? sandbox);
    if (subject === undefined) {
      if (use !== undefined) this.#wait(use, event);
      else this.unattributed++;
      return undefined;
    }
    this.released = use === undefined || use.waiting.length === 0 ? undefined : this.#release(use, event);
    return subject;
  }

  #subject(name: string | undefined): string | undefined {
    return name === undefined ? undefined : this.subjectOf(name);
  }

  /** The sandbox of this container, as far as is known; itself where it has none. */
  subjectOf(container: string): string {
    return this.#sandboxOf.get(container) ?? container;
  }

  /** Something was begun by `moment` of which it is not known yet whom it is for. */
  opensUnnamed(moment: Nanos): boolean {
    for (const { waiting: [first] } of this.#waiting) if (first?.spelling.opens !== undefined && first.time <= moment) return true;
    return false;
  }

  /** @returns the name of the life that goes over into the sandbox's. */
  #learn(container: string | undefined, sandbox: string | undefined): string | undefined {
    if (container === undefined || sandbox === undefined || container === sandbox) return undefined;
    const whole = this.#sandboxOf.get(sandbox) ?? sandbox;
    const known = this.#sandboxOf.get(container);
    if (known === whole || container === whole) return undefined;
    if (known !== undefined) {
      this.refused++;
      return undefined;
    }
    this.#sandboxOf.set(container, whole);
    if (this.#sandboxOf.size > MOST) for (const [oldest] of this.#sandboxOf) return this.#sandboxOf.delete(oldest) ? container : undefined;
    return container;
  }

  /** The process that had this handle at the time. */
  #use(handle: string, event: Event): Use {
    const { time } = event;
    let uses = this.#uses.get(handle);
    if (uses === undefined) {
      uses = [];
      this.#uses.set(handle, uses);
      if (this.#uses.size > MOST) this.#forget();
    }
    if (event.spelling.renews) return this.#renew(uses, event);
    // A line may be some of a second older than its process' first where one file writes whole seconds.
    const own = (one: Use): boolean => mayBeSameBoot(one.boot, event.boot);
    const use = uses.findLast((one) => own(one) && one.first <= time + BigInt(event.step)) ?? uses.find((one) => own(one) && !one.begun);
    if (use === undefined) return begin(uses, event, false);
    use.boot ??= event.boot;
    if (time > use.last) use.last = time;
    else if (time < use.first) use.first = time;
    return use;
  }

  #renew(uses: Use[], event: Event): Use {
    const { time, step, boot } = event;
    const own = (one: Use): boolean => mayBeSameBoot(one.boot, boot);
    const close = (one: Use): boolean => own(one) && one.begun && (one.first <= time ? between(one.first, time) : between(time, one.first)) < Math.max(step, 1_000);
    const same = uses.find(close) ?? uses.find((one) => own(one) && !one.begun && one.last >= time);
    if (same === undefined) return begin(uses, event, true);
    same.begun = true;
    same.boot ??= boot;
    if (time < same.first) same.first = time;
    return same;
  }

  /** A process that this line speaks of serves the same. */
  #lend(handle: string, event: Event, sandbox: string | undefined): void {
    const use = this.#use(handle, event);
    use.sandbox ??= sandbox ?? event.container;
    if (event.spelling.names?.answered === true) use.container ??= event.container;
  }

  #wait(use: Use, event: Event): void {
    use.waiting.push(event);
    this.#waiting.add(use);
    this.#held++;
    if (this.#held > MOST_WAITING) for (const oldest of this.#waiting) return this.#drop(oldest);
  }

  #release(use: Use, event: Event): Event[] {
    const released = [...use.waiting, event];
    this.#held -= use.waiting.length;
    use.waiting = [];
    this.#waiting.delete(use);
    for (const one of released) one.container ??= use.container;
    return released;
  }

  #drop(use: Use): void {
    this.unattributed += use.waiting.length;
    this.#held -= use.waiting.length;
    use.waiting = [];
    this.#waiting.delete(use);
  }

  #forget(): void {
    for (const [handle, uses] of this.#uses) {
      for (const use of uses) this.#drop(use);
      this.#uses.delete(handle);
      return;
    }
  }

  /** Lets go of lines that have waited for a name for longer than anything is waited for. */
  expire(reached: Nanos | undefined, patience: Duration): void {
    for (const use of this.#waiting) if (reached === undefined || between(use.last, reached) > patience) this.#drop(use);
  }

  /** Lines that wait: their sources may not let them go. */
  *waiting(): Iterable<Event> {
    for (const use of this.#waiting) yield* use.waiting;
  }

  get idle(): boolean {
    return this.#waiting.size === 0;
  }
}

function begin(uses: Use[], { time, boot }: Event, begun: boolean): Use {
  const use: Use = { first: time, last: time, begun, boot, container: undefined, sandbox: undefined, waiting: [] };
  const at = uses.findIndex((one) => one.first > time);
  if (at < 0) uses.push(use);
  else uses.splice(at, 0, use);
  if (uses.length > 16) uses.shift();
  return use;
}
