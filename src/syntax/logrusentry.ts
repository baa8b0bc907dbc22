/**
 * An entry of a logrus record and of what stands around it. Beside the record's own fields it knows
 *   syslog.identifier, syslog.pid, syslog.host   what stood before the record; syslog.boot where journald tells it;
 *   guest.<name>, guest.guest.<name>             fields of a record inside the record (syntax/guest.ts), and of one inside that;
 *   guest.console, guest.kernel, guest.refused   a console line's text without escapes and stamp; the kernel's seconds; why it is no record;
 *   fields.time                                  a second `time`, whichever way it is written;
 *   meta.<name>, exit.<name>                     what containerd's message tells in words of its own (syntax/tellings.ts);
 *   line.cut                                     name of the value that the line's end cuts off.
 */
import type { Entry, Refusal } from '../model/entry.ts';
import { NANOSECOND, nanos } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import { GUEST, Guest, guestName } from './guest.ts';
import type { GuestName } from './guest.ts';
import { Logfmt, nameOf } from './logfmt.ts';
import type { Name } from './logfmt.ts';
import { readStamp, stepOf } from './stamp.ts';
import { Tellings, isTelling } from './tellings.ts';
import type { Telling } from './tellings.ts';

const TIME = nameOf('time');
const MSG = nameOf('msg');

export type HeadPart = 'identifier' | 'pid' | 'host' | 'boot';

/** What syslog or journald say of a record. */
export interface Head {
  get(part: HeadPart): string | undefined;
  /** Whether one of Kata's own programs wrote it: `kata-runtime`, `kata-proxy`, `kata-shim`, `kata`. */
  readonly ofKata: boolean;
}

/** What a field's name asks for. */
type Asked =
  | { readonly kind: 'own'; readonly name: Name }
  | { readonly kind: 'guest'; readonly name: GuestName }
  | { readonly kind: 'prefix'; readonly part: HeadPart }
  | { readonly kind: 'told'; readonly name: Telling }
  | { readonly kind: 'cut' };

/** A field's name, what it asks for, and the answer of the line that was last asked: rules ask for the same few again and again. */
interface Wanted {
  readonly asked: Asked;
  line: number;
  answer: string | undefined;
}

const wants = (asked: Asked): Wanted => ({ asked, line: -1, answer: undefined });

/** Names come from runtime files, never from a log: the map stays small. */
const wanted = new Map<string, Wanted>([
  ['syslog.identifier', wants({ kind: 'prefix', part: 'identifier' })],
  ['syslog.pid', wants({ kind: 'prefix', part: 'pid' })],
  ['syslog.host', wants({ kind: 'prefix', part: 'host' })],
  ['syslog.boot', wants({ kind: 'prefix', part: 'boot' })],
  ['line.cut', wants({ kind: 'cut' })],
]);

function want(field: string): Wanted {
  const known = wanted.get(field);
  if (known !== undefined) return known;
  const made = wants(isTelling(field) ? { kind: 'told', name: field } : field.startsWith(GUEST) ? { kind: 'guest', name: guestName(field.slice(GUEST.length)) } : { kind: 'own', name: nameOf(field) });
  wanted.set(field, made);
  return made;
}

/** Counts the lines of all entries. */
let lines = 0;

/** The line at hand. One object for all lines: an entry lives until the next. */
export class LogrusEntry implements Entry {
  time: Nanos = nanos(0n);
  step: Duration = NANOSECOND;
  readonly #record = new Logfmt();
  readonly #guest = new Guest();
  readonly #tellings = new Tellings();
  #guestRead = false;
  #line = 0;
  #head: Head;
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;

  constructor(head: Head) {
    this.#head = head;
  }

  /** The whole line, which `line()` gives back; `read` follows, for the record in it. */
  begin(bytes: Buffer, start: number, end: number): void {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#guestRead = false;
    this.#line = ++lines;
  }

  /** Reads the record `bytes[from, end)`, behind what the head says of it. */
  read(bytes: Buffer, from: number, end: number): Refusal | undefined {
    const refusal = this.#record.scan(bytes, from, end);
    if (refusal !== undefined) return refusal;
    // Without its message a line says nothing; one that lost what stands after it is read as far as it goes.
    if (this.#record.cut !== undefined && this.#record.find(MSG) < 0) return 'line-cut';
    const at = this.#record.find(TIME);
    if (at < 0) return 'no-time';
    const digits = this.#record.start(at);
    const time = readStamp(bytes, digits, this.#record.end(at));
    if (time === undefined) return 'time-not-readable';
    if (time === 'out of range') return 'time-out-of-range';
    this.time = time;
    // Kata writes nanoseconds to syslog alone, with trailing zeros cut; whole seconds everywhere else (cli/logger.go, 1.0 to 1.13).
    this.step = this.#head.ofKata ? NANOSECOND : stepOf(bytes, digits);
    return undefined;
  }

  /** Somebody who knows the moment better than its writer told it. */
  takenAt(time: Nanos, step: Duration): void {
    this.time = time;
    this.step = step;
  }

  get guest(): Nanos | undefined {
    return this.#said().time;
  }

  get(field: string): string | undefined {
    const what = want(field);
    if (what.line !== this.#line) {
      what.line = this.#line;
      what.answer = this.#answer(what.asked);
    }
    return what.answer;
  }

  #answer(asked: Asked): string | undefined {
    switch (asked.kind) {
      case 'own':
        return this.#own(asked.name);
      case 'guest':
        return this.#said().get(asked.name);
      case 'prefix':
        return this.#head.get(asked.part);
      case 'told':
        return this.#tellings.get(this.#own(MSG), asked.name);
      case 'cut':
        return this.#record.cut;
      default:
        return asked satisfies never;
    }
  }

  #own(name: Name): string | undefined {
    const at = this.#record.find(name);
    return at < 0 ? undefined : this.#record.text(at);
  }

  #said(): Guest {
    if (!this.#guestRead) this.#guest.readFrom(this.#record);
    this.#guestRead = true;
    return this.#guest;
  }

  line(): string {
    return this.#bytes.toString('utf8', this.#start, this.#end);
  }
}
