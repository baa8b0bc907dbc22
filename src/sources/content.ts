import { fstatSync } from 'node:fs';
import type { Intake, SourceId, SourceInfo, SourceKey } from '../model/source.ts';
import type { Nanos } from '../model/time.ts';
import { digest, GUARD_BYTES, HEAD_BYTES, readAt } from './identity.ts';
import type { FileId, Fingerprint } from './identity.ts';
import { NEWLINE } from './lines.ts';
import type { FileRecord } from './record.ts';

/** Where reading of a content begins. `head` and `frontier` are the bytes that prove it, already read. */
export interface StartingPoint {
  readonly offset: number;
  readonly head: Buffer;
  readonly frontier: Buffer;
}

export const FROM_ZERO: StartingPoint = { offset: 0, head: Buffer.alloc(0), frontier: Buffer.alloc(0) };

/** The beginning of an open file: its first bytes are noted before they are read, so that it is known from the start. */
export const startAtZero = (fd: number): StartingPoint => ({ ...FROM_ZERO, head: readAt(fd, 0, HEAD_BYTES) });

/** That offset of an open file, with what proves it. */
export function startAt(fd: number, offset: number, headLength: number): StartingPoint {
  const overlap = Math.min(GUARD_BYTES, offset);
  return { offset, head: readAt(fd, 0, headLength), frontier: readAt(fd, offset - overlap, overlap) };
}

/** Behind the last whole line that is in the file now. */
export function startAtEnd(fd: number): StartingPoint {
  const step = 64 << 10;
  for (let end = fstatSync(fd).size; end > 0; end -= Math.min(step, end)) {
    const from = Math.max(0, end - step);
    const newline = readAt(fd, from, end - from).lastIndexOf(NEWLINE);
    if (newline >= 0) return startAt(fd, from + newline + 1, HEAD_BYTES);
  }
  return startAtZero(fd);
}

/**
 * One generation of a file's bytes, from its first byte until it is truncated, deleted or rotated away: the unit that has
 * a key, a source and an offset. Where the bytes lie may change (a rename, a copy, a compressed copy); what they are may not.
 */
export class Content {
  readonly key: SourceKey;
  readonly source: SourceId;
  readonly rank: number;
  /** The path the content was followed under. */
  readonly path: string;
  /** The link that pointed to this path. */
  readonly via: string | undefined;
  /** Lines older than this are not asked for. */
  readonly notBefore: Nanos | undefined;
  /** Where it lies now. */
  id: FileId;
  /** As last seen: bytes, and ns since the epoch. */
  size = 0;
  mtime: bigint;
  /** When the youngest file was born that a content before it in its chain lay in, in ns since the epoch. */
  born: bigint | undefined;
  /** When its file was first known to have left the followed path, in ns since the epoch; undefined: it has not. */
  left: bigint | undefined;
  /** First byte of the first line that was not handed over. */
  lineStart: number;
  /** All up to here is known; between lineStart and here there is no line end. */
  scanned: number;
  /** The line at lineStart is longer than a line may be; its end is searched. */
  skipping = false;
  #head: Buffer;
  #frontier: Buffer;
  /** Set once the bytes themselves are out of reach (compressed copy): the last proof that was taken of them. */
  #sealed: Fingerprint | undefined;
  /** What `fingerprint` gave last; undefined: it has changed since. */
  #print: Fingerprint | undefined;

  constructor(intake: Intake, info: SourceInfo, id: FileId, mtime: bigint, start: StartingPoint, via: string | undefined) {
    this.key = info.key;
    this.path = info.name;
    this.via = via;
    this.notBefore = info.notBefore;
    this.rank = info.rank;
    this.source = intake.begin(info);
    this.id = id;
    this.mtime = mtime;
    this.lineStart = start.offset;
    this.scanned = start.offset;
    this.#head = start.head;
    this.#frontier = start.frontier;
  }

  /**
   * Bytes that must still be where they were: the last before `scanned`, at most 64, and of a file of which nothing is
   * read yet those it began with. `at` is where they stand, `overlap` how many of them come before `scanned`.
   */
  get proof(): { readonly at: number; readonly bytes: Buffer; readonly overlap: number } {
    const overlap = this.#frontier.length;
    if (this.scanned === 0) return { at: 0, bytes: this.#head, overlap: 0 };
    return { at: this.scanned - overlap, bytes: this.#frontier, overlap };
  }

  /** Its last line has no end yet. */
  get isUnfinished(): boolean {
    return this.scanned > this.lineStart;
  }

  /** The first bytes, as far as they are known. */
  get head(): Buffer {
    return this.#head;
  }

  /** Bytes from the beginning that are known, even if they are not read yet. */
  get known(): number {
    return Math.max(this.scanned, this.#head.length);
  }

  /** Moves `scanned` to `to`. `data` stands at offset `at` <= scanned - 64 (or 0) and reaches at least to `to`. */
  advance(to: number, data: Buffer, at: number): void {
    if (this.#head.length < HEAD_BYTES && to > this.#head.length) {
      const more = data.subarray(this.#head.length - at, Math.min(HEAD_BYTES, to) - at);
      this.#head = Buffer.concat([this.#head, more]);
    }
    const end = to - at;
    this.#frontier = Buffer.from(data.subarray(Math.max(0, end - GUARD_BYTES), end));
    this.scanned = to;
    this.#print = undefined;
  }

  /** The proof stays what it is now (or `print`), while `lineStart` goes on in a copy that has no bytes to compare at rest. */
  seal(print: Fingerprint = this.fingerprint()): void {
    this.#sealed = print;
  }

  fingerprint(): Fingerprint {
    if (this.#sealed !== undefined) return this.#sealed;
    this.#print ??= {
      head: { length: this.#head.length, hash: digest(this.#head) },
      guard: { at: this.scanned, length: this.#frontier.length, hash: digest(this.#frontier) },
    };
    return this.#print;
  }

  /** What the state must hold of it now. */
  record(intake: Intake, ended: boolean): FileRecord {
    return {
      key: this.key, id: this.id, ...this.fingerprint(),
      offset: intake.pinned(this.source) ?? this.lineStart,
      path: this.path, size: Math.max(this.size, this.scanned), mtime: this.mtime, rank: this.rank, ended,
      ...(this.left === undefined ? {} : { left: this.left }), ...(this.via === undefined ? {} : { via: this.via }),
      ...(this.born === undefined ? {} : { born: this.born }),
      ...(this.notBefore === undefined ? {} : { notBefore: this.notBefore }),
    };
  }
}
