import { hash } from 'node:crypto';
import { readSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { NEWLINE } from './lines.ts';

/** Which file, as the file system says: decimal strings. `birth` is in ns since the epoch, `0` where the file system keeps none. */
export interface FileId {
  readonly dev: string;
  readonly ino: string;
  readonly birth: string;
}

/** Hash of the first `length` bytes (at most HEAD_BYTES; grows with what was read). */
export interface Head {
  readonly length: number;
  readonly hash: string;
}

/** Hash of the `length` bytes (at most GUARD_BYTES) that stand right before offset `at`. */
export interface Guard {
  readonly at: number;
  readonly length: number;
  readonly hash: string;
}

/** What tells a content from another one, wherever it lies and whatever it is called. */
export interface Fingerprint {
  readonly head: Head;
  readonly guard: Guard;
}

export const HEAD_BYTES = 1024;
export const GUARD_BYTES = 64;

export function fileId(stats: BigIntStats): FileId {
  return { dev: String(stats.dev), ino: String(stats.ino), birth: String(stats.birthtimeNs) };
}

export const sameFile = (a: FileId, b: FileId): boolean => a.ino === b.ino && a.dev === b.dev && a.birth === b.birth;

/** Names an inode. Unique among the files that are held open at one time: an inode is not reused while a descriptor is open. */
export const inodeOf = (id: FileId): string => `${id.dev}:${id.ino}`;

/** First 16 bytes of SHA-256, in hex. */
export const digest = (bytes: Buffer): string => hash('sha256', bytes, 'hex').slice(0, 32);

/** Up to `length` bytes from `position`; fewer only at the end of the file. Throws what the system call throws. */
export function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(fd, bytes, filled, length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

/** The open file starts with the fingerprint's head and holds its guard's bytes where they stood. Throws on a failed read. */
export function holds(fd: number, print: Fingerprint): boolean {
  const { head, guard } = print;
  const first = readAt(fd, 0, head.length);
  if (first.length !== head.length || digest(first) !== head.hash) return false;
  const last = readAt(fd, guard.at - guard.length, guard.length);
  return last.length === guard.length && digest(last) === guard.hash;
}

/**
 * The open file goes on in the middle of a line where a content of `length` bytes was over. Its last line was one, without an
 * end: a file in which that line has another end is another one that only begins like it. Throws on a failed read.
 */
export function parts(fd: number, length: number): boolean {
  const [last, next] = readAt(fd, length - 1, 2);
  return next !== undefined && last !== NEWLINE;
}

/** The two open files have the same bytes up to `length`, as far as the first KiB and the last 64 bytes can tell. */
export function alike(a: number, b: number, length: number): boolean {
  const head = Math.min(length, HEAD_BYTES);
  const tail = Math.min(length, GUARD_BYTES);
  return readAt(a, 0, head).equals(readAt(b, 0, head)) && readAt(a, length - tail, tail).equals(readAt(b, length - tail, tail));
}
