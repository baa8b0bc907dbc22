import { closeSync, lstatSync, readdirSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { constants, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { compressionOf } from './archive.ts';
import { digest, fileId, HEAD_BYTES, holds, inodeOf, readAt, sameFile } from './identity.ts';
import { openSafely } from './opening.ts';
import type { FileId, Fingerprint, Head } from './identity.ts';
import type { OpenedFile } from './opening.ts';
import type { Trust } from './walk.ts';
import { reasonOf } from './report.ts';
import type { Log, Problem } from './report.ts';

/** A file that lies where the rotated parts of another one would lie. */
export interface Sibling {
  readonly path: string;
  readonly id: FileId;
  readonly inode: string;
  readonly size: number;
  readonly mtime: bigint;
}

/** Where a content was found again. Of a compressed file only the head was compared yet. */
export type Found =
  | { readonly kind: 'plain'; readonly path: string; readonly file: OpenedFile }
  | { readonly kind: 'compressed'; readonly path: string; readonly file: OpenedFile };

export interface SiblingSearch {
  readonly trust: Trust;
  readonly log: Log;
  /** Files that are read already. */
  readonly taken: (id: FileId) => boolean;
  /** What was listed next to a path a moment ago, kept for the next of many searches. A search that fails lists anew. */
  readonly listed?: Map<string, readonly Sibling[]>;
}

const PACKED = /\.(?:gz|zst)$/;
/** `.1`, `-20261120`, `.2026-11-20T23:14`, `.old`: what rotation appends. */
const ROTATED = /(?:\.\d{1,9}|[.-]\d{4}-?\d{2}-?\d{2}[\dT:._Z-]*|\.old)$/;
/** `name-2026-11-20T23-14-05.123.log`: what lumberjack, Go's usual rotator, inserts. Groups: 1 stem, 2 extension. */
const STAMPED = /^(.+)-\d{4}-\d{2}-\d{2}T[\d-]+(?:\.\d+)?(\.[A-Za-z]+)$/;
/** How often a folder is read again because it changed under the reading. */
export const MOST_ATTEMPTS = 10;
/** So much of a compressed file surely holds its first KiB: a zstd block is at most 128 KiB. */
const PACKED_HEAD = 256 << 10;

/** The path a chain of rotated files has in common: that of its newest. `/l/a.log.2.gz` and `/l/a.log` give `/l/a.log`. */
export function family(path: string): string {
  const name = basename(path).replace(PACKED, '');
  const short = name.replace(ROTATED, '');
  if (short !== name && short !== '') return join(dirname(path), short);
  const stamped = STAMPED.exec(name);
  return join(dirname(path), stamped === null ? name : `${stamped[1] ?? ''}${stamped[2] ?? ''}`);
}

/**
 * Regular files next to `path` whose names begin like its own, oldest content first. A rotator that renames while the
 * folder is read can hide a file, so it is read until two readings agree.
 */
export function siblingsOf(path: string, log: Log): Sibling[] {
  let found = readSiblings(path, log);
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const again = readSiblings(path, log);
    if (sameList(found, again)) break;
    found = again;
  }
  return found.sort(byAge);
}

const sameList = (a: readonly Sibling[], b: readonly Sibling[]): boolean =>
  a.length === b.length && a.every((each, index) => each.path === b[index]?.path && sameFile(each.id, b[index].id));

function readSiblings(path: string, log: Log): Sibling[] {
  const folder = dirname(path);
  const base = basename(family(path));
  const stem = base.slice(0, base.length - extname(base).length);
  const found: Sibling[] = [];
  try {
    for (const name of readdirSync(folder)) {
      const related = name === base || [base, stem].some((part) => name.startsWith(`${part}.`) || name.startsWith(`${part}-`));
      const sibling = related ? siblingAt(join(folder, name)) : undefined;
      if (sibling !== undefined) found.push(sibling);
    }
  } catch (error) {
    log('debug', 'siblings_unreadable', { folder, why: reasonOf(error) });
  }
  return found;
}

/**
 * Older content first. The file at the chain's own path is the newest, whatever was written late to a rotated one. Clock
 * ticks of file times may be 4 ms long; within one, rotators' numbers tell: the higher, the older.
 */
export function byAge(a: Pick<Sibling, 'path' | 'id' | 'mtime'>, b: Pick<Sibling, 'path' | 'id' | 'mtime'>): number {
  const newest = Number(family(a.path) === a.path) - Number(family(b.path) === b.path);
  if (newest !== 0) return newest;
  if (a.mtime !== b.mtime) return a.mtime < b.mtime ? -1 : 1;
  if (a.id.birth !== b.id.birth) return BigInt(a.id.birth) < BigInt(b.id.birth) ? -1 : 1;
  return numberOf(b.path) - numberOf(a.path);
}

const numberOf = (path: string): number => Number(/\.(\d{1,9})(?:\.(?:gz|zst))?$/.exec(path)?.[1] ?? 0);

/** The regular file at `path`, if there is one. Throws what the system call throws. */
export function siblingAt(path: string): Sibling | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  if (stats?.isFile() !== true) return undefined;
  const id = fileId(stats);
  return { path, id, inode: inodeOf(id), size: Number(stats.size), mtime: stats.mtimeNs };
}

