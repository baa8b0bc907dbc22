/**
 * Reads the journal export format (systemd.io/JOURNAL_EXPORT_FORMATS): `FIELD=text` a line, or `FIELD`, a length of eight bytes and that many
 * bytes; an empty line ends an entry. Of all journalctl can write it is the one that keeps every byte, whatever it is, and the cheapest.
 */
import { isKept, JournalEntry, MOST_FIELDS } from './entry.ts';

/** A message may be as long as a line of a file; */
export const MOST_MESSAGE = 1 << 20;
/** another field is dropped beyond this (journald itself writes core dumps into fields). */
const MOST_VALUE = 64 << 10;
/** No name of a field is longer (journald refuses it). */
const MOST_NAME = 64;
const NEWLINE = 10;
const EQUALS = 61;
const LENGTH_BYTES = 8;

/** Values up to so long are looked through here: a call into the runtime costs as much. */
const SHORT = 24;

const NOTHING = Buffer.alloc(0);

/** A field's name, and which one came after it last: the entries of a program have the same fields in the same order. */
interface Name {
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly kept: boolean;
  next: Name | undefined;
}

const named = (text: string): Name => ({ bytes: Buffer.from(text, 'latin1'), text, kept: isKept(text), next: undefined });

/** Names come from a log: so many are known. */
const MOST_NAMES = 4_096;

export class ExportReader {
  readonly #take: (entry: JournalEntry) => void;
  #carry: Buffer = NOTHING;
  /** Bytes of a value that is not kept. */
  #skip = 0n;
  /** The rest of this line is not kept. */
  #skipLine = false;
  #entry = new JournalEntry();
  #begun = false;
  readonly #names = new Map<string, Name>();
  #last = named('');

  /** `take` is called with each whole entry, which must be told to keep itself where it is to outlive the call. */
  constructor(take: (entry: JournalEntry) => void) {
    this.#take = take;
  }

  /** Takes the next bytes of the stream. The buffer may be reused afterwards. Keeps at most one value. */
  push(chunk: Buffer): void {
    const data = this.#carry.length === 0 ? chunk : Buffer.concat([this.#carry, chunk]);
    let at = 0;
    for (let next = this.#step(data, at); next !== undefined; next = this.#step(data, at)) at = next;
    if (this.#begun) this.#entry.keep();
    this.#carry = this.#skip > 0n || this.#skipLine ? NOTHING : Buffer.from(data.subarray(at));
    if (this.#skip > 0n) this.#skip -= BigInt(data.length - at);
  }

  /** The stream is finished. An entry without its empty line is one all the same, if the stream was meant to end here. */
  finish(): void {
    if (this.#carry.length > 0) this.push(Buffer.from([NEWLINE]));
    this.#end();
  }

  /** @returns where the next piece begins; undefined: more bytes are needed. */
  #step(data: Buffer, at: number): number | undefined {
    if (this.#skip > 0n) {
      const rest = BigInt(data.length - at);
      if (rest < this.#skip) return undefined;
      const next = at + Number(this.#skip);
      this.#skip = 0n;
      return next;
    }
    if (this.#skipLine) {
      const end = data.indexOf(NEWLINE, at);
      if (end < 0) return undefined;
      this.#skipLine = false;
      return end + 1;
    }
    if (at >= data.length) return undefined;
    if (data[at] === NEWLINE) {
      this.#end();
      return at + 1;
    }
    return this.#line(data, at);
  }

  #line(data: Buffer, at: number): number | undefined {
    const guess = this.#last.next;
    if (guess !== undefined && standsAt(guess.bytes, data, at)) {
      const from = at + guess.bytes.length + 1;
      const end = newlineFrom(data, from);
      if (end < 0) return this.#unfinished(data, at);
      this.#field(data, guess, from, end);
      return end + 1;
    }
    const end = data.indexOf(NEWLINE, at);
    if (end < 0) return this.#unfinished(data, at);
    const equals = data.subarray(at, Math.min(end, at + MOST_NAME + 1)).indexOf(EQUALS);
    if (equals < 0) return this.#binary(data, at, end);
    this.#field(data, this.#name(data, at, at + equals), at + equals + 1, end);
    return end + 1;
  }

  #name(data: Buffer, from: number, to: number): Name {
    const text = data.latin1Slice(from, to);
    const name = this.#names.get(text) ?? named(text);
    if (this.#names.size < MOST_NAMES) this.#names.set(text, name);
    this.#last.next = name;
    return name;
  }

  /** A line longer than anything that is kept. */
  #unfinished(data: Buffer, at: number): undefined {
    if (data.length - at <= MOST_MESSAGE + MOST_NAME) return undefined;
    const equals = data.subarray(at, at + MOST_NAME + 1).indexOf(EQUALS);
    this.#begun = true;
    this.#entry.cut.push(data.toString('latin1', at, at + Math.max(0, equals)));
    this.#skipLine = true;
    return undefined;
  }

  #binary(data: Buffer, at: number, end: number): number | undefined {
    const from = end + 1 + LENGTH_BYTES;
    if (data.length < from) return undefined;
    const length = data.readBigUInt64LE(end + 1);
    if (length > BigInt(MOST_MESSAGE)) {
      this.#begun = true;
      this.#entry.cut.push(data.toString('latin1', at, Math.min(end, at + MOST_NAME)));
      this.#skip = length + 1n;
      return from;
    }
    const to = from + Number(length);
    if (data.length < to + 1) return undefined;
    this.#field(data, this.#name(data, at, Math.min(end, at + MOST_NAME)), from, to);
    return to + 1;
  }

  #field(data: Buffer, name: Name, from: number, to: number): void {
    this.#begun = true;
    this.#last = name;
    const entry = this.#entry;
    if (name.text === '__CURSOR') entry.cursor = data.latin1Slice(from, Math.min(to, from + 512));
    else if (!name.kept) return;
    else if (entry.names.length >= MOST_FIELDS || (to - from > MOST_VALUE && name.text !== 'MESSAGE')) entry.cut.push(name.text);
    else entry.lay(name.text, data, from, to);
  }

  #end(): void {
    if (this.#begun) this.#take(this.#entry);
    this.#entry = new JournalEntry();
    this.#begun = false;
  }
}

/** Whether a field of this name, as text, begins here. */
function standsAt(name: Uint8Array, data: Buffer, at: number): boolean {
  const { length } = name;
  if (data[at + length] !== EQUALS) return false;
  for (let i = 0; i < length; i++) if (data[at + i] !== name[i]) return false;
  return true;
}

function newlineFrom(data: Buffer, from: number): number {
  const near = Math.min(data.length, from + SHORT);
  for (let at = from; at < near; at++) if (data[at] === NEWLINE) return at;
  return data.indexOf(NEWLINE, near);
}
