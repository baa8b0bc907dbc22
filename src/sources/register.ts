import { closeSync, fstatSync, lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock, Intake } from '../model/source.ts';
import { compressionOf } from './archive.ts';
import { FROM_ZERO, startAtZero } from './content.ts';
import type { Content } from './content.ts';
import { Contents, startAtEnd } from './contents.ts';
import type { Newest } from './contents.ts';
import { drain } from './drain.ts';
import type { Drained } from './drain.ts';
import { Held } from './held.ts';
import { fileId, holds, inodeOf, openSafely, sameFile } from './identity.ts';
import type { Fingerprint, OpenedFile, Trust } from './identity.ts';
import type { FollowPattern } from './pattern.ts';
import { FileReader, sharedBuffer } from './reader.ts';
import type { FileRecord } from './record.ts';
import { ioProblem } from './report.ts';
import type { Log, Problem } from './report.ts';
import { byAge, findContent, missedParts, MOST_ATTEMPTS, packedHead, packedProblem } from './siblings.ts';
import type { Found, Sibling } from './siblings.ts';

export interface RegisterSettings {
  readonly intake: Intake;
  readonly clock: Clock;
  readonly log: Log;
  readonly trust: Trust;
  readonly from: 'beginning' | 'end';
  /** What the user said about files at this path. */
  readonly patternOf: (path: string) => FollowPattern | undefined;
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

/** A content that is read out of a compressed copy. */
export interface Draining {
  readonly content: Content;
  readonly path: string;
}

/**
 * Knows which open file holds which content. Decides, for each file that turns up, whether it is known (resume), the
 * successor of a known one, a copy of one, or new; and finds a content again whose file was renamed, copied or compressed.
 */
export class Register {
  /** By inode, oldest first. */
  readonly held = new Map<string, Held>();
  readonly draining = new Set<Draining>();
  readonly contents: Contents;
  readonly #settings: RegisterSettings;
  readonly #buffer = sharedBuffer();

  constructor(settings: RegisterSettings) {
    this.#settings = settings;
    this.contents = new Contents(settings.intake, settings.log, settings.records);
  }

  /** Takes a file that was just opened. Nothing of it is read before it is settled. */
  hold(file: OpenedFile, path: string, pattern: FollowPattern | undefined, live: boolean, first = false): Held {
    const now = this.#settings.clock.steady();
    const held = new Held(file, path, pattern, live ? { kind: 'live' } : { kind: 'left', since: now }, now, first);
    this.held.set(held.inode, held);
    this.#settings.log('debug', 'file_opened', { path, inode: held.inode, size: file.size });
    this.#settings.opened(held);
    return held;
  }

  /** Decides about all files that have no reader yet, and about the records that have no file yet. */
  settleAll(): void {
    const waiting = this.#waiting();
    for (const held of waiting) this.#guarded(held, () => this.#resumeSame(held));
    for (const record of [...this.contents.pending.values()]) this.#tryRecover(record);
    const ages = waiting.map((held) => ({ held, path: held.path, id: held.id, mtime: fstatSync(held.fd, { bigint: true }).mtimeNs }));
    for (const { held } of ages.sort(byAge)) this.settle(held);
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
    this.#adopt(held, this.contents.resume(record, held.fd, held.id, held.pattern ?? this.#settings.patternOf(record.path)));
  }

  #tryRecover(record: FileRecord): void {
    try {
      this.#recover(record);
    } catch (error) {
      // The record stays pending: it is tried again when the next file turns up, and after the next start.
      this.#settings.log('warn', 'source_problem', { ...ioProblem(record.path, error) });
    }
  }

