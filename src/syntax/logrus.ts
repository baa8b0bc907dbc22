/**
 * logrus' text format (github.com/sirupsen/logrus, TextFormatter without colours), as containerd, its shims and urunc write
 * it: `time="2026-11-20T14:14:10.125333475Z" level=info msg="..." key=value`. Keys are bare; a value is bare, or quoted as
 * Go's %q does; an empty one may be nothing at all (`req=`). A terminal's form (`INFO[0000] ...`) has no date: refused.
 */
import type { Entry, Refusal, Syntax } from '../model/entry.ts';
import type { Nanos } from '../model/time.ts';
import { unquote } from './goquote.ts';
import { decode, nanosFromRfc3339, plausible } from './text.ts';

const TIME = 'time';
const MOST_FIELDS = 256;

//             1: key            2: quoted value               3: bare value
const FIELD = /([^\s="]{1,256})=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^\s"]*))(?= |$)/y;

class LogrusEntry implements Entry {
  readonly time: Nanos;
  readonly #names: readonly string[];
  readonly #values: readonly string[];
  readonly #text: string;

  constructor(time: Nanos, names: readonly string[], values: readonly string[], text: string) {
    this.time = time;
    this.#names = names;
    this.#values = values;
    this.#text = text;
  }

  get(field: string): string | undefined {
    const at = this.#names.indexOf(field);
    return at < 0 ? undefined : this.#values[at];
  }

  line(): string {
    return this.#text;
  }
}

function read(bytes: Buffer, start: number, end: number): Entry | Refusal {
  const text = decode(bytes, start, end);
  if (text === undefined) return 'not-utf8';
  const names: string[] = [];
  const values: string[] = [];
  const refusal = fields(text, names, values);
  if (refusal !== undefined) return refusal;
  const stamp = values[names.indexOf(TIME)];
  if (stamp === undefined) return 'no-time';
  const time = nanosFromRfc3339(stamp);
  if (time === undefined) return 'time-not-readable';
  return plausible(time) ? new LogrusEntry(time, names, values, text) : 'time-out-of-range';
}

function fields(text: string, names: string[], values: string[]): Refusal | undefined {
  const line = text.trimEnd();
  for (let at = 0; at < line.length; ) {
    FIELD.lastIndex = at;
    const match = FIELD.exec(line);
    if (match === null) return at === 0 ? 'not-logfmt' : 'logfmt-broken';
    if (names.length >= MOST_FIELDS) return 'too-many-fields';
    const [, name = '', quoted, bare = ''] = match;
    const value = quoted === undefined ? bare : unquote(quoted);
    if (value === undefined) return 'logfmt-broken';
    if (names.includes(name)) return 'field-twice';
    names.push(name);
    values.push(value);
    at = FIELD.lastIndex;
    while (line[at] === ' ') at++;
  }
  return names.length === 0 ? 'not-logfmt' : undefined;
}

export const logrus: Syntax = { name: 'logrus', read };
