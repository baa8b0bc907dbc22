/** A daemon in this process whose clock a test can set: a real file, a real follower, ledger and daemon. Only time is an argument. */
import { Daemon } from '../../src/cli/daemon.ts';
import { Finished } from '../../src/cli/finished.ts';
import type { Logger } from '../../src/cli/logger.ts';
import { summaryLine } from '../../src/engine/render/line.ts';
import { Ledger } from '../../src/engine/ledger.ts';
import type { Clock } from '../../src/model/source.ts';
import { nanos, steady } from '../../src/model/time.ts';
import type { Trace } from '../../src/model/trace.ts';
import { Follower } from '../../src/sources/follow.ts';
import { Folder, Journal, until } from '../support/files.ts';
import { bytesOf, newLedger } from '../support/ledger.ts';

export class Station implements AsyncDisposable {
  readonly folder = new Folder();
  readonly journal = new Journal();
  readonly ledger: Ledger;
  readonly traces: Trace[] = [];
  /** How often somebody looked whether something has settled, and how often the files were looked through. */
  readonly counts = { settles: 0, sweeps: 0, reads: 0 };
  readonly #follower: Follower;
  readonly #daemon: Daemon;
  readonly #base: bigint;
  readonly #began = performance.now();
  #stepped = 0n;

  /** @param wall what its wall clock shows now, ns. */
  constructor(wall: bigint) {
    this.#base = wall;
    const clock: Clock = { now: () => nanos(this.wall), steady: () => steady(performance.now()) };
    this.ledger = newLedger();
    const log: Logger = (level, event, fields = {}) => this.journal.log(level === 'trace' ? 'debug' : level, event, fields);
    this.#daemon = new Daemon(
      {
        ledger: this.ledger, clock, log, save: () => true,
        files: () => this.#follower.checkpointFiles(), openFiles: () => 0, note: () => {},
        pause: () => this.#follower.pause(), finished: new Finished([], () => false, log),
      },
      {
        full: false,
        take: (trace, done) => {
          this.traces.push(trace);
          done({ kind: 'acknowledged' });
        },
      },
    );
    this.#follower = new Follower({
      patterns: [{ glob: this.folder.at('*.log') }],
      intake: this.ledger, clock, log: this.journal.log, records: [], exclude: [],
      onRead: () => {
        this.counts.reads += 1;
        this.#daemon.read();
      },
      onSweep: () => {
        this.counts.sweeps += 1;
        this.#daemon.settle();
      },
      options: { sweepMs: 50, busySweepMs: 25 },
    });
    const { ledger, counts } = this;
    const settle = ledger.settle.bind(ledger);
    ledger.settle = (at) => {
      counts.settles += 1;
      return settle(at);
    };
  }

  get wall(): bigint {
    return this.#base + this.#stepped + BigInt(Math.round((performance.now() - this.#began) * 1e6));
  }

  start(): void {
    this.#follower.start();
  }

  /** Sets the wall clock forward or back by so many ns. */
  step(by: bigint): void {
    this.#stepped += by;
  }

  /** Appends and waits until every line was read. */
  async write(name: string, text: string): Promise<void> {
    const lines = this.ledger.verdicts().lines + text.split('\n').length - 1;
    this.folder.append(name, text);
    await until(() => this.ledger.verdicts().lines >= lines, () => this.ledger.verdicts());
  }

  /** Waits until files were looked through so many times more: what was due by the clock's step alone has happened by then. */
  async sweeps(times: number): Promise<void> {
    const goal = this.counts.sweeps + times;
    await until(() => this.counts.sweeps >= goal);
  }

  /** Waits until so many starts have settled. */
  async settled(count: number): Promise<void> {
    await until(() => this.traces.length >= count, () => this.traces.map((trace) => summaryLine(trace)));
  }

  get bytes(): readonly string[] {
    return this.traces.map(bytesOf).sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#follower.stop();
    this.#daemon.stop();
    this.folder.dispose();
  }
}
