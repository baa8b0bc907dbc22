/** Settled and acknowledged episodes, bounded, and their form in the state file. */
import type { SourceKey } from '../model/source.ts';
import { nanos } from '../model/time.ts';
import type { Nanos } from '../model/time.ts';
import type { StoredGap } from './gaps.ts';
import type { Life } from './life.ts';
import type { StoredLines } from './snapshot.ts';
import { mayContinue, revive, store } from './tombstone.ts';
import type { StoredTombstone, Tombstone } from './tombstone.ts';

/** In memory: enough for what is in flight or late. Each is about half a kilobyte. */
const MOST_DONE = 4_096;
/** Those whose lines stand in more than one file (a rotation went through them), and starts that may go on (created, incomplete): kept apart, so that a busy host does not push them out. */
const MOST_SPLIT = 4_096;
const MOST_UNFINISHED = 4_096;
/** Of the finished ones that no held offset needs, so many go into the state: late lines after a restart are known as such. */
const STORED_DONE = 400;
/**
 * Of those that one needs, so many (a third of a megabyte). The lines of the others would be read and sent again after a crash,
 * with the same bytes; the ledger keeps the oldest starts apart long before.
 */
const STORED_NEEDED = 1_000;
/** As above of those in more than one file. Without it one file would be read again and not the other, and another content be sent. */
const STORED_SPLIT = 1_000;
/** Cuts of a process before this one whose lines were not read again yet: known until their start is settled again and taken. */
const STORED_CUTS = 300;
/** A create that rests longer than so many others is continued by a start without a link. */
const STORED_UNFINISHED = 500;

/** The engine's part of the state file. */
export interface StoredMemory {
  readonly done: readonly StoredTombstone[];
  /** Cut by waiting, perhaps sent, not acknowledged. */
  readonly cuts: readonly StoredTombstone[];
  /** Starts whose beginning no log holds, under way or not acknowledged: a second reading must take them for starts again. */
  readonly inside: readonly StoredInside[];
  /** Lines that may be missing while these were under way; undefined: written before there were any. */
  readonly gaps?: readonly StoredGap[];
  /** Marks of what is on its way (sent.ts); undefined: written before there were any. */
  readonly sent?: readonly string[];
  /** Lines that no source needs to give again. */
  readonly kept: readonly StoredLines[];
}

/** `opened`: ns since the epoch as a decimal string. */
export interface StoredInside {
  readonly runtime: string;
  readonly container: string;
  readonly opened: string;
}

/** Of episodes and tombstones. */
export const storeInside = (
  all: readonly { readonly runtime: string | { readonly name: string }; readonly container: string; readonly subject?: string; readonly opened: Nanos }[],
): StoredInside[] =>
  all.map(({ runtime, container, subject, opened }) => ({ container: subject ?? container, opened: String(opened), runtime: typeof runtime === 'string' ? runtime : runtime.name }));

interface Entry {
  life: Life;
  readonly tombstone: Tombstone;
}

const tombstonesOf = (list: ReadonlySet<Entry>): Tombstone[] => [...list].map(({ tombstone }) => tombstone);

export class Memory {
  readonly #done = new Set<Entry>();
  readonly #split = new Set<Entry>();
  readonly #unfinished = new Set<Entry>();
  readonly #cuts = new Set<Entry>();

  /** @returns lives that lost an entry for it. */
  add(life: Life, tombstone: Tombstone): Life[] {
    const [list, most] = mayContinue(tombstone) ? [this.#unfinished, MOST_UNFINISHED] : tombstone.extents.length > 1 ? [this.#split, MOST_SPLIT] : [this.#done, MOST_DONE];
    list.add({ life, tombstone });
    this.#forgetCut(life, tombstone);
    return list.size > most ? this.#dropOldest(list) : [];
  }

  /** It was cut there again, and taken. */
  #forgetCut(life: Life, { opened, container }: Tombstone): void {
    for (const entry of this.#cuts) {
      if (entry.life !== life || entry.tombstone.opened !== opened || entry.tombstone.container !== container) continue;
      this.#cuts.delete(entry);
      life.exhume(entry.tombstone);
    }
  }

  /** A life became part of another. */
  moved(from: Life, into: Life): void {
    for (const list of [this.#done, this.#split, this.#unfinished, this.#cuts]) for (const entry of list) if (entry.life === from) entry.life = into;
  }

  #dropOldest(list: Set<Entry>): Life[] {
    for (const entry of list) {
      list.delete(entry);
      entry.life.exhume(entry.tombstone);
      return [entry.life];
    }
    return [];
  }

  /**
   * @param flying settled, not acknowledged.
   * @param heldFrom per source the offset from which lines will be read again after a restart.
   */
  store(flying: readonly Tombstone[], heldFrom: (source: SourceKey) => number | undefined): Pick<StoredMemory, 'done' | 'cuts'> & { readonly needed: number } {
    const needed = ({ extents }: Tombstone): boolean =>
      extents.some(({ source, to }) => {
        const from = heldFrom(source);
        return from !== undefined && to >= from;
      });
    const done = tombstonesOf(this.#done);
    const replayed = done.filter(needed);
    const split = tombstonesOf(this.#split);
    const torn = split.filter(needed);
    const kept = [...new Set([...torn.slice(-STORED_SPLIT), ...split.slice(-STORED_DONE), ...replayed.slice(-STORED_NEEDED), ...done.slice(-STORED_DONE)])];
    const unfinished = tombstonesOf(this.#unfinished).filter((tombstone, at, all) => at >= all.length - STORED_UNFINISHED || needed(tombstone)).slice(-STORED_NEEDED);
    const cuts = tombstonesOf(this.#cuts).filter((tombstone, at, all) => at >= all.length - STORED_CUTS || needed(tombstone));
    return {
      done: [...unfinished, ...kept].map(store),
      cuts: [...flying.filter((tombstone) => tombstone.waited), ...cuts].map(store),
      needed: replayed.length + torn.length,
    };
  }

  restore(stored: StoredMemory, lifeOf: (runtime: string, container: string) => Life | undefined): void {
    for (const one of stored.done) {
      const tombstone = revive(one);
      const life = lifeOf(tombstone.runtime, tombstone.subject ?? tombstone.container);
      if (life === undefined) continue;
      life.bury(tombstone);
      this.add(life, tombstone);
    }
    for (const one of stored.cuts) {
      const tombstone = revive(one);
      const life = lifeOf(tombstone.runtime, tombstone.subject ?? tombstone.container);
      life?.cutAgain(tombstone);
      if (life !== undefined) this.#cuts.add({ life, tombstone });
    }
    for (const { runtime, container, opened } of stored.inside) lifeOf(runtime, container)?.expectInside(nanos(BigInt(opened)));
  }
}
