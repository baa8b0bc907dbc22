import { closeSync, fstatSync, lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock, Intake } from '../model/source.ts';
import { steady } from '../model/time.ts';
import type { Steady } from '../model/time.ts';
import { compressionOf } from './archive.ts';
import { FROM_ZERO, startAtZero } from './content.ts';
import type { Content } from './content.ts';
import { Contents, startAtEnd } from './contents.ts';
import { Drains } from './drains.ts';
import { Held } from './held.ts';
import type { Holding, Place } from './held.ts';
import { fileId, holds, sameFile } from './identity.ts';
import type { Fingerprint } from './identity.ts';
import type { OpenedFile } from './opening.ts';
import type { Trust } from './walk.ts';
import { Missed } from './missed.ts';
import type { Ground } from './missed.ts';
import type { FollowPattern } from './pattern.ts';
import { FileReader, sharedBuffer } from './reader.ts';
import { isSpent } from './record.ts';
import type { FileRecord } from './record.ts';
import { ioProblem } from './report.ts';
import type { Log, Problem } from './report.ts';
import { byAge, findContent, packedHead, packedProblem } from './siblings.ts';
import type { Found, Sibling } from './siblings.ts';

type Listed = Map<string, readonly Sibling[]>;

export interface RegisterSettings {
  readonly intake: Intake;
  readonly clock: Clock;
  readonly log: Log;
  readonly trust: Trust;
  readonly from: 'beginning' | 'end';
  /** What the user said about files at this path. */
  readonly patternOf: (path: string) => FollowPattern | undefined;
  /** The same, but nothing for what we write ourselves. */
  readonly foreignPatternOf: (path: string) => FollowPattern | undefined;
  /** Records of the last run. */
  readonly records: readonly FileRecord[];
  /** A file was opened: watch it, look at it. */
  readonly opened: (held: Held) => void;
  /** A file that was opened is not followed after all. */
  readonly refused: (held: Held, problem: Problem) => void;
  /** Waits while reading is paused. False: stop. */
  readonly ready: () => Promise<boolean>;
  readonly onRead: () => void;
}

/**
 * Knows which open file holds which content. Decides, for each file that turns up, whether it is known (resume), the
 * successor of a known one, a copy of one, or new; and finds a content again whose file was renamed, copied or compressed.
 */
export class Register {
  /** By inode, oldest first. */
  readonly held = new Map<string, Held>();
  readonly drains: Drains;
  readonly contents: Contents;
  readonly #settings: RegisterSettings;
  readonly #missed: Missed;
  readonly #buffer = sharedBuffer();

