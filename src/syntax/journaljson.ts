/**
 * The journal as `journalctl -o json` exports it (systemd.journal-fields(7), the JSON of journalctl(1)): an object a line, the record in
 * `MESSAGE`. A logrus record there, as text or as an object, is read as if it stood alone, by its own time, unless that is rounded to a second in which journald took
 * it: then by journald's. syslog.identifier, .pid, .host and .boot are what journald vouches for, whatever a record says of itself
 * (kata-shim's pid is 1). Any other message is an entry too, at the moment journald
 * took it, to the microsecond: its text is `journal.message`.
 */
import type { Entry, LeftOut, Refusal, Syntax } from '../model/entry.ts';
import { between, duration, nanos } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import { journalGlance } from './journalglance.ts';
import { scanJson } from './json.ts';
import type { Fields } from './json.ts';
import { JsonTexts, textName } from './jsontexts.ts';
import type { TextName } from './jsontexts.ts';
import { LogrusEntry } from './logrusentry.ts';
import type { Head, HeadPart } from './logrusentry.ts';
import { suppressed } from './leftout.ts';
import { readObject } from './logrusjson.ts';
import { decode, plausible } from './text.ts';

const OPEN = 0x7b;
const MICROSECOND = duration(1_000);
const TIME = textName('__REALTIME_TIMESTAMP');
const MESSAGE = textName('MESSAGE');
const RECORD = 'time=';
const BEGIN = Buffer.from(RECORD);

/** Which of journald's fields tells a part; the first that is there. */
const FIELDS: Readonly<Record<HeadPart, readonly string[]>> = {
  identifier: ['SYSLOG_IDENTIFIER', '_COMM'],
  pid: ['_PID', 'SYSLOG_PID'],
  host: ['_HOSTNAME'],
  boot: ['_BOOT_ID'],
};

const PARTS: ReadonlyMap<string, HeadPart> = new Map([['syslog.identifier', 'identifier'], ['syslog.pid', 'pid'], ['syslog.host', 'host'], ['syslog.boot', 'boot']]);

/** The fields of the line at hand, if they are texts all. */
const texts = new JsonTexts();
/** Few: the fields that are asked for above. */
const textNames = new Map<string, TextName>();

function nameFor(field: string): TextName {
  const name = textNames.get(field) ?? textName(field);
  textNames.set(field, name);
  return name;
}

class JournalFields implements Head {
  /** undefined: `texts` has them. */
  fields: Fields | undefined;

  get(part: HeadPart): string | undefined {
    for (const name of FIELDS[part]) {
      const value = this.text(name);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  get ofKata(): boolean {
    return this.get('identifier')?.startsWith('kata') ?? false;
  }

  /** A field's text. journalctl writes bytes that are no text as numbers, several values as a list, and what is too long for it as null. */
  text(name: string): string | undefined {
    if (this.fields === undefined) {
      const at = texts.find(nameFor(name));
      return at < 0 ? undefined : texts.text(at);
    }
    const at = this.fields.names.indexOf(name);
    const value = this.fields.values[at];
    if (this.fields.quoted[at] === true || value === undefined) return value;
    return value.startsWith('[') ? firstText(JSON.parse(value)) : undefined;
  }
}

/** The first value of a list of values, or the text of a list of bytes; the scanner has found it to be JSON. */
function firstText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return undefined;
  const bytes = value.filter((one) => typeof one === 'number');
  return bytes.length === value.length ? Buffer.from(bytes).toString('utf8') : firstText(value[0]);
}

class MessageEntry implements Entry {
  readonly time: Nanos;
  readonly step: Duration = MICROSECOND;
  readonly #message: string;
  readonly #line: readonly [bytes: Buffer, start: number, end: number];

  constructor(time: Nanos, message: string, ...line: readonly [bytes: Buffer, start: number, end: number]) {
    this.time = time;
    this.#message = message;
    this.#line = line;
  }

