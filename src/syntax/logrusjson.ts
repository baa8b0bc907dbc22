/**
 * logrus' JSON format (github.com/sirupsen/logrus, JSONFormatter), as Kata 1.x writes it for `--log FILE --log-format json`: one object a
 * line, keys sorted, `time` as RFC 3339 in quotes. Kata's has whole seconds (cli/main.go, 1.0 to 1.13, keeps logrus' default), and says so by having no fraction.
 */
import type { Entry, Refusal, Syntax } from '../model/entry.ts';
import { JsonEntry, scanJson } from './json.ts';
import { decode, nanosFromRfc3339, plausible, stepOfText } from './text.ts';

const TIME = 'time';
const OPEN = 0x7b;

function read(bytes: Buffer, start: number, end: number): Entry | Refusal {
  if (bytes[start] !== OPEN) return 'not-json';
  const text = decode(bytes, start, end);
  if (text === undefined) return 'not-utf8';
  const fields = scanJson(text);
  if (typeof fields === 'string') return fields;
  const at = fields.names.indexOf(TIME);
  const value = fields.values[at];
  if (value === undefined) return 'no-time';
  const time = fields.quoted[at] === true ? nanosFromRfc3339(value) : undefined;
  if (time === undefined) return 'time-not-readable';
  return plausible(time) ? new JsonEntry(time, stepOfText(value), fields, text) : 'time-out-of-range';
}

export const logrusJson: Syntax = { name: 'logrus-json', begins: ['{'], read };
