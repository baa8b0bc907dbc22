/**
 * journald cuts a line of a service's output that is longer than LineMax (48 KiB by default) into several entries of the same stream; all but the
 * last say `_LINE_BREAK=line-max`. They are one line again here.
 */
import { fieldOf, JournalEntry } from './entry.ts';
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

  /** Whether it goes on with a line that has begun. */
  continues(entry: JournalEntry): boolean {
    return this.#begun.size > 0 && this.#begun.has(streamOf(entry));
  }

  /** @returns entries that are whole now: this one, or the line whose last piece it is. */
  add(entry: JournalEntry): readonly JournalEntry[] {
    const cut = fieldOf(entry, '_LINE_BREAK') === 'line-max';
    if (!cut && this.#begun.size === 0) return [entry];
    const stream = streamOf(entry);
    const text = fieldOf(entry, 'MESSAGE');
    const begun = this.#begun.get(stream);
    if (text === undefined || (begun === undefined && !cut)) return [entry];
    this.counters.line_pieces += 1;
    if (begun === undefined) entry.keep();
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

const streamOf = (entry: JournalEntry): string => `${fieldOf(entry, '_STREAM_ID') ?? ''} ${fieldOf(entry, '_BOOT_ID') ?? ''} ${fieldOf(entry, '_PID') ?? ''}`;

/** The first piece with the text of all: its time is the line's. */
function joined({ first, texts }: Begun): JournalEntry {
  const whole = new JournalEntry();
  whole.cursor = first.cursor;
  whole.cut.push(...first.cut);
  const message = first.names.indexOf('MESSAGE');
  for (const [at, name] of first.names.entries()) whole.add(name, at === message ? texts.join('') : first.text(at));
  return whole;
}
