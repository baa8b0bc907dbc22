/**
 * The export loop: parcels in, one fate each out, nothing in between lost (reference: tailing-and-delivery 5.6).
 * At least once; an attempt repeated carries the same bytes, so back-ends that de-duplicate by content see one.
 */
import type { Parcel, ParcelFate } from '../model/delivery.ts';
import { OtlpClient } from './client.ts';
import type { ExporterOptions, ExporterStats } from './exporting.ts';
import { backOff, Health } from './health.ts';
import type { Failure } from './health.ts';
import { classify } from './outcome.ts';
import type { SendOutcome } from './outcome.ts';
import { BatchQueue } from './queue.ts';
import type { Batch, Waiting } from './queue.ts';
import { Refusals } from './refusals.ts';

/** From the second answer on: until then nobody knows how the back-end is, and what is on its way in a crash is sent again. */
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
  readonly #refusals: Refusals;
  readonly #random: () => number;
  readonly #queue = new BatchQueue();
  readonly #flushes = new Set<(done: boolean) => void>();
  readonly #counts = {
    attempts: 0,
    retries: 0,
    acknowledgedBatches: 0,
    acknowledgedTraces: 0,
    acknowledgedSpans: 0,
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
    this.#refusals = new Refusals(options.log, options.deadLetters);
  }

  /**
   * Takes a parcel in any state of the endpoint. `done` is called once, later; never when closed before.
   * @param spooled it stands on disk: it is not given back by `withdraw`.
   */
  offer(parcel: Parcel, done: (fate: ParcelFate) => void, spooled = false): void {
    if (this.#closed) return;
    this.#queue.add({ parcel, done: (fate) => this.#fated(fate, done), since: performance.now(), spooled, cut: undefined });
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

  /**
   * Gives back what waits since before `before` (performance.now()), oldest first, about `bytes` of it: all but what is in
   * flight or on disk. The caller calls `done`, or `restore`.
   */
  withdraw(bytes: number, before = Infinity): Waiting[] {
    const items = this.#queue.withdraw(bytes, before);
    for (const { parcel } of items) this.#counts.waitingBytes -= parcel.bytes.length;
    return items;
  }

  restore(items: readonly Waiting[]): void {
    for (const { parcel } of items) this.#counts.waitingBytes += parcel.bytes.length;
    this.#queue.restore(items);
    this.#pump();
  }

  /** More bytes wait than should: offer nothing until onDrain. */
  get full(): boolean {
    return this.#counts.waitingBytes >= this.#limit;
  }

  get stats(): ExporterStats {
    return { ...this.#counts, ...this.#refusals.counts, lastError: this.#health.lastError, failingSince: this.#health.failingSince };
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
    return this.#counts.inFlight < (this.#health.failing ? 1 : Math.min(MAX_IN_FLIGHT, 1 + this.#counts.acknowledgedBatches));
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
        if (outcome.warning !== undefined) this.#refusals.remark(outcome.warning);
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
        else this.#cut(batch, outcome.why);
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
    const reason = message === '' ? 'no reason given' : message;
    const [item] = batch.items;
    if (item !== undefined && batch.items.length === 1 && spans === batch.spans) {
      this.#refusals.counts.rejectedSpans += spans;
      this.#release(batch);
      this.#refusals.ended(item, reason);
      this.#settled();
      return;
    }
    this.#refusals.partial(batch, spans, reason);
    this.#acknowledge(batch);
  }

  /** A batch of one trace, or of a piece of one, that the back-end will not take. */
  #cut(batch: Batch, reason: string): void {
    this.#release(batch);
    for (const item of batch.items) {
      const pieces = this.#refusals.refused(item, reason);
      for (const { parcel } of pieces) this.#counts.waitingBytes += parcel.bytes.length;
      this.#queue.replace(pieces);
    }
    this.#settled();
  }

  #acknowledge(batch: Batch): void {
    this.#counts.acknowledgedBatches += 1;
    this.#counts.acknowledgedSpans += batch.spans;
    this.#release(batch);
    for (const item of batch.items) this.#refusals.taken(item);
    this.#settled();
  }

  #fated(fate: ParcelFate, done: (fate: ParcelFate) => void): void {
    this.#counts.waitingTraces -= 1;
    if (fate.kind === 'acknowledged') this.#counts.acknowledgedTraces += 1;
    done(fate);
  }

  #release(batch: Batch): void {
    this.#counts.waitingBytes -= batch.bytes;
  }

  #settled(): void {
    if (this.#wasFull && this.#counts.waitingBytes <= this.#limit / 2) {
      this.#wasFull = false;
      this.#options.onDrain?.();
    }
    this.#options.onSettled?.();
    if (this.#counts.waitingTraces > 0) return;
    for (const settle of [...this.#flushes]) settle(true);
  }
}
