/**
 * The daemon's memory of finished starts. Written behind, in transactions of what has gathered; nothing that happens here
 * stops a trace. Who saves the daemon's state calls `flush` first: so no trace is let go that the store has not written,
 * and after a crash the starts it misses are read and told again.
 */
import { renameSync, rmSync } from 'node:fs';
import type { Log } from '../model/delivery.ts';
import type { FinishedStart } from '../model/finished.ts';
import type { Duration, Nanos } from '../model/time.ts';
import { isDamage, isSqlite, openForWriting, whyOf } from './file.ts';
import { StoreWriter } from './writer.ts';
import type { WriterOptions } from './writer.ts';

export interface StoreOptions extends WriterOptions {
  readonly path: string;
  readonly keep: Duration;
  /** Bytes. */
  readonly max: number;
  readonly log: Log;
  readonly now: () => Nanos;
}

/** So many, a block, are written without waiting for the next save: as traces they take thirty times their lines. */
const GATHERED = 64;
/** While nothing can be written so many wait; beyond, the oldest are given up and counted. */
const WAITING = 500;
/** Blocks let go after one write. */
const PRUNED = 32;
/** A file that is damaged as often as this lies on a disk that is no longer to be written. */
const DAMAGED = 3;

export class Store {
  readonly #options: StoreOptions;
  #writer: StoreWriter | undefined;
  readonly #pending = new Map<string, FinishedStart>();
  #failing = false;
  /** The file is of a newer version: not ours to touch. */
  #barred = false;
  #damaged = 0;
  #written = 0;
  #lost = 0;
  #pruned = 0;

  constructor(options: StoreOptions) {
    this.#options = options;
    this.#open();
    if (this.#writer !== undefined) this.#guarded(() => this.#prune());
  }

  /** Starts since the process began. `lost`: never written; `pruned`: gone for their age, or for room. */
  get counters(): { readonly written: number; readonly lost: number; readonly pruned: number; readonly waiting: number } {
    return { written: this.#written, lost: this.#lost, pruned: this.#pruned, waiting: this.#pending.size };
  }

  /** Nothing can be written at present. */
  get failing(): boolean {
    return this.#failing || this.#barred;
  }

  /** Whether a start was told before, by this process or an earlier one. */
  knows(traceId: string): boolean {
    if (this.#pending.has(traceId)) return true;
    return this.#guarded(() => this.#writer?.knows(traceId)) ?? false;
  }

  /** Takes a start; one that is known already stands as it is. */
  add(start: FinishedStart): void {
    if (this.#barred || this.knows(start.trace.id)) return;
    this.#pending.set(start.trace.id, start);
    if (this.#pending.size >= GATHERED && !this.#failing) this.flush();
    for (const oldest of this.#pending.keys()) {
      if (this.#pending.size <= WAITING) break;
      this.#pending.delete(oldest);
      this.#lost++;
    }
  }

  /** Writes what waits. */
  flush(): void {
    if (this.#pending.size === 0 || this.#barred) return;
    this.#writeAll();
    // A damaged file has been set aside by now: what waits goes into the new one at once.
    if (this.#pending.size > 0 && !this.#failing) this.#writeAll();
  }

  #writeAll(): void {
    if (this.#writer === undefined) this.#open();
    this.#guarded(() => {
      if (this.#writer === undefined) return;
      this.#writer.write([...this.#pending.values()], this.#seconds());
      this.#written += this.#pending.size;
      this.#pending.clear();
      this.#recovered();
      this.#prune();
    });
  }

  #prune(): void {
    const { keep, max } = this.#options;
    this.#pruned += this.#writer?.prune(this.#seconds() - Math.floor(keep / 1e9), max, PRUNED) ?? 0;
  }

  #seconds(): number {
    return Number(this.#options.now() / 1_000_000_000n);
  }

  #open(): void {
    const { path, log } = this.#options;
    for (const again of [true, false]) {
      const opening = openForWriting(path);
      switch (opening.kind) {
        case 'open':
          this.#guarded(() => (this.#writer = new StoreWriter(opening.database, this.#options)));
          return;
        case 'newer':
          this.#barred = true;
          log('error', 'store_newer', { path, text: `${path} was written by a newer shimtrace (version ${opening.version}). It is left alone: this daemon keeps no finished starts. Traces are sent all the same.` });
          return;
        case 'failed':
          this.#tell(opening.why);
          return;
        case 'damaged':
          if (!again || !this.#setAside(opening.why)) return;
          break;
        default:
          return opening satisfies never;
      }
    }
  }

  /** Does it, or tells what is wrong. Undefined: it went wrong. */
  #guarded<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!isSqlite(error)) throw error;
      if (isDamage(error)) {
        this.#close();
        if (this.#setAside(whyOf(error))) this.#open();
      } else {
        this.#tell(whyOf(error));
      }
      return undefined;
    }
  }

  /** @returns whether the way is free for a new file. */
  #setAside(why: string): boolean {
    const { path, log } = this.#options;
    const aside = `${path}.damaged`;
    if (++this.#damaged > DAMAGED) {
      this.#barred = true;
      log('error', 'store_given_up', { path, why, text: `${path} is damaged again and again (${why}): this daemon keeps no finished starts until it is started anew. Check the disk. Traces are sent all the same.` });
      return false;
    }
    try {
      renameSync(path, aside);
      for (const beside of ['-wal', '-shm']) rmSync(`${path}${beside}`, { force: true });
    } catch (error) {
      this.#tell(`${why}; and it cannot be set aside: ${whyOf(error)}`);
      return false;
    }
    log('error', 'store_damaged', { path, text: `${path} is damaged (${why}). It was set aside as ${aside}; a new store begins, and "shimtrace ls" knows nothing older. Traces are sent all the same.` });
    return true;
  }

  /** Once, until it works again. */
  #tell(why: string): void {
    if (this.#failing) return;
    this.#failing = true;
    const { path, log } = this.#options;
    log('error', 'store_unwritable', { path, why, text: `Cannot write ${path}: ${why}. Finished starts are not kept for "shimtrace ls" until this is put right: see the disk's space and the folder's owner. Traces are sent all the same.` });
  }

  #recovered(): void {
    if (!this.#failing) return;
    this.#failing = false;
    const { path, log } = this.#options;
    log('info', 'store_writable', { path, lost: this.#lost, text: `${path} can be written again. Starts it misses: ${this.#lost}.` });
  }

  #close(): void {
    const writer = this.#writer;
    this.#writer = undefined;
    try {
      writer?.close();
    } catch (error) {
      if (!isSqlite(error)) throw error;
      this.#tell(whyOf(error));
    }
  }

  /** Lets the file go. What waits is written by `flush`. */
  close(): void {
    this.#close();
  }
}
