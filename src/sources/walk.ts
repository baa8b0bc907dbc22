import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { dirname } from 'node:path';
import { codeOf } from './report.ts';
import type { Problem } from './report.ts';

/** Whose files are read. `owned`: root's, our own and those of `uids`, if nobody else may write them. `any`: lines may be forged by others. */
export type Trust = { readonly kind: 'owned'; readonly uids: readonly number[] } | { readonly kind: 'any' };

/** What becomes of a followed name that is a symbolic link. `follow`: the file it points to is read, if somebody trusted made the link. */
export type Links = 'refuse' | 'follow';

/** Where a walk ended: the last name, in the folder that it was looked up in. */
export interface Place {
  /** Descriptor of the folder; good for `within` alone. The caller closes it. */
  readonly folder: number;
  readonly stats: Stats;
  readonly name: string;
  /** The path without links. */
  readonly path: string;
  /** The last name of the path was a link. */
  readonly linked: boolean;
}

export type Walking =
  | { readonly kind: 'found'; readonly place: Place }
  | { readonly kind: 'refused'; readonly problem: Problem };

/** O_PATH of Linux, which Node does not name (0o10000000 wherever Node runs): passing through a folder needs no right to list it. */
const O_PATH = 0o10000000;
const PASS = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
/** As many as the kernel follows. */
const MOST_LINKS = 40;
const STICKY = 0o1000;
const OTHERS_WRITE = 0o002;

export const isTrusted = (uid: number, trust: Trust): boolean =>
  trust.kind === 'any' || uid === 0 || uid === process.geteuid?.() || trust.uids.includes(uid);

/** The name of an entry of an open folder, wherever the folder is by now. */
export const within = (folder: number, name: string): string => `/proc/self/fd/${folder}/${name}`;

/**
 * Goes to the folder of `path` (absolute) name by name, each looked up in the very folder that was checked before it: who
 * owns a folder on the way could put another one or a link in its place between a check and an opening by path. A folder
 * must belong to somebody trusted and not be writable for everybody unless it is sticky. Its group may write: what the
 * members put there is theirs, and refused for that. Links on the way are followed if somebody trusted made them.
 * Throws what the system call throws.
 */
export function walk(path: string, trust: Trust, links: Links): Walking {
  const way = new Way(path);
  let kept = false;
  try {
    for (;;) {
      const stats = fstatSync(way.folder);
      const problem = folderProblem(path, way.at, stats, trust);
      if (problem !== undefined) return { kind: 'refused', problem };
      const name = way.next();
      const last = way.isAtEnd;
      if (!last && way.enter(name)) continue;
      const link = linkAt(way.folder, name);
      if (link === undefined && !last) throw notDirectory(way.pathOf(name));
      if (link === undefined || (last && links === 'refuse')) {
        kept = true;
        return { kind: 'found', place: { folder: way.folder, stats, name, path: way.pathOf(name), linked: way.linked } };
      }
      if (!isTrusted(link.uid, trust)) return { kind: 'refused', problem: foreignLink(path, way.pathOf(name), link.uid) };
      way.follow(name, last);
    }
  } finally {
    if (!kept) closeSync(way.folder);
  }
}

/** How far a walk has come. Holds one folder open. */
class Way {
  folder = openSync('/', PASS);
  /** Path of the folder, without links. */
  at = '/';
  /** A link was followed in place of the path's last name. */
  linked = false;
  #names: string[];
  #followed = 0;

  constructor(path: string) {
    this.#names = namesOf(path);
  }

  get isAtEnd(): boolean {
    return this.#names.length === 0;
  }

  next(): string {
    return this.#names.shift() ?? '.';
  }

  pathOf(name: string): string {
    return this.at === '/' ? `/${name}` : `${this.at}/${name}`;
  }

  /** Goes into the folder of this name; false: it is none, or a link to one. */
  enter(name: string): boolean {
    try {
      this.#go(openSync(within(this.folder, name), PASS));
    } catch (error) {
      const code = codeOf(error);
      if (code === 'ENOTDIR' || code === 'ELOOP') return false;
      throw error;
    }
    this.at = name === '..' ? dirname(this.at) : this.pathOf(name);
    return true;
  }

  follow(name: string, last: boolean): void {
    this.#followed += 1;
    if (this.#followed > MOST_LINKS) throw Object.assign(new Error(`ELOOP: too many links, ${this.pathOf(name)}`), { code: 'ELOOP' });
    const target = readlinkSync(within(this.folder, name));
    this.linked ||= last;
    this.#names = [...namesOf(target), ...this.#names];
    if (!target.startsWith('/')) return;
    this.#go(openSync('/', PASS));
    this.at = '/';
  }

  #go(folder: number): void {
    closeSync(this.folder);
    this.folder = folder;
  }
}

const namesOf = (path: string): string[] => path.split('/').filter((name) => name !== '' && name !== '.');

function linkAt(folder: number, name: string): Stats | undefined {
  const stats = lstatSync(within(folder, name));
  return stats.isSymbolicLink() ? stats : undefined;
}

const notDirectory = (path: string): Error => Object.assign(new Error(`ENOTDIR: not a directory, ${path}`), { code: 'ENOTDIR' });

function folderProblem(where: string, folder: string, { uid, gid, mode }: Stats, trust: Trust): Problem | undefined {
  if (trust.kind === 'any') return undefined;
  const facts = `${folder}: owner uid ${uid}, group ${gid}, mode 0${(mode & 0o7777).toString(8)}`;
  const refused = (what: string, why: string, todo: string): Problem => ({ kind: 'untrusted_folder', what: `not followed: ${what}`, where, why, todo });
  if (!isTrusted(uid, trust)) {
    return refused(`a folder above it belongs to uid ${uid}`, `${facts}; that user can put any file in the place of this one`,
      'have root own the folder, or configure the uid of its owner for this source');
  }
  if ((mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0) {
    return refused('everybody may write to a folder above it', `${facts}; anybody can put another file in the place of this one`,
      `chmod o-w ${folder}, or set trust: any for this source`);
  }
  return undefined;
}

const foreignLink = (where: string, link: string, uid: number): Problem => ({
  kind: 'untrusted_folder',
  what: `not followed: a link on the way belongs to uid ${uid}`,
  where,
  why: `${link} leads wherever that user wants`,
  todo: 'have root own the link, or configure the uid of its owner for this source',
});
