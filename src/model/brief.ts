import type { Duration, Nanos } from './time.ts';

/** A finished start in short: what `ls` and `tail` say of it. Texts come from logs and are to be made safe before they are printed. */
export interface Brief {
  readonly traceId: string;
  readonly runtime: string;
  readonly episode: string;
  readonly container: string;
  /** An `Outcome`. */
  readonly outcome: string;
  readonly errorType: string | undefined;
  readonly at: Nanos;
  readonly wall: Duration;
  readonly active: Duration;
  readonly schemes: readonly string[];
  readonly lastMark: string;
  /** The phase with the most time of its own. */
  readonly slowest: { readonly phase: string; readonly own: Duration } | undefined;
  /** Ids. */
  readonly findings: readonly string[];
}
