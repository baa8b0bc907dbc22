import { fstatSync } from 'node:fs';
import type { Clock, Intake } from '../model/source.ts';
import { steady } from '../model/time.ts';
import type { Steady } from '../model/time.ts';
import { compressionOf } from './archive.ts';
import { FROM_ZERO, startAtEnd, startAtZero } from './content.ts';
import type { Content } from './content.ts';
import { Contents } from './contents.ts';
import type { FirstSight } from './contents.ts';
import { Drains } from './drains.ts';
import { Held } from './held.ts';
import type { Holding, Place } from './held.ts';
import { inodeOf } from './identity.ts';
import type { OpenedFile } from './opening.ts';
import type { Trust } from './walk.ts';
import { Parking } from './parking.ts';
import type { Parked } from './parking.ts';
import { Missed } from './missed.ts';
import type { Ground } from './missed.ts';
import type { FollowPattern } from './pattern.ts';
import { Recovery } from './recovery.ts';
import { FileReader, sharedBuffer } from './reader.ts';
import type { FileRecord } from './record.ts';
import { ioProblem } from './report.ts';
import type { Log, Problem } from './report.ts';
import { byAge, packedHead, packedProblem } from './siblings.ts';
import type { Found } from './siblings.ts';
import { Whereabouts } from './whereabouts.ts';

export interface RegisterSettings {
  readonly intake: Intake;
  readonly clock: Clock;
  readonly log: Log;
  readonly trust: Trust;
  readonly from: FirstSight;
  /** What the user said about files at this path. */
  readonly patternOf: (path: string) => FollowPattern | undefined;
  /** The same, but nothing for what we write ourselves. */
  readonly foreignPatternOf: (path: string) => FollowPattern | undefined;
  /** Records of the last run. */
  readonly records: readonly FileRecord[];
  /** When that looked through all folders last, by the clock of the file system, ns since the epoch. */
  readonly lastRun: bigint | undefined;
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
  readonly parking = new Parking();
  /** Some content has no file for a reason that may pass. */
  isUnsettled = false;
  readonly #settings: RegisterSettings;
  readonly #whereabouts: Whereabouts;
  readonly #missed: Missed;
  readonly #recovery: Recovery;
  readonly #buffer = sharedBuffer();

