/** A log and its rotators, for the property over all faults: knows which bytes held which start. */
import { closeSync, copyFileSync, existsSync, openSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { traceIdOf } from '../real/spans.ts';
import type { Folder } from '../support/files.ts';
import type { Random } from '../support/random.ts';
import { GENERATIONS, start } from '../support/uruncwriter.ts';
import type { WrittenLine } from '../support/uruncwriter.ts';

export const HOST = 'property-host';
const STEP = 1_500_000;

/** A line of a start, and where it stood in the log's content of that time. */
interface Placed {
  readonly trace: string;
  readonly from: number;
  readonly to: number;
}

/** What lies in one file. `copied`: another file's bytes, which were cut off there. */
interface Part {
  readonly lines: readonly Placed[];
  readonly copied: boolean;
}

/** What somebody deleted. */
export interface Deleted {
  readonly traces: ReadonlySet<string>;
  readonly copied: boolean;
}

const NOTHING: Deleted = { traces: new Set(), copied: false };

export class WorldLog {
  readonly path: string;
  /** Complete starts: trace id to their lines. */
  readonly starts = new Map<string, readonly WrittenLine[]>();
  /** Starts of which a line was in a file that somebody deleted. */
  readonly torn = new Set<string>();
  readonly #folder: Folder;
  readonly #random: Random;
  readonly #wall: () => bigint;
  readonly #placed: Placed[] = [];
  readonly #parts = new Map<string, Part>();
  #due: { readonly line: WrittenLine; readonly trace: string }[] = [];
  /** A line of which a first part is written, by a process that has the file open. */
  #half: { readonly fd: number; readonly rest: string } | undefined;

  constructor(folder: Folder, random: Random, wall: () => bigint) {
    this.#folder = folder;
    this.#random = random;
    this.#wall = wall;
    this.path = folder.at('a.log');
  }

  /** So many new starts begin. */
  begin(count: number): void {
    for (let left = count; left > 0; left--) {
      const id = this.#random.hex(64);
      const at = this.#wall() + BigInt(left) * 1_003n;
      const generation = GENERATIONS[this.#random.whole(0, GENERATIONS.length - 1)] ?? 'D';
      const lines = start(this.#random, { generation, id, at, fate: 'complete', gap: STEP });
      const trace = traceIdOf(HOST, id, at);
      this.starts.set(trace, lines);
      this.#due.push(...lines.map((line) => ({ line, trace })));
    }
    this.#due.sort((a, b) => (a.line.time < b.line.time ? -1 : 1));
  }

  /** Writes so many of the lines that are due; all of them by default. */
  write(count = Infinity): void {
    this.finishHalf();
    const now = this.#due.splice(0, count);
    if (now.length === 0) return;
    const fd = this.#open();
    for (const { line, trace } of now) this.#put(fd, `${line.text}\n`, trace);
    closeSync(fd);
  }

  /** The first part of a line; its writer keeps the file open. */
  writeHalf(): void {
    this.finishHalf();
    const next = this.#due.shift();
    if (next === undefined) return;
    const fd = this.#open();
    const cut = this.#random.whole(1, next.line.text.length - 1);
    this.#put(fd, `${next.line.text}\n`, next.trace, cut);
    this.#half = { fd, rest: `${next.line.text.slice(cut)}\n` };
  }

  finishHalf(): void {
    if (this.#half === undefined) return;
    writeSync(this.#half.fd, this.#half.rest);
    closeSync(this.#half.fd);
    this.#half = undefined;
  }

  rename(): void {
    if (!existsSync(this.path)) return;
    this.#shift();
    this.#move(this.path, `${this.path}.1`);
    renameSync(this.path, `${this.path}.1`);
    this.#tick();
  }

  /** Nothing is written between the copy and the cut: that loss is logrotate's and nobody could tell it. */
  copyTruncate(): void {
    this.finishHalf();
    if (!existsSync(this.path)) return;
    this.#shift();
    copyFileSync(this.path, `${this.path}.1`);
    truncateSync(this.path);
    this.#parts.set(`${this.path}.1`, { lines: this.#linesOf(this.path), copied: true });
    this.#parts.delete(this.path);
    this.#tick();
  }

  /** Compresses the newest rotated part, as logrotate's delaycompress does one rotation later. */
  gzip(): void {
    this.finishHalf();
    const from = `${this.path}.1`;
    if (!existsSync(from)) return;
    writeFileSync(`${from}.gz`, gzipSync(readFileSync(from)), { mode: 0o644 });
    this.#move(from, `${from}.gz`);
    rmSync(from);
    this.#tick();
  }

  /** The oldest part is over its time. */
  expire(): Deleted {
    const last = this.#rotated().at(-1);
    return last === undefined ? NOTHING : this.#delete(last);
  }

  /** Somebody deletes the log; the next writer makes a new one. */
  recreate(): Deleted {
    this.finishHalf();
    return existsSync(this.path) ? this.#delete(this.path) : NOTHING;
  }

  /** Starts of which a line stood in these bytes of some content of the log. */
  touched(from: number, to: number): Set<string> {
    return new Set(this.#placed.filter((placed) => placed.from < to && placed.to > from).map(({ trace }) => trace));
  }

  dispose(): void {
    this.finishHalf();
  }

  #open(): number {
    return openSync(this.path, 'a', 0o644);
  }

  #put(fd: number, text: string, trace: string, cut = text.length): void {
    const from = statSync(this.path).size;
    writeSync(fd, text.slice(0, cut));
    const placed = { trace, from, to: from + text.length };
    this.#placed.push(placed);
    this.#parts.set(this.path, { lines: [...this.#linesOf(this.path), placed], copied: false });
  }

  #linesOf(path: string): readonly Placed[] {
    return this.#parts.get(path)?.lines ?? [];
  }

  #move(from: string, to: string): void {
    const part = this.#parts.get(from);
    this.#parts.delete(from);
    if (part !== undefined) this.#parts.set(to, part);
  }

  #delete(path: string): Deleted {
    const { lines, copied } = this.#parts.get(path) ?? { lines: [], copied: false };
    this.#parts.delete(path);
    rmSync(path);
    for (const { trace } of lines) this.torn.add(trace);
    return { traces: new Set(lines.map(({ trace }) => trace)), copied };
  }

  #rotated(): string[] {
    const parts: string[] = [];
    for (let number = 1; ; number++) {
      const found = ['', '.gz'].map((packed) => `${this.path}.${number}${packed}`).filter((path) => existsSync(path));
      if (found.length === 0) return parts;
      parts.push(...found);
    }
  }

  #shift(): void {
    for (const part of this.#rotated().toReversed()) {
      const number = Number(/\.(\d+)(?:\.gz)?$/.exec(part)?.[1]);
      const next = part.replace(/\.\d+(\.gz)?$/, `.${number + 1}$1`);
      this.#move(part, next);
      renameSync(part, next);
    }
  }

  /** Unseen parts are told apart by file times, whose clock ticks may be 4 ms apart. No rotator is faster. */
  #tick(): void {
    const time = (): bigint => statSync(this.#folder.write('tick', ''), { bigint: true }).mtimeNs;
    for (const before = time(); time() === before;);
  }
}
