/** When folders are looked through again because something came or went in one. */
import type { Clock } from '../model/source.ts';
import { steady } from '../model/time.ts';
import type { Steady } from '../model/time.ts';

/** Where much happens in them they are looked through at most this often, */
const GAP_MS = 50;
/** and for at most this share of the time: there may be ten thousand files in them. */
const SHARE = 1 / 5;
/** One look may have taken an hour: we or the disk stood still. */
const LONGEST_GAP_MS = 2_000;

export class Stirring {
  readonly #clock: Clock;
  readonly #look: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** When they may be looked through again. */
  #due: Steady = steady(0);

  /** @param look looks through all folders, and tells it here. */
  constructor(clock: Clock, look: () => void) {
    this.#clock = clock;
    this.#look = look;
  }

  /** Something came or went: they are looked through soon, on a quiet host at once. */
  stirred(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#due = steady(this.#clock.steady() + GAP_MS);
      this.#look();
    }, Math.max(0, this.#due - this.#clock.steady()));
  }

  /** They were looked through, whoever wanted it. @param began when that began. */
  looked(began: Steady): void {
    const now = this.#clock.steady();
    this.#due = steady(Math.max(this.#due, now + Math.min(LONGEST_GAP_MS, (now - began) * (1 / SHARE - 1))));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
