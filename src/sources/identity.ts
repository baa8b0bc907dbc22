import { hash } from 'node:crypto';
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, statSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf, ioProblem } from './report.ts';
import type { Problem, ProblemKind } from './report.ts';

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

/** Whose files are read. `owned`: root's, our own and those of `uids`, if nobody else may write them. `any`: lines may be forged by others. */
export type Trust = { readonly kind: 'owned'; readonly uids: readonly number[] } | { readonly kind: 'any' };

export interface OpenedFile {
  readonly fd: number;
  readonly id: FileId;
  /** Bytes. */
  readonly size: number;
  /** ns since the epoch. */
  readonly mtime: bigint;
}

export type Opening =
  | { readonly kind: 'opened'; readonly file: OpenedFile }
  | { readonly kind: 'absent' }
  | { readonly kind: 'refused'; readonly problem: Problem };

export const HEAD_BYTES = 1024;
export const GUARD_BYTES = 64;

/** Never follow a link in the last component, never block on a FIFO, never become a terminal's session. */
const SAFE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
/** Sticky and writable by everybody: /tmp. */
const STICKY_SHARED = 0o1002n;

/** The file at `path`, opened for reading if it is a regular file that `trust` allows. All checks that count are made on the descriptor. */
export function openSafely(path: string, trust: Trust): Opening {
  let fd: number | undefined;
  try {
    // Looked at before it is opened only because opening a device may do something.
    const outside = formProblem(path, lstatSync(path, { bigint: true }));
    if (outside !== undefined) return { kind: 'refused', problem: outside };
    fd = openSync(path, SAFE);
    const stats = fstatSync(fd, { bigint: true });
    const problem = formProblem(path, stats) ?? trustProblem(path, stats, trust);
    if (problem === undefined) {
      return { kind: 'opened', file: { fd, id: fileId(stats), size: Number(stats.size), mtime: stats.mtimeNs } };
    }
    closeSync(fd);
    return { kind: 'refused', problem };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    return openFailure(path, error);
  }
}

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

/** The two open files have the same bytes up to `length`, as far as the first KiB and the last 64 bytes can tell. */
export function alike(a: number, b: number, length: number): boolean {
  const head = Math.min(length, HEAD_BYTES);
  const tail = Math.min(length, GUARD_BYTES);
  return readAt(a, 0, head).equals(readAt(b, 0, head)) && readAt(a, length - tail, tail).equals(readAt(b, length - tail, tail));
}

function openFailure(path: string, error: unknown): Opening {
  const code = codeOf(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'absent' };
  const refused = (kind: ProblemKind, what: string, why: string, todo: string): Opening => ({
    kind: 'refused',
    problem: { kind, what, where: path, why, todo },
  });
  if (code === 'ELOOP') return { kind: 'refused', problem: linkProblem(path) };
  if (code === 'ENXIO') return refused('not_regular', 'not followed', 'it is no regular file', 'name a log file');
  if (code === 'EACCES' || code === 'EPERM') {
    return refused('no_permission', 'not followed: no permission to read it', `${code} for uid ${process.geteuid?.() ?? '?'}`,
      'give the service read permission (group or ACL); it is tried again by itself');
  }
  if (code === 'EMFILE' || code === 'ENFILE') {
    return refused('too_many_files', 'not opened yet: too many open files', code, 'raise LimitNOFILE; it is tried again by itself');
  }
  return { kind: 'refused', problem: ioProblem(path, error) };
}

function formProblem(path: string, stats: BigIntStats): Problem | undefined {
  if (stats.isFile()) return undefined;
  if (stats.isSymbolicLink()) return linkProblem(path);
  if (stats.isDirectory()) {
    const todo = `name the files in it, for example ${path}/*.log`;
    return { kind: 'directory', what: 'not followed: it is a directory', where: path, why: 'only files are followed', todo };
  }
  const form = stats.isFIFO() ? 'a FIFO' : stats.isSocket() ? 'a socket' : 'a device';
  const why = 'only regular files can be read again after a restart';
  return { kind: 'not_regular', what: `not followed: it is ${form}`, where: path, why, todo: 'name a log file' };
}

const linkProblem = (path: string): Problem => ({
  kind: 'link',
  what: 'not followed: it is a symbolic link',
  where: path,
  why: 'whoever can change the link chooses what is read',
  todo: 'name the file the link points to',
});

/** The owner rule. /tmp/urunc.zlog, a foreseeable name in a folder where everybody may create files, is the typical case. */
function trustProblem(path: string, stats: BigIntStats, trust: Trust): Problem | undefined {
  if (trust.kind === 'any') return undefined;
  const mode = `0${(stats.mode & 0o7777n).toString(8)}`;
  const facts = `owner uid ${stats.uid}, group ${stats.gid}, mode ${mode}`;
  const refused = (what: string, why: string, todo: string): Problem => (
    { kind: 'untrusted', what: `not followed: ${what}`, where: path, why, todo }
  );
  const uid = Number(stats.uid);
  if (uid !== 0 && uid !== process.geteuid?.() && !trust.uids.includes(uid)) {
    return refused(`it belongs to uid ${uid}`, `${facts}; that user can write any line into it`,
      'have root own the file, or configure the uid of its owner for this source');
  }
  if ((stats.mode & 0o022n) !== 0n) {
    return refused('others than its owner may write to it', `${facts}; anybody with that permission can forge lines`,
      `chmod go-w ${path}, or set trust: any for this source`);
  }
  if (stats.nlink > 1n && (statSync(dirname(path), { bigint: true }).mode & STICKY_SHARED) === STICKY_SHARED) {
    return refused('it has a second name', `${facts}, ${stats.nlink} hard links in a folder where everybody may make them`,
      'remove the other link, or set trust: any for this source');
  }
  return undefined;
}
