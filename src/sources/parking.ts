import { fstatSync, lstatSync, readFileSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import type { Steady } from '../model/time.ts';
import type { Content } from './content.ts';
import type { Held, Place } from './held.ts';
import { fileId, HEAD_BYTES, holds, readAt, sameFile } from './identity.ts';
import type { FileId } from './identity.ts';
import { NEWLINE } from './lines.ts';
import type { FollowPattern } from './pattern.ts';

/** A followed file that stood at its end and gave its descriptor back. It is opened again when it changes or leaves its path. */
export interface Parked {
  readonly id: FileId;
  readonly inode: string;
  readonly pattern: FollowPattern | undefined;
  readonly via: string | undefined;
  readonly first: boolean;
  /** Undefined: no byte of it yet. */
  readonly content: Content | undefined;
  readonly size: number;
  /** ns since the epoch. */
  readonly mtime: bigint;
  readonly unwatch: (() => void) | undefined;
  /** When it was last written to. */
  readonly lastBytes: Steady;
  path: string;
  place: Place;
  /** Identity and time of change as doubles. */
  readonly rough: { readonly ino: number; readonly dev: number; readonly mtimeMs: number };
  /** The look that saw it last. */
  seen: number;
}

/** Descriptors for all else: state, store, sockets, watches, parts that are sought, what Node itself has open. At least this, */
const RESERVE = 64;
/** and at least this share of all. */
const RESERVED_SHARE = 1 / 8;
/** Beyond so many a descriptor saves nothing: files at rest are cheaper to look at by name. */
const MOST_HELD = 4096;
/** In ms. */
const MICROSECOND = 0.001;
/** The first line, if it ends within so many bytes, else so many bytes tell most files apart. */
const KEY_BYTES = 256;

/** How many files may be held open at once, by this process' limit of open files. */
export function descriptorBudget(limits = readLimits()): number {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
  if (soft === undefined) return MOST_HELD;
  const limit = Number(soft);
  return Math.max(1, Math.min(MOST_HELD, Math.floor(limit - Math.max(RESERVE, limit * RESERVED_SHARE))));
}

function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    // No /proc: then what cannot be opened is a problem of that file, and is tried again.
    return '';
  }
}

/** The files that are followed without being open. */
export class Parking {
  readonly #files = new Map<string, Parked>();
  readonly #byPath = new Map<string, Parked>();
  /** By the first line of what was read of them; those with only a part of one under the empty text. */
  readonly #byHead = new Map<string, Set<Parked>>();

  get size(): number {
    return this.#files.size;
  }

  values(): IterableIterator<Parked> {
    return this.#files.values();
  }

  /** The file parked at this path, if it still lies there unchanged as far as doubles can tell: cheap, and exact to the microsecond. */
  atRest(path: string): Parked | undefined {
    const parked = this.#byPath.get(path);
    const stats = parked === undefined ? undefined : lstatSync(path, { throwIfNoEntry: false });
    if (parked === undefined || stats === undefined || parked.via !== undefined) return undefined;
    const { size, rough } = parked;
    const isSame = stats.size === size && stats.ino === rough.ino && stats.dev === rough.dev && Math.abs(stats.mtimeMs - rough.mtimeMs) < MICROSECOND;
    return isSame ? parked : undefined;
  }

  /** It lies at another path now. */
  move(parked: Parked, path: string): void {
    if (this.#byPath.get(parked.path) === parked) this.#byPath.delete(parked.path);
    parked.path = path;
    this.#byPath.set(path, parked);
  }

  get(inode: string): Parked | undefined {
    return this.#files.get(inode);
  }

  /** Takes over a file that was read to its end, as it is now. False: there is more to read. Throws what the system call throws. */
  take(held: Held): boolean {
    const { content, id, inode, pattern, via, first, path, place, lastBytes, unwatch } = held;
    const stats = fstatSync(held.fd, { bigint: true });
    if (Number(stats.size) !== (content?.scanned ?? 0) || (content !== undefined && isRewritten(held.fd, content))) return false;
    const rough = { ino: Number(stats.ino), dev: Number(stats.dev), mtimeMs: Number(stats.mtimeNs) / 1e6 };
    const size = Number(stats.size);
    const parked: Parked = { id, inode, pattern, via, first, path, place, lastBytes, content, unwatch, size, mtime: stats.mtimeNs, rough, seen: 0 };
    this.#files.set(inode, parked);
    this.#byPath.set(path, parked);
    const key = keyOf(content?.head ?? Buffer.alloc(0));
    const others = this.#byHead.get(key);
    if (others === undefined) this.#byHead.set(key, new Set([parked]));
    else others.add(parked);
    return true;
  }

  remove(parked: Parked): void {
    this.#files.delete(parked.inode);
    if (this.#byPath.get(parked.path) === parked) this.#byPath.delete(parked.path);
    for (const key of new Set([keyOf(parked.content?.head ?? Buffer.alloc(0)), ''])) {
      const others = this.#byHead.get(key);
      others?.delete(parked);
      if (others?.size === 0) this.#byHead.delete(key);
    }
  }

  /** Nothing is known of it here any more, and nothing watches it. */
  drop(parked: Parked): void {
    this.remove(parked);
    parked.unwatch?.();
  }

  /** All that is in this open file (`size` bytes) is, so far, also in one that is parked. */
  holdsCopy(held: Held, size: number): boolean {
    const key = keyOf(held.opening);
    // Of a copy that has not even its first line yet, nothing is known to go by.
    const alike = key === '' ? [...this.#files.values()] : [...(this.#byHead.get(key) ?? []), ...(this.#byHead.get('') ?? [])];
    return alike.some((parked) => isCopy(held, size, parked));
  }
}

/** It is the file that was parked, and nothing of it has changed. */
export const isUnchanged = ({ id, size, mtime }: Parked, stats: BigIntStats): boolean =>
  Number(stats.size) === size && stats.mtimeNs === mtime && sameFile(fileId(stats), id);

/** A file of the same length may have other bytes. */
function isRewritten(fd: number, content: Content): boolean {
  const { at, bytes } = content.proof;
  return !readAt(fd, at, bytes.length).equals(bytes);
}

function keyOf(bytes: Buffer): string {
  const newline = bytes.subarray(0, KEY_BYTES).indexOf(NEWLINE);
  return newline < 0 && bytes.length < KEY_BYTES ? '' : bytes.toString('latin1', 0, newline < 0 ? KEY_BYTES : newline + 1);
}

function isCopy({ fd, opening }: Held, size: number, parked: Parked): boolean {
  const { content } = parked;
  if (content === undefined || content.head.length === 0 || size > parked.size) return false;
  const shared = Math.min(opening.length, content.head.length);
  if (!opening.subarray(0, shared).equals(content.head.subarray(0, shared))) return false;
  if (size === content.known) return holds(fd, content.fingerprint());
  const head = readAt(fd, 0, Math.min(size, HEAD_BYTES, content.head.length));
  return head.equals(content.head.subarray(0, head.length));
}
