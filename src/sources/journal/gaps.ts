/** What of the journal did not reach us, named and counted: journald left it out, or the journal let it go before it was read. */
import type { Gap } from '../../model/source.ts';
import { nanos } from '../../model/time.ts';
import type { Nanos } from '../../model/time.ts';
import type { Log } from '../report.ts';
import { fieldOf, readCursor } from './entry.ts';
import type { Cursor, JournalEntry } from './entry.ts';
import { SUPPRESSED } from './selection.ts';

/** Runs of numbers that are watched: one for each journald that wrote here, several after many restarts. */
const MOST_SERIES = 64;
/** The first gaps are said as such; beyond so many a minute they are only counted. */
const SAID_AT_ONCE = 5;

export class Gaps {
  readonly counters = { gaps: 0, entries_missing: 0, suppressed: 0, suppressed_markers: 0 };
  readonly #name: string;
  readonly #log: Log;
  readonly #tell: (gap: Gap) => void;
  /** The last entry of each series; undefined: entries are picked, so their numbers jump. */
  #last: Map<string, Cursor> | undefined;
  /** The entry after which nothing is known is gone, and what comes next was not read yet: it was written then. */
  #open: Nanos | undefined;
  #said = 0;

  /** @param tell is called before the entry after the gap is handed on. */
  constructor(name: string, log: Log, whole: boolean, tell: (gap: Gap) => void) {
    this.#tell = tell;
    this.#name = name;
    this.#log = log;
    this.#last = whole ? new Map() : undefined;
  }

  /** Reading begins at another place: what lies between is not missing. */
  restart(): void {
    this.#last?.clear();
  }

  /** Some entries are hidden from this user: numbers left out say nothing. */
  unnumbered(): void {
    this.#last = undefined;
  }

  /** An entry that was read before: its number is where the count goes on. */
  seen(entry: JournalEntry): void {
    if (this.#last !== undefined && entry.cursor !== undefined) this.#number(this.#last, entry.cursor, false);
  }

  /** @param watched entries are read that were written since we read: a number left out was lost to us, not to the journal's own past. */
  entry(entry: JournalEntry, watched: boolean): void {
    if (this.#last !== undefined && entry.cursor !== undefined) this.#number(this.#last, entry.cursor, watched);
    if (this.#open !== undefined) this.#closed(this.#open, entry);
    // Only journald itself writes entries of this transport.
    if (fieldOf(entry, 'MESSAGE_ID') === SUPPRESSED && fieldOf(entry, '_TRANSPORT') === 'driver') this.#suppressed(entry);
  }

  #number(last: Map<string, Cursor>, text: string, watched: boolean): void {
    const cursor = readCursor(text);
    if (cursor === undefined) return;
    const before = last.get(cursor.series);
    if (before !== undefined && watched && cursor.number > before.number + 1n) {
      const missing = Number(cursor.number - before.number - 1n);
      this.counters.entries_missing += missing;
      this.#gap({ missing, text: `${this.#name}: ${missing} entries were gone before they could be read: the journal was vacuumed meanwhile. Raise SystemMaxUse= in journald.conf.` });
      this.#between(timeOf(before), timeOf(cursor), missing);
    }
    if (before === undefined || cursor.number > before.number) last.set(cursor.series, cursor);
    if (last.size > MOST_SERIES) for (const [oldest] of last) return void last.delete(oldest);
  }

  /** The entry that was read last is not where it was. */
  lost(cursor: string, found: Cursor | undefined): void {
    const was = readCursor(cursor);
    const missing = was !== undefined && found !== undefined && found.series === was.series && found.number > was.number ? Number(found.number - was.number - 1n) : undefined;
    const many = missing === undefined ? 'Entries' : `Up to ${missing} entries`;
    // Counted here, so not again where the numbers of a whole journal are compared.
    if (was !== undefined) this.#last?.delete(was.series);
    this.counters.entries_missing += missing ?? 0;
    if (was !== undefined && found === undefined) this.#open = timeOf(was);
    else if (was !== undefined && found !== undefined) this.#between(timeOf(was), timeOf(found), missing);
    this.#gap({ missing: missing ?? 'unknown', text: `${this.#name}: the entry that was read last is gone from the journal. ${many} after it may be missing; what is there is read. Raise SystemMaxUse= in journald.conf.` });
  }

  /** Older entries are read again first, where reading began anew. */
  #closed(from: Nanos, entry: JournalEntry): void {
    const cursor = readCursor(entry.cursor ?? '');
    if (cursor === undefined || timeOf(cursor) <= from) return;
    this.#open = undefined;
    this.#between(from, timeOf(cursor), undefined);
  }

  /** A clock that was set back in between leaves nothing to go by. */
  #between(from: Nanos, to: Nanos, missing: number | undefined): void {
    if (to > from) this.#tell({ name: 'vacuumed', from, to, missing });
  }

  #gap(fields: Readonly<Record<string, unknown>>): void {
    this.counters.gaps += 1;
    this.#said += 1;
    this.#log(this.#said <= SAID_AT_ONCE ? 'warn' : 'debug', 'journal_gap', fields);
  }

  /** journald's marker for what a unit wrote too fast. */
  #suppressed(entry: JournalEntry): void {
    const dropped = Number(fieldOf(entry, 'N_DROPPED') ?? /\d+/.exec(fieldOf(entry, 'MESSAGE') ?? '')?.[0] ?? 0);
    this.counters.suppressed_markers += 1;
    if (Number.isSafeInteger(dropped)) this.counters.suppressed += dropped;
    // Its own unit is journald's.
    const unit = /from ([^\s,]{1,100})/.exec(fieldOf(entry, 'MESSAGE') ?? '')?.[1] ?? 'a unit';
    this.#log('warn', 'journal_suppressed', { dropped, unit, text: `journald left out ${dropped} messages of ${unit}: it wrote more than RateLimitBurst= allows. Starts of that time may miss marks. Raise RateLimitBurst= in journald.conf or LogRateLimitBurst= of the unit.` });
  }
}

/** When the entry was written. */
const timeOf = ({ time }: Cursor): Nanos => nanos(BigInt(`0x${time}`) * 1_000n);
