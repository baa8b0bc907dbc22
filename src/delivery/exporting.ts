/** What the export loop is told, and what it tells of itself. */
import type { DeadLetter, Log } from '../model/delivery.ts';
import type { Endpoint } from './endpoint.ts';
import type { SendOutcome } from './outcome.ts';

export interface ExporterOptions {
  readonly endpoint: Endpoint;
  readonly log: Log;
  /** Where refused traces go; must not throw. Absent: they are only counted and logged. */
  readonly deadLetters?: { write(letter: DeadLetter): void } | undefined;
  /** Called when `full` has been true and half of the room is free again. */
  readonly onDrain?: (() => void) | undefined;
  /** After a batch has its fate, and the room it took is free. */
  readonly onSettled?: (() => void) | undefined;
  /** After each attempt: when it began (performance.now()), what was sent, how it went. */
  readonly onAttempt?: ((attempt: Attempt) => void) | undefined;
  /** Bytes that may wait before `full`; default 32 MiB. */
  readonly maxWaitingBytes?: number | undefined;
  /** In [0, 1); for the jitter of pauses. */
  readonly random?: (() => number) | undefined;
}

export interface Attempt {
  readonly began: number;
  readonly traces: number;
  readonly spans: number;
  readonly bytes: number;
  readonly outcome: SendOutcome['kind'];
}

/** Counters since start, and the present state. Only batches that were acknowledged as a whole or in part count as such. */
export interface ExporterStats {
  /** Requests made, with repetitions. */
  readonly attempts: number;
  /** Of these, repetitions of a request that had failed. */
  readonly retries: number;
  readonly acknowledgedBatches: number;
  readonly acknowledgedTraces: number;
  readonly acknowledgedSpans: number;
  readonly refusedTraces: number;
  readonly refusedSpans: number;
  /** Spans that a back-end took not, in requests it took (partial success). */
  readonly rejectedSpans: number;
  /** Traces and bytes that have no fate yet, those in flight included. */
  readonly waitingTraces: number;
  readonly waitingBytes: number;
  /** Requests under way. */
  readonly inFlight: number;
  readonly lastError: string | undefined;
  /** Reading of performance.now(); undefined while the endpoint works. */
  readonly failingSince: number | undefined;
}
