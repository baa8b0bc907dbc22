/**
 * What a guest said, inside a line of the host: kata-proxy and kata-shim print each line of the guest's console as `msg` with
 * `source=agent`, shim v2 as `vmconsole` (Kata 1.x: proxy.go, shim main.go, virtcontainers/proxy.go). Most are records of kata-agent, which may carry
 * another record in turn, from 2.0 on slog's JSON objects (src/libs/logging), whose values are text all; the rest is the agent's announcement without a time, the kernel's and systemd's text, or two of them mixed.
 */
import type { Nanos } from '../model/time.ts';
import { scanJson } from './json.ts';
import { Logfmt, nameOf } from './logfmt.ts';
import type { Name } from './logfmt.ts';
import { readStamp } from './stamp.ts';
import { nanosFromRfc3339, plausible } from './text.ts';

const NEWLINE = 0x0a;

const TIME = nameOf('time');
const MSG = nameOf('msg');
const NAME = nameOf('name');
const SOURCE = nameOf('source');
const CONSOLE = nameOf('vmconsole');

/** How deep lines lie in lines: the agent's in the proxy's, and one of libcontainer's in the agent's. Deeper ones stay text. */
const DEEPEST = 2;

//                              1: seconds since the guest's boot
const KERNEL = /^(?:<\d{1,3}>)?\[ *(\d{1,10}\.\d{1,9})\] ?/;
const ANNOUNCE = /^announce: (?=[\w-]+=")/;
//                1: name   2: value
const ANNOUNCED = /([\w-]+)="([^"]*)"(?:,|$)/y;
// Control sequences (ECMA-48) and titles, then what control characters are left.
const ESCAPES = /\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)|\u001b[ -/]*[0-~]|[\u0000-\u0008\u000b-\u001f\u007f]/g;

/** How an object of the Rust agent's begins: slog's `msg` comes first, the other fields in any order. */
const OBJECT = '{"msg":';
const STAMP = 'ts';
/** Names that stand for what we made of a line. */
const OURS: ReadonlySet<string> = new Set(['console', 'kernel', 'refused']);

const clean = (text: string): string => text.replace(ESCAPES, '').trimEnd();

export class Guest {
  /** Exact time of the guest's record, by its own clock. */
  time: Nanos | undefined;
  readonly #depth: number;
  readonly #record = new Logfmt();
  #kind: 'nothing' | 'record' | 'fields' = 'nothing';
  readonly #fields = new Map<string, string>();
  #inner: Guest | undefined;
  #innerRead = false;
  /** What was said, its escapes undone: a copy of the guest's own, which its record's places point into. */
  #bytes = Buffer.alloc(2048);

  constructor(depth = 1) {
    this.#depth = depth;
  }

  /** Takes what the guest said from a line of the host; nothing, if the line carries nothing of it. */
  readFrom(host: Logfmt): void {
    this.#reset();
    const consoled = host.find(CONSOLE);
    if (consoled >= 0) return this.#read(host, consoled);
    const source = host.find(SOURCE);
    if (source < 0 || host.text(source) !== 'agent') return;
    const name = host.find(NAME);
    const said = host.find(MSG);
    if (said >= 0 && (name < 0 || host.text(name) !== 'kata-agent')) this.#read(host, said);
  }

  #reset(): void {
    this.time = undefined;
    this.#kind = 'nothing';
    this.#innerRead = false;
    if (this.#fields.size > 0) this.#fields.clear();
  }

  #read(host: Logfmt, value: number): void {
    if (this.#bytes.length < host.size(value)) this.#bytes = Buffer.alloc(2 * host.size(value));
    const bytes = this.#bytes;
    const length = host.copy(value, bytes);
    const end = length > 0 && bytes[length - 1] === NEWLINE ? length - 1 : length;
    const refusal = end >= 5 && isRecord(bytes) ? this.#readRecord(bytes, end) : undefined;
    if (refusal === '') return;
    if (refusal !== undefined) this.#fields.set('refused', refusal);
    this.#take(bytes.toString('utf8', 0, end), refusal === undefined);
  }

  /** Takes what the guest said as it stands; undefined: nothing. */
  readText(text: string | undefined): void {
    this.#reset();
    if (text !== undefined) this.#take(text, true);
  }