/**
 * All files next to `path` that hold the content of the fingerprint, the very same file (`id`) first. Opened: the caller
 * owns them. Same name and age are no proof: only bytes are. Throws when there is no descriptor to look with.
 */
export function findContent(path: string, id: FileId, print: Fingerprint, search: SiblingSearch): Found[] {
  const chain = family(path);
  const before = search.listed?.get(chain);
  const found = before === undefined ? [] : findOnce(before, id, print, search);
  if (found !== 'moved' && found.length > 0) return found;
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const siblings = siblingsOf(path, search.log);
    search.listed?.set(chain, siblings);
    const again = findOnce(siblings, id, print, search);
    if (again !== 'moved') return again;
  }
  return [];
}

/** `moved`: files changed their names under the search, and the content was not among those that did not. */
function findOnce(all: readonly Sibling[], id: FileId, print: Fingerprint, search: SiblingSearch): Found[] | 'moved' {
  const found: Found[] = [];
  let moved = false;
  const siblings = all.filter(({ id }) => !search.taken(id));
  for (const sibling of siblings.sort((a, b) => Number(sameFile(b.id, id)) - Number(sameFile(a.id, id)))) {
    const opening = openSafely(sibling.path, search.trust);
    if (opening.kind === 'absent') moved = true;
    if (opening.kind === 'refused' && opening.problem.kind === 'too_many_files') throw new Error(opening.problem.why);
    if (opening.kind !== 'opened') continue;
    const same = sameFile(opening.file.id, sibling.id);
    if (!same) moved = true;
    const kind = same ? compare(opening.file, print, sibling.path, search.log) : undefined;
    if (kind === undefined) {
      closeSync(opening.file.fd);
      continue;
    }
    search.log('debug', 'sibling_found', { path: sibling.path, kind });
    found.push({ kind, path: sibling.path, file: opening.file });
    if (kind === 'plain') break;
  }
  return moved && found.length === 0 ? 'moved' : found;
}

function compare(file: OpenedFile, print: Fingerprint, path: string, log: Log): Found['kind'] | undefined {
  // Nothing was read of it yet: any file would fit, so none does.
  if (print.head.length === 0) return undefined;
  try {
    if (holds(file.fd, print)) return 'plain';
    return packedHolds(file.fd, print) ? 'compressed' : undefined;
  } catch (error) {
    log('debug', 'sibling_unreadable', { path, why: reasonOf(error) });
    return undefined;
  }
}

