import type { Duration } from '../model/time.ts';

/** From a phase of a microVM to a cold start with an image to pull. Those of otel-collector.yaml. */
const USUAL = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60];
/** Each bound is a series more for every phase. */
const MOST_MORE = 100;

/** Upper ends of buckets in seconds: the usual ones and every limit that an alert asks for, so that Prometheus can ask, too. */
export function boundsFor(limits: readonly Duration[]): readonly number[] {
  const more = [...new Set(limits.map((limit) => limit / 1e9))].filter((limit) => limit > 0 && !USUAL.includes(limit)).slice(0, MOST_MORE);
  return [...USUAL, ...more].sort((a, b) => a - b);
}
