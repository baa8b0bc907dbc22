/**
 * journald cuts a line of a service's output that is longer than LineMax (48 KiB by default) into several entries of the same stream; all but the
 * last say `_LINE_BREAK=line-max`. They are one line again here.
 */
import { fieldOf } from './entry.ts';
import type { JournalEntry } from './entry.ts';
import { MOST_MESSAGE } from './export.ts';

/** Lines under way at once; beyond, the oldest is given as far as it came. */
const MOST_STREAMS = 64;

interface Begun {
  readonly first: JournalEntry;
  readonly texts: string[];
  length: number;
}

export class Pieces {
  readonly counters = { line_pieces: 0, lines_unjoined: 0 };
  readonly #begun = new Map<string, Begun>();

  /** Whether there are lines of which the end has not come. */
  get open(): boolean {
    return this.#begun.size > 0;
  }

  /** @returns entries that are whole now: this one, or the line whose last piece it is. */
  add(entry: JournalEntry): readonly JournalEntry[] {
    const cut = fieldOf(entry, '_LINE_BREAK') === 'line-max';
    if (!cut && this.#begun.size === 0) return [entry];
    const stream = `${fieldOf(entry, '_STREAM_ID') ?? ''} ${fieldOf(entry, '_BOOT_ID') ?? ''} ${fieldOf(entry, '_PID') ?? ''}`;
    const text = fieldOf(entry, 'MESSAGE');
    const begun = this.#begun.get(stream);
    if (text === undefined || (begun === undefined && !cut)) return [entry];
    this.counters.line_pieces += 1;
    const one = begun ?? { first: entry, texts: [], length: 0 };
    one.texts.push(text);
    one.length += text.length;
    if (!cut || one.length > MOST_MESSAGE) {
      this.#begun.delete(stream);
      return [joined(one)];
    }
    this.#begun.set(stream, one);
    return this.#begun.size > MOST_STREAMS ? this.#oldest() : [];
  }

  /** Nothing more is to come of them: they are given as far as they came. */
  release(): readonly JournalEntry[] {
    const all = [...this.#begun.values()].map(joined);
    this.counters.lines_unjoined += all.length;
    this.#begun.clear();
    return all;
  }

  /** They are going to be read again from their first pieces. */
  drop(): void {
    this.#begun.clear();
  }

  #oldest(): readonly JournalEntry[] {
    for (const [stream, one] of this.#begun) {
      this.#begun.delete(stream);
      this.counters.lines_unjoined += 1;
      return [joined(one)];
    }
    return [];
  }
}

/** The first piece with the text of all: its time is the line's. */
function joined({ first, texts }: Begun): JournalEntry {
  const at = first.names.indexOf('MESSAGE');
  const values = [...first.values];
  values[at] = texts.join('');
  return { ...first, values };
}
