import type { Intake, SourceId } from '../../model/source.ts';
import { nanos } from '../../model/time.ts';
import type { Nanos } from '../../model/time.ts';
import type { Writers } from '../../model/writers.ts';
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

/** Entries of which no line is made: how many since the last flush, and when the first and the last were written, in microseconds since the epoch. */
interface Passed {
  count: number;
  first: string;
  last: string;
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
  readonly #writers: Writers | undefined;
  readonly #passed: Passed = { count: 0, first: '', last: '' };
  #lines: string[] = [];
  #cursor: string | undefined;

  /** @param writers whose entries are lines; undefined: anybody's. */
  constructor(intake: Intake, source: SourceId, mine: Mine, first: Mark, from = first.at, writers?: Writers) {
    this.#intake = intake;
    this.#source = source;
    this.#mine = mine;
    this.marks = new Marks(first);
    this.#at = first.at;
    this.#from = from;
    this.#writers = writers;
  }

  take(entry: JournalEntry): void {
    this.counters.entries += 1;
    if (entry.cut.length > 0) this.counters.fields_cut += entry.cut.length;
    if (this.#isOwn(entry)) this.counters.own += 1;
    else if (this.#mine.machine !== undefined && (fieldOf(entry, '_MACHINE_ID') ?? this.#mine.machine) !== this.#mine.machine) this.counters.other_machine += 1;
    else if (this.#writers !== undefined && !this.pieces.continues(entry) && isForeign(entry, this.#writers)) this.#pass(entry);
    else for (const whole of this.pieces.add(entry)) this.#line(whole);
    this.#cursor = entry.cursor ?? this.#cursor;
  }

  #pass(entry: JournalEntry): void {
    const passed = this.#passed;
    const at = fieldOf(entry, '__REALTIME_TIMESTAMP') ?? passed.last;
    if (passed.count === 0) passed.first = at;
    passed.last = at;
    passed.count += 1;
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
    this.#givePassed();
    if (this.#lines.length === 0) return;
    const bytes = Buffer.from(this.#lines.join(''));
    this.#lines = [];
    this.counters.bytes += bytes.length;
    this.#intake.read(this.#source, bytes, bytes.length, this.#at);
    this.#at += bytes.length;
  }

  /** Before the lines between them: where the source stands its last line tells, which is never ahead of the entry that was read last. */
  #givePassed(): void {
    const { count, first, last } = this.#passed;
    if (count === 0) return;
    this.#passed.count = 0;
    this.#intake.passed(this.#source, count, momentOf(first), momentOf(last));
  }
}

const momentOf = (micros: string): Nanos => nanos(/^\d{1,16}$/.test(micros) ? BigInt(micros) * 1_000n : 0n);

/** Nobody names its writer, and it begins as no record does. One whose writer is not known may be anybody's. */
function isForeign(entry: JournalEntry, { identifiers, begins, signs }: Writers): boolean {
  const writer = fieldOf(entry, 'SYSLOG_IDENTIFIER') ?? fieldOf(entry, '_COMM');
  if (writer === undefined || identifiers.has(writer)) return false;
  for (const sign of signs) if (entry.names.includes(sign)) return false;
  const message = fieldOf(entry, 'MESSAGE');
  if (message === undefined) return true;
  for (const begin of begins) if (message.startsWith(begin)) return false;
  return true;
}
