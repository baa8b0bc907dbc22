/** The store's file: how it is laid out, opened and recognised. */
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';

export const STORE_FILE = 'starts.db';
export const storePath = (folder: string): string => join(folder, STORE_FILE);

/** Of the layout below. A newer one is left alone. */
export const STORE_VERSION = 2;

/**
 * `start`: one row each, in order of arrival. `block`: the traces of several starts, whose `seq` begin at its `id`, compressed
 * together. `member`: every container a start holds (where that is more than one, `start.members` lists them). `phase` and `host`: what many rows share.
 */
const LAYOUT = `
CREATE TABLE host (id INTEGER PRIMARY KEY, attributes TEXT NOT NULL UNIQUE);
CREATE TABLE phase (
  id INTEGER PRIMARY KEY, service TEXT NOT NULL, name TEXT NOT NULL, certainty TEXT NOT NULL, credit TEXT NOT NULL, incomplete INTEGER NOT NULL
);
CREATE TABLE block (id INTEGER PRIMARY KEY, stored INTEGER NOT NULL, count INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE start (
  seq INTEGER PRIMARY KEY, trace BLOB NOT NULL, runtime TEXT NOT NULL, episode TEXT NOT NULL, container TEXT NOT NULL,
  outcome TEXT NOT NULL, error_type TEXT, at INTEGER NOT NULL, wall INTEGER NOT NULL, active INTEGER NOT NULL,
  schemes TEXT NOT NULL, last_mark TEXT NOT NULL, slowest TEXT, slowest_own INTEGER, findings TEXT NOT NULL,
  live INTEGER NOT NULL, host INTEGER NOT NULL, phases BLOB NOT NULL, members TEXT, layer TEXT NOT NULL DEFAULT 'runtime'
);
CREATE TABLE member (container TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (container, seq)) WITHOUT ROWID;
CREATE UNIQUE INDEX start_trace ON start (trace);
CREATE INDEX start_at ON start (at, episode);
CREATE INDEX start_runtime ON start (runtime, at);
CREATE INDEX start_active ON start (active);
CREATE INDEX start_failed ON start (at) WHERE outcome IN ('failed', 'incomplete');
PRAGMA user_version = ${STORE_VERSION};
`;

/** Version 1 had no layers: what it holds was told by runtimes alone. */
const FROM_1 = `ALTER TABLE start ADD COLUMN layer TEXT NOT NULL DEFAULT 'runtime'; PRAGMA user_version = ${STORE_VERSION};`;

export type Opening =
  | { readonly kind: 'open'; readonly database: DatabaseSync }
  | { readonly kind: 'newer'; readonly version: number }
  | { readonly kind: 'damaged'; readonly why: string }
  | { readonly kind: 'failed'; readonly why: string };

/** The store for the daemon that holds its folder: made when it is not there. */
export function openForWriting(path: string): Opening {
  return opened(() => new DatabaseSync(path, { timeout: 1_000 }), (database) => {
    // Space of what is deleted can be given back. Only a new file can still be told so.
    database.exec('PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 4194304');
    const version = versionOf(database);
    if (version === 0) database.exec(`BEGIN; ${LAYOUT} COMMIT`);
    else if (version === 1) database.exec(`BEGIN; ${FROM_1} COMMIT`);
  });
}

/** The store for anybody who may read its files. */
export const openForReading = (path: string): Opening => opened(() => new DatabaseSync(path, { readOnly: true, timeout: 2_000 }), () => undefined);

function opened(open: () => DatabaseSync, prepare: (database: DatabaseSync) => void): Opening {
  let database: DatabaseSync | undefined;
  try {
    database = open();
    const before = versionOf(database);
    if (before <= STORE_VERSION) prepare(database);
    const version = versionOf(database);
    if (version === STORE_VERSION) return { kind: 'open', database };
    database.close();
    return version > STORE_VERSION ? { kind: 'newer', version } : { kind: 'failed', why: 'it is empty' };
  } catch (error) {
    closeQuietly(database);
    return isDamage(error) ? { kind: 'damaged', why: whyOf(error) } : { kind: 'failed', why: whyOf(error) };
  }
}

function versionOf(database: DatabaseSync): number {
  const version = database.prepare('PRAGMA user_version').get()?.['user_version'];
  return typeof version === 'number' ? version : 0;
}

function closeQuietly(database: DatabaseSync | undefined): void {
  if (database?.isOpen === true) database.close();
}

/** SQLITE_CORRUPT and SQLITE_NOTADB, extended codes included (sqlite.org/rescode.html). */
export const isDamage = (error: unknown): boolean => [11, 26].includes(primaryCode(error));

/** SQLite's primary result code; 0: the error is none of SQLite's. */
const primaryCode = (error: unknown): number => (error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : 0);

export const isSqlite = (error: unknown): boolean => primaryCode(error) !== 0;

export const whyOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
