/**
 * The export loop: parcels in, one fate each out, nothing in between lost (reference: tailing-and-delivery 5.6).
 * At least once; an attempt repeated carries the same bytes, so back-ends that de-duplicate by content see one.
 */
import type { DeadLetter, Log, Parcel, ParcelFate } from '../model/delivery.ts';
import { OtlpClient } from './client.ts';
import type { Endpoint } from './endpoint.ts';
import { backOff, Health } from './health.ts';
import type { Failure } from './health.ts';
import { Notices } from './notices.ts';
import { classify } from './outcome.ts';
import type { SendOutcome } from './outcome.ts';
import { BatchQueue } from './queue.ts';
import type { Batch } from './queue.ts';

export interface ExporterOptions {
  readonly endpoint: Endpoint;
  readonly log: Log;
  /** Where refused traces go; must not throw. Absent: they are only counted and logged. */
  readonly deadLetters?: { write(letter: DeadLetter): void } | undefined;
  /** Called when `full` has been true and half of the room is free again. */
  readonly onDrain?: (() => void) | undefined;
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

const MAX_IN_FLIGHT = 3;
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** A batch that failed this often while others were acknowledged holds something that brings it down: it is halved. */
const SUSPICIOUS_AFTER = 4;

/** Sends to one endpoint until closed. Needs nothing from outside to recover. */
export class Exporter {
  readonly #options: ExporterOptions;
  readonly #limit: number;
  readonly #client: OtlpClient;
  readonly #health: Health;
  readonly #notices: Notices;
  readonly #random: () => number;
  readonly #queue = new BatchQueue();
  readonly #flushes = new Set<(done: boolean) => void>();
  readonly #counts = {
    attempts: 0,
    retries: 0,
    acknowledgedBatches: 0,
    acknowledgedTraces: 0,
    acknowledgedSpans: 0,
    refusedTraces: 0,
    refusedSpans: 0,
    rejectedSpans: 0,
    waitingTraces: 0,
    waitingBytes: 0,
    inFlight: 0,
  };
  #timer: NodeJS.Timeout | undefined;
  #scheduled = false;
  #wasFull = false;
  #closed = false;

  constructor(options: ExporterOptions) {
    this.#options = options;
    this.#limit = options.maxWaitingBytes ?? MAX_WAITING_BYTES;
    this.#random = options.random ?? Math.random;
    this.#client = new OtlpClient(options.endpoint);
    this.#health = new Health(options.endpoint.url, options.log, this.#random);
    this.#notices = new Notices(options.log);
  }

