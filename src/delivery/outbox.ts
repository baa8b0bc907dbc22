/**
 * Where a daemon's traces wait: in memory, then on disk, and only then in their logs (`full`: stop reading). What has gone
 * to disk lets its log lines go, so that neither a rotation nor a restart during a long outage takes anything away.
 */
import type { Parcel, ParcelFate } from '../model/delivery.ts';
import { Exporter } from './exporter.ts';
import type { ExporterOptions, ExporterStats } from './exporting.ts';
import type { Spool } from './spool.ts';

export interface OutboxOptions extends Omit<ExporterOptions, 'onSettled'> {
  /** Absent: memory is all there is. */
  readonly spool?: Spool | undefined;
  /** What has waited so many ms goes to disk: from then on it survives its log. Default: a minute. */
  readonly patience?: number | undefined;
}

export interface OutboxStats extends ExporterStats {
  /** Bytes and traces on disk. */
  readonly spoolBytes: number;
  readonly spooledTraces: number;
  /** Traces in spool files that could not be read again. */
  readonly spoolLostTraces: number;
}

/**
 * More than this keeps no back-end busy: while it takes what comes, the rest may as well wait in its log; while it is away,
 * on disk. The whole of the memory is used only when the disk cannot take it.
 */
const BUSY_BYTES = 4 * 1024 * 1024;
/** About so much goes to disk at once: eighty starts, in some milliseconds. */
const BLOCK_BYTES = 1024 * 1024;
const PATIENCE_MS = 60_000;
/** Looked at so many times within the patience. */
const LOOKS = 12;

export class Outbox {
  readonly #exporter: Exporter;
  readonly #spool: Spool | undefined;
  readonly #limit: number;
  readonly #onDrain: (() => void) | undefined;
  readonly #patience: number;
  #look: NodeJS.Timeout | undefined;
  #toldFull = false;
  #closed = false;

  constructor({ spool, patience = PATIENCE_MS, ...options }: OutboxOptions) {
    this.#spool = spool;
    this.#patience = patience;
    this.#limit = options.maxWaitingBytes ?? DEFAULT_LIMIT;
    this.#onDrain = options.onDrain;
    this.#exporter = new Exporter({
      ...options,
      maxWaitingBytes: this.#limit,
      onDrain: undefined,
      onSettled: () => this.#settled(),
      onAttempt: (attempt) => {
        options.onAttempt?.(attempt);
        setImmediate(() => this.#attempted());
      },
    });
    this.#refill();
    this.#arm();
  }

  get stats(): OutboxStats {
    const spool = this.#spool;
    return {
      ...this.#exporter.stats,
      spoolBytes: spool?.size ?? 0,
      spooledTraces: spool?.traces ?? 0,
      spoolLostTraces: spool?.counts.lost ?? 0,
    };
  }

  /** As Exporter.offer; `done` may also say `spooled`. */
  offer(parcel: Parcel, done: (fate: ParcelFate) => void): void {
    this.#exporter.offer(parcel, done);
    if (this.#away) this.#relieve();
    this.#arm();
  }

  /** The back-end is busy, or it is away and neither memory nor disk has room: offer nothing until onDrain. */
  get full(): boolean {
    const full = this.#away ? this.#exporter.full : this.#exporter.stats.waitingBytes >= this.#busy;
    if (full) this.#toldFull = true;
    return full;
  }

  get #away(): boolean {
    return this.#exporter.stats.failingSince !== undefined;
  }

  get #busy(): number {
    return Math.min(this.#limit, BUSY_BYTES);
  }

  /** As Exporter.flush; what is not sent in time goes to disk. */
  async flush(within: number): Promise<boolean> {
    const done = await this.#exporter.flush(within);
    if (!done) this.#spill(Infinity);
    return done;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#look);
    this.#exporter.close();
  }

  /** Moves the oldest to disk until there is room again in memory. */
  #relieve(): void {
    while (this.#exporter.stats.waitingBytes >= this.#busy) if (!this.#spillBlock(Infinity)) return;
  }

  #spill(before: number): void {
    while (this.#spillBlock(before));
  }

  /** @returns false when nothing more can go. */
  #spillBlock(before: number): boolean {
    if (this.#spool === undefined) return false;
    const items = this.#exporter.withdraw(BLOCK_BYTES, before);
    if (items.length === 0) return false;
    if (!this.#spool.append(items.map(({ parcel }) => parcel), performance.now())) {
      this.#exporter.restore(items);
      return false;
    }
    for (const { done } of items) done({ kind: 'spooled' });
    return true;
  }

  /** Brings the oldest back from disk: when there is much room, or, while the back-end is away, one block to try it with. */
  #refill(): void {
    const spool = this.#spool;
    if (spool === undefined || this.#closed) return;
    while (spool.waiting > 0 && this.#hasRoom()) {
      const taken = spool.take();
      if (taken === undefined) return;
      const { block, parcels } = taken;
      let left = parcels.length;
      if (left === 0) spool.done(block);
      for (const parcel of parcels) {
        this.#exporter.offer(parcel, () => {
          left -= 1;
          if (left > 0) return;
          spool.done(block);
          free(parcels);
        }, true);
      }
    }
  }

  #hasRoom(): boolean {
    const { waitingTraces, waitingBytes, failingSince } = this.#exporter.stats;
    return waitingTraces === 0 || (failingSince === undefined && waitingBytes < this.#busy / 2);
  }

  #settled(): void {
    this.#refill();
    if (this.#exporter.stats.waitingBytes <= this.#busy / 2) this.#drained();
  }

  /** A back-end that was busy may be away now: then there is room on disk. */
  #attempted(): void {
    if (!this.#closed && this.#away && !this.#exporter.full) this.#drained();
  }

  #drained(): void {
    if (!this.#toldFull) return;
    this.#toldFull = false;
    this.#onDrain?.();
  }

  /** Something waits: look again whether it does so for long. */
  #arm(): void {
    if (this.#look !== undefined || this.#closed || this.#spool === undefined) return;
    if (this.#exporter.stats.waitingTraces === 0 && this.#spool.waiting === 0) return;
    this.#look = setTimeout(() => {
      this.#look = undefined;
      if (this.#away) this.#relieve();
      this.#spill(performance.now() - this.#patience);
      this.#attempted();
      this.#refill();
      this.#arm();
    }, this.#patience / LOOKS);
  }
}

/**
 * Parcels of one block share a buffer that nobody else sees, unless it is so small that it comes from Node's pool. It goes
 * back at once: collected later, many would pile up.
 */
function free(parcels: readonly Parcel[]): void {
  const whole = parcels[0]?.bytes.buffer;
  if (whole instanceof ArrayBuffer && whole.byteLength > Buffer.poolSize) whole.transfer(0);
}

const DEFAULT_LIMIT = 32 * 1024 * 1024;