  constructor(settings: RegisterSettings) {
    this.#settings = settings;
    const { intake, clock, log, trust, records, ready, onRead } = settings;
    this.contents = new Contents(intake, log, records);
    this.drains = new Drains({ intake, log, contents: this.contents, ready, onRead });
    this.#missed = new Missed({
      clock, log, trust, contents: this.contents, patternOf: settings.foreignPatternOf,
      taken: (inode) => this.#isTaken(inode),
      take: (part, file, path, pattern) => this.#takePart(part, file, path, pattern),
    });
  }

  /** Takes a file that was just opened. Nothing of it is read before it is settled. */
  hold(holding: Holding): Held {
    const { clock } = this.#settings;
    const { file, path } = holding;
    const place: Place = holding.live ? { kind: 'live' } : { kind: 'left', since: clock.steady(), at: clock.now() };
    const held = new Held(holding, place, this.#steadyAt(file.mtime));
    this.held.set(held.inode, held);
    this.#settings.log('debug', 'file_opened', { path, inode: held.inode, size: file.size });
    this.#settings.opened(held);
    return held;
  }

  /** Decides about all files that have no reader yet, and about the records that have no file yet. */
  settleAll(grounds: readonly Ground[]): void {
    const waiting = this.#waiting();
    for (const held of waiting) this.#guarded(held, () => this.#resumeSame(held));
    const listed: Listed = new Map();
    for (const record of [...this.contents.pending.values()]) this.#tryRecover(record, listed);
    this.searchMissed(grounds);
    const ages = waiting.map((held) => ({ held, path: held.path, id: held.id, mtime: fstatSync(held.fd, { bigint: true }).mtimeNs }));
    for (const { held } of ages.sort(byAge)) this.settle(held);
  }

  /** Reads what was rotated away unseen where no file at the followed path would bring it up. */
  searchMissed(grounds: readonly Ground[]): void {
    const read = new Set<string>();
    for (const { path, place, reader } of this.held.values()) if (place.kind === 'live' && reader !== undefined) read.add(path);
    this.#missed.search(grounds, (path) => read.has(path));
  }

  /** Begins reading a file of which nothing is read, if it can be told by now what it is. */
  settle(held: Held): void {
    if (held.reader !== undefined) return;
    this.#guarded(held, () => {
      const size = held.measure();
      if (size === 0) return;
      const compression = compressionOf(held.opening);
      if (compression === 'gzip' || compression === 'zstd') return this.#refuse(held, packedProblem(held.path, compression));
      if (compression === undefined || [...this.held.values()].some((other) => held.copies(other, size))) return;
      this.#beginNew(held);
    });
  }

  /** The bytes that were read of the file are gone: its content goes on in a copy, or ends here, and a new one begins. */
  rewritten(held: Held): void {
    const { content } = held;
    if (content === undefined) return;
    this.#settings.log('info', 'truncated', { path: held.path, read: content.lineStart, size: content.size });
    held.reader = undefined;
    held.lastTold = undefined;
    held.opening = Buffer.alloc(0);
    held.found = 0;
    this.#rehome(content);
    this.settle(held);
  }

  /** Nothing can come any more from a file that left: closes it. A copy at a followed path goes on with its content. */
  finish(held: Held): void {
    if (this.held.get(held.inode) !== held) return;
    this.#drop(held);
    const { content } = held;
    if (content === undefined) return;
    const heir = this.#waitingWith(content.fingerprint());
    if (heir === undefined) this.contents.end(content);
    else this.#adopt(heir, content);
  }

  /** Frees all descriptors. */
  close(): void {
    for (const held of [...this.held.values()]) this.#drop(held);
  }

  #resumeSame(held: Held): void {
    for (const record of this.contents.pending.values()) {
      if (sameFile(record.id, held.id) && holds(held.fd, record)) return this.#resume(held, record);
    }
  }

  #resume(held: Held, record: FileRecord): void {
    this.#settings.log('info', 'resumed_at', { path: held.path, offset: record.offset });
    const { left: at } = record;
    if (held.place.kind === 'left' && at !== undefined) held.place = { kind: 'left', since: this.#steadyAt(at), at };
    this.#adopt(held, this.contents.resume(record, held.fd, held.id, held.pattern ?? this.#settings.patternOf(record.via ?? record.path)));
  }

  #tryRecover(record: FileRecord, listed: Listed): void {
    try {
      this.#recover(record, listed);
    } catch (error) {
      // The record stays pending: it is tried again when the next file turns up, and after the next start.
      this.#settings.log('warn', 'source_problem', { ...ioProblem(record.path, error) });
    }
  }

  /** A record whose file was not among the followed ones: rotated, copied, compressed, or gone. */
  #recover(record: FileRecord, listed: Listed): void {
    // Nothing is left to read of it, so its file is not sought; one that turns up by itself is known.
    const found = isSpent(record) ? [] : this.#find(record, record, listed);
    const [first] = found;
    if (first?.kind === 'plain') return this.#resume(this.#holdPart(first), record);
    const waiting = this.#waitingWith(record);
    if (waiting !== undefined) {
      for (const each of found) closeSync(each.file.fd);
      return this.#resume(waiting, record);
    }
    if (first !== undefined) {
      const content = this.contents.resume(record, undefined, record.id, this.#settings.patternOf(record.via ?? record.path));
      return void this.drains.run(content, found, record);
    }
    if (isSpent(record) || this.#mayReturn(record)) return;
    this.contents.pending.delete(record.key);
    this.contents.lose('lost_while_down', record.path, record.offset, record.size);
  }

  /** Its file is only out of reach for now: not permitted, or its folder is not mounted. */
  #mayReturn(record: FileRecord): boolean {
    const stats = lstatSync(record.path, { bigint: true, throwIfNoEntry: false });
    if (stats !== undefined) return sameFile(fileId(stats), record.id) && ![...this.held.values()].some((held) => sameFile(held.id, record.id));
    return lstatSync(dirname(record.path), { throwIfNoEntry: false }) === undefined;
  }

  /** Finds another file that holds the content, which lost its own. */
  #rehome(content: Content): void {
    const print = content.fingerprint();
    const heir = this.#waitingWith(print);
    if (heir !== undefined) return this.#adopt(heir, content);
    const found = this.#find(content, { ...print, id: content.id });
    const [first] = found;
    if (first?.kind === 'plain') return this.#adopt(this.#holdPart(first), content);
    if (first !== undefined) return void this.drains.run(content, found, print);
    this.contents.lose('lost_on_truncation', content.path, content.lineStart, content.size);
    this.contents.end(content);
  }

  #adopt(held: Held, content: Content): void {
    content.id = held.id;
    held.measure();
    held.read(new FileReader(held.fd, content, this.#settings.intake, this.#buffer));
  }

  #beginNew(held: Held): void {
    const { from, log } = this.#settings;
    const newest = this.contents.newest(held.via ?? held.path);
    if (newest !== undefined) this.#missed.read(held.path, held.pattern);
    const start = held.first && newest === undefined && from === 'end' ? startAtEnd(held.fd) : startAtZero(held.fd);
    const fresh = newest === undefined && start.offset === 0;
    const rank = this.contents.nextRank(held.via ?? held.path);
    const { path, via, id, pattern } = held;
    this.#adopt(held, this.contents.begin({ key: this.contents.freeKey(id), path, via, rank, fresh, id, mtime: 0n, start, pattern }));
    held.look();
    log('info', 'following', { path, from: start.offset, fresh, rank });
  }

  /** A rotated part that went through `path` unseen. */
  #takePart(part: string, file: OpenedFile, path: string, pattern: FollowPattern | undefined): void {
    const { fd, id, mtime } = file;
    const rank = this.contents.nextRank(path);
    this.#settings.log('info', 'rotated_unseen', { path: part, rank });
    const head = packedHead(fd);
    const start = head === undefined ? startAtZero(fd) : { ...FROM_ZERO, head };
    const fresh = this.contents.newest(path) === undefined;
    const content = this.contents.begin({ key: this.contents.freeKey(id), path, via: undefined, rank, fresh, id, mtime, start, pattern });
    if (head === undefined) this.#adopt(this.hold({ file, path: part, pattern, live: false }), content);
    else void this.drains.run(content, [{ kind: 'compressed', path: part, file }], undefined);
  }

  #isTaken(inode: string): boolean {
    return this.held.has(inode) || this.drains.reads(inode);
  }

  #holdPart({ file, path }: Found): Held {
    return this.hold({ file, path, pattern: undefined, live: false });
  }

  #find({ path, via }: Content | FileRecord, wanted: Fingerprint & Pick<FileRecord, 'id'>, listed: Listed = new Map()): Found[] {
    const { log, patternOf, trust } = this.#settings;
    return findContent(path, wanted.id, wanted, { trust: patternOf(via ?? path)?.trust ?? trust, log, taken: (inode) => this.#isTaken(inode), listed });
  }

  /** The moment of a wall clock time (ns), as far as the wall clock can be believed: never later than now. */
  #steadyAt(at: bigint): Steady {
    const { clock } = this.#settings;
    return steady(clock.steady() - Math.max(0, Number(clock.now() - at) / 1e6));
  }

  #waiting(): Held[] {
    return [...this.held.values()].filter((held) => held.reader === undefined);
  }

  #waitingWith(print: Fingerprint): Held | undefined {
    return print.head.length === 0 ? undefined : this.#waiting().find((held) => holds(held.fd, print));
  }

  #refuse(held: Held, problem: Problem): void {
    this.#drop(held);
    this.#settings.refused(held, problem);
  }

  #drop(held: Held): void {
    this.held.delete(held.inode);
    held.close();
  }

  /** A file that cannot be read is a problem of that file alone. */
  #guarded(held: Held, action: () => void): void {
    try {
      action();
    } catch (error) {
      held.problem = ioProblem(held.path, error);
      this.#settings.log('warn', 'source_problem', { ...held.problem });
    }
  }
}