  #take(text: string, mayHold: boolean): void {
    this.#kind = 'fields';
    const at = mayHold ? text.indexOf(OBJECT) : -1;
    if (at < 0 || !this.#readObject(text, at)) this.#console(text);
  }

  /** An object of the Rust agent's; what a console mixed in before or after it is console text. @returns false: it is none after all. */
  #readObject(text: string, at: number): boolean {
    const end = text.lastIndexOf('}') + 1;
    const fields = scanJson(text.slice(at, end));
    const time = typeof fields === 'string' ? undefined : nanosFromRfc3339(fields.values[fields.names.indexOf(STAMP)] ?? '');
    if (typeof fields === 'string' || time === undefined || !plausible(time)) {
      this.#fields.set('refused', typeof fields === 'string' ? fields : 'time-not-readable');
      return false;
    }
    this.time = time;
    for (const [index, name] of fields.names.entries()) if (!OURS.has(name)) this.#fields.set(name, fields.values[index] ?? '');
    const around = clean(text.slice(0, at) + text.slice(end));
    if (around !== '') this.#fields.set('console', around);
    return true;
  }

  /** @returns why it is no record after all; '' when it is one. */
  #readRecord(bytes: Buffer, end: number): string {
    const refusal = this.#record.scan(bytes, 0, end);
    if (refusal !== undefined) return refusal;
    if (this.#record.cut !== undefined) return 'line-cut';
    const at = this.#record.find(TIME);
    const time = at < 0 ? undefined : readStamp(bytes, this.#record.start(at), this.#record.end(at));
    if (time === undefined) return 'time-not-readable';
    if (time === 'out of range') return 'time-out-of-range';
    this.#kind = 'record';
    this.time = time;
    return '';
  }

  #console(text: string): void {
    const said = clean(text);
    if (ANNOUNCE.test(said)) {
      this.#fields.set('msg', 'announce');
      ANNOUNCED.lastIndex = 'announce: '.length;
      for (let match = ANNOUNCED.exec(said); match !== null; match = ANNOUNCED.exec(said)) {
        const [, name = '', value = ''] = match;
        if (!this.#fields.has(name)) this.#fields.set(name, value);
      }
    }
    const stamp = KERNEL.exec(said);
    if (stamp !== null) this.#fields.set('kernel', stamp[1] ?? '');
    this.#fields.set('console', stamp === null ? said : said.slice(stamp[0].length));
  }

  get(field: GuestName): string | undefined {
    switch (this.#kind) {
      case 'nothing':
        return undefined;
      case 'fields':
        return this.#fields.get(field.text);
      case 'record': {
        const at = this.#record.find(field.name);
        if (at >= 0) return this.#record.text(at);
        return field.inner === undefined ? undefined : this.#deeper()?.get(field.inner);
      }
      default:
        return this.#kind satisfies never;
    }
  }

  /** What the record's own message carries, if that is a record again. */
  #deeper(): Guest | undefined {
    if (this.#innerRead) return this.#inner;
    this.#innerRead = true;
    if (this.#depth >= DEEPEST) return undefined;
    this.#inner ??= new Guest(this.#depth + 1);
    this.#inner.#reset();
    const said = this.#record.find(MSG);
    if (said >= 0) this.#inner.#read(this.#record, said);
    if (this.#inner.#kind !== 'record') this.#inner.#reset();
    return this.#inner;
  }
}

const isRecord = (bytes: Buffer): boolean => bytes[0] === 0x74 && bytes[1] === 0x69 && bytes[2] === 0x6d && bytes[3] === 0x65 && bytes[4] === 0x3d;

/** A field of the guest's, ready to be looked for. */
export interface GuestName {
  readonly text: string;
  readonly name: Name;
  readonly inner: GuestName | undefined;
}

/** `guest.` before a field's name: the guest's; once more: of the record in the guest's record. */
export const GUEST = 'guest.';

export const guestName = (field: string): GuestName => ({
  text: field,
  name: nameOf(field),
  inner: field.startsWith(GUEST) ? guestName(field.slice(GUEST.length)) : undefined,
});