  /** A record whose file was not among the followed ones: rotated, copied, compressed, or gone. */
  #recover(record: FileRecord): void {
    const found = this.#find(record.path, record);
    const [first] = found;
    if (first?.kind === 'plain') return this.#resume(this.hold(first.file, first.path, undefined, false), record);
    const waiting = this.#waitingWith(record);
    if (waiting !== undefined) {
      for (const each of found) closeSync(each.file.fd);
      return this.#resume(waiting, record);
    }
    if (first !== undefined) {
      const content = this.contents.resume(record, undefined, record.id, this.#settings.patternOf(record.path));
      return void this.#drain(content, found, record);
    }
    if (this.#mayReturn(record)) return;
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
    const found = this.#find(content.path, { ...print, id: content.id });
    const [first] = found;
    if (first?.kind === 'plain') return this.#adopt(this.hold(first.file, first.path, undefined, false), content);
    if (first !== undefined) return void this.#drain(content, found, print);
    this.contents.lose('lost_on_truncation', content.path, content.lineStart, content.size);
    this.contents.end(content);
  }

  #adopt(held: Held, content: Content): void {
    content.id = held.id;
    held.measure();
    held.reader = new FileReader(held.fd, content, this.#settings.intake, this.#buffer);
    held.lastTold = undefined;
  }

  #beginNew(held: Held): void {
    const { from, log } = this.#settings;
    const newest = this.contents.newest(held.path);
    if (newest !== undefined) this.#readMissed(held, newest);
    const start = held.first && newest === undefined && from === 'end' ? startAtEnd(held.fd) : startAtZero(held.fd);
    const fresh = newest === undefined && start.offset === 0;
    const rank = this.contents.nextRank(held.path);
    const { path, id, pattern } = held;
    this.#adopt(held, this.contents.begin({ key: this.contents.freeKey(id), path, rank, fresh, id, mtime: 0n, start, pattern }));
    held.look();
    log('info', 'following', { path, from: start.offset, fresh, rank });
  }

  /** Rotated parts between the newest known content and this file, which went through its path unseen. */
  #readMissed(held: Held, newest: Newest): void {
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      const parts = missedParts(held.path, newest, (inode) => this.#isTaken(inode), this.#settings.log);
      if (parts.filter((part) => !this.#readPart(part, held)).length === 0) return;
    }
  }

  /** False: the part is not where it was, because it is being rotated right now. */
  #readPart(part: Sibling, { path, pattern }: Held): boolean {
    const { log } = this.#settings;
    const opening = openSafely(part.path, this.#trust(pattern));
    if (opening.kind !== 'opened') return opening.kind === 'refused';
    const { file, file: { fd, id, mtime } } = opening;
    if (!sameFile(id, part.id) || this.contents.isKnown(fd)) {
      closeSync(fd);
      return sameFile(id, part.id);
    }
    const rank = this.contents.nextRank(path);
    log('info', 'rotated_unseen', { path: part.path, rank });
    const head = packedHead(fd);
    const start = head === undefined ? startAtZero(fd) : { ...FROM_ZERO, head };
    const content = this.contents.begin({ key: this.contents.freeKey(id), path, rank, fresh: false, id, mtime, start, pattern });
    if (head === undefined) this.#adopt(this.hold(file, part.path, pattern, false), content);
    else void this.#drain(content, [{ kind: 'compressed', path: part.path, file }], undefined);
    return true;
  }

  #trust(pattern: FollowPattern | undefined): Trust {
    return pattern?.trust ?? this.#settings.trust;
  }

  #isTaken(inode: string): boolean {
    return this.held.has(inode) || [...this.draining].some(({ content }) => inodeOf(content.id) === inode);
  }

  async #drain(content: Content, found: readonly Found[], print: Fingerprint | undefined): Promise<void> {
    const { intake, ready, onRead, log } = this.#settings;
    content.seal(print);
    let outcome: Drained = { kind: 'other' };
    for (const { path, file } of found) {
      if (outcome.kind !== 'other') {
        closeSync(file.fd);
        continue;
      }
      const entry = { content, path };
      this.draining.add(entry);
      intake.behind(content.source);
      outcome = await drain({ path, file, content, intake, print, ready, onRead });
      this.draining.delete(entry);
      log('debug', 'compressed_read', { path, outcome: outcome.kind, offset: content.lineStart });
      if (outcome.kind === 'damaged') log('error', 'source_problem', { ...outcome.problem });
    }
    if (outcome.kind === 'stopped') return;
    // How much is missing of a damaged file is not known: at least one byte.
    const end = Math.max(content.size, content.lineStart + 1);
    if (outcome.kind !== 'done') this.contents.lose('lost_while_down', content.path, content.lineStart, end);
    this.contents.end(content);
    onRead();
  }

  #find(path: string, wanted: Fingerprint & Pick<FileRecord, 'id'>): Found[] {
    const { log, patternOf } = this.#settings;
    return findContent(path, wanted.id, wanted, { trust: this.#trust(patternOf(path)), log, taken: (inode) => this.#isTaken(inode) });
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
