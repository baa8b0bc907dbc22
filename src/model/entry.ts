import type { Duration, Nanos } from './time.ts';

/** Why a line could not be read in a syntax. The verdict is then `malformed`, counted under this name. */
export type Refusal =
  | 'not-json'
  | 'json-broken'
  | 'json-too-deep'
  | 'not-logfmt'
  | 'logfmt-broken'
  | 'line-cut'
  | 'records-pasted'
  | 'record-torn'
  | 'escapes-lost'
  | 'too-many-fields'
  | 'field-twice'
  | 'no-time'
  | 'no-message'
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
  /**
   * How finely the line's writer tells the time, in ns: the moment lies in [time, time + step). It belongs to the writer, not to the
   * digits: one that cuts trailing zeros writes a whole second now and then and still means the nanosecond.
   */
  readonly step: Duration;
  /** The time of the guest's own line, where the line carries one; by the guest's clock. */
  readonly guest?: Nanos | undefined;
  /** The field's value as text (numbers by their digits, nested values by their source text); undefined: no such field. */
  get(field: string): string | undefined;
  /** The whole line as it stood. */
  line(): string;
}

/** Lines that their carrier (journald) says it left out. */
export interface LeftOut {
  readonly lines: number;
  /** Of whom. */
  readonly unit: string;
  /** When it said so; undefined: its line tells no exact time. */
  readonly time: Nanos | undefined;
}

/** What a glance at a line shows: who wrote it, and where what he wrote begins. It holds for the line that was looked at last. */
export interface Glance {
  /** `bytes[from, to)` is the writer's name; */
  readonly from: number;
  readonly to: number;
  /** his record begins here. */
  readonly record: number;
  /** @returns false: the line `bytes[start, end)` does not tell it in this way, or must be read to know. */
  look(bytes: Buffer, start: number, end: number): boolean;
  /** When the line was taken, where that stands beside the record. */
  time(): Nanos | undefined;
}

/** How a line is written. Shared by the runtimes that write this way. */
export interface Syntax {
  readonly name: string;
  /** What its records begin with: such a line is read whoever wrote it, another only if its writer is known. */
  readonly begins: readonly string[];
  /** Fields by which an entry of the journal is a record of its own, whatever its message begins with. */
  readonly signs?: readonly string[];
  /** Where a line may name its writer beside the record. */
  readonly glance?: Glance;
  /** It reads entries of the journal, which no other syntax does. */
  readonly journal?: true;
  /**
   * Reads the line `bytes[start, end)` (no line end inside).
   * @returns the entry, valid until the next call, or the name of the reason why it is not one.
   */
  read(bytes: Buffer, start: number, end: number): Entry | Refusal;
  /**
   * Where whole records begin in a line that `read` refused as one of several (`records-pasted`, `record-torn`), each running to the
   * next; what stands before the first is lost. Empty: it cannot be told. To be read one by one, each as a line of its own.
   */
  parts?(bytes: Buffer, start: number, end: number): readonly number[];
  /** Who wrote the line that `read` was given last, as syslog says before it, also where the line itself was refused. */
  writer?(): string | undefined;
  /** What the line says of lines that are not there; undefined: nothing. Asked for lines of a carrier alone. */
  leftOut?(bytes: Buffer, start: number, end: number): LeftOut | undefined;
}

/** Moments that a log line may honestly carry: 2000-01-01 to 2100-01-01. Others are refused, never clamped in silence. */
export const EARLIEST = 946_684_800_000_000_000n;
export const LATEST = 4_102_444_800_000_000_000n;
