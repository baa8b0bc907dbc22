import type { Steady } from './time.ts';

/** Lets through so many things in one go, and as many a second after that (a token bucket). */
export class Pace {
  readonly #most: number;
  #left: number;
  #at = 0;

  constructor(most: number) {
    this.#most = most;
    this.#left = most;
  }

  /** Whether one more may pass now. */
  take(now: Steady): boolean {
    this.#left = Math.min(this.#most, this.#left + ((now - this.#at) / 1_000) * this.#most);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }
}