  get(field: string): string | undefined {
    if (field === 'journal.message') return this.#message;
    const part = PARTS.get(field);
    return part === undefined ? undefined : head.get(part);
  }

  line(): string {
    const [bytes, start, end] = this.#line;
    return bytes.utf8Slice(start, end);
  }
}

const head = new JournalFields();
const record = new LogrusEntry(head);

/** What a message's record is read from. */
let said = Buffer.alloc(4_096);

function read(bytes: Buffer, start: number, end: number): Entry | Refusal {
  if (bytes[start] !== OPEN) return 'not-json';
  if (!texts.scan(bytes, start, end)) return readAny(bytes, start, end);
  head.fields = undefined;
  if (texts.find(TIME) < 0) return 'no-time';
  const message = texts.find(MESSAGE);
  if (message < 0) return 'no-message';
  if (!texts.begins(message, BEGIN)) return plain(texts.text(message), bytes, start, end);
  if (said.length < texts.size(message)) said = Buffer.alloc(2 * texts.size(message));
  return readRecord(bytes, start, end, texts.copy(message, said));
}

/** Any object: bytes that are no text, and what another tool makes of an entry. */
function readAny(bytes: Buffer, start: number, end: number): Entry | Refusal {
  const text = decode(bytes, start, end);
  if (text === undefined) return 'not-utf8';
  const fields = scanJson(text);
  if (typeof fields === 'string') return fields;
  head.fields = fields;
  if (!fields.names.includes('__REALTIME_TIMESTAMP')) return 'no-time';
  const message = head.text('MESSAGE');
  if (message === undefined) return 'no-message';
  if (!message.startsWith(RECORD)) return plain(message, bytes, start, end);
  if (said.length < 3 * message.length) said = Buffer.alloc(6 * message.length);
  return readRecord(bytes, start, end, said.write(message));
}

/** The record of `length` bytes in `said`. */
function readRecord(bytes: Buffer, start: number, end: number, length: number): Entry | Refusal {
  record.begin(bytes, start, end);
  const refusal = record.read(said, 0, length);
  if (refusal !== undefined || record.step <= MICROSECOND) return refusal ?? record;
  // Its writer rounds to seconds: journald took it within them, some tens of microseconds after it was written.
  const took = tookAt();
  if (typeof took !== 'string' && between(record.time, took) >= 0 && between(record.time, took) < record.step) record.takenAt(took, MICROSECOND);
  return record;
}

/** When journald took it. */
function tookAt(): Nanos | Refusal {
  const micros = head.text('_SOURCE_REALTIME_TIMESTAMP') ?? head.text('__REALTIME_TIMESTAMP') ?? '';
  if (!/^\d{1,16}$/.test(micros)) return 'time-not-readable';
  const time = nanos(BigInt(micros) * 1_000n);
  return plausible(time) ? time : 'time-out-of-range';
}

/** No text record: an object of logrus' (containerd with `format = "json"`), or whatever else its writer says. */
function plain(message: string, ...line: readonly [bytes: Buffer, start: number, end: number]): Entry | Refusal {
  if (message.startsWith('{') && message.includes('"time":"')) {
    const object = readObject(message, head, line[0].utf8Slice(line[1], line[2]));
    if (typeof object !== 'string') return object;
  }
  const time = tookAt();
  return typeof time === 'string' ? time : new MessageEntry(time, message, ...line);
}

/** Only journald itself writes entries of the transport `driver`: whatever another program writes is none of its words. */
function leftOut(bytes: Buffer, start: number, end: number): LeftOut | undefined {
  const entry = read(bytes, start, end);
  if (!(entry instanceof MessageEntry) || head.text('_TRANSPORT') !== 'driver') return undefined;
  const said = suppressed(entry.get('journal.message') ?? '');
  return said && { ...said, time: entry.time };
}

export const journalJson: Syntax = { name: 'journal-json', journal: true, begins: ['time='], glance: journalGlance, read, leftOut };
