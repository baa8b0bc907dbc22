/**
 * What Kata's Rust runtime logs with slog. From 3.20 on as native entries of the journal (src/libs/logging, slog-journald 2.2): each key a
 * field of the entry, in capitals, the text in `MESSAGE`, read here from `journalctl -o json` by the moment at which journald was given it.
 * Before, and from the agent itself, as one JSON object a line with a time of its own (`ts`), bare, behind what syslog puts before it, or as the
 * message of an entry of the program that passes it on.
 * Fields go by slog's names (`msg`, `subsystem`, `stream id`) whichever way they were written. Beside them an entry knows
 *   syslog.identifier, .pid, .host, .boot           what journald or syslog vouch for;
 *   guest.<name>, guest.console, guest.kernel       what the guest said, where the line passes it on: the agent's object as the whole
 *                                                   text, or a line of the console after `vm console: ` as Rust's Debug writes it.
 */
import type { Entry, Refusal, Syntax } from '../model/entry.ts';
import { NANOSECOND, duration, nanos } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import { GUEST, Guest, guestName } from './guest.ts';
import type { GuestName } from './guest.ts';
import { scanJson } from './json.ts';
import type { Fields } from './json.ts';
import type { HeadPart } from './logrusentry.ts';
import { Prefix, prefixGlance } from './prefix.ts';
import { decode, nanosFromRfc3339, plausible } from './text.ts';

const OPEN = 0x7b;
const MICROSECOND = duration(1_000);
const CONSOLE = 'vm console: "';
/** Keys that the journal spells otherwise than in capitals. */
const NATIVE: ReadonlyMap<string, string> = new Map([['msg', 'MESSAGE'], ['syslog.identifier', 'SYSLOG_IDENTIFIER'], ['syslog.pid', '_PID'], ['syslog.host', '_HOSTNAME'], ['syslog.boot', '_BOOT_ID']]);
const HEAD: ReadonlyMap<string, HeadPart> = new Map([['syslog.identifier', 'identifier'], ['syslog.pid', 'pid'], ['syslog.host', 'host'], ['syslog.boot', 'boot']]);

const prefix = new Prefix();
/** What journald says of the entry that an object of the old form stood in; undefined: it stood in a text. */
let around: Readonly<Partial<Record<HeadPart, string>>> | undefined;
/** Names come from runtime files, never from a log: the maps stay small. */
const natives = new Map<string, string>(NATIVE);
const guests = new Map<string, GuestName>();

function nativeName(field: string): string {
  const known = natives.get(field) ?? field.toUpperCase().replace(/[^A-Z0-9]/g, '_');
  natives.set(field, known);
  return known;
}

function nameOfGuest(field: string): GuestName {
  const known = guests.get(field) ?? guestName(field.slice(GUEST.length));
  guests.set(field, known);
  return known;
}

class SlogEntry implements Entry {
  time: Nanos = nanos(0n);
  step: Duration = NANOSECOND;
  #native = false;
  #fields: Fields = { names: [], values: [], quoted: [] };
  #text = '';
  readonly #guest = new Guest();
  #guestRead = false;

  begin(fields: Fields, native: boolean, time: Nanos, text: string): void {
    this.#fields = fields;
    this.#native = native;
    this.time = time;
    this.step = native ? MICROSECOND : NANOSECOND;
    this.#text = text;
    this.#guestRead = false;
  }

  get guest(): Nanos | undefined {
    return this.#said().time;
  }

  get(field: string): string | undefined {
    if (field.startsWith(GUEST)) return this.#said().get(nameOfGuest(field));
    const part = HEAD.get(field);
    if (part !== undefined && !this.#native) return around === undefined ? prefix.get(part) : around[part];
    const at = this.#fields.names.indexOf(this.#native ? nativeName(field) : field);
    return this.#fields.quoted[at] === true ? this.#fields.values[at] : undefined;
  }

  #said(): Guest {
    if (this.#guestRead) return this.#guest;
    this.#guestRead = true;
    const text = this.get('msg') ?? '';
    if (text.startsWith('{"msg":')) this.#guest.readText(text);
    else if (text.startsWith(CONSOLE)) this.#guest.readText(fromDebug(text.slice(CONSOLE.length, -1)));
    else this.#guest.readText(undefined);
    return this.#guest;
  }

  line(): string {
    return this.#text;
  }
}

//                  1: a character by its number   2: any other after a backslash
const ESCAPED = /\\(?:u\{([0-9a-f]{1,6})\}|(.))/g;
const SHORT: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '0': '\0' };

/** What Rust's Debug makes of a text, undone. */
function fromDebug(text: string): string {
  return text.replace(ESCAPED, (whole, number: string | undefined, short: string | undefined) => {
    if (number === undefined) return SHORT[short ?? ''] ?? short ?? whole;
    const code = Number.parseInt(number, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

const entry = new SlogEntry();
/** Who wrote the line that was read last, as the journal says. */
let native: string | undefined;

function read(bytes: Buffer, start: number, end: number): Entry | Refusal {
  native = undefined;
  around = undefined;
  const from = prefix.read(bytes, start, end);
  if (bytes[from] !== OPEN) return 'not-json';
  const text = decode(bytes, start, end);
  if (text === undefined) return 'not-utf8';
  const fields = scanJson(from === start ? text : bytes.toString('utf8', from, end));
  if (typeof fields === 'string') return fields;
  return fields.names.includes('__REALTIME_TIMESTAMP') ? readNative(fields, text) : readObject(fields, text);
}

/** Every entry of the journal can be read so; those of other programs are known by their names and left to others. */
function readNative(fields: Fields, text: string): Entry | Refusal {
  const value = (name: string): string | undefined => {
    const at = fields.names.indexOf(name);
    return fields.quoted[at] === true ? fields.values[at] : undefined;
  };
  native = value('SYSLOG_IDENTIFIER') ?? value('_COMM');
  if (value('NAME') !== 'kata-runtime') return readCarried(value, text);
  if (value('MESSAGE') === undefined) return 'no-message';
  const micros = value('_SOURCE_REALTIME_TIMESTAMP') ?? value('__REALTIME_TIMESTAMP') ?? '';
  if (!/^\d{1,16}$/.test(micros)) return 'time-not-readable';
  const time = nanos(BigInt(micros) * 1_000n);
  if (!plausible(time)) return 'time-out-of-range';
  entry.begin(fields, true, time, text);
  return entry;
}

/** Up to 3.19: the object is the message of an entry of containerd's. */
function readCarried(value: (name: string) => string | undefined, text: string): Entry | Refusal {
  const message = value('MESSAGE');
  if (message?.startsWith('{"msg":') !== true) return 'not-json';
  const fields = scanJson(message);
  if (typeof fields === 'string') return fields;
  const [identifier, pid, host] = [native, value('_PID'), value('_HOSTNAME')];
  around = { ...(identifier !== undefined && { identifier }), ...(pid !== undefined && { pid }), ...(host !== undefined && { host }) };
  return readObject(fields, text);
}

function readObject(fields: Fields, text: string): Entry | Refusal {
  const stamp = fields.values[fields.names.indexOf('ts')];
  if (stamp === undefined) return 'no-time';
  const time = nanosFromRfc3339(stamp);
  if (time === undefined) return 'time-not-readable';
  if (!plausible(time)) return 'time-out-of-range';
  entry.begin(fields, false, time, text);
  return entry;
}

export const slog: Syntax = { name: 'slog', journal: true, begins: ['{'], signs: ['NAME'], glance: prefixGlance, read, writer: () => native ?? prefix.get('identifier') };
