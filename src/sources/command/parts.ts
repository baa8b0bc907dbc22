/** The pieces of a command's spool: files named by the place of their first byte, and what memory holds where the disk takes nothing. */
import { closeSync, constants, fstatSync, fsyncSync, openSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { nanos } from '../../model/time.ts';
import type { Nanos } from '../../model/time.ts';
import { reasonOf } from '../report.ts';

/** Bytes `[from, to)` of the stream. */
export interface Part {
  readonly from: number;
  to: number;
  /** A line begins at its first byte. */
  readonly aligned: boolean;
  readonly place: { readonly kind: 'file'; readonly fd: number; readonly path: string } | { readonly kind: 'memory'; chunks: Buffer[] };
}

/** `rest`: its first byte is not the first of a line. */
const NAME = /^(\d{16})\.(lines|rest)$/;

export const partsIn = (folder: string): string[] => readdirSync(folder).filter((name) => NAME.test(name)).sort().map((name) => join(folder, name));

/** A file of the last run; why not, if it cannot be read. */
export function openPart(path: string): Part | string {
  const [, place, kind] = NAME.exec(basename(path)) ?? [];
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const from = Number(place);
    return { from, to: from + fstatSync(fd).size, aligned: kind === 'lines', place: { kind: 'file', fd, path } };
  } catch (error) {
    return reasonOf(error);
  }
}

/** A new file that begins at this place. Its folder must be synced. @throws what the system calls throw. */
export function newPart(folder: string, at: number, aligned: boolean): Part {
  const path = join(folder, `${String(at).padStart(16, '0')}.${aligned ? 'lines' : 'rest'}`);
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC | constants.O_APPEND | constants.O_NOFOLLOW, 0o600);
  return { from: at, to: at, aligned, place: { kind: 'file', fd, path } };
}

/** The kernel's clock for files ticks every few milliseconds. */
const TICK = 10_000_000n;

/** When a file was written last, or a little later. */
export const writtenAt = (fd: number): Nanos => nanos(fstatSync(fd, { bigint: true }).mtimeNs + TICK);

/** @returns how many bytes there were from `at` on for `into`. */
export function copyFrom(chunks: readonly Buffer[], at: number, into: Buffer): number {
  let [skip, done] = [at, 0];
  for (const chunk of chunks) {
    if (done === into.length) break;
    if (skip < chunk.length) done += chunk.copy(into, done, skip);
    skip = Math.max(0, skip - chunk.length);
  }
  return done;
}

export function syncFolder(folder: string): void {
  const fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
