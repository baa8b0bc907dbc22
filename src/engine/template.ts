/** Texts with holes: `grpc.{verb}Request`, as conditions on a field and as names made from fields. */

import type { Entry } from '../model/entry.ts';

/** What the holes of a rule held. Their names are ours, never a log's. */
export type Holes = Readonly<Record<string, string>>;

export interface Template {
  /** What stands before the first hole: told apart by it before the expression is tried. */
  readonly prefix: string;
  readonly expression: RegExp;
  /** How many letters it tells itself. */
  readonly letters: number;
  readonly holes: readonly string[];
}

// Lower-case letters only: JSON in a message is no hole.
const HOLE = /\{([a-z]+)\}/g;

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

const known = new Map<string, Template | undefined>();

/** @returns undefined for a text without holes. Each text is compiled once. */
export function template(text: string): Template | undefined {
  if (!known.has(text)) known.set(text, compileTemplate(text));
  return known.get(text);
}

function compileTemplate(text: string): Template | undefined {
  const holes: string[] = [];
  let source = '';
  let at = 0;
  for (const match of text.matchAll(HOLE)) {
    const rest = text.slice(match.index + match[0].length);
    // What stands in quotes ends at the next one; else a hole takes as much as it can.
    source += `${literal(text.slice(at, match.index))}(${rest.startsWith('"') ? '[^"]*' : '[^]*'})`;
    holes.push(match[1] ?? '');
    at = match.index + match[0].length;
  }
  if (holes.length === 0) return undefined;
  return { prefix: text.slice(0, text.indexOf('{' + (holes[0] ?? ''))), expression: new RegExp(`^${source}${literal(text.slice(at))}$`), letters: text.replace(HOLE, '').length, holes };
}

/** What the holes hold in `value`; undefined: it is not of this form. */
export function holesOf({ prefix, expression, holes }: Template, value: string): Record<string, string> | undefined {
  if (prefix !== '' && !value.startsWith(prefix)) return undefined;
  const match = expression.exec(value);
  if (match === null) return undefined;
  const found: Record<string, string> = {};
  for (const [at, hole] of holes.entries()) found[hole] = match[at + 1] ?? '';
  return found;
}

const FIELD = /\{([^{}]+)\}/g;

/** A name made from fields and holes: `pid {pid}`. */
export interface Name {
  readonly parts: readonly string[];
  /** One more part than fields: `parts[0] fields[0] parts[1] ...` */
  readonly fields: readonly string[];
  /** The field that it is, where it is nothing else. */
  readonly only: string | undefined;
}

export function nameTemplate(text: string): Name {
  const fields: string[] = [];
  const parts: string[] = [];
  let at = 0;
  for (const match of text.matchAll(FIELD)) {
    parts.push(text.slice(at, match.index));
    fields.push(match[1] ?? '');
    at = match.index + match[0].length;
  }
  parts.push(text.slice(at));
  const [first, ...others] = fields;
  return { parts, fields, only: others.length === 0 && text === `{${first ?? ''}}` ? first : undefined };
}

/** @returns undefined when a field or hole is missing or empty. */
export function nameFrom({ parts, fields, only }: Name, entry: Entry, holes: Holes | undefined): string | undefined {
  if (only !== undefined) {
    const value = holes?.[only] ?? entry.get(only);
    return value === '' ? undefined : value;
  }
  let text = parts[0] ?? '';
  for (let at = 0; at < fields.length; at++) {
    const field = fields[at] ?? '';
    const value = holes?.[field] ?? entry.get(field);
    if (value === undefined || value === '') return undefined;
    text += value + (parts[at + 1] ?? '');
  }
  return text;
}

/** A span's name with its holes filled; a hole that the line did not have stays out. */
export const fill = (text: string, holes: Holes | undefined): string =>
  text.includes('{') ? text.replace(HOLE, (_, hole: string) => holes?.[hole] ?? '') : text;
