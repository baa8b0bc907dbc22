/** Writes finished starts into an open store: one transaction at a time, nothing else. Errors of SQLite are the caller's. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { constants, zstdCompressSync } from 'node:zlib';
import type { Brief } from '../model/brief.ts';
import type { FinishedStart } from '../model/finished.ts';
import type { Attributes, Span, Trace } from '../model/trace.ts';
import { encodeTrace } from './codec.ts';
import type { NameOf } from './codec.ts';
import { packPhases } from './phases.ts';
import { textsOf } from './row.ts';

/** So many traces are compressed together at most: alike as they are, in a fraction of the space, and still read in a moment. */
const BLOCK = 64;
/** Characters of a block before compression; one trace may be longer. */
const BLOCK_LENGTH = 2 ** 20;
/** Of a text in a column. The whole text stands in the block. */
const LONGEST = 256;
/** Pages given back to the file system in one go. */
const GIVE_BACK = 500;

const COMPRESSION = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

const INT64_MAX = 2n ** 63n - 1n;

export interface WriterOptions {
  readonly host: Attributes;
  /** Worked out by the engine, which the store does not know; so is the name of a source. */
  readonly brief: (trace: Trace) => Brief;
  readonly nameOf: NameOf;
}

export class StoreWriter {
  readonly #database: DatabaseSync;
  readonly #brief: (trace: Trace) => Brief;
  readonly #nameOf: NameOf;
  readonly #host: number;
  readonly #kinds = new Map<string, number>();
  readonly #known: StatementSync;
  readonly #insertStart: StatementSync;
  readonly #insertMember: StatementSync;
  readonly #insertBlock: StatementSync;
  readonly #insertKind: StatementSync;
  readonly #oldest: StatementSync;
  /** Prepared once, as all that is asked again and again: a statement's memory comes back only when it is collected. */
  readonly #sizes: Readonly<Record<'page_count' | 'freelist_count' | 'page_size', StatementSync>>;
  #next: number;

