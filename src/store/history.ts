/** How long starts took in the last days: what alerts hold a new one against. */
import type { DatabaseSync } from 'node:sqlite';
import { TOTAL } from '../model/alert.ts';
import type { History, Seen } from '../model/alert.ts';
import { duration } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import { isSqlite, openForReading } from './file.ts';
import { unpackPhases } from './phases.ts';

/** The latest so many say what is usual, however busy a host is; reading them takes some milliseconds. */
const MOST = 2_000;
/** What was read serves for so long, ms. */
const FRESH_MS = 60_000;
/** Runtimes and windows are few. */
const MOST_KEPT = 20;

/** Lengths of one kind, sorted. */
type Lengths = ReadonlyMap<string, readonly number[]>;

export interface HistoryOptions {
  readonly path: string;
  readonly now: () => Nanos;
  /** A monotonic clock, ms. */
  readonly steady: () => number;
}

/**
 * Reads the store beside its writer. Counts starts that came up, and of a phase the longest one of each start, if its end was
 * seen. A store that cannot be read knows nothing: alerts that need it then say nothing.
 */
export class StoreHistory implements History {
  readonly #options: HistoryOptions;
  readonly #kept = new Map<string, { readonly at: number; readonly lengths: Lengths }>();

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  percentile(of: Seen, phase: string, percentile: number, window: Duration): { readonly value: Duration; readonly samples: number } | undefined {
    const sorted = this.#lengths(of, window).get(phase);
    if (sorted === undefined) return undefined;
    // Nearest rank: always a length that was seen.
    const value = sorted[Math.min(sorted.length, Math.max(1, Math.ceil((percentile / 100) * sorted.length))) - 1];
    return value === undefined ? undefined : { value: duration(value), samples: sorted.length };
  }

  #lengths(of: Seen, window: Duration): Lengths {
    const key = `${window} ${of.rootLayer} ${of.runtime}`;
    const now = this.#options.steady();
    const known = this.#kept.get(key);
    if (known !== undefined && now - known.at < FRESH_MS) return known.lengths;
    const lengths = this.#read(of, window);
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    this.#kept.set(key, { at: now, lengths });
    return lengths;
  }

  #read(of: Seen, window: Duration): Lengths {
    const opening = openForReading(this.#options.path);
    if (opening.kind !== 'open') return new Map();
    try {
      return gather(opening.database, of, this.#options.now() - BigInt(window));
    } catch (error) {
      if (!isSqlite(error)) throw error;
      return new Map();
    } finally {
      opening.database.close();
    }
  }
}

function gather(database: DatabaseSync, { runtime, rootLayer }: Seen, since: bigint): Lengths {
  const names = new Map<number, string>();
  for (const { id, name, incomplete } of database.prepare('SELECT id, name, incomplete FROM phase').all()) if (incomplete === 0) names.set(Number(id), String(name));
  const lengths = new Map<string, number[]>();
  const add = (name: string, length: number): void => {
    const known = lengths.get(name);
    if (known === undefined) lengths.set(name, [length]);
    else known.push(length);
  };
  const rows = database.prepare("SELECT active, phases FROM start INDEXED BY start_runtime WHERE runtime = ? AND layer = ? AND start.at >= ? AND episode = 'start' AND outcome = 'ok' ORDER BY start.at DESC LIMIT ?");
  for (const { active, phases } of rows.all(runtime, rootLayer, BigInt.asIntN(64, since), MOST)) {
    add(TOTAL, Number(active));
    const longest = new Map<string, number>();
    for (const { kind, length } of phases instanceof Uint8Array ? unpackPhases(phases) : []) {
      const name = names.get(kind);
      if (name !== undefined) longest.set(name, Math.max(longest.get(name) ?? 0, length));
    }
    for (const [name, length] of longest) add(name, length);
  }
  for (const sorted of lengths.values()) sorted.sort((a, b) => a - b);
  return lengths;
}
