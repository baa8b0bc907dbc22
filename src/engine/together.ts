/**
 * Episodes that tell of one start: of runtimes of which one tells what goes on around the others, about a container that both name, at
 * the same time. They settle together and become one trace (design.md 3).
 */
import { after, duration } from '../model/time.ts';
import type { Nanos } from '../model/time.ts';
import type { CompiledRuntime } from './compile.ts';
import { isNothing, unanswered } from './judge.ts';
import type { Lives } from './lives.ts';
import type { OpenEpisode } from './open.ts';

export class Together {
  readonly #around: readonly CompiledRuntime[];
  readonly #all: readonly CompiledRuntime[];
  readonly #lives: Lives;

  constructor(runtimes: readonly CompiledRuntime[], lives: Lives) {
    this.#all = runtimes;
    this.#around = runtimes.filter(({ around }) => around);
    this.#lives = lives;
  }

  /** The runtimes whose lines may be parts of the same start. */
  kin(runtime: CompiledRuntime): readonly CompiledRuntime[] {
    return runtime.around ? this.#all : [runtime, ...this.#around];
  }

  /**
   * @param look at those that have new lines: how far they reach is not known before.
   * @returns itself and what belongs to it, the outermost first.
   */
  of(episode: OpenEpisode, look: (one: OpenEpisode) => void): readonly OpenEpisode[] {
    if (!this.#around.some((runtime) => this.#lives.anyOf(runtime)) || episode.kind === 'stray') return [episode];
    const found = new Set([episode]);
    for (const one of found) for (const other of this.#besides(one, look)) found.add(other);
    return found.size === 1 ? [episode] : [...found].sort(outermostFirst);
  }

  /**
   * All that belongs to it, when it may settle; undefined: it waits for another part of the same start.
   * @param due whether every source has passed the time that an episode waits for.
   */
  ready(episode: OpenEpisode, due: (one: OpenEpisode) => boolean): readonly OpenEpisode[] | undefined {
    const group = this.of(episode, due);
    if (group.length === 1) {
      episode.heldBy = episode.cut === undefined && this.#waits(episode) ? 'unnamed' : undefined;
      return episode.heldBy === undefined ? group : undefined;
    }
    const cut = group.some((one) => one.cut !== undefined);
    // What is not complete inside will not be any more once it is over outside; and outside only what was asked for is awaited.
    const over = cut || group.some((one) => one.over && one.runtime.around && due(one));
    const awaited = cut ? undefined : group.find((one) => one !== episode && !due(one) && !isNothing(one) && (!over || one.complete || (one.runtime.around && unanswered(one.rule, one.events).length > 0)));
    episode.heldBy = awaited;
    return episode.heldBy === undefined ? group : undefined;
  }

  /** Those that it meets without another between them. */
  *#besides(episode: OpenEpisode, look: (one: OpenEpisode) => void): Generator<OpenEpisode> {
    for (const runtime of episode.runtime.around ? this.#all : this.#around) {
      if (runtime === episode.runtime || !this.#lives.anyOf(runtime)) continue;
      for (const container of episode.containers) {
        for (const other of this.#lives.around(runtime, container)) {
          if (!other.containers.has(container)) continue;
          look(other);
          if (meet(episode, other)) yield other;
        }
      }
    }
  }

  /** A start outside of it is under way of which it is not known yet whose it is: perhaps its own. */
  #waits({ runtime, reach: { time } }: OpenEpisode): boolean {
    return !runtime.around && this.#around.some((outer) => this.#lives.keysOf(outer).opensUnnamed(time) || this.#lives.turnsOf(outer).unnamed(time) > 0);
  }
}

/** Of one kind, and at one time. */
function meet(a: OpenEpisode, b: OpenEpisode): boolean {
  if (a.kind === 'stray' || b.kind === 'stray' || a.rule.name !== b.rule.name) return false;
  return a.opened <= lastOf(b) && b.opened <= lastOf(a);
}

/** The end of its last line's second, where its writer tells whole seconds. */
const lastOf = ({ reach: { time, step } }: OpenEpisode): Nanos => after(time, duration(step - 1));

/** Not by when they were read: a second reading gives the same. */
function outermostFirst(a: OpenEpisode, b: OpenEpisode): number {
  if (a.runtime.around !== b.runtime.around) return a.runtime.around ? -1 : 1;
  const layer = layerOf(a) - layerOf(b);
  if (layer !== 0) return layer;
  if (a.opened !== b.opened) return a.opened < b.opened ? -1 : 1;
  return a.runtime.name < b.runtime.name ? -1 : a.runtime.name > b.runtime.name ? 1 : a.container < b.container ? -1 : 1;
}

const layerOf = ({ runtime: { layers } }: OpenEpisode): number => Math.min(...Object.values(layers));
