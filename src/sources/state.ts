import { closeSync, constants, fsyncSync, linkSync, openSync, readFileSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { hash } from 'node:crypto';
import { join } from 'node:path';
import { commandFromJson, commandToJson } from './command/record.ts';
import type { CommandRecord } from './command/record.ts';
import { journalFromJson, journalToJson } from './journal/record.ts';
import type { JournalRecord } from './journal/record.ts';
import { fields, fromJson, toJson } from './record.ts';
import type { FileRecord } from './record.ts';
import { codeOf, reasonOf } from './report.ts';
import type { Log, Problem } from './report.ts';

/**
 * Format of the state file. A reader refuses a newer one: going on without it would send everything twice, or lose what only
 * the new one says. 2: lines of starts under way may stand in the memory, and their logs be let go. 1 is read, and becomes 2.
 */
export const STATE_VERSION = 2;
const OLDEST_READ = 1;

export interface SavedState {
  /** Counts the saves. */
  readonly generation: number;
  readonly files: readonly FileRecord[];
  readonly journals: readonly JournalRecord[];
  readonly commands: readonly CommandRecord[];
  /** ms from the last look through all folders to the writing of this. */
  readonly lookedAgo: number;
  /** The engine's own, opaque here: what it must remember besides offsets. JSON values only. */
  readonly memory: unknown;
}

export type Loading =
  /** `looked`: when the folders were last looked through before it was written, by the clock of the file system, ns since the epoch. */
  | { readonly kind: 'loaded'; readonly state: SavedState; readonly from: 'current' | 'previous'; readonly looked: bigint }
  /** `lost`: there was a state, and it cannot be read: everything is read again, ids make the repeats harmless. */
  | { readonly kind: 'none'; readonly lost: boolean }
  | { readonly kind: 'refused'; readonly problem: Problem };

type Parsed =
  | { readonly kind: 'state'; readonly state: SavedState }
  | { readonly kind: 'absent' }
  | { readonly kind: 'damaged'; readonly why: string }
  | { readonly kind: 'refused'; readonly problem: Problem };

const ORDER: readonly ('current' | 'previous')[] = ['current', 'previous'];

/** The one state file of a daemon: `state.json` in its state folder. Whoever uses it holds the folder's lock (lock.ts). */
export class StateFile {
  readonly #folder: string;
  readonly #current: string;
  readonly #previous: string;
  readonly #fresh: string;
  readonly #log: Log;
  #generation = 0;
  #failing: Problem | undefined;

  constructor(folder: string, log: Log) {
    this.#folder = folder;
    this.#current = join(folder, 'state.json');
    this.#previous = join(folder, 'state.prev.json');
    this.#fresh = join(folder, 'state.json.tmp');
    this.#log = log;
  }

  /** Why the last save failed; undefined when it did not. Reading and sending go on meanwhile: a crash would only repeat more. */
  get failing(): Problem | undefined {
    return this.#failing;
  }

  /** The newest state that is whole. Only a newer format or a folder that cannot be read is refused. */
  load(): Loading {
    let lost = false;
    for (const from of ORDER) {
      const path = from === 'current' ? this.#current : this.#previous;
      const parsed = parseFile(path);
      if (parsed.kind === 'refused') return parsed;
      if (parsed.kind === 'state') {
        this.#generation = parsed.state.generation;
        if (lost) this.#log('warn', 'state_previous_used', { path, generation: this.#generation });
        return { kind: 'loaded', state: parsed.state, from, looked: statSync(path, { bigint: true }).mtimeNs - BigInt(Math.ceil(parsed.state.lookedAgo * 1e6)) };
      }
      if (parsed.kind === 'damaged') {
        lost = true;
        this.#log('error', 'state_damaged', { path, why: parsed.why });
      }
    }
    const todo = 'all files are read again from their beginning; traces keep their ids, so repeats are recognised';
    if (lost) this.#log('error', 'state_lost', { path: this.#current, todo });
    return { kind: 'none', lost };
  }

  /** Writes the next generation atomically and durably. False: it failed, the old state stands, see `failing`; try again later. */
  save(files: readonly FileRecord[], memory: unknown, journals: readonly JournalRecord[] = [], commands: readonly CommandRecord[] = [], lookedAgo = 0): boolean {
    const generation = this.#generation + 1;
    const sources = { files: files.map(toJson), journals: journals.map(journalToJson), commands: commands.map(commandToJson) };
    const body = JSON.stringify({ version: STATE_VERSION, generation, lookedAgo, ...sources, memory });
    try {
      this.#write(`${body}\n${checksum(body)}\n`);
      this.#swap();
    } catch (error) {
      this.#failed(error);
      return false;
    }
    this.#generation = generation;
    if (this.#failing !== undefined) this.#log('info', 'state_writable_again', { path: this.#current });
    this.#failing = undefined;
    this.#log('debug', 'state_saved', { generation, files: files.length, bytes: body.length });
    return true;
  }

  #write(text: string): void {
    rmSync(this.#fresh, { force: true });
    const fd = openSync(this.#fresh, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      const bytes = Buffer.from(text);
      for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  /** At every moment of this, a kill leaves a whole state under one of the two names. */
  #swap(): void {
    rmSync(this.#previous, { force: true });
    try {
      linkSync(this.#current, this.#previous);
    } catch (error) {
      const code = codeOf(error);
      // File systems without hard links: the old state goes by the previous name for an instant.
      if (code !== 'ENOENT') renameSync(this.#current, this.#previous);
    }
    renameSync(this.#fresh, this.#current);
    const folder = openSync(this.#folder, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }

  #failed(error: unknown): void {
    const first = this.#failing === undefined;
    this.#failing = {
      kind: 'state_unwritable',
      what: 'the state cannot be saved; work goes on, a crash now would repeat what was sent since',
      where: this.#current,
      why: reasonOf(error),
      todo: 'free space or make the folder writable; it is tried again by itself',
    };
    if (first) this.#log('error', 'state_unwritable', { ...this.#failing });
    try {
      rmSync(this.#fresh, { force: true });
    } catch (leftover) {
      if (first) this.#log('debug', 'state_leftover', { path: this.#fresh, why: reasonOf(leftover) });
    }
  }
}

const checksum = (body: string): string => `sha256:${hash('sha256', body, 'hex')}`;

function parseFile(path: string): Parsed {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return { kind: 'absent' };
    const todo = 'repair its permissions; deleting it makes shimtrace read all files again';
    const what = 'the state cannot be read';
    return { kind: 'refused', problem: { kind: 'state_unreadable', what, where: path, why: reasonOf(error), todo } };
  }
  const [body = '', sum = ''] = text.split('\n');
  if (sum !== checksum(body)) return { kind: 'damaged', why: 'its checksum is wrong: it is torn or was changed' };
  return parseBody(path, body);
}

function parseBody(path: string, body: string): Parsed {
  let object: Record<string, unknown> | undefined;
  try {
    object = fields(JSON.parse(body));
  } catch (error) {
    return { kind: 'damaged', why: reasonOf(error) };
  }
  const version = object?.['version'];
  const generation = object?.['generation'];
  if (typeof version === 'number' && version > STATE_VERSION) {
    const why = `it has format ${version}, this one knows ${STATE_VERSION}`;
    const todo = 'run the newer version, or give this one another folder with --state-dir';
    return { kind: 'refused', problem: { kind: 'state_newer', what: 'the state was written by a newer shimtrace', where: path, why, todo } };
  }
  const list = object?.['files'];
  if (typeof version !== 'number' || version < OLDEST_READ || typeof generation !== 'number' || !Array.isArray(list)) {
    return { kind: 'damaged', why: 'it is no state of shimtrace' };
  }
  const files: FileRecord[] = [];
  for (const item of list) {
    const record = fromJson(item);
    if (record === undefined) return { kind: 'damaged', why: 'a file record is malformed' };
    files.push(record);
  }
  const journals = recordsOf(object?.['journals'], journalFromJson);
  if (journals === undefined) return { kind: 'damaged', why: 'a journal record is malformed' };
  const commands = recordsOf(object?.['commands'], commandFromJson);
  if (commands === undefined) return { kind: 'damaged', why: 'a record of a command is malformed' };
  const lookedAgo = object?.['lookedAgo'];
  return { kind: 'state', state: { generation, files, journals, commands, lookedAgo: typeof lookedAgo === 'number' && lookedAgo > 0 ? lookedAgo : 0, memory: object?.['memory'] } };
}

/** States written before there were such sources have none. */
function recordsOf<R>(list: unknown, read: (value: unknown) => R | undefined): R[] | undefined {
  if (list === undefined) return [];
  if (!Array.isArray(list)) return undefined;
  const records = list.map(read).filter((record) => record !== undefined);
  return records.length === list.length ? records : undefined;
}
