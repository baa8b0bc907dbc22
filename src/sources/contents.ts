import { fstatSync, lstatSync } from 'node:fs';
import { dirname } from 'node:path';
import { sourceKey } from '../model/source.ts';
import type { Intake, SourceKey } from '../model/source.ts';
import { nanos } from '../model/time.ts';
import type { Nanos } from '../model/time.ts';
import { Content, FROM_ZERO, startAt } from './content.ts';
import type { StartingPoint } from './content.ts';
import { HEAD_BYTES, holds, readAt } from './identity.ts';
import type { FileId, Fingerprint } from './identity.ts';
import type { FollowPattern } from './pattern.ts';
import { isSpent } from './record.ts';
import type { FileRecord } from './record.ts';
import type { Log } from './report.ts';
import { begins, bornBy, family, packedHead } from './siblings.ts';

export interface Beginning {
  readonly key: SourceKey;
  readonly path: string;
  readonly via: string | undefined;
  readonly rank: number;
  readonly fresh: boolean;
  readonly notBefore: Nanos | undefined;
  readonly id: FileId;
  /** ns since the epoch. */
  readonly mtime: bigint;
  readonly start: StartingPoint;
  readonly pattern: FollowPattern | undefined;
}

/** Where to begin in a file that was there at the very first look and that no record knows; `since`: at its beginning, but older lines are not asked for. */
export type FirstSight = { readonly kind: 'beginning' } | { readonly kind: 'end' } | { readonly kind: 'since'; readonly notBefore: Nanos };

/** The newest content of a chain of rotated files: a content, or what the last run left of one. */
export interface Newest {
  readonly key: SourceKey;
  readonly rank: number;
  readonly id: FileId;
  readonly mtime: bigint;
  readonly born?: bigint | undefined;
  /** As in its record. */
  readonly lost?: boolean;
}

/** Ways in which bytes are lost before they are read. */
export type Loss = 'lost_while_down' | 'lost_on_truncation' | 'lost_to_limit';
const ADVICE: Readonly<Record<Loss, string>> = {
  lost_while_down: 'keep more rotated files',
  lost_on_truncation: 'rotate by rename instead of copytruncate',
  lost_to_limit: 'bring the back-end back, keep more rotated files, or raise limits.held_deleted',
};

/** Chains whose newest content is over are remembered so that their next file is no stranger; beyond this the oldest are forgotten. */
const MOST_ENDED = 1000;
/** Files whose number of contents is remembered; beyond this only those that are still known. */
const MOST_GENERATIONS = 50_000;

/** All contents of this run and what the last run left: their order in chains, their end, and what is saved of them. */
export class Contents {
  /** Records of the last run that no file was found for yet, or that need none because all of it was read. */
  readonly pending = new Map<SourceKey, FileRecord>();
  readonly counters = { lost: 0, lost_bytes: 0 };
  readonly #open = new Set<Content>();
  /** Something was read of them since `takeGrown`. */
  readonly #grown = new Set<Content>();
  /** They get no line any more, but something of them is pinned, or they are the newest of their chain. */
  #ended: Content[] = [];
  readonly #chains = new Map<string, Newest>();
  /** Of each file: how many keys it has had. */
  readonly #generations = new Map<string, number>();
  readonly #intake: Intake;
  readonly #log: Log;

  constructor(intake: Intake, log: Log, records: readonly FileRecord[]) {
    this.#intake = intake;
    this.#log = log;
    for (const record of [...records].sort((a, b) => a.rank - b.rank)) {
      this.pending.set(record.key, record);
      this.#use(record.key);
      this.#lead(record);
    }
  }

  /** `path`: any of the chain, or the link that points to its newest. */
  newest(path: string): Newest | undefined {
    return this.#chains.get(family(path));
  }

