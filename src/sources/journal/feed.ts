import type { Intake, SourceId } from '../../model/source.ts';
import { OVERLONG_HEAD } from '../lines.ts';
import { fieldOf, lineOf } from './entry.ts';
import type { JournalEntry } from './entry.ts';
import { MOST_MESSAGE } from './export.ts';
import { Marks } from './marks.ts';
import type { Mark } from './marks.ts';
import { Pieces } from './pieces.ts';

/** Whose entries are not taken. */
export interface Mine {
  /** Of this process: what it writes itself it must not read, or it feeds itself. */
  readonly pid: string;
  /** The unit that it runs in, if it is run by systemd. */
  readonly unit: string | undefined;
  /** Of this host; undefined: entries of all machines are taken. */
  readonly machine: string | undefined;
  readonly boot: string | undefined;
}

/** Hands entries over as lines, and knows where each stands. Lines are gathered until `flush`. */
export class Feed {
  readonly counters = { entries: 0, own: 0, other_machine: 0, fields_cut: 0, bytes: 0 };
  readonly pieces = new Pieces();
  readonly marks: Marks;
  readonly #intake: Intake;
  readonly #source: SourceId;
  readonly #mine: Mine;
  /** Where the next line stands. */
  #at: number;
  /** Lines before this place were done with by the last run. */
  #from: number;
  #lines: string[] = [];
  #cursor: string | undefined;

  constructor(intake: Intake, source: SourceId, mine: Mine, first: Mark, from = first.at) {
    this.#intake = intake;
    this.#source = source;
    this.#mine = mine;
    this.marks = new Marks(first);
    this.#at = first.at;
    this.#from = from;
  }

  take(entry: JournalEntry): void {
    this.counters.entries += 1;
    if (entry.cut.length > 0) this.counters.fields_cut += entry.cut.length;
    if (this.#isOwn(entry)) this.counters.own += 1;
    else if (this.#mine.machine !== undefined && (fieldOf(entry, '_MACHINE_ID') ?? this.#mine.machine) !== this.#mine.machine) this.counters.other_machine += 1;
    else for (const whole of this.pieces.add(entry)) this.#line(whole);
    this.#cursor = entry.cursor ?? this.#cursor;
  }

  #isOwn(entry: JournalEntry): boolean {
    const { pid, unit, boot } = this.#mine;
    if (unit !== undefined && fieldOf(entry, '_SYSTEMD_UNIT') === unit) return true;
    return fieldOf(entry, '_PID') === pid && (boot === undefined || fieldOf(entry, '_BOOT_ID') === boot);
  }

  #line(entry: JournalEntry): void {
    if (entry.cut.includes('MESSAGE')) return this.#overlong(entry);
    const line = lineOf(entry);
    if (line.length > MOST_MESSAGE) return this.#overlong(entry);
    if (this.#at < this.#from && this.#lines.length === 0) {
      this.#at += Buffer.byteLength(line);
      return;
    }
    this.#lines.push(line);
  }

  /** A message longer than a line may be: counted and named, as one of a file is. */
  #overlong(entry: JournalEntry): void {
    this.#give();
    // Counted again where it is read again: its head alone tells nothing.
    const head = Buffer.from(lineOf(entry)).subarray(0, OVERLONG_HEAD);
    this.#intake.overlong(this.#source, head, this.#at, head.length);
    this.#at += head.length;
  }

  /** The places of the last run mean nothing: everything is handed over. */
  unplaced(): void {
    this.#from = 0;
  }

  /** Hands over what was gathered. */
  flush(): void {
    this.#give();
    // A line whose first pieces wait here must come again as a whole.
    if (!this.pieces.open && this.#cursor !== undefined) this.marks.add({ at: this.#at, cursor: this.#cursor });
  }

  /** Lines whose end has not come are lines now. */
  release(): void {
    for (const whole of this.pieces.release()) this.#line(whole);
    this.flush();
  }

  /** The last cursor means nothing any more. */
  forget(): void {
    this.flush();
    this.#cursor = undefined;
    this.#from = 0;
    this.marks.forget();
  }

  #give(): void {
    if (this.#lines.length === 0) return;
    const bytes = Buffer.from(this.#lines.join(''));
    this.#lines = [];
    this.counters.bytes += bytes.length;
    this.#intake.read(this.#source, bytes, bytes.length, this.#at);
    this.#at += bytes.length;
  }
}