/** The file is compressed and what it holds begins with the fingerprint's head. */
const packedHolds = (fd: number, print: Fingerprint): boolean => begins(packedHead(fd))(print.head);

/** Says of many contents whether these bytes begin like them. Hashes no length twice. */
export function begins(bytes: Buffer = Buffer.alloc(0)): (head: Head) => boolean {
  const hashes = new Map<number, string>();
  return ({ length, hash }) => {
    if (bytes.length < length) return false;
    const known = hashes.get(length) ?? digest(bytes.subarray(0, length));
    hashes.set(length, known);
    return known === hash;
  };
}

/** The first KiB (less, if there is less) of what a compressed file holds, nothing if it is damaged; undefined if it is none. */
export function packedHead(fd: number): Buffer | undefined {
  const packed = readAt(fd, 0, PACKED_HEAD);
  const compression = compressionOf(packed);
  if (compression === undefined || compression === 'none') return undefined;
  try {
    const bytes = compression === 'gzip'
      ? gunzipSync(packed, { finishFlush: constants.Z_SYNC_FLUSH })
      : zstdDecompressSync(packed, { finishFlush: constants.ZSTD_e_flush });
    return Buffer.from(bytes.subarray(0, HEAD_BYTES));
  } catch {
    // Whoever reads it to its end meets the damage again and reports it.
    return Buffer.alloc(0);
  }
}

/** What the newest known content of a chain tells about the unknown ones after it. Times in ns since the epoch. */
export interface Newest {
  readonly id: FileId;
  readonly mtime: bigint;
  /** When the youngest file was born that any content of the chain up to this one lay in, if that is not its own. */
  readonly born?: bigint | undefined;
}

/** No part that was born by then came after `newest`: a copy of what came before it is younger than the file that was copied. */
export const bornBy = ({ id, born = 0n }: Newest): bigint => (born > BigInt(id.birth) ? born : BigInt(id.birth));

/**
 * A part that came after `newest`: born later than all that is known (rename), or written to later (copytruncate, whose parts may lie in the older
 * file). A compressed file is born late but keeps the time of the last line in it.
 */
export const isLater = (newest: Newest) => ({ id, path, mtime, size }: Sibling): boolean => {
  if (size === 0) return false;
  if (id.birth === '0' || PACKED.test(path)) return mtime >= newest.mtime;
  return BigInt(id.birth) > bornBy(newest) || mtime > newest.mtime;
};

/**
 * A part whose first and last byte came after `begin` (ns since the epoch). Both, because an archive that is unpacked or
 * copied here is born now and keeps its time; and where the file system tells no birth, nothing is young.
 */
export const isYoung = (begin: bigint) => ({ id, path, mtime, size }: Sibling): boolean =>
  size > 0 && !PACKED.test(path) && BigInt(id.birth) > begin && mtime > begin;

/**
 * Rotated files that went through the followed path unseen, oldest first: rotated twice between two looks, or while nobody
 * looked. Only by names that a rotator makes, since nothing is known of their bytes. A part that lies there compressed and
 * as it was is being compressed right now: it is whole only as it was.
 */
export function missedParts(path: string, later: (part: Sibling) => boolean, taken: (id: FileId) => boolean, log: Log): Sibling[] {
  const chain = family(path);
  const all = siblingsOf(path, log);
  const names = new Set(all.map((sibling) => sibling.path));
  return all.filter((part) => {
    if (family(part.path) !== chain || basename(part.path) === basename(chain)) return false;
    const whole = part.path.replace(PACKED, '');
    return !taken(part.id) && later(part) && (whole === part.path || !names.has(whole));
  });
}

/** Why a compressed file that a pattern names is not followed. */
export const packedProblem = (where: string, compression: string): Problem => ({
  kind: 'compressed',
  what: `not followed: it is a ${compression} file`,
  where,
  why: 'a compressed file does not grow by lines; it is read only as the rotated part of a file that was followed',
  todo: `read it with: shimtrace import ${where}`,
});
