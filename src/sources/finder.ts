import { lstatSync } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import type { Clock } from '../model/source.ts';
import type { Steady } from '../model/time.ts';
import type { Held } from './held.ts';
import { inodeOf, sameFile } from './identity.ts';
import { openSafely } from './opening.ts';
import { isUnchanged } from './parking.ts';
import type { Parked } from './parking.ts';
import type { Register } from './register.ts';
import type { Log } from './report.ts';
import { giveBack } from './scout.ts';
import type { Candidate, Find, Scout } from './scout.ts';
import type { Trust } from './walk.ts';

export interface FinderSettings {
  readonly scout: Scout;
  readonly register: Register;
  readonly clock: Clock;
  readonly log: Log;
  readonly trust: Trust;
  readonly graceMs: number;
  /** So many files may be open at once. */
  readonly budget: number;
}

/** Such a share of the descriptors is given back at once when they are needed, */
const SHARE = 1 / 16;

/** First those that can spare their descriptor best: an unfinished line is lost if its file is deleted while it is closed. */
const byRest = (a: Held, b: Held): number =>
  Number(a.content?.isUnfinished ?? false) - Number(b.content?.isUnfinished ?? false) || a.lastBytes - b.lastBytes;

/**
 * Finds which files came, moved and left, and sees to it that there are descriptors for those that have something to be
 * read: where more files are followed than may be open, those at their end are parked.
 */
export class Finder {
  readonly counters = { rotated: 0, parked: 0, reopened: 0 };
  readonly #settings: FinderSettings;
  /** They wait for a descriptor. */
  #crowd: Candidate[] = [];
  /** Parked files that a watch has spoken of, waiting for a descriptor, too. */
  readonly #woken = new Set<string>();
  /** Files that were there at the first look and still wait. */
  readonly #fromFirst = new Set<string>();
  #searching = false;
  /** Counts the looks. */
  #look = 0;
  #told = false;

  constructor(settings: FinderSettings) {
    this.#settings = settings;
  }

  /** Files that cannot be looked into for want of descriptors. */
  get waiting(): number {
    return this.#crowd.length;
  }

  /** Some file has to wait for a descriptor. */
  get isWaiting(): boolean {
    return this.#crowd.length > 0 || this.#woken.size > 0;
  }

