import { isAlias, isMap, isNode, isScalar, isSeq } from 'yaml';
import type { Document, LineCounter, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import type { Attributes, AttributeValue } from '../model/trace.ts';
import { excerpt } from './complaint.ts';
import type { Complaint } from './complaint.ts';
import { attributeFault, canonical, describeType, headerFault, hint, readText } from './read.ts';
import type { Setting, SettingType } from './schema.ts';
import { suggest } from './suggest.ts';
import { substitute } from './substitute.ts';
import type { Environment } from './substitute.ts';
import type { Header, Origin, Value, Values } from './values.ts';

/** Start and end in the text, in UTF-16 units. */
export type Span = readonly [start: number, end: number];

/** What a walk over one file needs and gathers. */
export interface Walk {
  readonly file: string;
  readonly lines: readonly string[];
  readonly counter: LineCounter;
  readonly document: Document.Parsed;
  readonly env: Environment;
  readonly complaints: Complaint[];
  /** Where each setting stood. */
  readonly places: Map<string, Span>;
  /** How many nodes may still be read: aliases can make a small file huge. */
  budget: number;
  /** How many aliases may still be followed: each costs a search of the file. */
  aliases: number;
}

/** Nobody reads more at once. */
const MAX_COMPLAINTS = 50;

type Plain = Scalar | YAMLMap | YAMLSeq;

export function originAt(walk: Walk, span: Span): Origin {
  const { line, col } = walk.counter.linePos(span[0]);
  return { kind: 'file', file: walk.file, line: Math.max(1, line), column: Math.max(1, col) };
}

export function complain(walk: Walk, span: Span, path: string, what: string, severity: Complaint['severity'] = 'error'): void {
  if (walk.complaints.length > MAX_COMPLAINTS) return;
  const origin = originAt(walk, span);
  if (walk.complaints.length === MAX_COMPLAINTS) {
    walk.complaints.push({ severity: 'error', origin, path: '', what: 'and more of the kind.', excerpt: undefined });
    return;
  }
  const shown = origin.kind === 'file' && !/(?:^|\.)headers(?:\.|$)/.test(path)
    ? excerpt(walk.lines, origin.line, origin.column, span[1] - span[0]) : undefined;
  walk.complaints.push({ severity, origin, path, what, excerpt: shown });
}

/** Reads a mapping against the settings that may stand in it; `at` goes in front of paths in complaints. */
export function walkRecord(walk: Walk, map: YAMLMap, at: string, prefix: string, settings: readonly Setting[]): Values {
  const values = new Map<string, Value>();
  for (const { name, key, value } of pairs(walk, map, at)) {
    const path = prefix + name;
    const exact = settings.find((setting) => setting.path === path);
    if (exact !== undefined) {
      const read = walkSetting(walk, value, key, at + path, exact);
      if (read !== undefined) values.set(path, read);
    } else if (settings.some((setting) => setting.path.startsWith(`${path}.`))) {
      const inner = mapping(walk, value, key, at + path);
      if (inner !== undefined) for (const [below, read] of walkRecord(walk, inner, at, `${path}.`, settings)) values.set(below, read);
    } else {
      complain(walk, key, at + path, unknownKey(name, prefix, settings));
    }
  }
  return values;
}

interface Entry {
  readonly name: string;
  readonly key: Span;
  readonly value: Plain | undefined;
}

/** The pairs of a mapping with readable keys; of a key that stands twice only the first. */
function pairs(walk: Walk, map: YAMLMap, at: string): Entry[] {
  const entries: Entry[] = [];
  const seen = new Map<string, number>();
  for (const pair of map.items) {
    if (!spend(walk, rangeOf(pair.key))) break;
    const key = rangeOf(pair.key);
    if (!isScalar(pair.key)) {
      complain(walk, key, at, 'a key must be plain text.');
      continue;
    }
    const name = pair.key.source ?? String(pair.key.value);
    const first = seen.get(name);
    if (first !== undefined) {
      complain(walk, key, at + name, `stands twice; first in line ${first}.`);
      continue;
    }
    seen.set(name, walk.counter.linePos(key[0]).line);
    const value = follow(walk, pair.value, at + name);
    if (value !== 'bad') entries.push({ name, key, value });
  }
  return entries;
}

function unknownKey(name: string, prefix: string, settings: readonly Setting[]): string {
  const known = new Set(settings.filter((setting) => setting.path.startsWith(prefix)).map((setting) => setting.path.slice(prefix.length).split('.')[0] ?? ''));
  const meant = suggest(name, known);
  if (meant !== undefined) return `unknown key. Did you mean "${meant}"?`;
  const elsewhere = settings.find((setting) => setting.path.split('.').at(-1) === name);
  return elsewhere === undefined ? `unknown key. Known here: ${[...known].join(', ')}.` : `unknown key. Did you mean "${elsewhere.path}"?`;
}

/** Undefined: nothing was written, or it was wrong and complained about; the default holds. */
function walkSetting(walk: Walk, node: Plain | undefined, key: Span, path: string, setting: Setting): Value | undefined {
  const span = node === undefined || isNothing(node) ? key : rangeOf(node);
  walk.places.set(path, span);
  if (node === undefined || isNothing(node)) return undefined;
  const { type } = setting;
  if (type.kind === 'list') return walkList(walk, node, path, type.of);
  if (type.kind === 'headers') return walkHeaders(walk, node, key, path);
  if (type.kind === 'attributes') return walkAttributes(walk, node, key, path);
  if (type.kind === 'texts' && isSeq(node)) return walkTexts(walk, node, path);
  return walkScalar(walk, node, path, type);
}

function walkScalar(walk: Walk, node: Plain, path: string, type: SettingType): Value | undefined {
  const span = rangeOf(node);
  if (!isScalar(node)) {
    complain(walk, firstLine(walk, span), path, `${isMap(node) ? 'a mapping' : 'a list'}, where ${describeType(type)} is expected. ${hint(type)}`);
    return undefined;
  }
  const text = scalarText(walk, node, path);
  if (text === undefined) return undefined;
  const reading = readText(type, text);
  if (reading.kind === 'bad') {
    complain(walk, span, path, reading.what);
    return undefined;
  }
  if (reading.warning !== undefined) complain(walk, span, path, reading.warning, 'warning');
  return reading.value;
}

/** Undefined: complained about, or variables left nothing. */
function scalarText(walk: Walk, node: Scalar, path: string): string | undefined {
  const result = substitute(node.source ?? String(node.value), walk.env);
  if (result.kind === 'bad') {
    complain(walk, rangeOf(node), path, result.what);
    return undefined;
  }
  // `${env:X:-}` is how one says "if there is one".
  return result.used && result.text === '' ? undefined : result.text;
}

function walkTexts(walk: Walk, list: YAMLSeq, path: string): Value | undefined {
  const texts = list.items.flatMap((item, index) => {
    const at = `${path}[${index}]`;
    const node = spend(walk, rangeOf(item)) ? follow(walk, item, at) : 'bad';
    if (node === 'bad' || node === undefined) return [];
    const value = walkScalar(walk, node, at, { kind: 'text' });
    return value?.kind === 'text' ? [value.value] : [];
  });
  if (list.items.length === 0) complain(walk, rangeOf(list), path, `is empty. ${hint({ kind: 'texts' })}`);
  return texts.length === 0 ? undefined : { kind: 'texts', value: texts };
}

function walkList(walk: Walk, node: Plain, path: string, settings: readonly Setting[]): Value | undefined {
  if (!isSeq(node)) {
    complain(walk, firstLine(walk, rangeOf(node)), path, `${isMap(node) ? 'a mapping' : 'a single value'}, where a list is expected. Put "- " in front of each item.`);
    return undefined;
  }
  const items = node.items.flatMap((item, index) => {
    const at = `${path}[${index}]`;
    const span = rangeOf(item);
    const found = spend(walk, span) ? follow(walk, item, at) : 'bad';
    if (found === 'bad') return [];
    const map = mapping(walk, found, span, at);
    if (map === undefined) {
      if (found === undefined || isNothing(found)) complain(walk, span, at, `is empty. Write ${settings[0]?.path ?? 'key'}: ...`);
      return [];
    }
    return walkItem(walk, map, firstLine(walk, span), at, settings);
  });
  return { kind: 'list', value: items };
}

/** An item with its defaults; none when a required key is missing. */
function walkItem(walk: Walk, map: YAMLMap, span: Span, at: string, settings: readonly Setting[]): Values[] {
  const before = walk.complaints.length;
  const written = walkRecord(walk, map, `${at}.`, '', settings);
  const choice = settings.filter((setting) => setting.required === 'one of');
  const chosen = choice.length === 0 || choice.some(({ path: each }) => written.has(each));
  const lacking = settings.filter((setting) => (setting.required === true && !written.has(setting.path)) || (!chosen && setting === choice[0]));
  if (lacking.length > 0) {
    // An error inside the item says more than "is missing".
    if (walk.complaints.length === before) for (const { path, doc } of lacking) complain(walk, span, at, `${path} is missing. ${doc}`);
    return [];
  }
  const presets = settings.flatMap((setting) => (setting.default === undefined ? [] : [[setting.path, setting.default] satisfies [string, Value]]));
  return [new Map([...presets, ...written])];
}

function walkHeaders(walk: Walk, node: Plain, key: Span, path: string): Value | undefined {
  const map = mapping(walk, node, key, path);
  if (map === undefined) return undefined;
  const headers: Header[] = [];
  for (const entry of pairs(walk, map, `${path}.`)) {
    const at = `${path}.${entry.name}`;
    if (!isScalar(entry.value) || isNothing(entry.value)) {
      complain(walk, entry.key, at, 'has no text as its value.');
      continue;
    }
    const text = scalarText(walk, entry.value, at);
    if (text === undefined) continue;
    const header: Header = [entry.name.toLowerCase(), text];
    const fault = headers.some(([name]) => name === header[0]) ? 'stands twice; case does not count.' : headerFault(header);
    if (fault === undefined) headers.push(header);
    else complain(walk, entry.key, at, fault);
  }
  return { kind: 'headers', value: headers };
}

function walkAttributes(walk: Walk, node: Plain, key: Span, path: string): Value | undefined {
  const map = mapping(walk, node, key, path);
  if (map === undefined) return undefined;
  const attributes: Attributes[number][] = [];
  for (const entry of pairs(walk, map, `${path}.`)) {
    const at = `${path}.${entry.name}`;
    const fault = attributeFault(entry.name);
    if (fault !== undefined) {
      complain(walk, entry.key, at, fault);
    } else if (!isScalar(entry.value)) {
      complain(walk, entry.key, at, 'has no text, whole number, true or false as its value.');
    } else if (!isNothing(entry.value)) {
      const value = attributeValue(walk, entry.value, at);
      if (value !== undefined) attributes.push([entry.name, value]);
    }
  }
  return { kind: 'attributes', value: canonical(attributes) };
}

function attributeValue(walk: Walk, node: Scalar, path: string): AttributeValue | undefined {
  if (typeof node.value === 'boolean') return node.value;
  if (typeof node.value === 'number') {
    if (Number.isSafeInteger(node.value)) return node.value;
    complain(walk, rangeOf(node), path, 'is not a whole number. Put it in quotes to send it as text.');
    return undefined;
  }
  return scalarText(walk, node, path);
}

/** Undefined: nothing there, or no mapping, which is complained about. */
function mapping(walk: Walk, node: Plain | undefined, key: Span, path: string): YAMLMap | undefined {
  if (node === undefined || isNothing(node)) return undefined;
  if (isMap(node)) return node;
  const what = isSeq(node) ? 'a list' : 'a single value';
  complain(walk, isSeq(node) ? key : rangeOf(node), path, `${what}, where a mapping (key: value) is expected.`);
  return undefined;
}

/** The node itself, aliases followed. */
function follow(walk: Walk, node: unknown, path: string): Plain | undefined | 'bad' {
  if (!isAlias(node)) return isScalar(node) || isMap(node) || isSeq(node) ? node : undefined;
  walk.aliases -= 1;
  if (walk.aliases < 0) {
    complain(walk, rangeOf(node), path, 'more aliases (*name) than a configuration needs.');
    // Ends the walk: the rest would only repeat it.
    walk.budget = -1;
    return 'bad';
  }
  const target = node.resolve(walk.document);
  if (target !== undefined) return target;
  complain(walk, rangeOf(node), path, 'an alias (*name) of nothing that stands before it. For a pattern write quotes: "*.log".');
  return 'bad';
}

/** False, with one complaint, when the file unfolds to more than any configuration needs. */
function spend(walk: Walk, span: Span): boolean {
  walk.budget -= 1;
  if (walk.budget === -1) complain(walk, span, '', 'the file unfolds to too many values.');
  return walk.budget >= 0;
}

const isNothing = (node: Plain): boolean => isScalar(node) && node.value === null && (node.source === undefined || /^(~|null|Null|NULL)?$/.test(node.source));

export function rangeOf(node: unknown): Span {
  const range = isNode(node) ? node.range : undefined;
  return range === undefined || range === null ? [0, 0] : [range[0], range[1]];
}

/** Of a block, what stands on its first line. */
function firstLine(walk: Walk, span: Span): Span {
  const { line, col } = walk.counter.linePos(span[0]);
  const rest = (walk.lines[line - 1] ?? '').trimEnd().length - col + 1;
  return [span[0], Math.min(span[1], span[0] + Math.max(1, rest))];
}
