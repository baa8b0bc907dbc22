/** Traces that were handed out and are not acknowledged yet: their lines are still held. */
import type { Event } from './event.ts';
import { firstLines } from './holding.ts';
import type { Held } from './holding.ts';
import type { Life } from './life.ts';
import type { SentMark } from './sent.ts';
import type { Tombstone } from './tombstone.ts';

/** One episode of what was sent. */
export interface FlyingPart {
  life: Life;
  readonly tombstone: Tombstone;
  /** Its beginning stands in no log. */
  readonly inside: boolean;
}

/** Its first episode, mostly the only one: while a back-end is away there are hundreds of thousands, and a list of one would take as much room as all else of it. */
export interface Flight extends FlyingPart {
  readonly others: readonly FlyingPart[];
  readonly held: readonly Held[];
  /** Lines that stand in the state file, and must until the trace is acknowledged. */
  readonly kept: readonly Event[];
  readonly mark: SentMark | undefined;
}

const NONE: readonly never[] = [];

export const flyingPartsOf = (flight: Flight): readonly FlyingPart[] => (flight.others.length === 0 ? [flight] : [flight, ...flight.others]);

export class Flights {
  readonly #flights = new Map<string, Flight>();

  get size(): number {
    return this.#flights.size;
  }

  add(trace: string, parts: readonly (FlyingPart & { readonly members: readonly Event[] })[], mark: SentMark | undefined): void {
    const [first, ...rest] = parts;
    if (first === undefined) return;
    const events = rest.length === 0 ? first.members : parts.flatMap(({ members }) => members);
    const kept = events.some((event) => event.kept) ? events.filter((event) => event.kept) : NONE;
    const others = rest.length === 0 ? NONE : rest.map(({ life, tombstone, inside }) => ({ life, tombstone, inside }));
    this.#flights.set(trace, { life: first.life, tombstone: first.tombstone, inside: first.inside, others, held: firstLines(events), kept, mark });
  }

  /** Ends a flight; undefined: there is none of this trace. */
  land(trace: string): Flight | undefined {
    const flight = this.#flights.get(trace);
    this.#flights.delete(trace);
    return flight;
  }

  /** A life became part of another. */
  moved(from: Life, into: Life): void {
    for (const flight of this.#flights.values()) {
      if (flight.life === from) flight.life = into;
      for (const part of flight.others) if (part.life === from) part.life = into;
    }
  }

  all(): Flight[] {
    return [...this.#flights.values()];
  }
}
