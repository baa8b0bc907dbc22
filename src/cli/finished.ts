/** Tells everybody who looks at finished starts of each of them, once. */
import type { FinishedStart } from '../model/finished.ts';
import { after, between, duration, MINUTE } from '../model/time.ts';
import type { Nanos } from '../model/time.ts';
import type { Trace } from '../model/trace.ts';
import type { Logger } from './logger.ts';

/** Somebody who looks at finished starts. The name is for the log, should it fail. */
export interface Observer {
  readonly name: string;
  readonly see: (start: FinishedStart) => void;
}

/** What ended longer ago is history: it comes from a log that is read for the first time. */
const RECENT = duration(10 * MINUTE);

/** A clock that was set back since the line was written must not turn a start of just now into history. */
const AHEAD = duration(10 * MINUTE);

export class Finished {
  readonly #observers: readonly Observer[];
  readonly #known: (traceId: string) => boolean;
  readonly #log: Logger;
  readonly #failing = new Set<string>();

  /** @param known whether a start was seen before, by this process or an earlier one. */
  constructor(observers: readonly Observer[], known: (traceId: string) => boolean, log: Logger) {
    this.#observers = observers;
    this.#known = known;
    this.#log = log;
  }

  /** Never throws: what goes wrong while somebody looks on must not stop the trace. */
  tell(trace: Trace, now: Nanos): void {
    if (this.#observers.length === 0) return;
    let live = isRecent(trace, now);
    if (live) this.#safely('the memory of starts', () => (live = !this.#known(trace.id)));
    const start: FinishedStart = { trace, live };
    for (const { name, see } of this.#observers) this.#safely(name, () => see(start));
  }

  #safely(name: string, look: () => void): void {
    try {
      look();
    } catch (error) {
      this.#tellFailure(name, error);
    }
  }

  /** Once for each observer: what fails for one start may fail for all. */
  #tellFailure(name: string, error: unknown): void {
    if (this.#failing.has(name)) return;
    this.#failing.add(name);
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#log('error', 'observer_failed', { observer: name, text: `A bug of shimtrace: ${name} failed on a finished start, and may on others. Traces are sent all the same. ${why}` });
  }
}

function isRecent(trace: Trace, now: Nanos): boolean {
  const age = between(after(trace.at, trace.wall), now);
  return age <= RECENT && age >= -AHEAD;
}