  /** Looks at everything. Not re-entered: what a file finds by its own turn is found by this one too. */
  search(first: boolean): void {
    if (this.#searching) return;
    this.#searching = true;
    try {
      this.#find(first);
    } finally {
      this.#searching = false;
    }
    this.admit();
  }

  /** A file stands at its end: if its path has another file by now, that one must be known before anybody believes the end. */
  recheck(held: Held): void {
    if (held.place.kind === 'live' && this.#settings.scout.inodeAt(held.path) !== held.inode) this.search(false);
  }

  /** A watch says that this file has changed. False: it is not known, or not where it was. */
  woken(inode: string): boolean {
    const parked = this.#settings.register.parking.get(inode);
    if (parked === undefined) return this.#settings.register.held.has(inode);
    if (this.#makeRoom()) return this.#reopen(parked);
    this.#woken.add(inode);
    return true;
  }

  /** Opens what waits, as far as descriptors can be had. */
  admit(): void {
    if (this.#searching || !this.isWaiting) return;
    this.#searching = true;
    try {
      this.#admit();
    } finally {
      this.#searching = false;
    }
  }

  #admit(): void {
    const { register, scout } = this.#settings;
    for (const inode of this.#woken) {
      if (!this.#makeRoom()) return;
      this.#woken.delete(inode);
      const parked = register.parking.get(inode);
      if (parked !== undefined) this.#reopen(parked);
    }
    let opened = false;
    while (this.#crowd.length > 0 && this.#makeRoom()) {
      const candidate = this.#crowd.shift();
      const found = candidate === undefined ? undefined : scout.open(candidate);
      if (found === undefined) continue;
      this.#take(found, this.#fromFirst.delete(inodeOf(found.file.id)));
      opened = true;
    }
    if (opened) register.settleAll([], this.#waitingInodes());
  }

  #find(first: boolean): void {
    const { register, scout, clock, budget } = this.#settings;
    const { held: files, parking } = register;
    this.#look += 1;
    const { seen, opened, grounds, crowd } = scout.look({
      held: (inode) => files.get(inode)?.path,
      isParked: (inode, stats, path) => this.#isParked(inode, stats, path),
      isAtRest: (path) => this.#isAtRest(path),
      room: Math.max(0, budget - files.size),
    });
    this.#crowd = [...crowd];
    if (first) for (const { inode } of crowd) this.#fromFirst.add(inode);
    const now = clock.steady();
    for (const held of files.values()) this.#place(held, seen.get(held.inode), now);
    for (const each of opened) this.#take(each, first || this.#fromFirst.delete(inodeOf(each.file.id)));
    const waiting = this.#waitingInodes();
    for (const parked of [...parking.values()]) {
      if (parked.seen !== this.#look && !waiting.has(parked.inode)) this.#lookAfter(parked, now);
    }
    if (first || opened.length > 0 || register.isUnsettled) register.settleAll(grounds, waiting);
    else register.searchMissed(grounds);
  }

  #isParked(inode: string, stats: BigIntStats, path: string): boolean {
    const parked = this.#settings.register.parking.get(inode);
    if (parked === undefined || !isUnchanged(parked, stats) || this.#mayFinish(parked)) return false;
    this.#settings.register.parking.move(parked, path);
    return this.#see(parked);
  }

  #isAtRest(path: string): boolean {
    const parked = this.#settings.register.parking.atRest(path);
    return parked !== undefined && !this.#mayFinish(parked) && this.#see(parked);
  }

  #see(parked: Parked): true {
    if (parked.place.kind !== 'live') parked.place = { kind: 'live' };
    parked.seen = this.#look;
    return true;
  }

  /** Its last line will get no end any more, and has to be read. */
  #mayFinish({ content, lastBytes, place, path }: Parked): boolean {
    const { register, clock, graceMs } = this.#settings;
    if (content?.isUnfinished !== true || (place.kind === 'live' && !register.contents.isSuperseded(content, path))) return false;
    const since = place.kind === 'left' ? place.since : 0;
    return clock.steady() - Math.max(since, lastBytes) >= graceMs;
  }

  /** A parked file that no pattern finds (any more). */
  #lookAfter(parked: Parked, now: Steady): void {
    const { register, log, graceMs, clock } = this.#settings;
    if (parked.place.kind === 'live') {
      this.counters.rotated += 1;
      log('info', 'rotated', { path: parked.path, inode: parked.inode });
      parked.place = { kind: 'left', since: now, at: clock.now() };
    }
    const stats = lstatSync(parked.path, { bigint: true, throwIfNoEntry: false });
    if (stats !== undefined && isUnchanged(parked, stats)) {
      if (this.#mayFinish(parked)) this.woken(parked.inode);
      else if (now - Math.max(parked.place.since, parked.lastBytes) >= graceMs) register.finishParked(parked);
    } else if (this.#makeRoom()) register.leave(parked);
  }

  #take(found: Find, first: boolean): void {
    const { register } = this.#settings;
    const inode = inodeOf(found.file.id);
    const parked = register.parking.get(inode);
    if (register.held.has(inode)) giveBack(found.file);
    else if (parked !== undefined && sameFile(parked.id, found.file.id)) {
      this.counters.reopened += 1;
      register.reopen(parked, found.file, { kind: 'live' }, found.path).wokenBy = 'sweep';
    } else {
      register.hold({ ...found, live: true, first });
      if (parked !== undefined) register.leave(parked);
    }
  }

  /** True if the parked file is open now. */
  #reopen(parked: Parked): boolean {
    const { register, trust } = this.#settings;
    const opening = openSafely(parked.path, parked.pattern?.trust ?? trust);
    if (opening.kind !== 'opened') return false;
    if (!sameFile(opening.file.id, parked.id)) {
      giveBack(opening.file);
      return false;
    }
    this.counters.reopened += 1;
    register.reopen(parked, opening.file, parked.place, parked.path).wokenBy = 'watch';
    return true;
  }

  /** Whether one more file may be opened; parks some that stand at their end if need be. */
  #makeRoom(): boolean {
    const { register, budget, log } = this.#settings;
    if (register.held.size < budget) return true;
    const idle = [...register.held.values()].filter((held) => held.isIdle).sort(byRest);
    const wanted = Math.max(1, Math.ceil(budget * SHARE));
    let parked = 0;
    for (const held of idle) {
      if (parked < wanted && register.park(held)) parked += 1;
    }
    this.counters.parked += parked;
    if (parked > 0 && !this.#told) {
      this.#told = true;
      log('info', 'files_parked', { budget, text: `More files are followed than may be open at once (${budget}): those at their end are closed and looked at by name.` });
    }
    return parked > 0;
  }

  #waitingInodes(): Set<string> {
    return new Set(this.#crowd.map(({ inode }) => inode));
  }

  #place(held: Held, path: string | undefined, now: Steady): void {
    const { log, clock } = this.#settings;
    if (path === undefined && held.place.kind === 'live') {
      held.place = { kind: 'left', since: now, at: clock.now() };
      this.counters.rotated += 1;
      log('info', 'rotated', { path: held.path, inode: held.inode });
    } else if (path !== undefined) {
      held.place = { kind: 'live' };
      if (held.path !== path) log('info', 'renamed', { from: held.path, to: path });
      held.path = path;
    }
  }
}
