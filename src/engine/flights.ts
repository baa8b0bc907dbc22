/** Traces that were handed out and are not acknowledged yet: their lines are still held. */
import type { Event } from './event.ts';
import { firstLines } from './holding.ts';
import type { Held } from './holding.ts';
import type { Life } from './life.ts';
import type { Tombstone } from './tombstone.ts';

export interface Flight {
  life: Life;
  readonly tombstone: Tombstone;
  readonly held: readonly Held[];
  /** Its beginning stands in no log. */
  readonly inside: boolean;
  /** Lines that stand in the state file, and must until the trace is acknowledged. */
  readonly kept: readonly Event[];
}

export class Flights {
  readonly #flights = new Map<string, Flight>();

  get size(): number {
    return this.#flights.size;
  }

  add(trace: string, life: Life, tombstone: Tombstone, events: readonly Event[], inside: boolean): void {
    const kept = events.some((event) => event.kept) ? events.filter((event) => event.kept) : [];
    this.#flights.set(trace, { life, tombstone, held: firstLines(events), inside, kept });
  }

  /** Ends a flight; undefined: there is none of this trace. */
  land(trace: string): Flight | undefined {
    const flight = this.#flights.get(trace);
    this.#flights.delete(trace);
    return flight;
  }

  /** A life became part of another. */
  moved(from: Life, into: Life): void {
    for (const flight of this.#flights.values()) if (flight.life === from) flight.life = into;
  }

  all(): Flight[] {
    return [...this.#flights.values()];
  }
}
