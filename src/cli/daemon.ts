/**
 * The daemon: files in, traces out, and between the two the order of things that makes it at least once. A trace's lines
 * are let go only when the back-end has it; a cut by waiting is on disk before it is sent; the state follows.
 */
import type { Ledger } from '../engine/ledger.ts';
import type { Settlement } from '../engine/ledger.ts';
import { summaryLine } from '../engine/render/line.ts';
import type { ParcelFate } from '../model/delivery.ts';
import { Pace } from '../model/pace.ts';
import type { Clock } from '../model/source.ts';
import { steady } from '../model/time.ts';
import type { Steady } from '../model/time.ts';
import type { Trace } from '../model/trace.ts';
import type { FileRecord } from '../sources/record.ts';
import type { Finished } from './finished.ts';
import type { Logger } from './logger.ts';

/** Where traces go. Swapped once: from the terminal to the first back-end that answers. */
export interface Outlet {
  /** `done` is called when the trace's lines may be let go. */
  take(trace: Trace, done: (fate: ParcelFate) => void): void;
  /** Too much waits: stop reading. */
  readonly full: boolean;
}

export interface DaemonParts {
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Logger;
  readonly files: () => readonly FileRecord[];
  /** How many files are open: a new one is written down soon, so that its rotated self is known after a crash. */
  readonly openFiles: () => number;
  readonly save: (files: readonly FileRecord[], memory: unknown) => boolean;
  /** Marks of what is about to be sent, to be noted before it is, and of what was taken, until the next save. Called after reading, too. */
  readonly note: (marks: readonly string[]) => void;
  /** Back-pressure on the readers. */
  readonly pause: () => void;
  /** Those who look at finished starts: told before the trace is sent, of each settled trace. */
  readonly finished: Finished;
}

/** So many settlings a second are made at once, */
const AT_ONCE = 10;
/** and beyond that, what comes within this time is gathered. */
const GATHER_MS = 100;
/**
 * So many starts are folded and handed on in one go, and the event loop between: as traces they take thirty times their lines,
 * and the first of a long row should be with the back-end before the last is folded.
 */
const BATCH = 32;
/** So many bytes are settled at once however they came: what they become takes ten to a hundred times the room. */
const MOST_UNSETTLED = 512 * 1024;
/** The state follows so soon: new files that are not written down are lost sight of after a crash, and most hosts are quiet; */
const SOON_MS = 20;
/** but a write costs a disk flush: so much time lies between two. What comes in between is noted, or read again after a crash. */
const CHECKPOINT_MS = 1_000;
/** But the fate of a few is written at once, and the store with it: most hosts are quiet, and who waited for a start wants to look at it. */
const AT_ONCE_WRITES = 5;
const AT_ONCE_WRITES_RATE = 0.5;
const RETRY_MS = 10_000;

export class Daemon {
  readonly #parts: DaemonParts;
  #outlet: Outlet;
  #due: NodeJS.Timeout | undefined;
  #checkpoint: NodeJS.Timeout | undefined;
  #checkpointDue: Steady = steady(-Infinity);
  #settling = false;
  /** Batches that are about to be settled. */
  #goingOn = 0;
  #gathering: NodeJS.Timeout | undefined;
  readonly #pace = new Pace(AT_ONCE);
  readonly #hurry = new Pace(AT_ONCE_WRITES, AT_ONCE_WRITES_RATE);
  #knownFiles = 0;
  /** Marks of what was taken that are not noted yet: an answer is of many. */
  #unnoted: string[] = [];
  /** The state could not be written: what is cut by waiting meanwhile waits for it, */
  #failing = false;
  /** also what was cut before that was known. */
  readonly #unsent: Settlement[] = [];
  /** When the last save ended. */
  #saved: Steady = steady(-Infinity);
  #stopped = false;

  constructor(parts: DaemonParts, outlet: Outlet) {
    this.#parts = parts;
    this.#outlet = outlet;
  }

  set outlet(outlet: Outlet) {
    this.#outlet = outlet;
  }

