import type { Log } from '../model/delivery.ts';

const QUIET_MS = 60_000;

/** Passes the first of each event at once, then at most one a minute with the number of those held back. */
export class Notices {
  readonly #log: Log;
  readonly #heard = new Map<string, { at: number; held: number }>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** As Log; `event` must come from a fixed vocabulary. */
  say(...[level, event, fields]: Parameters<Log>): void {
    const now = performance.now();
    const before = this.#heard.get(event);
    if (before !== undefined && now - before.at < QUIET_MS) {
      before.held += 1;
      return;
    }
    this.#heard.set(event, { at: now, held: 0 });
    const held = before?.held ?? 0;
    this.#log(level, event, held === 0 ? fields : { ...fields, held_back: held });
  }
}
