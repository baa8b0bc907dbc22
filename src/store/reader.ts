/** Questions to the store of finished starts: what `ls`, `show ID`, `tail -n`, `link` and the daemon's socket ask. Never writes. */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import { zstdDecompressSync } from 'node:zlib';
import type { Brief } from '../model/brief.ts';
import { duration, nanos } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import { textsOf } from './row.ts';

/** Which finished starts. Everything that is not undefined must hold. */
export interface StartFilter {
  readonly runtime?: string | undefined;
  /** The first characters of a container's id. */
  readonly container?: string | undefined;
  /** Began then or later. */
  readonly since?: Nanos | undefined;
  /** Active time of at least so much. */
  readonly slow?: Duration | undefined;
  /** Failed or incomplete. */
  readonly failed?: boolean | undefined;
  /** Stops and execs, too. */
  readonly all?: boolean | undefined;
}

/** A start whole: its trace as `encodeTrace` wrote it, and the attributes of its host as JSON. */
export interface Kept {
  readonly trace: string;
  readonly host: string;
}

export type Finding =
  | { readonly kind: 'found'; readonly kept: Kept }
  | { readonly kind: 'none' }
  /** Several containers or traces begin so: the first few. */
  | { readonly kind: 'ambiguous'; readonly names: readonly string[] };

/** Up to so many slow starts are found by their length and then put in order; of more, one is met soon enough in order of time. */
const FEW = 5_000;
/** Names listed of an ambiguous prefix. */
const LISTED = 8;
/** No block is longer than this; a damaged one must not fill the memory. */
const LONGEST_BLOCK = 256 * 2 ** 20;

const COLUMNS = `lower(hex(trace)) AS trace, runtime, episode, container, outcome, error_type, CAST(at AS TEXT) AS at, wall, active, schemes, last_mark,
  slowest, slowest_own, findings`;

type Row = Readonly<Record<string, SQLOutputValue>>;

export class StoreReader {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** The newest by their beginning, newest first. */
  list(filter: StartFilter, most: number): Brief[] {
    const { index, where, values } = this.#plan(filter);
    const condition = where.length === 0 ? '' : `WHERE ${where.join(' AND ')}`;
    return this.#database.prepare(`SELECT ${COLUMNS} FROM start ${index} ${condition} ORDER BY start.at DESC, seq DESC LIMIT ?`).all(...values, most).map(rowFrom);
  }

  /** The last that were stored, in the order in which they finished. */
  last(most: number): Brief[] {
    return this.#database.prepare(`SELECT ${COLUMNS} FROM start ORDER BY seq DESC LIMIT ?`).all(most).map(rowFrom).reverse();
  }

