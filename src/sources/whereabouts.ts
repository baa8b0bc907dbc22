import type { Content } from './content.ts';
import type { Held } from './held.ts';
import { holds, inodeOf, parts } from './identity.ts';
import type { FileId, Fingerprint } from './identity.ts';
import type { Parking } from './parking.ts';
import type { FollowPattern } from './pattern.ts';
import type { FileRecord } from './record.ts';
import type { Log } from './report.ts';
import { findContent } from './siblings.ts';
import type { Found, Sibling } from './siblings.ts';
import type { Trust } from './walk.ts';

/** What was listed next to a path, kept for the length of one recovery. */
export type Listed = Map<string, readonly Sibling[]>;

export interface WhereaboutsSettings {
  readonly log: Log;
  readonly trust: Trust;
  readonly held: ReadonlyMap<string, Held>;
  readonly parking: Parking;
  readonly patternOf: (path: string) => FollowPattern | undefined;
}

/** Where a content may lie that has no file, or lost its own: known by its bytes, whatever the file is called. */
export class Whereabouts {
  readonly #settings: WhereaboutsSettings;

  constructor(settings: WhereaboutsSettings) {
    this.#settings = settings;
  }

  /**
   * This file is being read, or was read to its end and waits for more. Not the one in which a content lay that is being read out of a compressed
   * copy: that may have been cut off and written again since, and if it was not, its bytes tell (`Contents.isKnown`).
   */
  isTaken(id: FileId): boolean {
    const { held, parking } = this.#settings;
    const inode = inodeOf(id);
    return held.has(inode) || parking.get(inode) !== undefined;
  }

  /** Held files of which nothing is read yet. */
  waiting(): Held[] {
    return [...this.#settings.held.values()].filter((held) => held.reader === undefined);
  }

  /** One of them that holds this content. `over`: its bytes, if all of it was read. */
  waitingWith(print: Fingerprint, over?: number): Held | undefined {
    if (print.head.length === 0) return undefined;
    return this.waiting().find(({ fd }) => holds(fd, print) && (over === undefined || !parts(fd, over)));
  }

  /** Files that hold the content now and that nobody reads, opened: the caller owns them. Throws when there is no descriptor to look with. */
  find({ path, via }: Content | FileRecord, wanted: Fingerprint & Pick<FileRecord, 'id'>, listed: Listed = new Map()): Found[] {
    const { log, patternOf, trust } = this.#settings;
    return findContent(path, wanted.id, wanted, { trust: patternOf(via ?? path)?.trust ?? trust, log, taken: (id) => this.isTaken(id), listed });
  }
}
