import type { Nanos } from './time.ts';

/** Why a line could not be read in a syntax. The verdict is then `malformed`, counted under this name. */
export type Refusal =
  | 'not-json'
  | 'json-broken'
  | 'json-too-deep'
  | 'not-logfmt'
  | 'logfmt-broken'
  | 'too-many-fields'
  | 'field-twice'
  | 'no-time'
  | 'time-not-nanoseconds'
  | 'time-not-readable'
  | 'time-out-of-range'
  | 'bad-container-id'
  | 'line-too-long'
  | 'not-utf8';

/**
 * One line with its syntax stripped. A syntax fills it, a runtime's rules read it; it lives for one line only.
 * Field names and values come out of a log: they are data, never keys of an object.
 */
export interface Entry {
  readonly time: Nanos;
  /** The field's value as text (numbers by their digits, nested values by their source text); undefined: no such field. */
  get(field: string): string | undefined;
  /** The whole line as it stood. */
  line(): string;
}

/** How a line is written. Shared by the runtimes that write this way. */
export interface Syntax {
  readonly name: string;
  /**
   * Reads the line `bytes[start, end)` (no line end inside).
   * @returns the entry, valid until the next call, or the name of the reason why it is not one.
   */
  read(bytes: Buffer, start: number, end: number): Entry | Refusal;
}

/** Moments that a log line may honestly carry: 2000-01-01 to 2100-01-01. Others are refused, never clamped in silence. */
export const EARLIEST = 946_684_800_000_000_000n;
export const LATEST = 4_102_444_800_000_000_000n;
