/** Watches over a following journalctl: one that hangs and one that we kept waiting look alike from its output. */
import type { Clock } from '../../model/source.ts';
import { steady } from '../../model/time.ts';
import type { Steady } from '../../model/time.ts';
import type { Child } from '../child.ts';
import { readCursor, sameEntry } from './entry.ts';
import { askNewest } from './probe.ts';
import type { Selection } from './selection.ts';

export interface VigilSettings {
  readonly command: string;
  readonly selection: Selection;
  readonly clock: Clock;
  /** ms of silence after which somebody looks. */
  readonly quiet: number;
  /** Cursor of the entry that was read last. */
  readonly newest: () => string | undefined;
  readonly hung: () => void;
  /** Every few seconds. */
  readonly beat: () => void;
}

const BEAT_MS = 5_000;
/** A beat that comes so late says that this process stood still. */
const STOOD_STILL_MS = 15_000;
/** What is new on both looks has waited longer than journalctl ever takes. */
const SECOND_LOOK_MS = 2_000;

export class Vigil {
  readonly #settings: VigilSettings;
  #timer: NodeJS.Timeout | undefined;
  #look: NodeJS.Timeout | undefined;
  #asking: Child | undefined;
  #beatAt: Steady = steady(0);
  #heardAt: Steady = steady(0);
  /** No looks before this: each costs a process, so those that find nothing get rarer. */
  #patience = 1;

  constructor(settings: VigilSettings) {
    this.#settings = settings;
  }

  start(): void {
    this.stop();
    this.#beatAt = this.#heardAt = this.#settings.clock.steady();
    this.#timer = setInterval(() => this.#beat(), Math.min(BEAT_MS, this.#settings.quiet));
  }

  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#look);
    this.#timer = undefined;
    this.#asking?.kill();
    this.#asking = undefined;
  }

  /** It spoke. @returns whether this process stood still before. */
  heard(): boolean {
    const now = this.#settings.clock.steady();
    const still = this.#timer !== undefined && now - this.#beatAt > STOOD_STILL_MS;
    this.#heardAt = now;
    this.#patience = 1;
    return still;
  }

  #beat(): void {
    const { clock, quiet, beat } = this.#settings;
    const now = clock.steady();
    this.#beatAt = now;
    beat();
    if (now - this.#heardAt < quiet * this.#patience || this.#asking !== undefined || this.#look !== undefined) return;
    this.#ask((newer) => {
      if (!newer) {
        this.#patience = Math.min(this.#patience * 2, 20);
        return;
      }
      this.#look = setTimeout(() => {
        this.#look = undefined;
        this.#ask((still) => still && this.#settings.hung());
      }, Math.min(SECOND_LOOK_MS, quiet));
    });
  }

  /** Whether there is an entry that was not read, and nothing was heard meanwhile. */
  #ask(answer: (newer: boolean) => void): void {
    const { command, selection, newest } = this.#settings;
    const heardAt = this.#heardAt;
    const child = askNewest(command, selection, (_, cursor) => {
      if (this.#asking !== child) return;
      this.#asking = undefined;
      const [known, there] = [readCursor(newest() ?? ''), readCursor(cursor ?? '')];
      const newer = there !== undefined && (known === undefined || !sameEntry(known, there));
      answer(newer && this.#heardAt === heardAt);
    });
    this.#asking = child;
  }
}
