/**
 * A host on which containers start: three processes per start write to one log, each through a file of its own that it
 * opened when it began (test-host.md 5.8), at the time each line tells. The log may be renamed meanwhile; then the lines
 * of who has it open go on to the old file (5.9).
 */
import { closeSync, existsSync, openSync, renameSync, writeSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { Generation, WrittenLine } from '../support/uruncwriter.ts';

/** What reexec writes to the file it opened first; up to 0.5 it opens the log again before it joins the namespace. */
const REEXEC: Readonly<Record<Generation, readonly string[]>> = {
  A: ['TS04', 'TS05', 'TS06', 'TS10', 'TS15'],
  B: ['TS04', 'TS05', 'TS06', 'TS10', 'TS15'],
  C: ['TS04', 'TS05', 'TS09', 'TS14'],
  C2: ['TS04', 'TS05', 'TS09', 'TS10', 'TS14', 'TS15', 'TS16', 'TS17', 'TS18'],
  D: ['TS04', 'TS05', 'TS09', 'TS10', 'TS14', 'TS15', 'TS16', 'TS17', 'TS18'],
};

interface Due {
  readonly line: WrittenLine;
  /** Whose file it goes to; undefined: that of a process which has just opened the log. */
  readonly process: string | undefined;
}

export const now = (): bigint => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1_000)) * 1_000n;

export class Host {
  readonly log: string;
  /** All lines written so far, in order. */
  readonly written: WrittenLine[] = [];
  rotations = 0;
  #due: Due[] = [];
  readonly #files = new Map<string, number>();

  constructor(log: string) {
    this.log = log;
  }

  /** Lines to come, of one start. */
  plan(generation: Generation, lines: readonly WrittenLine[]): void {
    const own = new Set(REEXEC[generation]);
    for (const line of lines) this.#due.push({ line, process: own.has(line.mark) ? `${line.id} ${lines[0]?.time}` : undefined });
    this.#due.sort((a, b) => (a.line.time < b.line.time ? -1 : 1));
  }

  get idle(): boolean {
    return this.#due.length === 0;
  }

  /** Writes what is due. @returns ms until the next line is, undefined if there is none. */
  tick(): number | undefined {
    for (;;) {
      const next = this.#due[0];
      if (next === undefined) return undefined;
      const wait = Number(next.line.time - now()) / 1e6;
      if (wait > 0) return wait;
      this.#due.shift();
      this.#write(next);
    }
  }

  #write({ line, process }: Due): void {
    const text = `${line.text}\n`;
    if (process === undefined) {
      const file = openSync(this.log, 'a', 0o644);
      writeSync(file, text);
      closeSync(file);
    } else {
      const file = this.#files.get(process) ?? openSync(this.log, 'a', 0o644);
      this.#files.set(process, file);
      writeSync(file, text);
      if (!this.#due.some((due) => due.process === process)) {
        closeSync(file);
        this.#files.delete(process);
      }
    }
    this.written.push(line);
  }

  /** Plays on until `end` (performance.now()), or until all is written. */
  async play(end = Infinity): Promise<void> {
    for (;;) {
      const wait = this.tick();
      const left = end - performance.now();
      if (left <= 0 || (wait === undefined && end === Infinity)) return;
      await pause(Math.min(wait ?? left, left));
    }
  }

  /** As logrotate does: `.1` becomes `.2`, the log becomes `.1`, and the next who opens it makes a new one. */
  rotate(): void {
    if (!existsSync(this.log)) return;
    let last = 1;
    while (existsSync(`${this.log}.${last}`)) last++;
    for (; last > 1; last--) renameSync(`${this.log}.${last - 1}`, `${this.log}.${last}`);
    renameSync(this.log, `${this.log}.1`);
    this.rotations++;
  }

  dispose(): void {
    for (const file of this.#files.values()) closeSync(file);
    this.#files.clear();
    this.#due = [];
  }
}