  /** Each condition has an index; of several the narrowest leads (no statistics are kept that could tell SQLite so). */
  #plan(filter: StartFilter): { readonly index: string; readonly where: readonly string[]; readonly values: readonly (string | number | bigint)[] } {
    const { runtime, container, since, slow, failed, all } = filter;
    const where: string[] = [];
    const values: (string | number | bigint)[] = [];
    const add = (condition: string, ...of: readonly (string | number | bigint)[]): void => {
      where.push(condition);
      values.push(...of);
    };
    if (all !== true) add("episode = 'start'");
    if (container !== undefined) add('seq IN (SELECT seq FROM member WHERE container >= ? AND container < ?)', container, beyond(container));
    if (failed === true) add("outcome IN ('failed', 'incomplete')");
    if (slow !== undefined) add('active >= ?', slow);
    if (runtime !== undefined) add('runtime = ?', runtime);
    if (since !== undefined) add('start.at >= ?', BigInt.asIntN(64, since));
    const leading = container !== undefined ? undefined : failed === true ? 'start_failed' : slow !== undefined && this.#few(slow) ? 'start_active' : runtime !== undefined ? 'start_runtime' : 'start_at';
    return { index: leading === undefined ? '' : `INDEXED BY ${leading}`, where, values };
  }

  #few(slow: Duration): boolean {
    const counted = this.#database.prepare('SELECT count(*) AS n FROM (SELECT 1 FROM start INDEXED BY start_active WHERE active >= ? LIMIT ?)').get(slow, FEW + 1);
    return Number(counted?.['n'] ?? 0) <= FEW;
  }

  /** By the first characters of a container's or trace's id; the last start of it. Undefined: the last start of all. */
  find(prefix: string | undefined): Finding {
    if (prefix === undefined) return this.#kept(this.#database.prepare("SELECT seq, host FROM start INDEXED BY start_at WHERE episode = 'start' ORDER BY at DESC, seq DESC LIMIT 1").get());
    const containers = this.#containers(prefix);
    const traces = this.#traces(prefix);
    const [only] = containers;
    if (containers.length + traces.length > 1) return { kind: 'ambiguous', names: [...containers, ...traces.map((row) => `trace ${String(row['name'])}`)].slice(0, LISTED) };
    if (only === undefined) return this.#kept(traces[0]);
    const last = `SELECT start.seq, host FROM member JOIN start USING (seq) WHERE member.container = ? ORDER BY episode = 'start' DESC, at DESC, seq DESC LIMIT 1`;
    return this.#kept(this.#database.prepare(last).get(only));
  }

  /** One seek each, however often a container was started. */
  #containers(prefix: string): string[] {
    const end = beyond(prefix);
    const found: string[] = [];
    const next = this.#database.prepare('SELECT min(container) AS name FROM member WHERE container > ? AND container < ?');
    const exact = this.#database.prepare('SELECT container AS name FROM member WHERE container = ? LIMIT 1').get(prefix);
    // Who names a container whole means it, also where another's name goes on from there.
    if (exact !== undefined) return [prefix];
    for (let after = prefix; found.length <= LISTED;) {
      const name = next.get(after, end)?.['name'];
      if (typeof name !== 'string') break;
      found.push(name);
      after = name;
    }
    return found;
  }

  #traces(prefix: string): Row[] {
    if (!/^[0-9a-f]{1,32}$/.test(prefix)) return [];
    const from = Buffer.from(prefix.padEnd(32, '0'), 'hex');
    const to = Buffer.from(prefix.padEnd(32, 'f'), 'hex');
    return this.#database.prepare('SELECT seq, host, lower(hex(trace)) AS name FROM start WHERE trace >= ? AND trace <= ? LIMIT ?').all(from, to, LISTED);
  }

  #kept(row: Row | undefined): Finding {
    if (row === undefined) return { kind: 'none' };
    const seq = Number(row['seq']);
    const block = this.#database.prepare('SELECT id, body FROM block WHERE id <= ? ORDER BY id DESC LIMIT 1').get(seq);
    const host = this.#database.prepare('SELECT attributes FROM host WHERE id = ?').get(row['host'] ?? 0)?.['attributes'];
    const body = block?.['body'];
    if (!(body instanceof Uint8Array) || typeof host !== 'string') return { kind: 'none' };
    const trace = zstdDecompressSync(body, { maxOutputLength: LONGEST_BLOCK }).toString().split('\n')[seq - Number(block?.['id'])];
    return trace === undefined ? { kind: 'none' } : { kind: 'found', kept: { trace, host } };
  }

  close(): void {
    this.#database.close();
  }
}

/** Behind everything that begins so. */
const beyond = (prefix: string): string => `${prefix}\u{10ffff}`;

function rowFrom(row: Row): Brief {
  const text = (name: string): string => String(row[name] ?? '');
  const { slowest, error_type: error } = row;
  return {
    traceId: text('trace'), runtime: text('runtime'), episode: text('episode'), container: text('container'), outcome: text('outcome'),
    errorType: typeof error === 'string' ? error : undefined, at: nanos(BigInt(text('at'))),
    wall: duration(Number(row['wall'])), active: duration(Number(row['active'])), schemes: textsOf(row['schemes']), lastMark: text('last_mark'),
    slowest: typeof slowest === 'string' ? { phase: slowest, own: duration(Number(row['slowest_own'])) } : undefined,
    findings: textsOf(row['findings']),
  };
}