  /** After bytes were read. */
  read(): void {
    this.touch();
    if (this.#parts.ledger.unsettled < MOST_UNSETTLED) this.settle();
    else this.#settleNow();
  }

  /**
   * After bytes were read, and when something is due. At once on a quiet host; on a busy one what comes within a few
   * milliseconds is settled, sent and acknowledged together.
   */
  settle(): void {
    if (this.#settling || this.#stopped || this.#gathering !== undefined) return;
    if (this.#pace.take(this.#parts.clock.steady())) return this.#settleNow();
    this.#gathering = setTimeout(() => {
      this.#gathering = undefined;
      this.#settleNow();
    }, GATHER_MS);
  }

  #settleNow(): void {
    if (this.#stopped || this.#settling) return;
    // What is due stays lines until there is room: whoever says that there is calls `settle`.
    if (this.#outlet.full) return this.#parts.pause();
    this.#settling = true;
    let more = false;
    try {
      const { ledger, clock, note } = this.#parts;
      const before = ledger.openEpisodes;
      // Then only what is too much is cut, and that would wait without bound.
      const unsafe = this.#failing;
      const settled = ledger.settle(clock, BATCH, unsafe);
      more = settled.length >= BATCH;
      // Nothing at rest: the state is written when it changed, also by what was no start (handed to runc).
      if (ledger.openEpisodes !== before) this.touch();
      // What was cut by waiting must be cut at the same place after a crash: written down before anybody sees it.
      const safe = !settled.some(({ waited }) => waited) || this.checkpoint();
      const goes = ({ waited }: Settlement): boolean => safe || unsafe || !waited;
      note(settled.flatMap((one) => (goes(one) ? (one.mark ?? []) : [])));
      for (const one of settled) if (goes(one)) this.#send(one); else this.#unsent.push(one);
      if (!safe) this.#retryLater();
      this.#tellRefused();
    } finally {
      this.#settling = false;
    }
    if (more) {
      this.#goingOn += 1;
      setImmediate(() => {
        this.#goingOn -= 1;
        this.#settleNow();
      });
    } else this.#arm();
    if (this.#outlet.full) this.#parts.pause();
  }

  /** What was read is being settled: who can wait reads no more meanwhile, or it gathers as what takes ten times the room. */
  get busy(): boolean {
    return this.#goingOn > 0;
  }

  #tellRefused(): void {
    for (const reading of this.#parts.ledger.readings()) {
      for (const { offset, why } of reading.takeRefused()) this.#parts.log('debug', 'line_refused', { path: reading.info.name, offset, why });
    }
  }

  #send({ trace, waited, taken }: Settlement): void {
    const { log, clock, finished } = this.#parts;
    log('debug', 'start_settled', { trace: trace.id, container: trace.container, outcome: trace.outcome, scheme: trace.schemes.join(' or '), waited, taken });
    for (const finding of trace.findings) log('warn', 'finding', { text: `${trace.container.slice(0, 12)}: ${finding.text}` });
    finished.tell(trace, clock.now());
    const done = this.#ending(trace.id);
    if (taken) done({ kind: 'acknowledged' });
    else this.#outlet.take(trace, done);
  }

  /** Apart, so that what waits for its fate holds an id and not the trace. */
  #ending(id: string): (fate: ParcelFate) => void {
    return (fate) => {
      this.#parts.log('debug', 'trace_done', { trace: id, fate: fate.kind });
      this.#noteSoon(this.#parts.ledger.acknowledged(id));
      this.#touchForFate();
    };
  }

  #touchForFate(): void {
    const now = this.#parts.clock.steady();
    if (this.#checkpoint === undefined || this.#checkpointDue > now + SOON_MS) this.touch(this.#hurry.take(now));
  }

  #noteSoon(mark: string | undefined): void {
    if (mark === undefined) return;
    if (this.#unnoted.length === 0) queueMicrotask(() => this.#parts.note(this.#unnoted.splice(0)));
    this.#unnoted.push(mark);
  }

  /** There is room again for what is due, and for more to read. */
  drained(resume: () => void): void {
    this.#settleNow();
    if (!this.#outlet.full) resume();
  }

  /** Wakes when the next start under way may have settled without a further line. */
  #arm(): void {
    clearTimeout(this.#due);
    const due = this.#parts.ledger.nextDue(this.#parts.clock, this.#failing);
    if (due === undefined) return;
    const wait = Math.min(Math.max(due - this.#parts.clock.steady(), 1), 2 ** 31 - 1);
    // After a standstill of ours timers come before the news of what was written meanwhile.
    this.#due = setTimeout(() => setImmediate(() => this.settle()), Math.floor(wait));
  }

  /** Something changed that the state must follow. @param hurried soon, unless the last save failed. */
  touch(hurried = false): void {
    if (this.#stopped) return;
    const files = this.#parts.openFiles();
    const soon = files !== this.#knownFiles;
    this.#knownFiles = files;
    const now = this.#parts.clock.steady();
    const wait = soon || hurried ? SOON_MS : Math.max(SOON_MS, this.#saved + CHECKPOINT_MS - now);
    const due = steady(now + wait);
    if (this.#checkpoint !== undefined && !soon && this.#checkpointDue <= due) return;
    this.#clearCheckpoint();
    this.#checkpointDue = due;
    this.#checkpoint = setTimeout(() => {
      this.#checkpoint = undefined;
      if (!this.checkpoint()) this.#retryLater();
    }, wait);
  }

  /** A save that failed is tried again. */
  #retryLater(): void {
    this.#clearCheckpoint();
    this.#checkpointDue = steady(-Infinity);
    this.#checkpoint = setTimeout(() => {
      this.#checkpoint = undefined;
      this.touch();
    }, RETRY_MS);
  }

  #clearCheckpoint(): void {
    clearTimeout(this.#checkpoint);
    this.#checkpoint = undefined;
  }

  /** Writes the state now. */
  checkpoint(): boolean {
    const { save, files, ledger, clock } = this.#parts;
    // Offsets first: lines that are kept from now on may be passed by the next state, not by this one.
    const saved = save(files(), ledger.remember());
    if (saved) ledger.remembered();
    if (saved && this.#failing) setImmediate(() => this.#recovered());
    this.#failing = !saved;
    this.#saved = clock.steady();
    return saved;
  }

  /** What waited for the state is written down now. */
  #recovered(): void {
    if (this.#stopped || this.#failing) return;
    for (const settlement of this.#unsent.splice(0)) this.#send(settlement);
    this.settle();
  }

  /** Settles what can be settled, without waiting for more; beyond a batch it is read again by the next run. */
  finish(): void {
    clearTimeout(this.#gathering);
    this.#settleNow();
  }

  /** No more timers; the last state is written. */
  stop(): void {
    clearTimeout(this.#due);
    clearTimeout(this.#checkpoint);
    clearTimeout(this.#gathering);
    this.#stopped = true;
    this.checkpoint();
  }
}

/** Acknowledged means printed: until there is a back-end. */
export const terminalOutlet = (write: (line: string) => void): Outlet => ({
  full: false,
  take: (trace, done) => {
    write(`${summaryLine(trace)}\n`);
    done({ kind: 'acknowledged' });
  },
});

