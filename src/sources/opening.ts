import { closeSync, constants, fstatSync, lstatSync, openSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { fileId } from './identity.ts';
import type { FileId } from './identity.ts';
import { codeOf, ioProblem } from './report.ts';
import type { Problem, ProblemKind } from './report.ts';
import { isTrusted, walk, within } from './walk.ts';
import type { Links, Place, Trust } from './walk.ts';

export interface OpenedFile {
  readonly fd: number;
  readonly id: FileId;
  /** Bytes. */
  readonly size: number;
  /** ns since the epoch. */
  readonly mtime: bigint;
  /** Where the file lies, if the name it was opened by is a link to it. */
  readonly target?: string;
}

export type Opening =
  | { readonly kind: 'opened'; readonly file: OpenedFile }
  | { readonly kind: 'absent' }
  | { readonly kind: 'refused'; readonly problem: Problem };

/** Never follow a link in the last component, never block on a FIFO, never become a terminal's session. */
const SAFE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
/** Sticky and writable by everybody: /tmp. */
const STICKY_SHARED = 0o1002;

/**
 * The file at `path` (absolute), opened for reading if it is a regular file that `trust` allows. All checks that count are
 * made on descriptors: of the file, and of the folders that lead to it.
 */
export function openSafely(path: string, trust: Trust, links: Links = 'refuse'): Opening {
  let place: Place | undefined;
  try {
    const walking = walk(path, trust, links);
    if (walking.kind === 'refused') return walking;
    place = walking.place;
    return openPlace(path, place, trust);
  } catch (error) {
    return openFailure(path, error);
  } finally {
    if (place !== undefined) closeSync(place.folder);
  }
}

function openPlace(path: string, place: Place, trust: Trust): Opening {
  const name = within(place.folder, place.name);
  // Looked at before it is opened only because opening a device may do something.
  const outside = formProblem(path, lstatSync(name, { bigint: true }));
  if (outside !== undefined) return { kind: 'refused', problem: outside };
  const fd = openSync(name, SAFE);
  try {
    const stats = fstatSync(fd, { bigint: true });
    const problem = formProblem(path, stats) ?? trustProblem(path, stats, place, trust);
    if (problem === undefined) {
      const file = { fd, id: fileId(stats), size: Number(stats.size), mtime: stats.mtimeNs };
      return { kind: 'opened', file: place.linked ? { ...file, target: place.path } : file };
    }
    closeSync(fd);
    return { kind: 'refused', problem };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
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
  todo: 'name the file the link points to, or set links: follow for this source',
});

/** The owner rule. /tmp/urunc.zlog, a foreseeable name in a folder where everybody may create files, is the typical case. */
function trustProblem(path: string, stats: BigIntStats, place: Place, trust: Trust): Problem | undefined {
  if (trust.kind === 'any') return undefined;
  const mode = `0${(stats.mode & 0o7777n).toString(8)}`;
  const facts = `owner uid ${stats.uid}, group ${stats.gid}, mode ${mode}`;
  const refused = (what: string, why: string, todo: string): Problem => (
    { kind: 'untrusted', what: `not followed: ${what}`, where: path, why, todo }
  );
  const uid = Number(stats.uid);
  if (!isTrusted(uid, trust)) {
    return refused(`it belongs to uid ${uid}`, `${facts}; that user can write any line into it`,
      'have root own the file, or configure the uid of its owner for this source');
  }
  if ((stats.mode & 0o022n) !== 0n) {
    return refused('others than its owner may write to it', `${facts}; anybody with that permission can forge lines`,
      `chmod go-w ${path}, or set trust: any for this source`);
  }
  if (stats.nlink > 1n && (place.stats.mode & STICKY_SHARED) === STICKY_SHARED) {
    return refused('it has a second name', `${facts}, ${stats.nlink} hard links in a folder where everybody may make them`,
      'remove the other link, or set trust: any for this source');
  }
  return undefined;
}