  /** Takes a parcel in any state of the endpoint. `done` is called once, later; never when closed before. */
  offer(parcel: Parcel, done: (fate: ParcelFate) => void): void {
    if (this.#closed) return;
    this.#queue.add({ parcel, done });
    this.#counts.waitingTraces += 1;
    this.#counts.waitingBytes += parcel.bytes.length;
    if (this.full) this.#wasFull = true;
    if (this.#scheduled) return;
    // What is offered in the same turn of the event loop shares a request; nothing waits longer than that.
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  /** More bytes wait than should: offer nothing until onDrain. */
  get full(): boolean {
    return this.#counts.waitingBytes >= this.#limit;
  }

  get stats(): ExporterStats {
    return { ...this.#counts, lastError: this.#health.lastError, failingSince: this.#health.failingSince };
  }

  /** Resolves true as soon as all parcels have their fate, false after `within` ms or when closed. Cuts pauses short. */
  flush(within: number): Promise<boolean> {
    if (this.#counts.waitingTraces === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (done: boolean): void => {
        clearTimeout(timer);
        this.#flushes.delete(settle);
        resolve(done);
      };
      const timer = setTimeout(() => settle(false), within);
      this.#flushes.add(settle);
      this.#hurry();
    });
  }

  /** Stops at once. Parcels without a fate get none: their log lines stay pinned and are read again. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#client.close();
    for (const settle of [...this.#flushes]) settle(false);
  }

  #hurry(): void {
    this.#health.hurry();
    this.#queue.hurry();
    this.#pump();
  }

  #pump(): void {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    const now = performance.now();
    while (this.#mayBegin() && now >= this.#health.openAt) {
      const batch = this.#queue.next(now);
      if (batch === undefined) break;
      void this.#send(batch);
    }
    const next = this.#queue.nextAt();
    if (next === undefined || !this.#mayBegin()) return;
    this.#timer = setTimeout(() => this.#pump(), Math.max(1, Math.max(next, this.#health.openAt) - now));
  }

  #mayBegin(): boolean {
    return this.#counts.inFlight < (this.#health.failing ? 1 : MAX_IN_FLIGHT);
  }

  async #send(batch: Batch): Promise<void> {
    this.#counts.inFlight += 1;
    this.#counts.attempts += 1;
    if (batch.attempts > 0) this.#counts.retries += 1;
    const began = performance.now();
    const request = batch.items.map((item) => item.parcel.bytes);
    const result = await this.#client.send(request, this.#options.endpoint.timeout);
    if (this.#closed) return;
    this.#counts.inFlight -= 1;
    const outcome = classify(result);
    this.#options.onAttempt?.({ began, traces: batch.items.length, spans: batch.spans, bytes: batch.bytes, outcome: outcome.kind });
    this.#conclude(batch, outcome);
    this.#pump();
  }

  #conclude(batch: Batch, outcome: SendOutcome): void {
    switch (outcome.kind) {
      case 'acknowledged':
        this.#answered();
        if (outcome.warning !== undefined) this.#warn(outcome.warning);
        this.#acknowledge(batch);
        return;
      case 'partial':
        this.#answered();
        this.#partial(batch, outcome.rejected, outcome.message);
        return;
      case 'retry':
      case 'hold':
        this.#failed(batch, outcome);
        return;
      case 'split':
        this.#answered();
        if (batch.items.length > 1) this.#queue.split(batch);
        else this.#refuse(batch, outcome.why);
        return;
      default:
        outcome satisfies never;
    }
  }

  #answered(): void {
    if (this.#health.answered(performance.now())) this.#queue.hurry();
  }

  #failed(batch: Batch, failure: Failure): void {
    const now = performance.now();
    const others = this.#counts.acknowledgedBatches > batch.acknowledgedBefore;
    this.#health.failed(failure, now);
    batch.attempts += 1;
    batch.acknowledgedBefore = this.#counts.acknowledgedBatches;
    if (others && batch.attempts >= SUSPICIOUS_AFTER && batch.items.length > 1) {
      this.#queue.split(batch);
      return;
    }
    const asked = failure.kind === 'retry' ? failure.after : undefined;
    batch.due = now + Math.max(asked ?? 0, backOff(failure.kind, batch.attempts, this.#random));
    this.#queue.again(batch);
    if (failure.kind === 'retry') this.#client.whenReconnected(() => this.#hurry());
  }

  #partial(batch: Batch, rejected: number, message: string): void {
    const spans = Math.min(rejected, batch.spans);
    this.#counts.rejectedSpans += spans;
    const reason = message === '' ? 'no reason given' : message;
    const whole = batch.items.length === 1 && spans === batch.spans;
    if (whole) {
      this.#refuse(batch, reason);
      return;
    }
    this.#deadLetter('partial', batch, spans, reason);
    this.#notices.say('warn', 'spans_rejected', {
      rejected: spans,
      sent: batch.spans,
      why: reason,
      text: `The back-end did not take ${spans} of ${batch.spans} spans: ${reason}. They are not sent again (OTLP forbids it) and stand in the dead-letter file.`,
    });
    this.#acknowledge(batch);
  }

  #warn(warning: string): void {
    this.#notices.say('warn', 'endpoint_warns', { why: warning, text: `The back-end took the traces and remarks: ${warning}` });
  }

  /** Of a batch with a single trace. */
  #refuse(batch: Batch, reason: string): void {
    this.#counts.refusedTraces += batch.items.length;
    this.#counts.refusedSpans += batch.spans;
    this.#deadLetter('refused', batch, batch.spans, reason);
    const trace = batch.items[0]?.parcel.traceId ?? '';
    this.#notices.say('error', 'trace_refused', {
      trace,
      spans: batch.spans,
      why: reason,
      text: `The back-end will not take trace ${trace}: ${reason}. It is not sent again and stands in the dead-letter file.`,
    });
    this.#settle(batch, { kind: 'refused', reason });
  }

  #acknowledge(batch: Batch): void {
    this.#counts.acknowledgedBatches += 1;
    this.#counts.acknowledgedTraces += batch.items.length;
    this.#counts.acknowledgedSpans += batch.spans;
    this.#settle(batch, { kind: 'acknowledged' });
  }

  #deadLetter(kind: DeadLetter['kind'], batch: Batch, spans: number, reason: string): void {
    const traceIds = batch.items.map((item) => item.parcel.traceId);
    const request = batch.items.map((item) => item.parcel.bytes);
    this.#options.deadLetters?.write({ kind, traceIds, spans, reason, request });
  }

  #settle(batch: Batch, fate: ParcelFate): void {
    this.#counts.waitingTraces -= batch.items.length;
    this.#counts.waitingBytes -= batch.bytes;
    for (const item of batch.items) item.done(fate);
    if (this.#wasFull && this.#counts.waitingBytes <= this.#limit / 2) {
      this.#wasFull = false;
      this.#options.onDrain?.();
    }
    if (this.#counts.waitingTraces > 0) return;
    for (const settle of [...this.#flushes]) settle(true);
  }
}
