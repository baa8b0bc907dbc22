import { closeSync, lstatSync, realpathSync, statSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { openSafely } from './opening.ts';
import type { OpenedFile } from './opening.ts';
import type { Trust } from './walk.ts';
import { compilePattern, concerns, expand, matches } from './pattern.ts';
import type { FollowPattern, Pattern } from './pattern.ts';
import type { Ground } from './missed.ts';
import { codeOf, ioProblem, isPassing, reasonOf } from './report.ts';
import type { Log, Problem, ProblemKind } from './report.ts';

export interface ScoutSettings {
  readonly patterns: readonly FollowPattern[];
  readonly trust: Trust;
  /** Files and folders of our own, never followed whatever a pattern says. */
  readonly exclude: readonly string[];
  readonly log: Log;
  /** New files may appear in this folder. */
  readonly folder: (path: string) => void;
}

/** A file that was opened: `via` is the name a pattern gave, if that is a link to `path`. */
export interface Find {
  readonly file: OpenedFile;
  readonly path: string;
  readonly via: string | undefined;
  readonly pattern: FollowPattern;
}

/** A file nobody holds yet, for which there was no descriptor. */
export interface Candidate {
  readonly path: string;
  readonly inode: string;
  readonly pattern: FollowPattern;
}

/** What is known of files already. */
export interface Known {
  /** The path under which a file with this inode is held; undefined if it is not. */
  readonly held: (inode: string) => string | undefined;
  /** The file is followed without being open, and has not changed. */
  readonly isParked: (inode: string, stats: BigIntStats, path: string) => boolean;
  /** The same, told quickly and by the path alone; it is seen then. */
  readonly isAtRest: (path: string) => boolean;
  /** So many more files may be opened. */
  readonly room: number;
}

export interface Sighting {
  /** Inode to path, for the files that `held` knows. Of several paths the one it had before is kept. */
  readonly seen: ReadonlyMap<string, string>;
  /** Files nobody holds yet, opened; the caller owns them. */
  readonly opened: readonly Find[];
  /** Those that would be opened if there were room. */
  readonly crowd: readonly Candidate[];
  /** Where else parts of what is followed may lie. */
  readonly grounds: readonly Ground[];
}

interface Refusal {
  /** Changes when the file is another one or its permissions change. */
  readonly stamp: string;
  readonly problem: Problem;
}

/** A glob meets these as a matter of course. */
const EXPECTED: ReadonlySet<ProblemKind> = new Set(['compressed', 'own_output']);

/** Files that links pointed to are remembered for their parts that went by unseen; beyond this the oldest are forgotten. */
const MOST_TARGETS = 10_000;

/** Looks for the files the patterns name. Opens each new one that may be followed, and says once why another may not. */
export class Scout {
  readonly #settings: ScoutSettings;
  readonly #patterns: readonly Pattern[];
  readonly #refused = new Map<string, Refusal>();
  readonly #own: readonly string[];
  /** Where followed links pointed to. */
  readonly #targets = new Map<string, FollowPattern>();

  constructor(settings: ScoutSettings) {
    this.#settings = settings;
    this.#patterns = settings.patterns.map(compilePattern);
    this.#own = settings.exclude.flatMap((path) => [resolve(path), real(resolve(path))]);
  }

  /** Why files that a pattern names are not followed. */
  problems(): Problem[] {
    return [...this.#refused.values()].map(({ problem }) => problem);
  }

  concerns(path: string): boolean {
    return this.#patterns.some((pattern) => concerns(pattern, path));
  }

  /** The user's words for a file at this path, also where the file has gone from it. */
  patternOf(path: string): FollowPattern | undefined {
    return this.#patterns.find((pattern) => matches(pattern, path))?.from ?? this.#targets.get(path);
  }

  /** The same; undefined, too, for what we write ourselves. */
  foreignPatternOf(path: string): FollowPattern | undefined {
    const pattern = this.patternOf(path);
    return pattern === undefined || this.#isOwn(path) ? undefined : pattern;
  }

  /** Inode at `path` right now, links not followed. */
  inodeAt(path: string): string | undefined {
    const stats = this.#stat(path);
    return stats === undefined ? undefined : inode(stats);
  }

  look({ held, isParked, isAtRest, room }: Known): Sighting {
    const seen = new Map<string, string>();
    const opened: Find[] = [];
    const crowd: Candidate[] = [];
    const taken = new Set<string>();
    const grounds = new Map<string, Ground>();
    for (const pattern of this.#patterns) {
      for (const path of this.#expand(pattern, grounds)) {
        if (isAtRest(path)) continue;
        const { stats, linked } = this.#target(path, pattern.from);
        if (stats === undefined) this.#cured(path);
        if (stats === undefined || taken.has(inode(stats))) continue;
        const known = held(inode(stats));
        const at = linked ? real(path) : path;
        if (known !== undefined || isParked(inode(stats), stats, at)) {
          if (known === at || !seen.has(inode(stats))) seen.set(inode(stats), at);
          continue;
        }
        const found = opened.length < room ? this.#open(path, stats, pattern.from) : undefined;
        if (found !== undefined) opened.push(found);
        else if (opened.length >= room && this.#mayOpen(path, stats)) crowd.push({ path, inode: inode(stats), pattern: pattern.from });
        else continue;
        taken.add(inode(stats));
      }
    }
    for (const target of this.#targets.keys()) grounds.set(target, { folder: dirname(target), only: target });
    return { seen, opened, crowd, grounds: [...grounds.values()] };
  }

  /** Opens what had to wait, if it is still there. */
  open({ path, pattern }: Candidate): Find | undefined {
    const { stats } = this.#target(path, pattern);
    return stats === undefined ? undefined : this.#open(path, stats, pattern);
  }

  /** Says once that a file is not followed, and remembers it until the file changes. */
  refuse(path: string, problem: Problem, stats = this.#stat(path)): void {
    const before = this.#refused.get(path);
    this.#refused.set(path, { stamp: stats === undefined ? '' : stampOf(stats), problem });
    if (before?.problem.kind !== problem.kind) this.#settings.log(EXPECTED.has(problem.kind) ? 'info' : 'warn', 'file_refused', { ...problem });
  }

  #expand(pattern: Pattern, grounds: Map<string, Ground>): string[] {
    const only = pattern.rest.length === 0 ? pattern.root : undefined;
    const visit = (folder: string): void => {
      this.#settings.folder(folder);
      grounds.set(only ?? `${folder}/`, { folder, only });
    };
    if (only !== undefined) visit(dirname(only));
    return expand(pattern, visit, (path, error) => this.refuse(path, ioProblem(path, error)));
  }

  /** It was not refused as it is now. */
  #mayOpen(path: string, stats: BigIntStats): boolean {
    const refusal = this.#refused.get(path);
    return refusal === undefined || refusal.stamp !== stampOf(stats) || isPassing(refusal.problem.kind);
  }

  #open(path: string, stats: BigIntStats, pattern: FollowPattern): Find | undefined {
    if (!this.#mayOpen(path, stats)) return undefined;
    const { trust = this.#settings.trust, links } = pattern;
    if (this.#isOwn(path)) {
      this.refuse(path, ownProblem(path), stats);
      return undefined;
    }
    const opening = openSafely(path, trust, links);
    if (opening.kind === 'refused') this.refuse(path, opening.problem, stats);
    if (opening.kind !== 'opened') return undefined;
    this.#cured(path);
    const { file } = opening;
    if (file.target === undefined) return { file, path, via: undefined, pattern };
    this.#linkedTo(file.target, pattern);
    return { file, path: file.target, via: path, pattern };
  }

  /** What a name leads to: itself, or what it points to where links are followed. */
  #target(path: string, { links }: FollowPattern): { stats: BigIntStats | undefined; linked: boolean } {
    const stats = this.#stat(path);
    if (links !== 'follow' || stats?.isSymbolicLink() !== true) return { stats, linked: false };
    return { stats: this.#stat(path, statSync), linked: true };
  }

  #linkedTo(target: string, pattern: FollowPattern): void {
    this.#targets.delete(target);
    this.#targets.set(target, pattern);
    const [oldest] = this.#targets.keys();
    if (this.#targets.size > MOST_TARGETS && oldest !== undefined) this.#targets.delete(oldest);
  }

  #isOwn(path: string): boolean {
    const names = [path, real(path)];
    return this.#own.some((own) => names.some((name) => name === own || name.startsWith(`${own}/`)));
  }

  #cured(path: string): void {
    if (this.#refused.delete(path)) this.#settings.log('info', 'file_no_longer_refused', { path });
  }

  #stat(path: string, stat: typeof lstatSync = lstatSync): BigIntStats | undefined {
    try {
      return stat(path, { bigint: true, throwIfNoEntry: false });
    } catch (error) {
      if (codeOf(error) !== 'ENOTDIR' && codeOf(error) !== 'ELOOP') this.#settings.log('debug', 'stat_failed', { path, why: reasonOf(error) });
      return undefined;
    }
  }
}

/** Closes what was opened by a look that nobody wants. */
export const giveBack = (file: OpenedFile): void => closeSync(file.fd);

const inode = (stats: BigIntStats): string => `${stats.dev}:${stats.ino}`;
/** Times alone may be a second apart. */
const stampOf = (stats: BigIntStats): string => `${inode(stats)}:${stats.ctimeNs}:${stats.mode}:${stats.uid}:${stats.nlink}:${stats.size}`;

/** The path without links; as it is where it does not exist (yet). */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // Not there yet: its own name is all there is to compare.
    return path;
  }
}

const ownProblem = (where: string): Problem => ({
  kind: 'own_output',
  what: 'not followed: shimtrace writes it itself',
  where,
  why: 'following it would never end',
  todo: 'narrow the pattern if this is unwanted',
});
