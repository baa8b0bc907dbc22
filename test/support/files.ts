import { appendFileSync, chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock, Intake, SourceId, SourceInfo, Gap } from '../../src/model/source.ts';
import { sourceId } from '../../src/model/source.ts';
import { nanos, steady } from '../../src/model/time.ts';
import type { Nanos, Steady } from '../../src/model/time.ts';
import { Follower } from '../../src/sources/follow.ts';
import type { FollowerSettings, FollowOptions } from '../../src/sources/follow.ts';
import type { FollowPattern } from '../../src/sources/pattern.ts';
import type { FileRecord } from '../../src/sources/record.ts';
import type { Log } from '../../src/sources/report.ts';
import type { WakeSource } from '../../src/sources/wakes.ts';
import { remove } from './remove.ts';

export const clock: Clock = {
  now: () => nanos(BigInt(Date.now()) * 1_000_000n),
  steady: () => steady(performance.now()),
};

/** Waits until the condition holds; fails with what `about` says after fifteen seconds. */
export async function until(condition: () => boolean, about: () => unknown = () => ''): Promise<void> {
  for (const deadline = performance.now() + 15_000; !condition();) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${condition} ${JSON.stringify(about())}`);
    await pause(2);
  }
}

/** A folder of this test alone, removed by `dispose`. */
export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'shimtrace-'));

  at(name: string): string {
    return join(this.path, name);
  }

  /** Writes as a log's owner does: 0644 whatever the umask. */
  write(name: string, text: string | Buffer): string {
    writeFileSync(this.at(name), text);
    chmodSync(this.at(name), 0o644);
    return this.at(name);
  }

  append(name: string, text: string): void {
    appendFileSync(this.at(name), text, { mode: 0o644 });
  }

  dispose(): void {
    remove(this.path);
  }
}

export interface FakeLine {
  readonly text: string;
  readonly offset: number;
}

export interface FakeSource {
  readonly info: SourceInfo;
  readonly lines: FakeLine[];
  readonly gaps: Gap[];
  readonly overlong: { readonly head: number; readonly offset: number; readonly length: number }[];
  readonly passed: { readonly lines: number; readonly first: Nanos; readonly last: Nanos }[];
  state: 'begun' | 'behind' | 'end' | 'ended';
  endSteady: Steady | undefined;
  pin: number | undefined;
  awaited: boolean;
}

/** An intake that keeps what it gets and does as the test says about pins. Checks the rules of the interface. */
export class FakeIntake implements Intake {
  readonly sources: FakeSource[] = [];
  bytes = 0;

  begin(info: SourceInfo): SourceId {
    this.sources.push({ info, lines: [], gaps: [], overlong: [], passed: [], state: 'begun', endSteady: undefined, pin: undefined, awaited: false });
    return sourceId(this.sources.length - 1);
  }

  read(source: SourceId, bytes: Buffer, length: number, offset: number): number {
    const entry = this.#open(source);
    let start = 0;
    for (let end = bytes.indexOf(10); end >= 0 && end < length; end = bytes.indexOf(10, start)) {
      entry.lines.push({ text: bytes.toString('utf8', start, end), offset: offset + start });
      start = end + 1;
    }
    this.bytes += start;
    return start;
  }

  overlong(source: SourceId, head: Buffer, offset: number, length: number): void {
    this.#open(source).overlong.push({ head: head.length, offset, length });
  }

  gap(source: SourceId, gap: Gap): void {
    this.#open(source).gaps.push(gap);
  }

  passed(source: SourceId, lines: number, first: Nanos, last: Nanos): void {
    this.#open(source).passed.push({ lines, first, last });
  }

  atEnd(source: SourceId, now: Steady): void {
    const entry = this.#open(source);
    entry.state = 'end';
    entry.endSteady = now;
  }

  stirred(source: SourceId): void {
    if (this.#open(source).state !== 'end') throw new Error(`source ${source} stands at no end`);
  }

  behind(source: SourceId): void {
    this.#open(source).state = 'behind';
  }

  end(source: SourceId): void {
    this.#open(source).state = 'ended';
  }

  pinned(source: SourceId): number | undefined {
    return this.sources[source]?.pin;
  }

  awaited(source: SourceId): boolean {
    return this.sources[source]?.awaited ?? false;
  }

  /** All lines, source after source. */
  get lines(): string[] {
    return this.sources.flatMap((source) => source.lines.map((line) => line.text));
  }

  #open(source: SourceId): FakeSource {
    const entry = this.sources[source];
    if (entry === undefined || entry.state === 'ended') throw new Error(`source ${source} is not open`);
    return entry;
  }
}

export interface LogEntry {
  readonly level: string;
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A log that can be asked. */
export class Journal {
  readonly entries: LogEntry[] = [];
  readonly log: Log = (level, event, fields) => void this.entries.push({ level, event, fields });

  count(event: string): number {
    return this.entries.filter((entry) => entry.event === event).length;
  }

  find(event: string): LogEntry | undefined {
    return this.entries.find((entry) => entry.event === event);
  }
}

export interface BenchOptions {
  readonly options?: Partial<FollowOptions>;
  readonly wakes?: WakeSource;
  readonly exclude?: readonly string[];
}

/** Follows a folder's files and can be stopped and started again as a daemon would be. */
export class Bench {
  readonly folder = new Folder();
  readonly journal = new Journal();
  intake = new FakeIntake();
  /** Lines of all runs so far. */
  readonly before: string[] = [];
  records: FileRecord[] = [];
  reads = 0;
  #follower: Follower | undefined;

  get follower(): Follower {
    if (this.#follower === undefined) throw new Error('not started');
    return this.#follower;
  }

  /** Patterns are relative to the folder. */
  start(patterns: readonly (string | FollowPattern)[], extra: BenchOptions = {}): void {
    const settings: FollowerSettings = {
      patterns: patterns.map((pattern) => typeof pattern === 'string' ? { glob: this.folder.at(pattern) } : { ...pattern, glob: this.folder.at(pattern.glob) }),
      intake: this.intake, clock, log: this.journal.log, records: this.records, exclude: extra.exclude ?? [],
      onRead: () => { this.reads += 1; },
      options: { sweepMs: 40, busySweepMs: 10, graceMs: 30, ...extra.options },
      ...(extra.wakes === undefined ? {} : { wakes: extra.wakes }),
    };
    this.#follower = new Follower(settings);
    this.#follower.start();
  }

  /** Stops; `keep` says whether this run's last state is saved (a stop) or not (a kill). */
  async stop(keep = true): Promise<void> {
    const follower = this.#follower;
    this.#follower = undefined;
    if (follower === undefined) return;
    await follower.stop();
    if (keep) this.records = follower.checkpointFiles();
    this.before.push(...this.intake.lines);
    this.intake = new FakeIntake();
  }

  get lines(): string[] {
    return [...this.before, ...this.intake.lines];
  }

  /** Waits until exactly these lines have come, in any order of files, and no other. */
  async expectLines(expected: readonly string[]): Promise<void> {
    const want = [...expected].sort().join('\n');
    await until(() => this.lines.length >= expected.length && [...this.lines].sort().join('\n') === want, () => ({ got: this.lines, events: this.journal.entries.slice(-15) }));
  }

  /** Waits until every open source stands at its end. */
  async settled(): Promise<void> {
    await until(() => this.follower.status().every((file) => file.atEnd || file.problem !== undefined || file.size === 0), () => this.follower.status());
  }

  async dispose(): Promise<void> {
    await this.stop();
    this.folder.dispose();
  }
}
