import type { Parcel, ParcelFate } from '../model/delivery.ts';
import type { Cut } from './refusals.ts';

/** A parcel and who wants to know how it ended. */
export interface Waiting {
  readonly parcel: Parcel;
  readonly done: (fate: ParcelFate) => void;
  /** When it was offered, a reading of performance.now(). */
  readonly since: number;
  /** It stands on disk already. */
  readonly spooled: boolean;
  /** It is a piece of a trace. */
  readonly cut: Cut | undefined;
}

/** Whole traces that are sent in one request. The same ones on every attempt, so the bytes are the same, too. */
export interface Batch {
  readonly items: readonly Waiting[];
  readonly spans: number;
  readonly bytes: number;
  /** Failed attempts so far. */
  attempts: number;
  /** Not before this moment of performance.now(). */
  due: number;
  /** How many batches had been acknowledged at the last failure: tells a bad batch from a bad endpoint. */
  acknowledgedBefore: number;
}

/** The Collector's own default batch is 8192; beyond 1024 grpc-js gets no faster (reference measurement). */
const MAX_SPANS = 1_024;
/** Below the 4 MiB that gRPC servers accept unless told otherwise. */
const MAX_BYTES = 3 * 1024 * 1024;

/** What waits to be sent: parcels not yet in a batch, oldest first, and batches that must be sent again. */
export class BatchQueue {
  #fresh: Waiting[] = [];
  #taken = 0;
  readonly #again: Batch[] = [];
  #againLast = false;

  add(item: Waiting): void {
    this.#fresh.push(item);
  }

  /**
   * The batch to send at `now`. Old and new ones take turns: one that fails again and again must not keep the others
   * from their back-end, nor they it.
   */
  next(now: number): Batch | undefined {
    const index = this.#again.findIndex((batch) => batch.due <= now);
    const fresh = this.#taken < this.#fresh.length;
    if (index >= 0 && !(this.#againLast && fresh)) {
      this.#againLast = true;
      return this.#again.splice(index, 1)[0];
    }
    this.#againLast = false;
    return fresh ? this.#fill() : undefined;
  }

  /** When next() can have something: a moment of performance.now(); undefined when nothing waits. */
  nextAt(): number | undefined {
    if (this.#taken < this.#fresh.length) return 0;
    let at: number | undefined;
    for (const { due } of this.#again) at = Math.min(at ?? due, due);
    return at;
  }

  /** Puts a batch back, to be sent at its `due`. */
  again(batch: Batch): void {
    this.#again.push(batch);
  }

  /** Puts a batch back as two halves, to be sent at once, under the suspicion it was under. It holds at least two traces. */
  split(batch: Batch): void {
    const middle = batch.items.length >>> 1;
    const halves = [batch.items.slice(0, middle), batch.items.slice(middle)];
    const { attempts, acknowledgedBefore } = batch;
    this.#again.unshift(...halves.map((items) => ({ ...batchOf(items), attempts, acknowledgedBefore })));
  }

  /** Puts something in the place of what was refused, to be sent at once. */
  replace(items: readonly Waiting[]): void {
    this.#again.unshift(...items.map((item) => batchOf([item])));
  }

  /** Takes out what is not in flight, was offered before `before` and stands nowhere else: oldest first, about `bytes` of it. */
  withdraw(bytes: number, before: number): Waiting[] {
    const gone: Waiting[] = [];
    let room = bytes;
    const mayGo = (item: Waiting): boolean => {
      if (room <= 0 || item.spooled || item.cut !== undefined || item.since >= before) return false;
      room -= item.parcel.bytes.length;
      gone.push(item);
      return true;
    };
    for (const [at, batch] of [...this.#again.entries()].reverse()) {
      const items = batch.items.filter((item) => !mayGo(item));
      if (items.length === batch.items.length) continue;
      if (items.length === 0) this.#again.splice(at, 1);
      else this.#again[at] = { ...batch, ...batchOf(items), attempts: batch.attempts, due: batch.due, acknowledgedBefore: batch.acknowledgedBefore };
    }
    const fresh: Waiting[] = [];
    for (const item of this.#fresh.slice(this.#taken)) if (!mayGo(item)) fresh.push(item);
    this.#fresh = fresh;
    this.#taken = 0;
    return gone;
  }

  /** Puts back what was withdrawn. */
  restore(items: readonly Waiting[]): void {
    this.#fresh = [...items, ...this.#fresh.slice(this.#taken)];
    this.#taken = 0;
  }

  /** The endpoint is back: nothing needs to wait any longer. */
  hurry(): void {
    for (const batch of this.#again) batch.due = 0;
  }

  #fill(): Batch {
    const items: Waiting[] = [];
    let spans = 0;
    let bytes = 0;
    for (;;) {
      const item = this.#fresh[this.#taken];
      if (item === undefined) break;
      const { parcel } = item;
      // The first goes in whatever its size: a trace is never cut.
      if (items.length > 0 && (spans + parcel.spans > MAX_SPANS || bytes + parcel.bytes.length > MAX_BYTES)) break;
      items.push(item);
      spans += parcel.spans;
      bytes += parcel.bytes.length;
      this.#taken += 1;
    }
    this.#compact();
    return batchOf(items);
  }

  /** Taken ones go when they are half of the array, so that taking stays cheap and memory is let go. */
  #compact(): void {
    if (this.#taken * 2 < this.#fresh.length) return;
    this.#fresh = this.#fresh.slice(this.#taken);
    this.#taken = 0;
  }
}

function batchOf(items: readonly Waiting[]): Batch {
  let spans = 0;
  let bytes = 0;
  for (const { parcel } of items) {
    spans += parcel.spans;
    bytes += parcel.bytes.length;
  }
  return { items, spans, bytes, attempts: 0, due: 0, acknowledgedBefore: 0 };
}
