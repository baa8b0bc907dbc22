import type { Duration, Nanos, Steady } from './time.ts';

/** Stable name of one generation of a file's content: survives rename and restart, changes on truncation. Goes into the state file. */
export type SourceKey = string & { readonly __unit: 'source key' };

/** Handle of an open source inside one process. */
export type SourceId = number & { readonly __unit: 'source id' };

/** Makers: sources/ for the first, the engine for the second. Nobody else. */
export const sourceKey = (text: string): SourceKey => text as SourceKey;
export const sourceId = (index: number): SourceId => index as SourceId;

/** What a source tells when it is opened. */
export interface SourceInfo {
  readonly key: SourceKey;
  /** For people: the path or `-`. Never enters a trace (a rename must not change its bytes), but for the container that a runtime's `paths` find in it. */
  readonly name: string;
  /**
   * The source is read from the first byte of a content never seen before, and that content is no successor in a chain
   * of rotated files. Only there may a start be found whose beginning is missing (`log_begins_inside`).
   */
  readonly fresh: boolean;
  /** Place in its chain of rotated files: older content has the smaller number. Orders lines of equal time. */
  readonly rank: number;
  /** Its lines come from the state file, where they stay until their traces are acknowledged. */
  readonly kept?: boolean;
  /** How late a line may come after the time it tells, where that is another than of a file. */
  readonly lateness?: Duration;
  /** Its lines are entries of the journal. Many programs write there: that none of them is known is no news. */
  readonly journal?: boolean;
  /** Older lines are not asked for. */
  readonly notBefore?: Nanos;
  /** The user's pins for lines from here. */
  readonly runtime?: string;
  readonly scheme?: string;
}

/**
 * How lines were lost. rate_limited: journald left them out, as their unit wrote too much. vacuumed: the journal let them go before they were
 * read. not_running: what tells them was not running. no_room: what they were kept in was full.
 */
export type GapName = 'rate_limited' | 'vacuumed' | 'not_running' | 'no_room';

/** Lines of a source that may be missing between two moments. Times are those of the log, so that whoever reads it again finds the same gap. */
export interface Gap {
  readonly name: GapName;
  /** Lines told before this are there, */
  readonly from: Nanos;
  /** and lines told from here on. Equal to `from`: what is missing lies at an unknown time before. */
  readonly to: Nanos;
  /** How many; undefined: nobody knows. */
  readonly missing: number | undefined;
  /** Lines of this unit alone (`_SYSTEMD_UNIT`). */
  readonly unit?: string;
}

/**
 * What sources hand their bytes to. Implemented by the engine's ledger; sources/ knows only this.
 * All calls are synchronous and never throw for bad input.
 */
export interface Intake {
  begin(info: SourceInfo): SourceId;

  /**
   * Takes the whole lines in `bytes[0, length)`, which stand at `offset` of the source, and returns how many bytes they
   * fill (0 when there is no line end). The buffer may be reused afterwards. An unterminated tail is never taken:
   * hand it in again when more has come.
   */
  read(source: SourceId, bytes: Buffer, length: number, offset: number): number;

  /**
   * A line that is longer than a line may be, of which the first bytes are given; it is counted and named.
   * The source skips to the next line end by itself.
   */
  overlong(source: SourceId, head: Buffer, offset: number, length: number): void;

  /** Told before the lines after the gap are handed in: starts whose time it touches are marked. */
  gap(source: SourceId, gap: Gap): void;

  /**
   * Of so many lines nothing is handed in: their writers are none that a runtime names, and they begin as no record does (model/writers.ts).
   * They were written from `first` to `last`.
   */
  passed(source: SourceId, lines: number, first: Nanos, last: Nanos): void;

  /** The source stands at its end: all that was written up to `now` less its lateness has been read. */
  atEnd(source: SourceId, now: Steady): void;

  /** Something was written since the source stood at its end, so that it speaks for no later moment than that; it is read soon. */
  stirred(source: SourceId): void;

  /** The source is not at its end (any more): it stands at its last line. */
  behind(source: SourceId): void;

  /** No line will ever come from this source again. Its pins stay until their traces are acknowledged. */
  end(source: SourceId): void;

  /** Offset of the oldest line that belongs to something not yet acknowledged; undefined: nothing is held. */
  pinned(source: SourceId): number | undefined;

  /** A start under way has lines in this source: more may still be written to it after a rotation. */
  awaited(source: SourceId): boolean;
}

/** Wall clock and monotonic clock, injected so that time is an argument. */
export interface Clock {
  now(): Nanos;
  steady(): Steady;
}
