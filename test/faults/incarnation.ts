/** One life of a daemon in this process: the real follower, ledger, daemon, spool and exporter, until it ends or is killed. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Daemon } from '../../src/cli/daemon.ts';
import { Finished } from '../../src/cli/finished.ts';
import type { Logger } from '../../src/cli/logger.ts';
import { storedMemory } from '../../src/cli/stored.ts';
import { TraceEncoder } from '../../src/delivery/encode.ts';
import { Outbox } from '../../src/delivery/outbox.ts';
import { Spool } from '../../src/delivery/spool.ts';
import { endpoint } from '../delivery/harness.ts';
import { Ledger, LEDGER_DEFAULTS } from '../../src/engine/ledger.ts';
import type { DeadLetter } from '../../src/model/delivery.ts';
import type { Clock } from '../../src/model/source.ts';
import { duration } from '../../src/model/time.ts';
import { Follower } from '../../src/sources/follow.ts';
import { grown, Notes } from '../../src/sources/notes.ts';
import { StateFile } from '../../src/sources/state.ts';
import type { Journal } from '../support/files.ts';
import { URUNC } from '../support/ledger.ts';
import { HOST } from './worldlog.ts';

export interface Surroundings {
  readonly log: string;
  readonly state: string;
  readonly url: string;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly letters: DeadLetter[];
  /** ms between two looks at everything: with thousands of files they are rare, however busy. */
  readonly sweepMs?: number;
}

const SHORT = duration(20_000_000);

export class Incarnation {
  readonly follower: Follower;
  readonly outbox: Outbox;
  readonly ledger: Ledger;
  readonly #daemon: Daemon;
  /** How often all files were looked through. */
  sweeps = 0;
  /** Reading has stopped until there is room. */
  paused = false;
  #dead = false;

  constructor({ log: path, state: folder, url, clock, journal, letters, sweepMs }: Surroundings) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const log: Logger = (level, event, fields = {}) => this.#dead || journal.log(level === 'trace' ? 'debug' : level, event, fields);
    const state = new StateFile(folder, log);
    const loaded = state.load();
    if (loaded.kind === 'refused') throw new Error(loaded.problem.why);
    const saved = loaded.kind === 'loaded' ? loaded.state : undefined;
    const ledger = new Ledger([URUNC], { ...LEDGER_DEFAULTS, hostId: HOST, settle: SHORT, lateness: SHORT, keepBeyond: -1, live: true });
    const notes = new Notes(folder, log);
    const noted = notes.load();
    const memory = storedMemory(saved?.memory, noted.sent);
    if (memory !== undefined) ledger.restore(memory);
    const encoder = new TraceEncoder([['host.id', HOST]]);
    const follower: Follower = new Follower({
      patterns: [{ glob: path }], intake: ledger, clock, log, records: grown(saved?.files ?? [], noted.sizes), lastRun: loaded.kind === 'loaded' ? loaded.looked : undefined, exclude: [folder],
      onRead: () => this.#daemon.read(), onEnds: () => this.#daemon.settle(), isBusy: () => this.#daemon.busy, onSweep: () => {
        this.sweeps += 1;
        this.#daemon.settle();
      },
      options: { sweepMs: sweepMs ?? 25, busySweepMs: sweepMs ?? 10, graceMs: 60 },
    });
    const outbox = new Outbox({
      endpoint: { ...endpoint(url), timeout: 150 }, log, maxWaitingBytes: 150_000, patience: 300, onDrain: () => {
        this.paused = false;
        follower.resume();
      },
      spool: new Spool({ folder: join(folder, 'spool'), limit: 40_000, log }), deadLetters: { write: (letter) => letters.push(letter) },
    });
    this.#daemon = new Daemon(
      {
        ledger, clock, log, finished: new Finished([], () => false, log), 
        pause: () => {
          this.paused = true;
          follower.pause();
        },
        files: () => follower.checkpointFiles(), openFiles: () => follower.counters['files_open'] ?? 0,
        // What a killed process would have written is not written.
        save: (files, remembered) => {
          const saved = !this.#dead && state.save(files, remembered, [], [], follower.lookedAgo);
          if (saved) notes.clear();
          return saved;
        },
        note: (marks) => this.#dead || notes.add(marks, follower.takeGrown()),
      },
      { get full() { return outbox.full; }, take: (trace, done) => outbox.offer(encoder.encode(trace), done) },
    );
    this.ledger = ledger;
    this.follower = follower;
    this.outbox = outbox;
    follower.start();
  }

  /** As kill -9: nothing more is written, descriptors and connections are gone. */
  async kill(): Promise<void> {
    this.#dead = true;
    this.outbox.close();
    await this.follower.stop();
    this.#daemon.stop();
  }

  /** As SIGTERM. */
  async stop(): Promise<void> {
    await this.follower.stop();
    this.#daemon.finish();
    await this.outbox.flush(50);
    this.outbox.close();
    this.#daemon.stop();
  }
}

/** A state folder in which nothing can be written: the names that a save needs are taken by folders, as no root can overrule. */
export function jam(state: string, jammed: boolean): void {
  const fresh = join(state, 'state.json.tmp');
  if (jammed) mkdirSync(join(fresh, 'in the way'), { recursive: true });
  else rmSync(fresh, { recursive: true, force: true });
}
