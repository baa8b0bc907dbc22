/** What a ledger is told, and what it gives. */
import type { Duration } from '../model/time.ts';
import { duration } from '../model/time.ts';
import type { Trace } from '../model/trace.ts';

export interface LedgerOptions {
  readonly hostId: string;
  readonly settle: Duration;
  readonly patience: Duration;
  /** A task that exits with another code than 0 so soon after its start has failed it. */
  readonly exitWithin: Duration;
  /** How late a line may reach a file after the time it tells. */
  readonly lateness: Duration;
  /** Episodes under way at once; beyond, the oldest is cut. */
  readonly mostOpen: number;
  /** When so many acknowledged starts lie beyond the first line that is held, the oldest open ones are kept in the state: well before more lie there than are remembered. */
  readonly keepBeyond: number;
  /** Added to the time of every line, by the user's explicit wish; the trace says so. */
  readonly shift?: bigint;
  /**
   * A daemon's: more sources may come at any time; and what is handed out is sent, after a crash perhaps once more, so it is marked what it was
   * made of (`Settlement.mark`).
   */
  readonly live?: boolean;
  /** Times of a guest as the guest tells them, by the user's explicit wish. */
  readonly rawClock?: boolean;
}

export const LEDGER_DEFAULTS: Omit<LedgerOptions, 'hostId'> = {
  settle: duration(250_000_000),
  patience: duration(60_000_000_000),
  exitWithin: duration(250_000_000),
  lateness: duration(250_000_000),
  mostOpen: 10_000,
  keepBeyond: 500,
};

/** A settled episode. `waited`: settled by waiting; its cut must be on disk before it is sent (`Ledger.remember`). */
export interface Settlement {
  readonly trace: Trace;
  /** What it was made of: to be on disk before it is sent, and handed to `restore` until a state that was saved later is. */
  readonly mark: string | undefined;
  /** It was taken in a life before this one, made of the same lines: it is not to be sent again, only to be acknowledged. */
  readonly taken: boolean;
  readonly waited: boolean;
}

/** What the ledger counts beside the verdicts of its sources. Every loss has a name here. */
export type Count =
  | 'duplicate' | 'late' | 'replayed' | 'after_end' | 'loose_without_start' | 'handed-to-runc'
  | 'too_many_events' | 'too_many_open' | 'scheme_mismatch' | 'sent_before' | 'log_begins_inside'
  | 'settled_ok' | 'settled_created' | 'settled_incomplete' | (string & {});
