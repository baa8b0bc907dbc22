import { appendFileSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { SourceKey } from '../model/source.ts';
import { sourceKey } from '../model/source.ts';
import type { FileRecord } from './record.ts';
import { codeOf, reasonOf } from './report.ts';
import type { Log } from './report.ts';

/** About 14,000 notes: more come between two saves only while the state cannot be written. Beyond, the file begins anew. */
const MOST_BYTES = 1024 * 1024;
const READ = /^read (\d{1,15}) (\S+)$/;
const SENT = /^sent (.+)$/;

export interface Noted {
  /** Marks of what was handed out. */
  readonly sent: readonly string[];
  /** How large contents of files were when something was read of them last. */
  readonly sizes: ReadonlyMap<SourceKey, number>;
}

/**
 * `notes` in the state folder: what a crash must not forget between two saves of the state, a line each, and much cheaper than one: what is
 * about to be sent, and how far files have been read. Not flushed to the disk: it outlives the process, and after a power loss there is less
 * to tell apart and to name. Whoever uses it holds the folder's lock.
 */
export class Notes {
  readonly #path: string;
  readonly #log: Log;
  #bytes = 0;
  #failing = false;

  constructor(folder: string, log: Log) {
    this.#path = join(folder, 'notes');
    this.#log = log;
  }

  /** What a process before this one left. What is no note is passed over: the last line may be torn. */
  load(): Noted {
    const sent: string[] = [];
    const sizes = new Map<SourceKey, number>();
    for (const line of this.#lines()) {
      const [, mark] = SENT.exec(line) ?? [];
      if (mark !== undefined) sent.push(mark);
      const [, size, key] = READ.exec(line) ?? [];
      if (key !== undefined) sizes.set(sourceKey(key), Number(size));
    }
    return { sent, sizes };
  }

  #lines(): string[] {
    try {
      this.#bytes = statSync(this.#path).size;
      if (this.#bytes > 2 * MOST_BYTES) throw new Error('it is larger than it can be');
      return readFileSync(this.#path, 'utf8').split('\n');
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#failed(error);
      return [];
    }
  }

  /** Before anything of it is sent. A failure is said, and costs no more than that after a crash a start may be sent under its id with fewer lines, or a loss be named too short. */
  add(sent: readonly string[], sizes: Iterable<readonly [SourceKey, number]>): void {
    let text = '';
    for (const mark of sent) text += `sent ${mark}\n`;
    for (const [key, size] of sizes) text += `read ${size} ${key}\n`;
    if (text === '') return;
    try {
      if (this.#bytes > MOST_BYTES) this.clear();
      appendFileSync(this.#path, `\n${text}`, { mode: 0o600 }); // what a killed writer left has no end
      this.#bytes += text.length + 1;
      this.#failing = false;
    } catch (error) {
      this.#failed(error);
    }
  }

  /** The state that was just saved holds them all. */
  clear(): void {
    if (this.#bytes === 0) return;
    try {
      truncateSync(this.#path);
      this.#bytes = 0;
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#log('warn', 'notes_unwritable', {
      what: 'what is sent and read between two saves of the state cannot be noted; work goes on', where: this.#path, why: reasonOf(error),
      todo: 'free space, or make it a file that can be read and written, or remove it; it is tried again by itself',
    });
  }
}

/** The records of a state with the sizes that were noted after it. */
export const grown = (records: readonly FileRecord[], sizes: Noted['sizes']): FileRecord[] =>
  records.map((record) => ({ ...record, size: Math.max(record.size, sizes.get(record.key) ?? 0) }));
