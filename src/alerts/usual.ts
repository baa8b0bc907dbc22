import type { History } from '../model/alert.ts';
import type { Duration } from '../model/time.ts';

type Answer = ReturnType<History['percentile']>;

/** What was usual over days does not change within a minute, and asking the store costs. */
const FRESH_MS = 60_000;
const MOST = 500;

/** A history that remembers its answers for a minute. */
export class CachedHistory implements History {
  readonly #history: History;
  readonly #steady: () => number;
  readonly #answers = new Map<string, { readonly at: number; readonly answer: Answer }>();

  /** @param steady a monotonic clock, ms. */
  constructor(history: History, steady: () => number) {
    this.#history = history;
    this.#steady = steady;
  }

  percentile(runtime: string, phase: string, percentile: number, window: Duration): Answer {
    const key = JSON.stringify([runtime, phase, percentile, window]);
    const now = this.#steady();
    const known = this.#answers.get(key);
    if (known !== undefined && now - known.at < FRESH_MS) return known.answer;
    const answer = this.#history.percentile(runtime, phase, percentile, window);
    if (this.#answers.size >= MOST) this.#answers.clear();
    this.#answers.set(key, { at: now, answer });
    return answer;
  }
}
