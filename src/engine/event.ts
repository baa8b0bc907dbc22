import { NANOSECOND } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import type { SourceId } from '../model/source.ts';
import type { Spelling } from './compile.ts';
import type { Holes } from './template.ts';

/** A line that says something: a mark at a time, not yet sure which (that depends on the version of the log). */
export interface Event {
  readonly time: Nanos;
  /** How fine its writer's clock is: the moment lies in [time, time + step). */
  readonly step: Duration;
  /** The guest's own time, where the line carries a guest's line. */
  readonly guest: Nanos | undefined;
  readonly spelling: Spelling;
  readonly holes: Holes | undefined;
  /** The raw line, as evidence. */
  readonly line: string;
  /** Which container of its life; undefined: the sandbox itself, or not yet known. */
  container: string | undefined;
  /** The process (or request) that wrote it. Of a request that took its turn: what it does and for whom, once that is known. */
  handle: string | undefined;
  /** A process by another name, which this line tells: the exec whose shim will speak of it. */
  readonly also: string | undefined;
  /** The boot of the host that it was written in, where its carrier vouches for that: processes of two boots are two. */
  readonly boot: string | undefined;
  /** What its process does: `create`, `kill`. */
  readonly command: string | undefined;
  /** Where it stood: for pins and cuts, never for a trace. */
  readonly source: SourceId;
  readonly rank: number;
  readonly offset: number;
  /** Number of the line in its source, from 1; 0: not known, the source was not read from its beginning. */
  readonly row: number;
  /** It stands in the state file as it was written: its source may let it go. */
  kept: boolean;
}

/**
 * An event of a runtime whose lines name their container and nothing else: half as large, and there are half a million of them in
 * a second's reading.
 */
export class PlainEvent implements Event {
  readonly time: Nanos;
  readonly spelling: Spelling;
  readonly line: string;
  container: string | undefined;
  readonly source: SourceId;
  readonly rank: number;
  readonly offset: number;
  readonly row: number;
  kept: boolean;

  constructor(time: Nanos, spelling: Spelling, line: string, container: string | undefined, at: Place) {
    this.time = time;
    this.spelling = spelling;
    this.line = line;
    this.container = container;
    this.source = at.source;
    this.rank = at.rank;
    this.offset = at.offset;
    this.row = at.row;
    this.kept = at.kept;
  }

  get step(): Duration {
    return NANOSECOND;
  }

  get guest(): undefined {
    return undefined;
  }

  get holes(): undefined {
    return undefined;
  }

  get handle(): undefined {
    return undefined;
  }

  get also(): undefined {
    return undefined;
  }

  get boot(): undefined {
    return undefined;
  }

  get command(): undefined {
    return undefined;
  }
}

/** Whom a line names, and what its holes held. */
export interface Telling {
  readonly holes: Holes | undefined;
  readonly container: string | undefined;
  readonly handle: string | undefined;
  readonly also: string | undefined;
  readonly boot: string | undefined;
  readonly command: string | undefined;
}

/** Two lines may be of one boot: a line of text says nothing of it. */
export const mayBeSameBoot = (a: string | undefined, b: string | undefined): boolean => a === undefined || b === undefined || a === b;

/** Where a line stood. */
export type Place = Pick<Event, 'source' | 'rank' | 'offset' | 'row' | 'kept'>;

/** An event of a runtime whose lines name processes and sandboxes: many to a start, so their texts wait outside of the heap. */
export class ToldEvent implements Event {
  readonly time: Nanos;
  readonly step: Duration;
  readonly guest: Nanos | undefined;
  readonly spelling: Spelling;
  readonly holes: Holes | undefined;
  container: string | undefined;
  handle: string | undefined;
  readonly also: string | undefined;
  readonly boot: string | undefined;
  readonly command: string | undefined;
  readonly source: SourceId;
  readonly rank: number;
  readonly offset: number;
  readonly row: number;
  kept: boolean;
  readonly #bytes: Buffer;
  readonly #from: number;
  readonly #to: number;

  constructor(time: Nanos, entry: Pick<Event, 'step'> & { readonly guest?: Nanos | undefined }, spelling: Spelling, telling: Telling, place: Place, bytes: Buffer, from: number, length: number) {
    this.time = time;
    this.step = entry.step;
    this.guest = entry.guest;
    this.spelling = spelling;
    this.holes = telling.holes;
    this.container = telling.container;
    this.handle = telling.handle;
    this.also = telling.also;
    this.boot = telling.boot;
    this.command = telling.command;
    this.source = place.source;
    this.rank = place.rank;
    this.offset = place.offset;
    this.row = place.row;
    this.kept = place.kept;
    this.#bytes = bytes;
    this.#from = from;
    this.#to = from + length;
  }

  get line(): string {
    return this.#bytes.toString('utf8', this.#from, this.#to);
  }

  /** Whether the text holds these bytes, without making it a string. */
  says(words: Buffer): boolean {
    const at = this.#bytes.indexOf(words, this.#from);
    return at >= 0 && at + words.length <= this.#to;
  }
}

/**
 * The total order of a ledger (design.md 3): time, layer, place in its chain of rotated files, text. Lines of equal time
 * from two processes have no order of their own; the layer and the component decide, so that a re-read decides the same.
 */
export function inOrder(a: Event, b: Event): number {
  if (a.time < b.time) return -1;
  if (a.time > b.time) return 1;
  const one = a.spelling.agreed;
  const other = b.spelling.agreed;
  if (one !== undefined && other !== undefined) {
    if (one.layer !== other.layer) return one.layer - other.layer;
    if (one.component !== other.component) return one.component - other.component;
  }
  if (a.rank !== b.rank) return a.rank - b.rank;
  if (a.offset !== b.offset) return a.offset - b.offset;
  return a.line < b.line ? -1 : a.line > b.line ? 1 : 0;
}

/** Sorts in place. Logs are almost in order: insertion beats a general sort on twenty nearly sorted events. */
export function sortEvents(events: Event[]): void {
  if (events.length > 64) {
    events.sort(inOrder);
    return;
  }
  for (let i = 1; i < events.length; i++) {
    const event = events[i];
    if (event === undefined) continue;
    let at = i - 1;
    for (let before = events[at]; before !== undefined && inOrder(before, event) > 0; before = events[--at]) events[at + 1] = before;
    events[at + 1] = event;
  }
}
