/** What somebody wants to be told of, and where. */
import type { Duration, Nanos } from './time.ts';
import type { Finding, Trace } from './trace.ts';

/** What a stretch of time is held against. */
export type Threshold =
  | { readonly kind: 'fixed'; readonly limit: Duration }
  /** `factor` times the percentile (0 to 100) of what was seen within `window`. */
  | { readonly kind: 'relative'; readonly factor: number; readonly percentile: number; readonly window: Duration };

export const SEVERITIES = ['warning', 'critical'] as const;
/** slow: a start or phase took longer than `above`. error: a start failed, or was never finished. */
export const OCCASIONS = ['slow', 'error'] as const;

/** The whole start, less the caller's gaps; and any phase of it. */
export const TOTAL = 'total';
export const ANY_PHASE = '*';

export interface Rule {
  readonly name: string;
  readonly on: (typeof OCCASIONS)[number];
  /** Undefined: any. */
  readonly runtime: string | undefined;
  /** `TOTAL`, `ANY_PHASE`, or the name of a phase. */
  readonly phase: string;
  /** There when `on` is slow. */
  readonly above: Threshold | undefined;
  /** Of a relative threshold: with fewer there is none. */
  readonly minSamples: number;
  /** Tell it of a start that is still under way when it passes the limit. */
  readonly open: boolean;
  readonly severity: (typeof SEVERITIES)[number];
  readonly cooldown: Duration;
  /** Names of sinks; undefined: all. */
  readonly notify: readonly string[] | undefined;
}

export type SinkSpec = { readonly name: string } & (
  | { readonly kind: 'alertmanager' | 'webhook'; readonly url: string; readonly headers: readonly (readonly [name: string, value: string])[] }
  /** The path of a program and its arguments, as they are: no shell reads them. */
  | { readonly kind: 'command'; readonly argv: readonly string[] }
  | { readonly kind: 'journal' }
);

/** Which starts may be compared: those of one runtime that were seen from the same layer. */
export type Seen = Pick<Trace, 'runtime' | 'rootLayer'>;

/** How long starts of a runtime took: what a relative threshold is made of. The store knows. */
export interface History {
  /**
   * @param phase `TOTAL` or the name of a phase. @param percentile 0 to 100. @param window up to now.
   * @returns undefined when nothing was seen.
   */
  percentile(of: Seen, phase: string, percentile: number, window: Duration): { readonly value: Duration; readonly samples: number } | undefined;
}

/** A start that has begun. */
export interface OpenStart {
  /** Time of its first line. */
  readonly opened: Nanos;
  /** What is known of it, as the trace it would be if nothing came any more; undefined: nothing that says much. */
  readonly trace: () => Trace | undefined;
}

/** The finding that cost most, else the first. */
export function largestFinding(findings: readonly Finding[]): Finding | undefined {
  let best: Finding | undefined;
  for (const finding of findings) if (best === undefined || (finding.loss ?? 0) > (best.loss ?? 0)) best = finding;
  return best;
}
