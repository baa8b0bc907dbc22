/**
 * What a command has written, kept until it is acknowledged: nobody else keeps it. One stream of bytes, cut into files that are named by the place
 * of their first byte (`0000000000004096.lines`), so that a line has the same place after a restart. Where the disk takes nothing the
 * stream goes on in memory, and those bytes are gone after a crash.
 */
import { closeSync, fdatasync, fsyncSync, mkdirSync, readSync, rmSync, writeSync } from 'node:fs';
import { copyFrom, newPart, openPart, partsIn, syncFolder, writtenAt } from './parts.ts';
import type { Part } from './parts.ts';
import { NEWLINE } from '../lines.ts';
import type { Nanos, Steady } from '../../model/time.ts';
import { codeOf, reasonOf } from '../report.ts';
import type { Log } from '../report.ts';

export interface SpoolSettings {
  /** Of this command alone. */
  readonly folder: string;
  /** Bytes it may fill, those in memory included. */
  readonly limit: number;
  /** For people: whose lines they are. */
  readonly name: string;
  readonly log: Log;
  readonly steady: () => Steady;
}

/** kept: they outlive a crash once synced. unsafe: the disk does not take them. lost: there is no room. */
export type Fate = 'kept' | 'unsafe' | 'lost';

/** Files in the spool: one is deleted when nothing in it is held, so they must not be few. */
const FILES = 16;
const SMALLEST_FILE = 64 << 10;
const MOST_IN_MEMORY = 8 << 20;
/** A disk in trouble is tried again after so long. */
const PAUSE_MS = 5_000;
export class LineSpool {
  readonly #settings: SpoolSettings;
  #parts: Part[] = [];
  /** The last part, if it is a file that takes more. */
  #writing: Part | undefined;
  #end = 0;
  #midLine = false;
  #written: Nanos | undefined;
  readonly #unsynced = new Set<number>();
  #failing = false;
  #pausedUntil = -Infinity;

  constructor(settings: SpoolSettings) {
    this.#settings = settings;
  }

  /** Where the next byte stands. */
  get end(): number {
    return this.#end;
  }

  get bytes(): number {
    return this.#parts.reduce((sum, { from, to }) => sum + to - from, 0);
  }

  /** There is room for more than a few lines. */
  get roomy(): boolean {
    return this.bytes <= this.#settings.limit * (1 - 1 / FILES);
  }

  /**
   * What the last run left. @param from before this everything was acknowledged; undefined: nothing is known. @param to so far it had come when
   * it said so. @returns where to read on.
   */
  open(from: number | undefined, to = 0): number {
    this.#find();
    this.#dropEmpty();
    const first = from ?? this.#parts[0]?.from ?? 0;
    this.#end = Math.max(first, to, this.#parts.at(-1)?.to ?? 0);
    this.#midLine = !this.endsLine;
    this.release(first);
    return first;
  }

  /** When the last run was given something last; undefined: there is nothing of it. */
  get written(): Nanos | undefined {
    return this.#written;
  }

