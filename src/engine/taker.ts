/** What a reading hands its events and gaps to. */
import type { Gap } from '../model/source.ts';
import type { CompiledRuntime } from './compile.ts';
import type { Event } from './event.ts';
import type { Reading } from './reading.ts';
import type { Named } from './whom.ts';

/** Who takes what is read. */
export interface Taker {
  /** @returns false: its container's name is none. */
  line(event: Event, named: Named, runtime: CompiledRuntime, reading: Reading): boolean;
  gap(gap: Gap, proof: Proof, reading: Reading): void;
}

/** The line that says so, and its number (0: not known). */
export interface Proof {
  readonly row: number;
  readonly line: string;
}