  constructor(database: DatabaseSync, { host, brief, nameOf }: WriterOptions) {
    this.#database = database;
    this.#brief = brief;
    this.#nameOf = nameOf;
    const attributes = JSON.stringify(host);
    database.prepare('INSERT INTO host (attributes) VALUES (?) ON CONFLICT DO NOTHING').run(attributes);
    this.#host = integer(database.prepare('SELECT id FROM host WHERE attributes = ?').get(attributes), 'id');
    for (const row of database.prepare('SELECT * FROM phase').all()) {
      this.#kinds.set([row['service'], row['name'], row['certainty'], row['credit'], row['incomplete']].join('\0'), integer(row, 'id'));
    }
    this.#known = database.prepare('SELECT 1 FROM start WHERE trace = ?');
    this.#insertKind = database.prepare('INSERT INTO phase (service, name, certainty, credit, incomplete) VALUES (?, ?, ?, ?, ?)');
    this.#insertBlock = database.prepare('INSERT INTO block (id, stored, count, body) VALUES (?, ?, ?, ?)');
    this.#insertMember = database.prepare('INSERT INTO member (container, seq) VALUES (?, ?) ON CONFLICT DO NOTHING');
    this.#insertStart = database.prepare(`INSERT INTO start (seq, trace, runtime, episode, container, outcome, error_type, at, wall, active,
      schemes, last_mark, slowest, slowest_own, findings, live, host, phases, members, layer) VALUES (${Array.from({ length: 20 }, () => '?').join(', ')})`);
    this.#oldest = database.prepare('SELECT id, stored, count FROM block ORDER BY id LIMIT 1');
    this.#sizes = {
      page_count: database.prepare('PRAGMA page_count'),
      freelist_count: database.prepare('PRAGMA freelist_count'),
      page_size: database.prepare('PRAGMA page_size'),
    };
    this.#next = integer(database.prepare('SELECT coalesce(max(seq), 0) AS last FROM start').get(), 'last') + 1;
  }

  knows(traceId: string): boolean {
    return this.#known.get(Buffer.from(traceId, 'hex')) !== undefined;
  }

  /** All of them or none. @param stored seconds since the epoch. */
  write(starts: readonly FinishedStart[], stored: number): void {
    const kinds = new Map(this.#kinds);
    const next = this.#next;
    try {
      this.#transaction(() => {
        for (let at = 0; at < starts.length;) at = this.#writeBlock(starts, at, stored);
      });
    } catch (error) {
      this.#next = next;
      this.#kinds.clear();
      for (const [kind, id] of kinds) this.#kinds.set(kind, id);
      throw error;
    }
  }

  #transaction(work: () => void): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#database.exec('COMMIT');
    } catch (error) {
      // Some errors, such as a full disk, end the transaction by themselves.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  /** @returns where the next block begins. */
  #writeBlock(starts: readonly FinishedStart[], from: number, stored: number): number {
    const first = this.#next;
    const texts: string[] = [];
    for (let length = 0; texts.length < BLOCK && length < BLOCK_LENGTH;) {
      const start = starts[from + texts.length];
      if (start === undefined) break;
      this.#writeStart(start);
      const text = encodeTrace(start.trace, this.#nameOf);
      texts.push(text);
      length += text.length;
    }
    this.#insertBlock.run(first, stored, texts.length, zstdCompressSync(Buffer.from(texts.join('\n')), COMPRESSION));
    return from + texts.length;
  }

  #writeStart(start: FinishedStart): void {
    const { trace, live } = start;
    const row = this.#brief(trace);
    const seq = this.#next++;
    const members = new Set([trace.container, ...trace.containers].map(cut));
    this.#insertStart.run(
      seq, Buffer.from(trace.id, 'hex'), cut(row.runtime), cut(row.episode), cut(row.container), row.outcome, row.errorType === undefined ? null : cut(row.errorType),
      BigInt.asIntN(64, trace.at > INT64_MAX ? INT64_MAX : trace.at), row.wall, row.active, JSON.stringify(row.schemes), cut(row.lastMark),
      row.slowest === undefined ? null : cut(row.slowest.phase), row.slowest?.own ?? null, JSON.stringify(row.findings), Number(live), this.#host,
      packPhases(trace.spans, (span) => this.#kindOf(span)), members.size > 1 ? JSON.stringify([...members]) : null, trace.rootLayer,
    );
    for (const container of members) this.#insertMember.run(container, seq);
  }

  #kindOf({ service, name, certainty, credit, incomplete }: Span): number {
    const key = [service, name, certainty, credit, Number(incomplete)].join('\0');
    const known = this.#kinds.get(key);
    if (known !== undefined) return known;
    const id = Number(this.#insertKind.run(service, name, certainty, credit, Number(incomplete)).lastInsertRowid);
    this.#kinds.set(key, id);
    return id;
  }

  /**
   * Lets the oldest blocks go: those stored before `cutoff` (seconds since the epoch), and as many as bring the file below `max` bytes.
   * @returns how many starts, at most those of `most` blocks: the rest goes the next time.
   */
  prune(cutoff: number, max: number, most: number): number {
    let gone = 0;
    for (let blocks = 0; blocks < most; blocks++) {
      const block = this.#oldest.get();
      if (block === undefined || (integer(block, 'stored') >= cutoff && this.#used() <= max)) break;
      this.#drop(integer(block, 'id'), integer(block, 'count'));
      gone += integer(block, 'count');
    }
    if (this.#pragma('page_count') * this.#pragma('page_size') > max) this.#database.exec(`PRAGMA incremental_vacuum(${GIVE_BACK})`);
    return gone;
  }

  #drop(first: number, count: number): void {
    const end = first + count;
    const members = this.#database.prepare('DELETE FROM member WHERE container = ? AND seq = ?');
    const bodies = this.#database.prepare('SELECT container, seq, members FROM start WHERE seq >= ? AND seq < ?');
    this.#transaction(() => {
      for (const row of bodies.all(first, end)) {
        for (const container of [String(row['container']), ...textsOf(row['members'])]) members.run(container, integer(row, 'seq'));
      }
      this.#database.prepare('DELETE FROM start WHERE seq >= ? AND seq < ?').run(first, end);
      this.#database.prepare('DELETE FROM block WHERE id = ?').run(first);
    });
  }

  /** Bytes that hold something. */
  #used(): number {
    return (this.#pragma('page_count') - this.#pragma('freelist_count')) * this.#pragma('page_size');
  }

  #pragma(name: 'page_count' | 'freelist_count' | 'page_size'): number {
    return integer(this.#sizes[name].get(), name);
  }

  close(): void {
    this.#database.close();
  }
}

const cut = (text: string): string => (text.length > LONGEST ? text.slice(0, LONGEST) : text);

/** A whole number of a row; 0 where there is none. */
export function integer(row: Readonly<Record<string, unknown>> | undefined, name: string): number {
  const value = row?.[name];
  return typeof value === 'number' ? value : Number(value ?? 0);
}
