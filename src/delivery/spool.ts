/**
 * Encoded traces on disk, for the time in which a back-end is away: the log they came from may be rotated away meanwhile.
 * One file per block, `<number>.<traces>.spool`, written as the state file is (new name, fsync, rename, fsync of the
 * folder) and deleted when all its traces have their fate: a crash repeats a block, with the same bytes, and loses none.
 *
 * A file is one line `shimtrace-spool 1 <SHA-256 of the rest> <its bytes unpacked>`, then zstd of: a JSON line
 * `[[trace id, spans, bytes], ...]` and the parcels in that order.
 */
import { hash } from 'node:crypto';
import { closeSync, constants, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { constants as zlib, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Log, Parcel } from '../model/delivery.ts';

export interface SpoolOptions {
  /** Made if need be, for us alone. */
  readonly folder: string;
  /** Bytes on disk at most. */
  readonly limit: number;
  readonly log: Log;
}

/** Parcels that stand in one file. */
export interface Block {
  readonly name: string;
  readonly traces: number;
  /** Bytes on disk, in whole pages. */
  readonly size: number;
}

const NAME = /^(\d{12})\.(\d{1,9})\.spool$/;
//                                1: checksum   2: size
const HEAD = /^shimtrace-spool 1 ([0-9a-f]{64}) (\d{1,10})\n/;
/** One line of the head, as long as it can be. */
const HEAD_BYTES = 96;
const NEWLINE = 10;
const PAGE = 4_096;
/** Of the levels tried on blocks of urunc traces the first was both the fastest and the smallest. */
const PACKING = { params: { [zlib.ZSTD_c_compressionLevel]: 1 }, chunkSize: 256 * 1024 };
/** Larger is no block of ours, whatever a file says. */
const MOST_UNPACKED = 256 * 1024 * 1024;
/** After a failed write the disk gets this long. */
const PAUSE_MS = 10_000;

export class Spool {
  /** lost: traces in files that could not be read any more. */
  readonly counts = { written: 0, lost: 0, failures: 0 };
  readonly #options: SpoolOptions;
  /** Oldest first; those that are being sent are not among them. */
  readonly #waiting: Block[] = [];
  #next = 1;
  #size = 0;
  #traces = 0;
  #pausedUntil = 0;
  #failing = false;
  #full = false;

  /** Finds what an earlier run left. Throws what the system calls throw: without its folder there is no spool. */
  constructor(options: SpoolOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(options.folder).sort()) {
      const [, number, traces] = NAME.exec(name) ?? [];
      if (number === undefined || traces === undefined) {
        if (name.endsWith('.tmp')) rmSync(join(options.folder, name), { force: true });
        continue;
      }
      const block = { name, traces: Number(traces), size: onDisk(statSync(join(options.folder, name)).size) };
      this.#waiting.push(block);
      this.#next = Number(number) + 1;
      this.#size += block.size;
      this.#traces += block.traces;
    }
  }

  /** Bytes on disk, and traces in them that have no fate yet. */
  get size(): number {
    return this.#size;
  }

  get traces(): number {
    return this.#traces;
  }

  /** Blocks that wait to be taken. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Writes a block. True: it is on the disk, whatever happens now. False: there is no room, or the disk is in trouble. */
  append(parcels: readonly Parcel[], now: number): boolean {
    if (now < this.#pausedUntil || this.#full) return false;
    const { folder, limit } = this.#options;
    const name = `${String(this.#next).padStart(12, '0')}.${parcels.length}.spool`;
    const bytes = pack(parcels);
    const size = onDisk(bytes.length);
    if (this.#size + size > limit) {
      this.#sayFull();
      return false;
    }
    try {
      writeDurably(folder, name, bytes);
    } catch (error) {
      this.#failed(error, now);
      return false;
    }
    this.#next += 1;
    this.#waiting.push({ name, traces: parcels.length, size });
    this.#size += size;
    this.#traces += parcels.length;
    this.counts.written += parcels.length;
    if (this.#failing) this.#options.log('info', 'spool_writable_again', { path: folder, text: `The spool ${folder} can be written again.` });
    this.#failing = false;
    return true;
  }

  /** The oldest block that waits, with what is in it; undefined: none waits. What cannot be read is set aside and counted. */
  take(): { readonly block: Block; readonly parcels: readonly Parcel[] } | undefined {
    for (let block = this.#waiting.shift(); block !== undefined; block = this.#waiting.shift()) {
      try {
        return { block, parcels: unpack(readFileSync(join(this.#options.folder, block.name))) };
      } catch (error) {
        this.#setAside(block, error);
      }
    }
    return undefined;
  }

  /** All of a block's traces have their fate. */
  done(block: Block): void {
    this.#forget(block);
    this.#full = false;
    try {
      rmSync(join(this.#options.folder, block.name), { force: true });
    } catch (error) {
      const text = `Cannot delete ${block.name} from the spool ${this.#options.folder}: ${String(error)}. It is sent once more after a restart; give the daemon the right to write there.`;
      this.#options.log('error', 'spool_undeletable', { path: block.name, why: String(error), text });
    }
  }

  #forget(block: Block): void {
    this.#size -= block.size;
    this.#traces -= block.traces;
  }

  #setAside(block: Block, error: unknown): void {
    const path = join(this.#options.folder, block.name);
    this.counts.lost += block.traces;
    this.#forget(block);
    let rest = `The file is kept as ${block.name}.damaged; look after the disk.`;
    try {
      renameSync(path, `${path}.damaged`);
    } catch (trouble) {
      rest = `It cannot be renamed (${String(trouble)}) and is tried again after a restart; look after the disk.`;
    }
    const text = `${block.traces} traces that waited in ${path} are lost: ${String(error)}. ${rest}`;
    this.#options.log('error', 'spool_damaged', { path, traces: block.traces, why: String(error), text });
  }

  #failed(error: unknown, now: number): void {
    this.counts.failures += 1;
    this.#pausedUntil = now + PAUSE_MS;
    if (this.#failing) return;
    this.#failing = true;
    const { folder, log } = this.#options;
    const text = `Cannot write to the spool ${folder}: ${String(error)}. Traces wait in memory and then in their logs; free space or make the folder writable. It is tried again by itself.`;
    log('error', 'spool_unwritable', { path: folder, why: String(error), text });
  }

  #sayFull(): void {
    if (this.#full) return;
    this.#full = true;
    const { folder, limit, log } = this.#options;
    const text = `The spool ${folder} holds ${this.#traces} traces and has reached its limit of ${limit} bytes (queue.spool). New traces wait in memory and then in their logs, as long as those are kept.`;
    log('warn', 'spool_full', { path: folder, traces: this.#traces, limit, text });
  }
}

const onDisk = (bytes: number): number => Math.ceil(bytes / PAGE) * PAGE;

function pack(parcels: readonly Parcel[]): Buffer {
  const index = JSON.stringify(parcels.map(({ traceId, spans, bytes }) => [traceId, spans, bytes.length]));
  const plain = Buffer.concat([Buffer.from(`${index}\n`), ...parcels.map(({ bytes }) => bytes)]);
  const body = zstdCompressSync(plain, PACKING);
  return Buffer.concat([Buffer.from(`shimtrace-spool 1 ${hash('sha256', body, 'hex')} ${plain.length}\n`), body]);
}

/** @throws Error for anything that is not what `pack` made. */
function unpack(file: Buffer): Parcel[] {
  const [head, sum, size] = HEAD.exec(file.toString('latin1', 0, HEAD_BYTES)) ?? [];
  if (head === undefined) throw new Error('it is no spool file of this version');
  const body = file.subarray(head.length);
  if (hash('sha256', body, 'hex') !== sum) throw new Error('its checksum is wrong: it is torn or was changed');
  if (Number(size) > MOST_UNPACKED) throw new Error('it claims to be larger than any of ours');
  // In one piece of the right size: the usual 16 KiB at a time leave twice the size behind to be collected.
  const bytes = zstdDecompressSync(body, { chunkSize: Number(size) + 64, maxOutputLength: Number(size) + 64 });
  if (bytes.length !== Number(size)) throw new Error('it is shorter than it claims');
  const start = bytes.indexOf(NEWLINE) + 1;
  const index: unknown = JSON.parse(bytes.toString('utf8', 0, start));
  if (!Array.isArray(index)) throw new Error('its index is none');
  let at = start;
  return index.map((entry: unknown): Parcel => {
    if (!Array.isArray(entry)) throw new Error('an entry of its index is none');
    const [traceId, spans, length]: unknown[] = entry;
    if (typeof traceId !== 'string' || typeof spans !== 'number' || typeof length !== 'number') throw new Error('an entry of its index is none');
    at += length;
    return { traceId, spans, bytes: bytes.subarray(at - length, at) };
  });
}

function writeDurably(folder: string, name: string, bytes: Buffer): void {
  const fresh = join(folder, `${name}.tmp`);
  try {
    const fd = openSync(fresh, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, 0o600);
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(fresh, join(folder, name));
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
