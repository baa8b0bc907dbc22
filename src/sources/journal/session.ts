import { runChild } from '../child.ts';
import type { Child, Ended } from '../child.ts';
import { fieldOf, readCursor, sameEntry } from './entry.ts';
import type { JournalEntry } from './entry.ts';
import { ExportReader } from './export.ts';
import type { Feed } from './feed.ts';
import type { Gaps } from './gaps.ts';
import { argumentsOf } from './selection.ts';
import type { Selection } from './selection.ts';

export interface SessionSettings {
  readonly command: string;
  /** Beside those that every session has. */
  readonly arguments: readonly string[];
  readonly selection: Selection;
  /** Where to begin without a cursor, microseconds since the epoch. */
  readonly since: bigint | undefined;
  readonly feed: Feed;
  readonly gaps: Gaps;
  /** Entries come that were written since we read. */
  readonly watched: boolean;
  /** Output came. false: it is not wanted, and what was read before it stands. */
  readonly wanted: () => boolean;
  /** Output was handed over. */
  readonly read: () => void;
  readonly ended: (end: Ended) => void;
}

/**
 * One life of a journalctl that reads. It begins with the entry that was handed over last: if that is still there it comes first and is dropped,
 * if not, nobody may say that nothing is missing. (Asked for what comes after a cursor that is gone, journalctl leaves out one entry in silence.)
 */
export class Session implements Child {
  /** When the entry that was read last was written, microseconds since the epoch. */
  reached = 0;
  readonly #settings: SessionSettings;
  readonly #child: Child;
  #expected: string | undefined;

  constructor(settings: SessionSettings) {
    const { command, selection, feed, gaps, since, wanted, read, ended } = settings;
    this.#settings = settings;
    const { cursor } = feed.marks.newest;
    this.#expected = cursor;
    feed.pieces.drop();
    gaps.restart();
    const from = cursor !== undefined ? [`--cursor=${cursor}`] : since === undefined ? [] : [`--since=@${since / 1_000_000n}`];
    const reader = new ExportReader((entry) => this.#entry(entry));
    const args = ['--no-pager', '--merge', '--lines=all', '--output=export', ...settings.arguments, ...from, ...argumentsOf(selection)];
    this.#child = runChild(command, args, (chunk) => {
      if (!wanted()) return;
      reader.push(chunk);
      feed.flush();
      read();
    }, ended);
  }

  /** The entry that should have come first; undefined: it did. */
  get expected(): string | undefined {
    return this.#expected;
  }

  pause(): void {
    this.#child.pause();
  }

  resume(): void {
    this.#child.resume();
  }

  kill(): void {
    this.#child.kill();
  }

  #entry(entry: JournalEntry): void {
    const { gaps, feed, watched } = this.#settings;
    const expected = this.#expected;
    this.#expected = undefined;
    if (expected !== undefined && this.#isThere(expected, entry)) return;
    gaps.entry(entry, watched);
    this.reached = Number(fieldOf(entry, '__REALTIME_TIMESTAMP') ?? 0);
    feed.take(entry);
  }

  #isThere(expected: string, entry: JournalEntry): boolean {
    const { gaps, feed } = this.#settings;
    const [was, is] = [readCursor(expected), readCursor(entry.cursor ?? '')];
    if (was !== undefined && is !== undefined && sameEntry(was, is)) {
      gaps.seen(entry);
      return true;
    }
    gaps.lost(expected, is);
    feed.unplaced();
    return false;
  }
}
