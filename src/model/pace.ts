import type { Steady } from './time.ts';

/** Lets through so many things in one go, and so many a second after that: as many unless it is said otherwise (a token bucket). */
export class Pace {
  readonly #most: number;
  readonly #rate: number;
  #left: number;
  #at = 0;

  constructor(most: number, rate = most) {
    this.#most = most;
    this.#rate = rate;
    this.#left = most;
  }

  /** Whether one more may pass now. */
  take(now: Steady): boolean {
    this.#left = Math.min(this.#most, this.#left + ((now - this.#at) / 1_000) * this.#rate);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
