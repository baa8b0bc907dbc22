/**
 * Counters and histograms of the daemon's own. Prometheus sees no increase in a series that is there for the first time, so
 * every series is shown at 0 first: those that are declared from the start, any other in the scrape after its first event.
 */

/** A trace to look at, beside a bucket (OpenMetrics 1.0, exemplars). */
export interface Exemplar {
  readonly traceId: string;
  /** Seconds. */
  readonly value: number;
  /** Seconds since the epoch. */
  readonly at: number;
}

/** Series that were not declared: beyond so many the next ones are counted together. */
const MOST_FOUND = 300;
export const OTHER = 'other';

class Table<S> {
  readonly #series = new Map<string, { readonly values: readonly string[]; readonly state: S }>();
  readonly #fresh: () => S;
  #found = 0;

  constructor(fresh: () => S) {
    this.#fresh = fresh;
  }

  declare(values: readonly string[]): S {
    const key = JSON.stringify(values);
    const known = this.#series.get(key);
    if (known !== undefined) return known.state;
    const state = this.#fresh();
    this.#series.set(key, { values, state });
    return state;
  }

  /** @param tight how many of the values come from a fixed vocabulary and stay when there are too many series. */
  find(values: readonly string[], tight: number): { readonly state: S; readonly isNew: boolean } {
    const known = this.#series.get(JSON.stringify(values));
    if (known !== undefined) return { state: known.state, isNew: false };
    this.#found += 1;
    if (this.#found > MOST_FOUND) return { state: this.declare([...values.slice(0, tight), ...values.slice(tight).map(() => OTHER)]), isNew: false };
    return { state: this.declare(values), isNew: true };
  }

  all(): readonly { readonly values: readonly string[]; readonly state: S }[] {
    return [...this.#series.values()];
  }

  clear(): void {
    this.#series.clear();
    this.#found = 0;
  }
}

interface Count {
  shown: number;
  /** Waits until the series was shown at 0; undefined: it was. */
  waiting: number | undefined;
}

export class Counter {
  readonly #table = new Table<Count>(() => ({ shown: 0, waiting: undefined }));
  readonly #tight: number;

  constructor(tight = 1) {
    this.#tight = tight;
  }

  declare(...values: readonly string[]): void {
    this.#table.declare(values);
  }

  add(values: readonly string[], by = 1): void {
    const { state, isNew } = this.#table.find(values, this.#tight);
    if (isNew) state.waiting = 0;
    if (state.waiting === undefined) state.shown += by;
    else state.waiting += by;
  }

  /** What a scrape shows now. What waited for it is shown by the next one. */
  scrape(): (readonly [values: readonly string[], value: number])[] {
    return this.#table.all().map(({ values, state }) => {
      const { shown } = state;
      state.shown += state.waiting ?? 0;
      state.waiting = undefined;
      return [values, shown];
    });
  }
}

/** One histogram as it is shown: cumulative counts, the last of them of all. */
export interface Bins {
  readonly values: readonly string[];
  readonly counts: readonly number[];
  readonly exemplars: readonly (Exemplar | undefined)[];
  readonly sum: number;
}

interface Spread {
  readonly counts: number[];
  readonly exemplars: (Exemplar | undefined)[];
  sum: number;
  waiting: Exemplar[] | undefined;
}

/** Observations that wait for the first scrape of their series; more are counted without a trace to show. */
const MOST_WAITING = 1_000;

export class Histogram {
  #bounds: readonly number[];
  #table: Table<Spread>;

  /** @param bounds upper ends of the buckets in seconds, rising, without +Inf. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#table = Histogram.#tableOf(bounds);
  }

  static #tableOf(bounds: readonly number[]): Table<Spread> {
    const bins = bounds.length + 1;
    return new Table(() => ({ counts: new Array<number>(bins).fill(0), exemplars: new Array<Exemplar | undefined>(bins).fill(undefined), sum: 0, waiting: undefined }));
  }

  get bounds(): readonly number[] {
    return this.#bounds;
  }

  /** Begins again at 0 with other bounds: what was counted cannot be divided anew. Prometheus takes it for a restart. */
  rebound(bounds: readonly number[]): void {
    const before = this.#table.all();
    this.#bounds = bounds;
    this.#table = Histogram.#tableOf(bounds);
    for (const { values } of before) this.#table.declare(values);
  }

  declare(...values: readonly string[]): void {
    this.#table.declare(values);
  }

  observe(values: readonly string[], exemplar: Exemplar): void {
    const { state, isNew } = this.#table.find(values, values.length - 1);
    if (isNew) state.waiting = [];
    if (state.waiting !== undefined && state.waiting.length < MOST_WAITING) state.waiting.push(exemplar);
    else this.#put(state, exemplar);
  }

  #put(state: Spread, exemplar: Exemplar): void {
    const above = this.#bounds.findIndex((bound) => exemplar.value <= bound);
    const bin = above < 0 ? this.#bounds.length : above;
    state.counts[bin] = (state.counts[bin] ?? 0) + 1;
    state.exemplars[bin] = exemplar;
    state.sum += exemplar.value;
  }

  /** As Counter.scrape. */
  scrape(): Bins[] {
    return this.#table.all().map(({ values, state }) => {
      let total = 0;
      const bins: Bins = { values, counts: state.counts.map((count) => (total += count)), exemplars: [...state.exemplars], sum: state.sum };
      for (const exemplar of state.waiting ?? []) this.#put(state, exemplar);
      state.waiting = undefined;
      return bins;
    });
  }
}