  constructor(settings: RegisterSettings) {
    this.#settings = settings;
    const { intake, clock, log, trust, records, ready, onRead } = settings;
    this.contents = new Contents(intake, log, records);
    this.drains = new Drains({ intake, log, contents: this.contents, ready, onRead });
    this.#whereabouts = new Whereabouts({ log, trust, held: this.held, parking: this.parking, patternOf: settings.patternOf });
    this.#missed = new Missed({
      // Who wants no old lines wants none of unknown parts either.
      since: settings.from.kind === 'beginning' ? settings.lastRun : undefined,
      clock, log, trust, contents: this.contents, patternOf: settings.foreignPatternOf,
      taken: (id) => this.#whereabouts.isTaken(id), sizeOf: (content) => this.held.get(inodeOf(content.id))?.measure(),
      take: (part, file, path, pattern) => this.#takePart(part, file, path, pattern),
    });
    this.#recovery = new Recovery({
      log, contents: this.contents, drains: this.drains, held: this.held, whereabouts: this.#whereabouts, patternOf: settings.patternOf,
      steadyAt: (at) => this.#steadyAt(at),
      holdPart: (part) => this.#holdPart(part),
      adopt: (held, content) => this.#adopt(held, content),
      guarded: (held, action) => this.#guarded(held, action),
    });
  }

  /** Takes a file that was just opened. Nothing of it is read before it is settled. */
  hold(holding: Holding, unwatch?: () => void): Held {
    const { clock } = this.#settings;
    const place: Place = holding.live ? { kind: 'live' } : { kind: 'left', since: clock.steady(), at: clock.now() };
    const held = new Held(holding, place, this.#steadyAt(holding.file.mtime));
    held.unwatch = unwatch;
    this.held.set(held.inode, held);
    this.#settings.log('debug', 'file_opened', { path: held.path, inode: held.inode, size: holding.file.size });
    this.#settings.opened(held);
    return held;
  }

  /**
   * Decides about all files that have no reader yet, and about the records that have no file yet. `unopened`: inodes of
   * files that wait for a descriptor; what they are is decided when they have one.
   */
  settleAll(grounds: readonly Ground[], unopened: ReadonlySet<string>): void {
    const waiting = this.#whereabouts.waiting();
    this.isUnsettled = !this.#recovery.run(waiting, unopened);
    this.searchMissed(grounds);
    const ages = waiting.map((held) => ({ held, path: held.path, id: held.id, mtime: fstatSync(held.fd, { bigint: true }).mtimeNs }));
    for (const { held } of ages.sort(byAge)) this.settle(held);
  }

  /** Reads what was rotated away unseen where no file at the followed path would bring it up. */
  searchMissed(grounds: readonly Ground[]): void {
    const read = new Set<string>();
    for (const { path, place, reader } of this.held.values()) if (place.kind === 'live' && reader !== undefined) read.add(path);
    for (const { path, place, content } of this.parking.values()) if (place.kind === 'live' && content !== undefined) read.add(path);
    this.#missed.search(grounds, (path) => read.has(path));
  }

  /** Begins reading a file of which nothing is read, if it can be told by now what it is. */
  settle(held: Held): void {
    if (held.reader !== undefined) return;
    this.#guarded(held, () => {
      const size = held.measure();
      if (size === 0) return;
      const compression = compressionOf(held.opening);
      if (compression === 'gzip' || compression === 'zstd') {
        this.drop(held);
        return this.#settings.refused(held, packedProblem(held.path, compression));
      }
      if (compression === undefined || [...this.held.values()].some((other) => held.copies(other, size)) || this.parking.holdsCopy(held, size)) return;
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
    this.#rehome(content, 'lost_on_truncation');
    this.settle(held);
  }

  /** Nothing can come any more from a file that left: closes it. A copy at a followed path goes on with its content. */
  finish(held: Held): void {
    if (this.held.get(held.inode) !== held) return;
    this.drop(held);
    const { content } = held;
    if (content === undefined) return;
    const heir = this.#whereabouts.waitingWith(content.fingerprint(), content.scanned);
    if (heir === undefined) return this.contents.over(content);
    this.#adopt(heir, content);
  }

  /** Gives back the descriptor of a file that stands at its end. False: it has more to be read. */
  park(held: Held): boolean {
    if (!this.parking.take(held)) return false;
    this.held.delete(held.inode);
    held.release();
    return true;
  }

  /** Goes on with a parked file, which was just opened again. */
  reopen(parked: Parked, file: OpenedFile, place: Place, path: string): Held {
    this.parking.remove(parked);
    const held = this.hold({ ...parked, file, path, live: true }, parked.unwatch);
    held.place = place;
    if (parked.content !== undefined) this.#adopt(held, parked.content);
    return held;
  }

  /** A parked file is not where it was: its content goes on wherever it lies now. */
  leave(parked: Parked): void {
    this.parking.drop(parked);
    const { content, place } = parked;
    if (content === undefined) return;
    this.#rehome(content, 'lost_while_down');
    const heir = this.held.get(inodeOf(content.id));
    // The grace goes on: it began when the file left its path.
    if (heir?.content === content && heir.place.kind === 'left' && place.kind === 'left') heir.place = place;
  }

  /** Nothing can come any more from a parked file that left, unless something still waits for it. */
  finishParked(parked: Parked): void {
    const { content } = parked;
    if (content !== undefined && (this.#settings.intake.awaited(content.source) || this.#settings.intake.pinned(content.source) !== undefined)) return;
    this.parking.drop(parked);
    if (content !== undefined) this.contents.over(content);
  }

  /** Closes a file. What becomes of its content is the caller's matter. */
  drop(held: Held): void {
    this.held.delete(held.inode);
    held.close();
  }

  /** Frees all descriptors. */
  close(): void {
    for (const held of [...this.held.values()]) this.drop(held);
    for (const parked of this.parking.values()) this.parking.drop(parked);
  }

  /** Finds another file that holds the content, which lost its own. */
  #rehome(content: Content, loss: 'lost_on_truncation' | 'lost_while_down'): void {
    try {
      const print = content.fingerprint();
      const heir = this.#whereabouts.waitingWith(print);
      if (heir !== undefined) return this.#adopt(heir, content);
      const found = this.#whereabouts.find(content, { ...print, id: content.id });
      const [first] = found;
      if (first?.kind === 'plain') return this.#adopt(this.#holdPart(first), content);
      if (first !== undefined) return void this.drains.run(content, found, print);
      this.contents.lose(loss, content.path, content.lineStart, content.size);
      this.contents.over(content);
    } catch (error) {
      this.#settings.log('warn', 'source_problem', { ...ioProblem(content.path, error) });
      this.isUnsettled = true;
      this.contents.suspend(content);
    }
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
    const sight: FirstSight | undefined = held.first && newest === undefined ? from : undefined;
    const start = sight?.kind === 'end' ? startAtEnd(held.fd) : startAtZero(held.fd);
    const notBefore = sight?.kind === 'since' ? sight.notBefore : undefined;
    const fresh = (newest === undefined || newest.lost === true) && start.offset === 0;
    const rank = this.contents.nextRank(held.via ?? held.path);
    const { path, via, id, pattern } = held;
    this.#adopt(held, this.contents.begin({ key: this.contents.freeKey(id), path, via, rank, fresh, notBefore, id, mtime: 0n, start, pattern }));
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
    const newest = this.contents.newest(path);
    const fresh = newest === undefined || newest.lost === true;
    const content = this.contents.begin({ key: this.contents.freeKey(id), path, via: undefined, rank, fresh, notBefore: undefined, id, mtime, start, pattern });
    if (head === undefined) this.#adopt(this.hold({ file, path: part, pattern, live: false }), content);
    else void this.drains.run(content, [{ kind: 'compressed', path: part, file }], undefined);
  }

  #holdPart({ file, path }: Found): Held {
    return this.hold({ file, path, pattern: undefined, live: false });
  }

  /** The moment of a wall clock time (ns), as far as the wall clock can be believed: never later than now. */
  #steadyAt(at: bigint): Steady {
    const { clock } = this.#settings;
    return steady(clock.steady() - Math.max(0, Number(clock.now() - at) / 1e6));
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
