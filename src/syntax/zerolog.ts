/**
 * zerolog (github.com/rs/zerolog) with TimeFieldFormat = TimeFormatUnixNano, as urunc uses it: one JSON object a line,
 * `time` last, nanoseconds since the epoch as a bare number. RFC 3339 in quotes, zerolog's default, is read as well.
 */
import type { Entry, Refusal, Syntax } from '../model/entry.ts';
import { NANOSECOND, nanos } from '../model/time.ts';
import type { Nanos } from '../model/time.ts';
import { JsonEntry, scanJson } from './json.ts';
import { Shape } from './shape.ts';
import { decode, nanosFromRfc3339, plausible, stepOfText } from './text.ts';

const TIME = 'time';
const OPEN = 0x7b;

/** The exact way, for any JSON object. */
function scanExactly(bytes: Buffer, start: number, end: number): Entry | Refusal {
  const text = decode(bytes, start, end);
  if (text === undefined) return bytes[start] === OPEN ? 'not-utf8' : 'not-json';
  const fields = scanJson(text);
  if (typeof fields === 'string') return fields;
  const at = fields.names.indexOf(TIME);
  const value = fields.values[at];
  if (value === undefined) return 'no-time';
  const time = fields.quoted[at] === true ? nanosFromRfc3339(value) : nanosFromText(value);
  if (time === undefined) return fields.quoted[at] === true ? 'time-not-readable' : 'time-not-nanoseconds';
  const step = fields.quoted[at] === true ? stepOfText(value) : NANOSECOND;
  return plausible(time) ? new JsonEntry(time, step, fields, text) : 'time-out-of-range';
}

/** A bare number that counts nanoseconds: a whole number of at least 16 digits (fewer are seconds to microseconds). */
function nanosFromText(digits: string): Nanos | undefined {
  return /^-?\d{16,25}$/.test(digits) ? nanos(BigInt(digits)) : undefined;
}

/** The shapes met last: a file holds one or two, so a few suffice, and a hostile one cannot grow them. */
const SHAPES = 4;
const shapes: Shape[] = [];

/**
 * First by the shapes already met, byte by byte without making anything; what fits none goes to the exact scanner, and
 * if it is of a kind that a shape can hold, its shape is learnt for the lines that follow.
 */
function read(bytes: Buffer, start: number, end: number): Entry | Refusal {
  for (let i = 0; i < shapes.length; i++) {
    const shape = shapes[i];
    if (shape === undefined || !shape.fits(bytes, start, end)) continue;
    if (i > 0) {
      shapes.splice(i, 1);
      shapes.unshift(shape);
    }
    return shape;
  }
  const entry = scanExactly(bytes, start, end);
  if (entry instanceof JsonEntry) {
    const shape = Shape.learn(entry.line(), TIME);
    if (shape !== undefined) shapes.unshift(shape);
    if (shapes.length > SHAPES) shapes.pop();
  }
  return entry;
}

export const zerolog: Syntax = { name: 'zerolog', begins: ['{'], read };
