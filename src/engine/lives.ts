import type { Duration } from '../model/time.ts';
import type { CompiledRuntime } from './compile.ts';
import type { Event } from './event.ts';
import { Keys } from './keys.ts';
import { Life } from './life.ts';
import type { OpenEpisode } from './open.ts';
import type { Count } from './options.ts';
import { leastOf } from './sources.ts';
import type { Frontier } from './sources.ts';
import { Turns } from './turns.ts';

/** containerd allows 76 letters, digits and `._-`, others less; runc also `+`. */
const CONTAINER_ID = /^[A-Za-z0-9][A-Za-z0-9_.+:-]{0,127}$/;

interface Known {
  readonly lives: Map<string, Life>;
  readonly keys: Keys;
  readonly turns: Turns;
}

/** All lives there are, by runtime and by container or sandbox. */
export class Lives {
  readonly #known: ReadonlyMap<CompiledRuntime, Known>;

  constructor(runtimes: readonly CompiledRuntime[]) {
    this.#known = new Map(runtimes.map((runtime) => [runtime, { lives: new Map<string, Life>(), keys: new Keys(), turns: new Turns() }]));
  }

  /** The subject's life, begun if need be; undefined for a name that nothing can have. */
  of(runtime: CompiledRuntime, subject: string): Life | undefined {
    const lives = this.#known.get(runtime)?.lives;
    const known = lives?.get(subject);
    if (known !== undefined) return known;
    if (!isContainerId(subject)) return undefined;
    const life = new Life(runtime, subject);
    lives?.set(subject, life);
    return life;
  }

  existing(runtime: CompiledRuntime, subject: string): Life | undefined {
    return this.#known.get(runtime)?.lives.get(subject);
  }

  /** Whether there is any life of this runtime. */
  anyOf(runtime: CompiledRuntime): boolean {
    return (this.#known.get(runtime)?.lives.size ?? 0) > 0;
  }

  /** What is under way of this runtime in the life that this container is part of. */
  around(runtime: CompiledRuntime, container: string): readonly OpenEpisode[] {
    const known = this.#known.get(runtime);
    return known?.lives.get(known.keys.subjectOf(container))?.underway ?? [];
  }

  /** @throws Error for a runtime that is not one of these. */
  keysOf(runtime: CompiledRuntime): Keys {
    return this.#knownOf(runtime).keys;
  }

  /** As keysOf. */
  turnsOf(runtime: CompiledRuntime): Turns {
    return this.#knownOf(runtime).turns;
  }

  /** Those with lines that take their turn. */
  *turns(): Iterable<readonly [CompiledRuntime, Turns]> {
    for (const [runtime, { turns }] of this.#known) yield [runtime, turns];
  }

  #knownOf(runtime: CompiledRuntime): Known {
    const known = this.#known.get(runtime);
    if (known === undefined) throw new Error(`runtime ${runtime.name} is not among the ledger's`);
    return known;
  }

  /** Lines of processes of which it is not known yet whom they serve. */
  *waiting(): Iterable<Event> {
    for (const { keys, turns } of this.#known.values()) {
      yield* keys.waiting();
      yield* turns.waiting();
    }
  }

  /** Gives up on lines that waited too long for a name, and counts them. */
  expire(frontierOf: (runtime: CompiledRuntime) => Frontier, patience: Duration, counts: Map<Count, number>): void {
    for (const [runtime, { keys }] of this.#known) {
      if (!keys.idle) {
        const reached = leastOf(frontierOf(runtime));
        if (reached !== 'nowhere') keys.expire(reached, patience);
      }
      if (keys.unattributed > 0) counts.set('unattributed', keys.unattributed);
      if (keys.refused > 0) counts.set('two_sandboxes', keys.refused);
    }
  }

  /** Lets go of a life in which nothing is under way and nothing remembered. */
  tidy(life: Life): void {
    if (life.idle) this.#known.get(life.runtime)?.lives.delete(life.subject);
  }
}

export const isContainerId = (text: string): boolean => CONTAINER_ID.test(text);
