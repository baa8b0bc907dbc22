import { closeSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../model/source.ts';
import type { Content } from './content.ts';
import type { Contents } from './contents.ts';
import { sameFile } from './identity.ts';
import type { FileId } from './identity.ts';
import { openSafely } from './opening.ts';
import type { OpenedFile } from './opening.ts';
import type { Trust } from './walk.ts';
import type { FollowPattern } from './pattern.ts';
import { codeOf, isPassing, reasonOf } from './report.ts';
import type { Log } from './report.ts';
import { family, isLater, isYoung, missedParts, MOST_ATTEMPTS, siblingAt } from './siblings.ts';
import type { Sibling } from './siblings.ts';

/** A folder in which files of a pattern lie; `only`: where a plain path is all that is followed in it. */
export interface Ground {
  readonly folder: string;
  readonly only: string | undefined;
}

export interface MissedSettings {
  readonly clock: Clock;
  readonly log: Log;
  readonly trust: Trust;
  readonly contents: Contents;
  /** When the last run looked last, ns since the epoch: it may have known a chain of which nothing was left to remember. */
  readonly since: bigint | undefined;
  /** This inode is being read. */
  readonly taken: (id: FileId) => boolean;
  /** Bytes in the file of a content now, if it is followed. */
  readonly sizeOf: (content: Content) => number | undefined;
  /** What the user said about files at this path; undefined: they are not followed. */
  readonly patternOf: (path: string) => FollowPattern | undefined;
  /** Reads a part whose chain is that of `path`. Owns the file from now on. */
  readonly take: (part: string, file: OpenedFile, path: string, pattern: FollowPattern | undefined) => void;
}

/** A folder that changed within this time may change again within one tick of its clock. ns. */
const TICK = 1_000_000_000n;
/** The clock may tell whole milliseconds: so much later than it says is surely not before. ns. */
const COARSE = 1_000_000n;
/** A file's birth is told in ticks of the kernel's: so much earlier than it was, at most. ns. */
const BIRTH_TICK = 10_000_000n;
const MOST_REMEMBERED = 10_000;

/**
 * Finds the parts of a log that came to its path and were renamed away unseen: while the daemon was down, or between two
 * looks. Of a chain that is known they are what came after its newest content; of another, what came since the last run
 * looked, or since this one began: what lay there before is an archive nobody asked for.
 */
export class Missed {
  readonly #settings: MissedSettings;
  readonly #begin: bigint;
  /** Time of change of each ground in which nothing was left to be found. */
  readonly #searched = new Map<string, bigint>();
  /** Parts that were taken, as they were then: two of the same age must not pass for later than each other in turn. */
  readonly #taken = new Set<string>();

  constructor(settings: MissedSettings) {
    this.#settings = settings;
    this.#begin = settings.since === undefined ? settings.clock.now() + COARSE : settings.since - BIRTH_TICK;
  }

  /**
   * Reads what was missed in logs that have no file at their path, or one without a byte. There nothing else would ever ask
   * for them. Costs one look at each folder as long as nothing changes in it. `isRead`: the file at this path is being read.
   */
  search(grounds: readonly Ground[], isRead: (path: string) => boolean): void {
    for (const ground of grounds) {
      try {
        this.#searchGround(ground, isRead);
      } catch (error) {
        // Tried again at the next look; the other folders are no worse for it.
        this.#settings.log('debug', 'search_failed', { folder: ground.folder, why: reasonOf(error) });
      }
    }
    if (this.#searched.size > MOST_REMEMBERED) this.#searched.clear();
  }

  /** Reads what was missed of the chain of `path`, oldest first. False: something could not be read for now. */
  read(path: string, pattern: FollowPattern | undefined): boolean {
    const { taken, log } = this.#settings;
    const later = this.#laterIn(path);
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      const fates = missedParts(path, later, taken, log).map((part) => this.#readPart(part, path, pattern));
      if (!fates.includes('moved')) return !fates.includes('refused');
    }
    return false;
  }

  #searchGround({ folder, only }: Ground, isRead: (path: string) => boolean): void {
    if (only !== undefined && isRead(only)) return;
    const changed = statSync(folder, { bigint: true, throwIfNoEntry: false })?.mtimeNs;
    const key = only ?? `${folder}/`;
    if (changed === undefined || this.#searched.get(key) === changed) return;
    const settled = this.#searchFolder(folder, (chain) => (only === undefined || chain === only) && !isRead(chain));
    if (settled && this.#settings.clock.now() - changed > TICK) this.#searched.set(key, changed);
  }

  #searchFolder(folder: string, isSought: (chain: string) => boolean): boolean {
    const { patternOf, taken } = this.#settings;
    const chains = new Set<string>();
    for (const name of this.#list(folder)) {
      const path = join(folder, name);
      const chain = family(path);
      if (chain === path || chains.has(chain) || !isSought(chain) || patternOf(chain) === undefined) continue;
      const part = siblingAt(path);
      if (part !== undefined && !taken(part.id) && this.#laterIn(chain)(part)) chains.add(chain);
    }
    let settled = true;
    for (const chain of chains) settled = this.read(chain, patternOf(chain)) && settled;
    return settled;
  }

  /** Which files came after all that is known of a chain, or after the beginning if nothing is. */
  #laterIn(path: string): (part: Sibling) => boolean {
    const newest = this.#settings.contents.newest(path);
    return newest === undefined ? isYoung(this.#begin) : isLater(newest);
  }

  /** `moved`: the part is not where it was, because it is being rotated right now. `refused`: it may be readable later. */
  #readPart(part: Sibling, path: string, pattern: FollowPattern | undefined): 'settled' | 'moved' | 'refused' {
    const { trust, contents, take, sizeOf } = this.#settings;
    const stamp = stampOf(part);
    if (this.#taken.has(stamp)) return 'settled';
    const opening = openSafely(part.path, pattern?.trust ?? trust);
    if (opening.kind === 'absent') return 'moved';
    if (opening.kind === 'refused') return isPassing(opening.problem.kind) ? 'refused' : 'settled';
    const { file } = opening;
    if (!sameFile(file.id, part.id) || contents.isKnown(file.fd, sizeOf)) {
      closeSync(file.fd);
      return sameFile(file.id, part.id) ? 'settled' : 'moved';
    }
    if (this.#taken.size >= MOST_REMEMBERED) this.#taken.clear();
    this.#taken.add(stamp);
    take(part.path, file, path, pattern);
    return 'settled';
  }

  #list(folder: string): string[] {
    try {
      return readdirSync(folder);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#settings.log('debug', 'siblings_unreadable', { folder, why: reasonOf(error) });
      return [];
    }
  }
}

const stampOf = ({ id, size, mtime }: Sibling): string => `${id.dev}:${id.ino}:${id.birth}:${size}:${mtime}`;
