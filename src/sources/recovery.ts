import { closeSync, lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Steady } from '../model/time.ts';
import type { Content } from './content.ts';
import type { Contents } from './contents.ts';
import type { Drains } from './drains.ts';
import type { Held } from './held.ts';
import { fileId, holds, inodeOf, sameFile } from './identity.ts';
import type { FollowPattern } from './pattern.ts';
import { isSpent } from './record.ts';
import type { FileRecord } from './record.ts';
import { ioProblem } from './report.ts';
import type { Log } from './report.ts';
import type { Found } from './siblings.ts';
import type { Listed, Whereabouts } from './whereabouts.ts';

export interface RecoverySettings {
  readonly log: Log;
  readonly contents: Contents;
  readonly drains: Drains;
  readonly held: ReadonlyMap<string, Held>;
  readonly whereabouts: Whereabouts;
  readonly patternOf: (path: string) => FollowPattern | undefined;
  readonly steadyAt: (at: bigint) => Steady;
  readonly holdPart: (part: Found) => Held;
  readonly adopt: (held: Held, content: Content) => void;
  /** Does it; what the system refuses is a problem of this file alone. */
  readonly guarded: (held: Held, action: () => void) => void;
}

/** Finds the files of what a run before, or a look before, has left: where they were, renamed, copied, compressed, or not at all. */
export class Recovery {
  readonly #settings: RecoverySettings;

  constructor(settings: RecoverySettings) {
    this.#settings = settings;
  }

  /**
   * Decides about every record that has no file. `waiting`: files of which nothing is read yet. `unopened`: inodes of files
   * that wait for a descriptor; theirs are left for later. False: something could not be decided for now.
   */
  run(waiting: readonly Held[], unopened: ReadonlySet<string>): boolean {
    const { contents, guarded } = this.#settings;
    if (contents.pending.size === 0) return true;
    const records = Map.groupBy(contents.pending.values(), ({ id }) => inodeOf(id));
    for (const held of waiting) guarded(held, () => this.#resumeSame(held, records.get(held.inode) ?? []));
    const listed: Listed = new Map();
    let decided = true;
    for (const record of [...contents.pending.values()]) {
      if (!unopened.has(inodeOf(record.id)) && !this.#tryRecover(record, listed)) decided = false;
    }
    return decided;
  }

  #resumeSame(held: Held, records: readonly FileRecord[]): void {
    for (const record of records) {
      if (sameFile(record.id, held.id) && holds(held.fd, record)) return this.#resume(held, record);
    }
  }

  #resume(held: Held, record: FileRecord): void {
    const { log, steadyAt, adopt, contents } = this.#settings;
    log('info', 'resumed_at', { path: held.path, offset: record.offset });
    const { left: at } = record;
    if (held.place.kind === 'left' && at !== undefined) held.place = { kind: 'left', since: steadyAt(at), at };
    adopt(held, contents.resume(record, held.fd, held.id, held.pattern ?? this.#patternOf(record)));
  }

  /** False: not now. The record stays pending and is tried again at the next look, and after the next start. */
  #tryRecover(record: FileRecord, listed: Listed): boolean {
    try {
      this.#recover(record, listed);
      return true;
    } catch (error) {
      this.#settings.log('warn', 'source_problem', { ...ioProblem(record.path, error) });
      return false;
    }
  }

  /** A record whose file was not among the followed ones: rotated, copied, compressed, or gone. */
  #recover(record: FileRecord, listed: Listed): void {
    const { whereabouts, holdPart, contents, drains } = this.#settings;
    // Nothing is left to read of it, so its file is not sought; one that turns up by itself is known.
    const found = isSpent(record) ? [] : whereabouts.find(record, record, listed);
    const [first] = found;
    if (first?.kind === 'plain') return this.#resume(holdPart(first), record);
    const waiting = whereabouts.waitingWith(record, isSpent(record) ? record.size : undefined);
    if (waiting !== undefined) {
      for (const each of found) closeSync(each.file.fd);
      return this.#resume(waiting, record);
    }
    if (first !== undefined) {
      const content = contents.resume(record, undefined, record.id, this.#patternOf(record));
      return void drains.run(content, found, record);
    }
    if (isSpent(record) || this.#mayReturn(record)) return;
    contents.gone(record);
  }

  /** Its file is only out of reach for now: not permitted, or its folder is not mounted. */
  #mayReturn(record: FileRecord): boolean {
    const stats = lstatSync(record.path, { bigint: true, throwIfNoEntry: false });
    if (stats !== undefined) return sameFile(fileId(stats), record.id) && ![...this.#settings.held.values()].some((held) => sameFile(held.id, record.id));
    return lstatSync(dirname(record.path), { throwIfNoEntry: false }) === undefined;
  }

  #patternOf({ path, via }: FileRecord): FollowPattern | undefined {
    return this.#settings.patternOf(via ?? path);
  }
}
