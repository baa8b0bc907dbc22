import type { Duration } from '../../model/time.ts';
import type { Clock, Intake } from '../../model/source.ts';
import type { Writers } from '../../model/writers.ts';
import type { Log } from '../report.ts';
import type { Mine } from './feed.ts';
import type { JournalRecord } from './record.ts';
import type { Selection } from './selection.ts';

export interface JournalSettings {
  readonly selection: Selection;
  readonly intake: Intake;
  readonly clock: Clock;
  readonly log: Log;
  /** What the last run saved. */
  readonly records: readonly JournalRecord[];
  readonly mine: Mine;
  /** Whose entries are handed over; undefined: anybody's. */
  readonly writers?: Writers;
  /** How late an entry may come out of journalctl after it was written. */
  readonly lateness: Duration;
  /** At first sight older entries are not asked for (microseconds since the epoch). */
  readonly since?: bigint | undefined;
  /** The user's pins. */
  readonly runtime?: string | undefined;
  readonly scheme?: string | undefined;
  /** Nobody asked for it by name: that it cannot be read is no trouble. */
  readonly offered?: boolean;
  /** After entries were handed over, and when the end was reached. */
  readonly onRead: () => void;
  readonly command?: string;
  readonly timing?: Partial<Timing>;
}

/** All in milliseconds. */
export interface Timing {
  /** First wait before journalctl is started again; doubled each time, up to `longest`. */
  readonly again: number;
  readonly longest: number;
  /** Silence after which somebody looks whether there is something to be read. */
  readonly quiet: number;
  /** A reader that waits for room so long gives its child up: a blocked journalctl misses what is vacuumed and does not say so. */
  readonly patience: number;
}

export const TIMING: Timing = { again: 250, longest: 60_000, quiet: 30_000, patience: 5_000 };

/** After so many failures in a row those who wait for this source go on without it. */
export const GIVEN_UP = 3;
/** Output that stops for so long is at its end, whatever times it tells. */
export const REST_MS = 50;
