/** What doctor's checks are made of. A check looks at one thing of a host and says what it means for shimtrace. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../config/config.ts';
import type { JournalWanted } from '../journals.ts';

export type Diagnosis =
  | { readonly kind: 'ok'; readonly what: string }
  /** Works, with less than there could be. */
  | { readonly kind: 'warning'; readonly what: string; readonly remedy: string }
  /** Does not work, or harms the host. */
  | { readonly kind: 'problem'; readonly what: string; readonly remedy: string };

export interface Check {
  readonly name: string;
  readonly look: (patient: Patient) => readonly Diagnosis[] | Promise<readonly Diagnosis[]>;
}

export const ok = (what: string): Diagnosis => ({ kind: 'ok', what });
export const warning = (what: string, remedy: string): Diagnosis => ({ kind: 'warning', what, remedy });
export const problem = (what: string, remedy: string): Diagnosis => ({ kind: 'problem', what, remedy });

/** Who the daemon runs as. */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gids: readonly number[];
}

/** What the checks know. Paths are those of the host; they are looked up below `tree`. */
export interface Patient {
  readonly tree: Tree;
  readonly user: User;
  readonly config: Config;
  /** State folder. */
  readonly folder: string;
  readonly journals: readonly Pick<JournalWanted, 'selection' | 'offered'>[];
  /** Files and patterns that are followed. */
  readonly globs: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A host's files, as they are or below another root. */
export class Tree {
  readonly #root: string;

  constructor(root = '/') {
    this.#root = root;
  }

  /** It is the host that we run on. */
  get ours(): boolean {
    return this.#root === '/';
  }

  /** Where a path of the host lies for us. */
  at(path: string): string {
    return join(this.#root, path);
  }

  /** Undefined: not there, or not ours to read. */
  read(path: string): string | undefined {
    return quietly(() => readFileSync(this.at(path), 'utf8'));
  }

  stat(path: string): Stats | undefined {
    return quietly(() => statSync(this.at(path)));
  }

  exists(path: string): boolean {
    return this.stat(path) !== undefined;
  }

  /** Names in a folder, sorted; none where it is not. */
  list(path: string): readonly string[] {
    return quietly(() => readdirSync(this.at(path)).sort()) ?? [];
  }
}

/** What cannot be looked at is, for a check, not there. */
function quietly<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

/** A systemd unit's last word on a setting, drop-ins included; undefined: there is no such unit, or it says nothing. */
export function unitSetting(tree: Tree, unit: string, setting: string): string | undefined {
  const places = ['/etc/systemd/system', '/run/systemd/system', '/usr/local/lib/systemd/system', '/usr/lib/systemd/system', '/lib/systemd/system'];
  const main = places.map((place) => `${place}/${unit}`).find((path) => tree.exists(path));
  const dropIns = places.flatMap((place) => tree.list(`${place}/${unit}.d`).filter((name) => name.endsWith('.conf')).map((name) => ({ name, path: `${place}/${unit}.d/${name}` })));
  dropIns.sort((a, b) => (a.name < b.name ? -1 : 1));
  const texts = [...(main === undefined ? [] : [main]), ...dropIns.map(({ path }) => path)].map((path) => tree.read(path) ?? '');
  const found = texts.flatMap((text) => [...text.matchAll(new RegExp(`^\\s*${setting}\\s*=\\s*(.*?)\\s*$`, 'gm'))].map(([, value = '']) => value));
  return found.at(-1);
}

/** systemd.syntax(7): what counts as yes. */
export const isYes = (value: string | undefined): boolean => /^(?:1|yes|y|true|t|on)$/i.test(value ?? '');

/** Whether the mode bits let this user do it; access lists are not looked at. */
export function allowed({ uid, gids }: User, { mode, uid: owner, gid }: Stats, bit: 'read' | 'write' | 'enter'): boolean {
  if (uid === 0) return true;
  const mask = { read: 4, write: 2, enter: 1 }[bit];
  const shift = uid === owner ? 6 : gids.includes(gid) ? 3 : 0;
  return ((mode >> shift) & mask) !== 0;
}

/** The first folder on the way to `path` that this user may not enter; undefined: all is open. */
export function barrier(tree: Tree, user: User, path: string): string | undefined {
  const parts = path.split('/').slice(1, -1);
  const folders = ['/', ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)];
  return folders.find((folder) => {
    const stat = tree.stat(folder);
    return stat !== undefined && !allowed(user, stat, 'enter');
  });
}
