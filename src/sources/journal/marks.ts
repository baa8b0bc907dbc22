/**
 * Where in the journal a place of our own lies. An entry has no offset in bytes, so the source counts for itself: what it hands over is a file
 * that exists nowhere, the lines of its entries one after another, and an entry stands at the sum of the lengths before it. The ledger pins
 * such places as it does those of files. To find one again, some of them are kept with the cursor of the entry that ends there; after a restart
 * reading goes on behind the last of them that is not beyond the oldest line that is held, and counts on from there. A mark may be older than
 * needed, never younger: lines that are read again are known by their places.
 */

/** All up to and with the entry of this cursor was handed over (undefined: read from the beginning); the next line stands at `at`. */
export interface Mark {
  readonly at: number;
  readonly cursor: string | undefined;
}

/** Nothing was ever read. */
export const NOWHERE: Mark = { at: 0, cursor: undefined };

/** Marks are at least so far apart, unless one is the newest. */
const STEP = 16 << 10;
/** Beyond so many every second of the older half is dropped: two million lines held take no more room than two thousand. */
const MOST = 2_048;

export class Marks {
  #marks: Mark[];
  #newest: Mark;

  constructor(first: Mark) {
    this.#newest = first;
    this.#marks = [first];
  }

  get newest(): Mark {
    return this.#newest;
  }

  /** In rising order. An entry that was handed to nobody moves the mark at its place: the older cursor may be gone first. */
  add(mark: Mark): void {
    this.#newest = mark;
    const last = this.#marks[this.#marks.length - 1];
    if (last !== undefined && last.at === mark.at) this.#marks[this.#marks.length - 1] = mark;
    else if (last === undefined || mark.at - last.at >= STEP) this.#marks.push(mark);
    if (this.#marks.length > MOST) this.#marks = this.#marks.filter((_, at) => at > MOST / 2 || at % 2 === 0);
  }

  /**
   * From where to read on so that everything from `pinned` comes again; undefined pin: nothing is held. Older marks are let go: what is pinned
   * only ever rises.
   */
  before(pinned: number | undefined): Mark {
    const newest = this.#newest;
    if (pinned === undefined || newest.at <= pinned) {
      this.#marks = [newest];
      return newest;
    }
    const beyond = this.#marks.findIndex(({ at }) => at > pinned);
    this.#marks.splice(0, Math.max(0, (beyond < 0 ? this.#marks.length : beyond) - 1));
    return this.#marks[0] ?? newest;
  }

  /** The cursors mean nothing any more: reading begins anew. Places count on, so that no line gets the place of another. */
  forget(): void {
    this.#newest = { at: this.#newest.at, cursor: undefined };
    this.#marks = [this.#newest];
  }
}