  /** Files of the last run, in order. */
  #find(): void {
    const { folder, name, log } = this.#settings;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      for (const path of partsIn(folder)) {
        const part = openPart(path);
        if (typeof part === 'string') {
          const text = `Cannot read ${path}, which holds lines of ${name}: ${part}. They are left out; look after the disk and the rights.`;
          log('error', 'command_spool_unreadable', { path, text });
        } else this.#found(part);
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  #found(part: Part): void {
    const before = this.#parts.at(-1);
    // No two bytes at one place.
    if (before !== undefined && before.to > part.from) before.to = part.from;
    this.#parts.push(part);
    if (part.place.kind === 'file' && part.to > part.from) this.#written = writtenAt(part.place.fd);
  }

  /** Whether the last byte that is there ends a line. */
  get endsLine(): boolean {
    const last = this.#parts.at(-1);
    if (last === undefined || last.to <= last.from) return true;
    const byte = Buffer.alloc(1);
    return this.read(last.to - 1, byte) === 0 || byte[0] === NEWLINE;
  }

  /** @param whole it ends a line that was begun: taken even beyond the limit. */
  append(bytes: Buffer, whole = false): Fate {
    if (!whole && this.bytes + bytes.length > this.#settings.limit) return 'lost';
    const written = this.#write(bytes);
    if (written === bytes.length) return 'kept';
    // What was begun in a file goes on, or half a line would stand there.
    return this.#remember(bytes.subarray(written), whole || written > 0);
  }

  /** @returns how many of them are in a file now. */
  #write(bytes: Buffer): number {
    if (this.#settings.steady() < this.#pausedUntil) return 0;
    let done = 0;
    try {
      const part = this.#file();
      if (part.place.kind !== 'file') return 0;
      this.#unsynced.add(part.place.fd);
      while (done < bytes.length) {
        const count = writeSync(part.place.fd, bytes, done);
        done += count;
        part.to += count;
        this.#end += count;
        this.#midLine = bytes[done - 1] !== NEWLINE;
      }
      if (this.#isFull(part) && bytes.at(-1) === NEWLINE) this.#writing = undefined;
      this.#recovered();
    } catch (error) {
      this.#failed(error);
    }
    return done;
  }

  #isFull({ from, to }: Part): boolean {
    return to - from >= Math.max(SMALLEST_FILE, this.#settings.limit / FILES);
  }

  #file(): Part {
    if (this.#writing !== undefined) return this.#writing;
    this.#dropEmpty();
    const { folder } = this.#settings;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const part = newPart(folder, this.#end, !this.#midLine);
    this.#parts.push(part);
    this.#writing = part;
    syncFolder(folder);
    return part;
  }

  #remember(bytes: Buffer, whole: boolean): Fate {
    const held = this.#parts.reduce((sum, { from, to, place }) => sum + (place.kind === 'memory' ? to - from : 0), 0);
    if (!whole && held + bytes.length > Math.min(MOST_IN_MEMORY, this.#settings.limit)) return 'lost';
    const last = this.#parts.at(-1);
    const copy = Buffer.from(bytes);
    if (last?.place.kind === 'memory') last.place.chunks.push(copy);
    else this.#parts.push({ from: this.#end, to: this.#end, aligned: !this.#midLine, place: { kind: 'memory', chunks: [copy] } });
    const part = this.#parts.at(-1);
    if (part !== undefined) part.to += copy.length;
    this.#end += copy.length;
    this.#midLine = copy.at(-1) !== NEWLINE;
    return 'unsafe';
  }

  /** What was appended so far is on the disk when `done` is called, as far as the disk takes it. */
  sync(done: () => void): void {
    let left = this.#unsynced.size;
    if (left === 0) return void setImmediate(done);
    for (const fd of this.#unsynced) {
      fdatasync(fd, (error) => {
        if (error !== null) this.#failed(error);
        left -= 1;
        if (left === 0) done();
      });
    }
    this.#unsynced.clear();
  }

  /** The first place at or after `at` where there is something to be read; the end, if there is none. */
  next(at: number): number {
    const part = this.#parts.find(({ to }) => to > at);
    return part === undefined ? this.#end : Math.max(at, part.from);
  }

  /** Whether a line begins at a place that `next` gave. */
  beginsLine(at: number): boolean {
    return this.#parts.find(({ from }) => from === at)?.aligned ?? at === this.#end;
  }

  /** As many bytes from `at` on as there are in one part and room in `into`. @returns how many; 0: none, or the disk gives them no more. */
  read(at: number, into: Buffer): number {
    const part = this.#parts.find(({ from, to }) => from <= at && at < to);
    if (part === undefined) return 0;
    const most = Math.min(into.length, part.to - at);
    if (part.place.kind === 'memory') return copyFrom(part.place.chunks, at - part.from, into.subarray(0, most));
    try {
      return readSync(part.place.fd, into, 0, most, at - part.from);
    } catch (error) {
      this.#settings.log('error', 'command_spool_unreadable', { path: part.place.path, text: `Cannot read ${part.place.path}: ${reasonOf(error)}. Look after the disk.` });
      return 0;
    }
  }

  /** Nothing before this place is needed any more. */
  release(before: number): void {
    const gone = this.#parts.filter((part) => part.to <= before && (part !== this.#writing || part.to - part.from >= SMALLEST_FILE));
    if (gone.length === 0) return;
    this.#parts = this.#parts.filter((part) => !gone.includes(part));
    for (const part of gone) {
      if (part === this.#writing) this.#writing = undefined;
      if (part.place.kind === 'file') this.#delete(part.place);
    }
  }

  /** What memory held for the disk was handed over: it would not outlive a crash anyway. */
  handed(before: number): void {
    this.#parts = this.#parts.filter(({ to, place }) => place.kind === 'file' || to > before);
  }

  /** Files in which nothing could be written: the next one takes their name. */
  #dropEmpty(): void {
    for (const { from, to, place } of this.#parts) if (from === to && place.kind === 'file') this.#delete(place);
    this.#parts = this.#parts.filter(({ from, to }) => from !== to);
  }

  #delete({ fd, path }: { readonly fd: number; readonly path: string }): void {
    try {
      this.#unsynced.delete(fd);
      closeSync(fd);
      rmSync(path, { force: true });
    } catch (error) {
      this.#settings.log('warn', 'command_spool_undeletable', { path, text: `Cannot delete ${path}: ${reasonOf(error)}. Its lines are known and not sent again; give the daemon the right to write there.` });
    }
  }

  /** The disk has all of it; nothing is read or written any more. */
  close(): void {
    for (const { place } of this.#parts) {
      if (place.kind !== 'file') continue;
      try {
        if (this.#unsynced.has(place.fd)) fsyncSync(place.fd);
        closeSync(place.fd);
      } catch (error) {
        this.#failed(error);
      }
    }
    this.#parts = [];
    this.#writing = undefined;
  }

  #failed(error: unknown): void {
    this.#writing = undefined;
    this.#pausedUntil = this.#settings.steady() + PAUSE_MS;
    if (this.#failing) return;
    this.#failing = true;
    const { folder, name, log } = this.#settings;
    const why = codeOf(error) === 'ENOSPC' ? 'the disk is full' : reasonOf(error);
    log('error', 'command_spool_unwritable', {
      path: folder, why: reasonOf(error),
      text: `Lines of ${name} cannot be kept in ${folder} (${why}). They are used all the same, but a crash now would lose them. Free space or make the folder writable; it is tried again by itself.`,
    });
  }

  #recovered(): void {
    if (!this.#failing) return;
    this.#failing = false;
    const { folder, name, log } = this.#settings;
    log('info', 'command_spool_writable_again', { path: folder, text: `Lines of ${name} are kept in ${folder} again.` });
  }
}
