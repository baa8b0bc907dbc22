/** Traces that were handed out and are not acknowledged yet: their lines are still held. */
import type { Event } from './event.ts';
import { firstLines } from './holding.ts';
import type { Held } from './holding.ts';
import type { Life } from './life.ts';
import type { Tombstone } from './tombstone.ts';

/** One episode of what was sent. */
export interface FlyingPart {
  life: Life;
  readonly tombstone: Tombstone;
  /** Its beginning stands in no log. */
  readonly inside: boolean;
}

export interface Flight {
  readonly parts: readonly FlyingPart[];
  readonly held: readonly Held[];
  /** Lines that stand in the state file, and must until the trace is acknowledged. */
  readonly kept: readonly Event[];
}

export class Flights {
  readonly #flights = new Map<string, Flight>();

  get size(): number {
    return this.#flights.size;
  }

  add(trace: string, parts: readonly (FlyingPart & { readonly members: readonly Event[] })[]): void {
    const [only] = parts;
    const events = parts.length === 1 && only !== undefined ? only.members : parts.flatMap(({ members }) => members);
    const kept = events.some((event) => event.kept) ? events.filter((event) => event.kept) : [];
    this.#flights.set(trace, { parts: parts.map(({ life, tombstone, inside }) => ({ life, tombstone, inside })), held: firstLines(events), kept });
  }

  /** Ends a flight; undefined: there is none of this trace. */
  land(trace: string): Flight | undefined {
    const flight = this.#flights.get(trace);
    this.#flights.delete(trace);
    return flight;
  }

  /** A life became part of another. */
  moved(from: Life, into: Life): void {
    for (const { parts } of this.#flights.values()) for (const part of parts) if (part.life === from) part.life = into;
  }

  all(): Flight[] {
    return [...this.#flights.values()];
  }
}
