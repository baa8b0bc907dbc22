import type { Duration } from '../model/time.ts';

/** Kinds of alerts are few; hostile names of phases must not make them many. */
const MOST = 1_000;

/** Holds back alerts of a kind for a while after one of them, and counts what it held. */
export class Cooldown {
  readonly #kinds = new Map<string, { until: number; held: number }>();

  /**
   * @param now a monotonic clock, ms.
   * @returns how many were held back since the last one that passed; undefined: this one is held back, too.
   */
  pass(kind: string, cooldown: Duration, now: number): number | undefined {
    const known = this.#kinds.get(kind);
    if (known !== undefined && now < known.until) {
      known.held += 1;
      return undefined;
    }
    this.#kinds.delete(kind);
    if (this.#kinds.size >= MOST) for (const oldest of [...this.#kinds.keys()].slice(0, 1)) this.#kinds.delete(oldest);
    this.#kinds.set(kind, { until: now + cooldown / 1e6, held: 0 });
    return known?.held ?? 0;
  }
}
