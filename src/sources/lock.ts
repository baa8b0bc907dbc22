import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { codeOf, reasonOf } from './report.ts';
import type { Problem } from './report.ts';

export type Locking =
  | { readonly kind: 'held'; release(): void }
  | { readonly kind: 'refused'; readonly problem: Problem };

/** The file in the state folder whose lock says who works there. It stays empty. */
export const LOCK_FILE = 'lock.db';

const SQLITE_BUSY = 5;

/**
 * Makes the state folder (0700, parents too) if it is missing and takes it for this process alone, until `release` or the
 * process' end, however it ends: the lock is the kernel's (Node has no flock; SQLite's file lock is one, a pid file is none).
 */
export function lockFolder(folder: string): Locking {
  let database: DatabaseSync | undefined;
  try {
    makeFolder(folder);
    const held = new DatabaseSync(join(folder, LOCK_FILE), { timeout: 0 });
    database = held;
    held.exec('BEGIN EXCLUSIVE');
    return { kind: 'held', release: () => held.close() };
  } catch (error) {
    database?.close();
    return { kind: 'refused', problem: isBusy(error) ? busyProblem(folder) : folderProblem(folder, error) };
  }
}

/** Node's own `recursive` tries for ever where a folder that is there says ENOENT to a new one, as /proc/1 does (seen with 24.21). */
function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST' && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return;
    const parent = dirname(path);
    if (code !== 'ENOENT' || existsSync(parent)) throw error;
    makeFolder(parent);
    makeFolder(path);
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

const busyProblem = (folder: string): Problem => ({
  kind: 'state_locked',
  what: 'another shimtrace works with this state folder',
  where: folder,
  why: 'two that share one state would send every trace twice',
  todo: 'stop the other one, or give this one a folder of its own with --state-dir',
});

const folderProblem = (folder: string, error: unknown): Problem => ({
  kind: 'state_unwritable',
  what: 'the state folder cannot be used',
  where: folder,
  why: reasonOf(error),
  todo: 'make the folder writable for this user, or name another one with --state-dir',
});
