/**
 * Writes lines as Go's logrus does: TextFormatter without colours and JSONFormatter at the two versions Kata 1.x vendors (89742aef up to 1.10,
 * v1.4.2 from 1.11). Imports nothing from src: what it knows is Go's strconv.Quote and logrus' text_formatter.go, json_formatter.go; the shapes
 * are checked against the recordings first (test/syntax/kata.test.ts).
 */

export type Field = readonly [name: string, value: string];

export interface Record {
  /** As it is printed: the writer decides how finely. */
  readonly time: string;
  readonly level: string;
  readonly msg: string;
  readonly fields: readonly Field[];
}

const SIMPLE: Readonly<{ [char: string]: string }> = { '"': '\\"', '\\': '\\\\', '\x07': '\\a', '\b': '\\b', '\f': '\\f', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v' };

/** Go's unicode.IsPrint, near enough: letters, marks, numbers, punctuation, symbols, and of blanks the ASCII one alone. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/** strconv.Quote of text; bytes that are no UTF-8 are given as lone surrogates U+DC80 to U+DCFF, as Python's surrogateescape has them. */
export function goQuote(text: string): string {
  let quoted = '"';
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    const simple = SIMPLE[char];
    if (simple !== undefined) quoted += simple;
    else if (code >= 0xdc80 && code <= 0xdcff) quoted += `\\x${(code - 0xdc00).toString(16)}`;
    else if (PRINTABLE.test(char)) quoted += char;
    else if (code < 0x20 || code === 0x7f) quoted += `\\x${code.toString(16).padStart(2, '0')}`;
    else if (code < 0x10000) quoted += `\\u${code.toString(16).padStart(4, '0')}`;
    else quoted += `\\U${code.toString(16).padStart(8, '0')}`;
  }
  return `${quoted}"`;
}

const value = (text: string): string => (/^[A-Za-z0-9\-._/@^+]*$/.test(text) ? text : goQuote(text));
const bytewise = (a: Field, b: Field): number => Buffer.compare(Buffer.from(a[0]), Buffer.from(b[0]));

/** One record as text. `old`: logrus before 1.4.2, which prints a field called like one of its own twice instead of renaming it. */
export function text(record: Record, old = false): string {
  const own = new Set(['time', 'level', 'msg']);
  const fields = record.fields.map(([name, text]): Field => [own.has(name) && !old ? `fields.${name}` : name, text]).sort(bytewise);
  const head = [`time="${record.time}"`, `level=${record.level}`, ...(record.msg === '' ? [] : [`msg=${value(record.msg)}`])];
  return [...head, ...fields.map(([name, text]) => `${name}=${value(text)}`)].join(' ');
}

/** One record as `--log-format json` has it: keys sorted, Go's escapes of HTML signs. */
export function json(record: Record): string {
  const fields = record.fields.map(([name, text]): Field => [['time', 'level', 'msg'].includes(name) ? `fields.${name}` : name, text]);
  const all: Field[] = [['time', record.time], ['level', record.level], ['msg', record.msg], ...fields];
  const escaped = (text: string): string => JSON.stringify(text).replace(/[<>&\u2028\u2029]/g, (char) => `\\u${(char.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);
  return `{${all.sort(bytewise).map(([name, text]) => `${escaped(name)}:${name === 'pid' && /^\d+$/.test(text) ? text : escaped(text)}`).join(',')}}`;
}

/** RFC3339Nano in a zone: trailing zeros of the fraction are cut, and its point with the last of them. */
export function nanoTime(time: bigint, zone = 0): string {
  return wholeTime(time, zone).replace(/(?=Z$|[+-]\d\d:\d\d$)/, fraction(time % 1_000_000_000n));
}

/** RFC3339: whole seconds, cut and not rounded. `zone`: minutes east of UTC. */
export function wholeTime(time: bigint, zone = 0): string {
  const local = new Date(Number(time / 1_000_000_000n) * 1000 + zone * 60_000).toISOString().slice(0, 19);
  const size = Math.abs(zone);
  const two = (number: number): string => String(number).padStart(2, '0');
  return `${local}${zone === 0 ? 'Z' : `${zone < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`}`;
}

const fraction = (nanos: bigint): string => (nanos === 0n ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`);

/** A line of the guest as kata-proxy prints it: in the message, with its line end. */
export const wrapped = (inner: string, outer: Omit<Record, 'msg'>): string => text({ ...outer, msg: `${inner}\n` });
