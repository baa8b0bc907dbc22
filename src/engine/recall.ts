/** What of the ledger outlives the process, beside the sources' offsets: settled episodes whose lines may come again, and the lines that will not. */
import type { Intake } from '../model/source.ts';
import { sourceKey } from '../model/source.ts';
import type { CompiledRuntime } from './compile.ts';
import type { Event } from './event.ts';
import { flyingPartsOf } from './flights.ts';
import type { Flights } from './flights.ts';
import type { LineGaps } from './gaps.ts';
import type { Holding } from './holding.ts';
import type { Lives } from './lives.ts';
import { storeInside } from './memory.ts';
import type { Memory, StoredMemory } from './memory.ts';
import type { OpenEpisode } from './open.ts';
import type { LedgerOptions } from './options.ts';
import { chooseKept, readKept, storeLines } from './snapshot.ts';
import type { Sent } from './sent.ts';
import type { Sources } from './sources.ts';

export interface RecallSettings {
  readonly runtimes: readonly CompiledRuntime[];
  readonly options: LedgerOptions;
  readonly sources: Sources;
  readonly lives: Lives;
  readonly open: ReadonlySet<OpenEpisode>;
  readonly flights: Flights;
  readonly memory: Memory;
  readonly gaps: LineGaps;
  readonly sent: Sent;
}

export class Recall {
  readonly #settings: RecallSettings;
  /** Lines that the state being written holds: let go once it is written. */
  #keeping: readonly Event[] = [];

  constructor(settings: RecallSettings) {
    this.#settings = settings;
  }

  /** @param holding what the sources were asked to hold before this. */
  store(holding: Holding): StoredMemory {
    const { sources, open, flights, memory, gaps, sent, options } = this.#settings;
    const held = new Map<string, number>();
    for (const [source, { from }] of holding) if (from !== undefined) held.set(sources.keyOf(source), from);
    const flying = flights.all();
    const parts = flying.flatMap(flyingPartsOf);
    const flown = parts.map(({ tombstone }) => tombstone);
    const insides = storeInside([...[...open].filter((episode) => episode.kind === 'inside'), ...parts.filter(({ inside }) => inside).map(({ tombstone }) => tombstone)]);
    const { needed, ...stored } = memory.store(flown, (source) => held.get(source));
    const kept = [...[...open].flatMap(({ events }) => events.filter((event) => event.kept)), ...flying.flatMap((flight) => flight.kept)];
    this.#keeping = needed > options.keepBeyond ? chooseKept(open, kept) : [];
    const marks = flying.flatMap(({ mark }) => (mark === undefined ? [] : [mark]));
    return { ...stored, sent: sent.store(marks), gaps: gaps.store([...open, ...flown]), inside: insides, kept: storeLines([...kept, ...this.#keeping], (source) => sources.infoOf(source)) };
  }

  /** What `store` gave last is on disk. */
  stored(): void {
    for (const event of this.#keeping) event.kept = true;
    this.#keeping = [];
  }

  /** @param intake takes the lines that no source will tell again. */
  restore(stored: StoredMemory, intake: Intake): void {
    const { gaps, runtimes, memory, lives, sent } = this.#settings;
    sent.restore(stored.sent ?? []);
    for (const { traceId } of stored.done) sent.forget(traceId);
    gaps.restore(stored.gaps ?? [], sourceKey);
    const named = new Map(runtimes.map((runtime) => [runtime.name, runtime]));
    memory.restore(stored, (name, container) => {
      const runtime = named.get(name);
      return runtime && lives.of(runtime, container);
    });
    for (const lines of stored.kept) readKept(lines, intake);
  }
}
