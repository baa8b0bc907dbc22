/**
 * logrus' JSON format (github.com/sirupsen/logrus, JSONFormatter), as Kata 1.x writes it for `--log FILE --log-format json` and containerd for
 * `[debug] format = "json"`: one object a line, bare or behind what syslog and journald put before it, keys sorted, `time` as RFC 3339 in
 * quotes. Kata's has whole seconds (cli/main.go, 1.0 to 1.13, keeps logrus' default), and says so by having no fraction. Beside the object's
 * own fields an entry knows syslog.identifier, syslog.pid, syslog.host, and what containerd's message tells (syntax/tellings.ts).
 */
import type { Entry, Refusal, Syntax } from '../model/entry.ts';
import type { Duration, Nanos } from '../model/time.ts';
import { scanJson } from './json.ts';
import type { Fields } from './json.ts';
import type { Head } from './logrusentry.ts';
import { Prefix } from './prefix.ts';
import { Tellings, isTelling } from './tellings.ts';
import { decode, nanosFromRfc3339, plausible, stepOfText } from './text.ts';

const TIME = 'time';
const OPEN = 0x7b;

const tellings = new Tellings();

class LogrusJsonEntry implements Entry {
  readonly time: Nanos;
  readonly step: Duration;
  readonly #fields: Fields;
  readonly #head: Head;
  readonly #text: string;

  constructor(time: Nanos, step: Duration, fields: Fields, head: Head, text: string) {
    this.time = time;
    this.step = step;
    this.#fields = fields;
    this.#head = head;
    this.#text = text;
  }

  get(field: string): string | undefined {
    const own = this.#own(field);
    if (own !== undefined) return own;
    if (isTelling(field)) return tellings.get(this.#own('msg'), field);
    if (field === 'syslog.identifier') return this.#head.get('identifier');
    if (field === 'syslog.pid') return this.#head.get('pid');
    return field === 'syslog.host' ? this.#head.get('host') : undefined;
  }

  #own(field: string): string | undefined {
    const at = this.#fields.names.indexOf(field);
    return at < 0 ? undefined : this.#fields.values[at];
  }

  line(): string {
    return this.#text;
  }
}

/** @param text the whole line, `record` the object in it. */
export function readObject(record: string, head: Head, text: string): Entry | Refusal {
  const fields = scanJson(record);
  if (typeof fields === 'string') return fields;
  const at = fields.names.indexOf(TIME);
  const value = fields.values[at];
  if (value === undefined) return 'no-time';
  const time = fields.quoted[at] === true ? nanosFromRfc3339(value) : undefined;
  if (time === undefined) return 'time-not-readable';
  return plausible(time) ? new LogrusJsonEntry(time, stepOfText(value), fields, head, text) : 'time-out-of-range';
}

const prefix = new Prefix();

function read(bytes: Buffer, start: number, end: number): Entry | Refusal {
  const from = prefix.read(bytes, start, end);
  if (bytes[from] !== OPEN) return 'not-json';
  const text = decode(bytes, start, end);
  if (text === undefined) return 'not-utf8';
  return readObject(from === start ? text : bytes.toString('utf8', from, end), prefix, text);
}

export const logrusJson: Syntax = { name: 'logrus-json', begins: ['{'], read, writer: () => prefix.get('identifier') };
