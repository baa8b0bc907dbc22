import type { Trace } from './trace.ts';

/** A start that has just settled, as the store, the alerts and the metrics are told of it. */
export interface FinishedStart {
  readonly trace: Trace;
  /** It ended within the last ten minutes and is seen for the first time: alerts and histograms count it (design.md 3). */
  readonly live: boolean;
}