  /** It is the newest of its chain now. What is followed by a link has a chain by its own name, and one by that of the link. */
  #lead(newest: Content | FileRecord): void {
    for (const chain of chainsOf(newest)) this.#chains.set(chain, newest);
  }

  /**
   * A newer part of its chain is known, or lies where the newest belongs while this one, at `path`, has the name of a
   * rotated one: by rotation it should get no more lines.
   */
  isSuperseded(content: Content, path: string): boolean {
    if (this.newest(content.via ?? content.path)?.key !== content.key) return true;
    return family(path) !== path && lstatSync(family(path), { throwIfNoEntry: false }) !== undefined;
  }

  /** Rank of what comes next in the chain of `path`. */
  nextRank(path: string): number {
    return (this.newest(path)?.rank ?? -1) + 1;
  }

  /** A key that no content of this file has had, as far as anybody remembers. */
  freeKey(id: FileId): SourceKey {
    const file = fileOf(id);
    const generation = this.#generations.get(file) ?? 0;
    return sourceKey(generation === 0 ? file : `${file}:${generation}`);
  }

  begin(from: Beginning): Content {
    const { key, path, via, rank, fresh, notBefore, pattern } = from;
    const pins = {
      ...(notBefore === undefined ? {} : { notBefore }),
      ...(pattern?.runtime === undefined ? {} : { runtime: pattern.runtime }),
      ...(pattern?.scheme === undefined ? {} : { scheme: pattern.scheme }),
    };
    const content = new Content(this.#intake, { key, name: path, fresh, rank, ...pins }, from.id, from.mtime, from.start, via);
    this.#open.add(content);
    this.#use(key);
    const before = this.newest(via ?? path);
    if (before !== undefined && before.rank < rank) content.born = bornBy(before);
    if ((before?.rank ?? -1) <= rank) this.#lead(content);
    return content;
  }

  /** Keys are `dev:ino:birth` for the first content of a file, and with `:1`, `:2` ... for later ones. */
  #use(key: SourceKey): void {
    const [dev = '', ino = '', birth = '', generation = '0'] = key.split(':');
    const file = `${dev}:${ino}:${birth}`;
    this.#generations.set(file, Math.max(this.#generations.get(file) ?? 0, Number(generation) + 1));
    if (this.#generations.size <= MOST_GENERATIONS) return;
    this.#generations.clear();
    for (const used of [...this.known(), ...this.pending.values(), ...this.#chains.values()]) this.#use(used.key);
  }

  /** Goes on where a record stands. `fd`: the file that holds its bytes, if there is one that can be read at any place. */
  resume(record: FileRecord, fd: number | undefined, id: FileId, pattern: FollowPattern | undefined): Content {
    this.pending.delete(record.key);
    const { key, path, rank, mtime, offset } = record;
    const start = fd === undefined ? { ...FROM_ZERO, offset } : startAt(fd, offset, record.head.length);
    const content = this.begin({ key, path, via: record.via, rank, fresh: false, notBefore: record.notBefore === undefined ? undefined : nanos(record.notBefore), id, mtime, start, pattern });
    content.size = record.size;
    content.left = record.left;
    content.born = record.born;
    if (fd === undefined) content.seal(record);
    return content;
  }

  /**
   * Its file is out of reach for now: it is sought again as after a restart. `over`: all of it was read, so it is not sought,
   * only known again if it comes back.
   */
  suspend(content: Content, over = false): void {
    this.#open.delete(content);
    this.#intake.end(content.source);
    this.pending.set(content.key, content.record(this.#intake, over));
    this.#log('info', 'source_suspended', { path: content.path, offset: content.lineStart });
  }

  /** Nothing more is to be read of it. Where its folder is gone it may come back with it, and must then be known. */
  over(content: Content): void {
    const isAway = lstatSync(dirname(content.path), { throwIfNoEntry: false }) === undefined;
    if (isAway && this.#intake.pinned(content.source) === undefined) this.suspend(content, true);
    else this.end(content);
  }

  /** No line of it will come any more. */
  end(content: Content): void {
    this.#open.delete(content);
    this.#ended.push(content);
    this.#bequeath(content);
    this.#intake.end(content.source);
    this.#log('debug', 'source_ended', { path: content.path, offset: content.lineStart });
  }

  /**
   * It is soon forgotten: what was written late to it, or that it was copied after the file of the newest of its chain was
   * born, must not make its file look later than that one.
   */
  #bequeath(content: Content): void {
    const newest = this.newest(content.via ?? content.path);
    if (newest === undefined || newest.key === content.key) return;
    const mtime = newest.mtime < content.mtime ? content.mtime : newest.mtime;
    const born = bornBy(newest) < bornBy(content) ? bornBy(content) : newest.born;
    if (newest instanceof Content) {
      newest.mtime = mtime;
      newest.born = born;
    } else {
      const record = this.pending.get(newest.key);
      if (record !== undefined) this.#replace({ ...record, mtime, ...(born === undefined ? {} : { born }) });
    }
  }

  #replace(record: FileRecord): void {
    this.pending.set(record.key, record);
    for (const chain of chainsOf(record)) if (this.#chains.get(chain)?.key === record.key) this.#chains.set(chain, record);
  }

  /**
   * The file of the last run's record is nowhere to be found. It is remembered like one that was read to its end, so that what came to its path
   * since is known as later, whatever became of that; and if it turns up again, it is read on.
   */
  gone(record: FileRecord): void {
    const { path, offset, size } = record;
    this.#replace({ ...record, ended: true, size: offset, ...(offset < size && { lost: true }) });
    this.lose('lost_while_down', path, offset, size);
  }

  /** Bytes that were there and were not (all) delivered cannot be found: said and counted, never silent. */
  lose(event: Loss, path: string, from: number, to: number): void {
    if (from >= to) return;
    this.counters.lost += 1;
    this.counters.lost_bytes += to - from;
    this.#log('error', event, { path, from, to, bytes: to - from, todo: ADVICE[event] });
  }

  /** Something was read of it. */
  grew(content: Content): void {
    this.#grown.add(content);
  }

  /** How large those are of which something was read since the last call. */
  takeGrown(): [SourceKey, number][] {
    const grown = [...this.#grown].map((content): [SourceKey, number] => [content.key, Math.max(content.size, content.scanned)]);
    this.#grown.clear();
    return grown;
  }

  /** Contents that may still lie in some file, known by their bytes. */
  known(): Content[] {
    return [...this.#open, ...this.#ended];
  }

  /**
   * The open file holds a content, as it is or compressed, that is read or was read from another one. `sizeOf`: bytes in
   * that other one now, if it is open. A copy never holds more than its original, unless that was truncated since.
   */
  isKnown(fd: number, sizeOf: (content: Content) => number | undefined): boolean {
    const { size } = fstatSync(fd);
    const isMore = (content: Content): boolean => {
      const whole = sizeOf(content) ?? content.size;
      return size > whole && whole >= content.known;
    };
    // Read and unpacked once: there may be thousands to compare it with.
    const [plain, packed] = [begins(readAt(fd, 0, HEAD_BYTES)), begins(packedHead(fd))];
    const isHeld = (print: Fingerprint, content?: Content): boolean => {
      if (print.head.length === 0) return false;
      return (plain(print.head) && (content === undefined || !isMore(content)) && holds(fd, print)) || packed(print.head);
    };
    return this.known().some((content) => isHeld(content.fingerprint(), content)) || [...this.pending.values()].some((record) => isHeld(record));
  }

  /** What the state must hold now, from what the intake says is pinned at this moment. */
  records(): FileRecord[] {
    this.#forget();
    const open = [...this.#open].map((content) => content.record(this.#intake, false));
    return [...open, ...this.#ended.map((content) => content.record(this.#intake, true)), ...this.pending.values()];
  }

  /** Lets go of what is over and not pinned, unless it is the newest of its chain. */
  #forget(): void {
    const isNewest = (each: Content | FileRecord): boolean => chainsOf(each).some((chain) => this.#chains.get(chain)?.key === each.key);
    const isPinned = (content: Content): boolean => this.#intake.pinned(content.source) !== undefined;
    this.#ended = this.#ended.filter((content) => isPinned(content) || isNewest(content));
    const spent = [...this.pending.values()].filter(isSpent);
    for (const record of spent) if (!isNewest(record)) this.pending.delete(record.key);
    const idle = [...spent.filter(isNewest), ...this.#ended.filter((content) => !isPinned(content))];
    const surplus = new Set(idle.slice(0, Math.max(0, idle.length - MOST_ENDED)).map(({ key }) => key));
    if (surplus.size === 0) return;
    for (const each of idle) {
      if (!surplus.has(each.key)) continue;
      for (const chain of chainsOf(each)) if (this.#chains.get(chain)?.key === each.key) this.#chains.delete(chain);
    }
    for (const key of surplus) this.pending.delete(key);
    this.#ended = this.#ended.filter(({ key }) => !surplus.has(key));
  }
}

const chainsOf = ({ path, via }: Content | FileRecord): string[] => (via === undefined ? [family(path)] : [family(via), family(path)]);

const fileOf = (id: FileId): string => `${id.dev}:${id.ino}:${id.birth}`;
