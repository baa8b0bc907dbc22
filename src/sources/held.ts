import { closeSync, fstatSync } from 'node:fs';
import type { Steady } from '../model/time.ts';
import type { Content } from './content.ts';
import { alike, holds, inodeOf, readAt } from './identity.ts';
import type { FileId } from './identity.ts';
import type { OpenedFile } from './opening.ts';
import type { FollowPattern } from './pattern.ts';
import type { FileReader } from './reader.ts';
import type { Problem } from './report.ts';

const OPENING_BYTES = 256;

/**
 * `live`: at a path that is followed. `left`: rotated away or unlinked, known `since` then (`at` by the wall clock, ns, to
 * be saved); read on until nothing can come any more.
 */
export type Place = { readonly kind: 'live' } | { readonly kind: 'left'; readonly since: Steady; readonly at: bigint };

/** An open file, and how it was come by. */
export interface Holding {
  readonly file: OpenedFile;
  readonly path: string;
  /** The link that points to the path. */
  readonly via?: string | undefined;
  readonly pattern: FollowPattern | undefined;
  /** It is at a path that is followed. */
  readonly live: boolean;
  readonly first?: boolean;
}

/** A file that is held open, so that it can be read to its end whatever happens to its name. */
export class Held {
  readonly fd: number;
  readonly id: FileId;
  readonly inode: string;
  readonly pattern: FollowPattern | undefined;
  /** There at the very first look: only then does `from: end` apply. */
  readonly first: boolean;
  path: string;
  /** The link that pointed to the path. */
  readonly via: string | undefined;
  /** Bytes that were there when it was opened: they are as old as its time of change says, not as the reading of them. */
  found: number;
  #place: Place;
  /** Undefined: no byte of it yet, or so far it is only a copy of what another one holds. */
  reader: FileReader | undefined;
  /** Its first bytes, when they were last looked at: what another file must begin with to be a copy. */
  opening: Buffer = Buffer.alloc(0);
  /** When it was last written to. */
  lastBytes: Steady;
  lastTold: 'end' | 'stirred' | 'behind' | undefined;
  /** Who asked for the next look: only bytes that a sweep alone finds were missed by the watches. */
  wokenBy: 'watch' | 'sweep' | undefined;
  problem: Problem | undefined;
  /** Ends the watch that was set on it. */
  unwatch: (() => void) | undefined;

  constructor({ file, path, via, pattern, first = false }: Holding, place: Place, lastBytes: Steady) {
    this.fd = file.fd;
    this.id = file.id;
    this.inode = inodeOf(file.id);
    this.path = path;
    this.via = via;
    this.pattern = pattern;
    this.found = file.size;
    this.#place = place;
    this.lastBytes = lastBytes;
    this.first = first;
  }

  /** Read to its end as far as is known. */
  get isIdle(): boolean {
    const { content, problem } = this;
    if (problem !== undefined || content === undefined) return problem === undefined;
    return this.lastTold === 'end' && this.wokenBy === undefined;
  }

  get content(): Content | undefined {
    return this.reader?.content;
  }

  get place(): Place {
    return this.#place;
  }

  set place(place: Place) {
    this.#place = place;
    this.#mark();
  }

  /** Goes on with what the reader reads. */
  read(reader: FileReader): void {
    this.reader = reader;
    this.lastTold = undefined;
    this.#mark();
  }

  #mark(): void {
    if (this.content !== undefined) this.content.left = this.place.kind === 'left' ? this.place.at : undefined;
  }

  /** Notes size and time of last change for the record. Throws what the system call throws. */
  look(): void {
    const { content } = this;
    if (content === undefined) return;
    const stats = fstatSync(this.fd, { bigint: true });
    content.size = Number(stats.size);
    if (stats.mtimeNs > content.mtime) content.mtime = stats.mtimeNs;
  }

  /** Bytes in the file now. Throws what the system call throws. */
  measure(): number {
    const { size } = fstatSync(this.fd);
    if (this.opening.length < OPENING_BYTES) this.opening = readAt(this.fd, 0, OPENING_BYTES);
    return size;
  }

  /** All that is in this file (`size` bytes) is, so far, also in `other`, which is being read. */
  copies(other: Held, size: number): boolean {
    const { content } = other;
    if (content === undefined || other === this) return false;
    const shared = Math.min(this.opening.length, other.opening.length);
    if (shared === 0 || !this.opening.subarray(0, shared).equals(other.opening.subarray(0, shared))) return false;
    const others = fstatSync(other.fd).size;
    // A copy never holds more than its original, unless that was truncated since. An unfinished line that was rotated away
    // may well be how another file begins.
    if (size > others && others >= content.known) return false;
    // Proven against what was read of the other one: it may have been truncated a moment ago.
    if (size >= content.known && content.known > 0) return holds(this.fd, content.fingerprint());
    return alike(this.fd, other.fd, Math.min(size, others));
  }

  close(): void {
    this.unwatch?.();
    closeSync(this.fd);
  }

  /** Gives the descriptor back; whatever watches the file goes on. */
  release(): void {
    closeSync(this.fd);
  }
}
