import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { YAMLError } from 'yaml';
import { configOf, defaultSettings } from './config.ts';
import type { Chosen, Config } from './config.ts';
import { checkAlerts } from './alerts.ts';
import { checkCommands } from './commands.ts';
import type { Complaint } from './complaint.ts';
import { defaults } from './loaded.ts';
import type { Loaded } from './loaded.ts';
import { SCHEMA } from './schema.ts';
import type { Environment } from './substitute.ts';
import { complain, originAt, rangeOf, walkRecord } from './walk.ts';
import type { Walk } from './walk.ts';

/** A configuration is some kilobytes; more is a mistake, and YAML costs time. */
const MAX_LENGTH = 256 * 1024;
const MAX_NODES = 10_000;
const MAX_ALIASES = 100;
/** What follows the first faults of broken YAML is mostly their consequence. */
const MAX_SYNTAX_ERRORS = 3;

/**
 * The configuration in `text`. `fileName` is for complaints; `env` for `${env:NAME}`. Never throws, whatever the text:
 * what is wrong is complained about and keeps its default. Use it only when no complaint is an error.
 */
export function parseConfig(text: string, fileName: string, env: Environment): Loaded {
  const source = text.startsWith('\ufeff') ? text.slice(1) : text;
  if (source.length > MAX_LENGTH) return refused(fileName, `is larger than ${MAX_LENGTH / 1024} KiB; this is no configuration of shimtrace.`);
  const counter = new LineCounter();
  const document = parse(source, counter);
  if (document === undefined) return refused(fileName, 'is nested too deeply; this is no configuration of shimtrace.');
  const walk: Walk = {
    file: fileName, lines: source.split(/\r?\n/), counter, document, env, complaints: [], places: new Map(), budget: MAX_NODES, aliases: MAX_ALIASES,
  };
  for (const error of document.errors.slice(0, MAX_SYNTAX_ERRORS)) complain(walk, error.pos, '', syntaxWords(error));
  if (document.errors.length > 0) return { ...defaults, complaints: walk.complaints };
  for (const warning of document.warnings) complain(walk, warning.pos, '', `${firstSentence(warning)}. It means nothing here.`, 'warning');
  return walkDocument(walk);
}

function walkDocument(walk: Walk): Loaded {
  const root: unknown = walk.document.contents;
  if (root === null || (isScalar(root) && root.value === null)) return { ...defaults, complaints: walk.complaints };
  if (!isMap(root)) {
    const what = isSeq(root) ? 'a list' : isAlias(root) ? 'an alias' : 'a single value';
    complain(walk, rangeOf(root), '', `the file holds ${what}, where settings (key: value) are expected.`);
    return { ...defaults, complaints: walk.complaints };
  }
  const written = walkRecord(walk, root, '', '', SCHEMA);
  const settings = new Map<string, Chosen>(defaultSettings);
  for (const [path, value] of written) settings.set(path, { value, origin: originAt(walk, walk.places.get(path) ?? [0, 0]) });
  const config = configOf(settings);
  crossCheck(walk, config);
  checkCommands(walk, config);
  checkAlerts(walk, config, settings);
  const origins = new Map([...walk.places].map(([path, span]) => [path, originAt(walk, span)]));
  return { config, settings, complaints: withoutHeaders(walk).toSorted(byPlace), origins };
}

/** What no setting can say alone. */
function crossCheck(walk: Walk, { otlp }: Config): void {
  const place = (path: string): readonly [number, number] => walk.places.get(path) ?? [0, 0];
  const { ca, cert, key } = otlp.tls;
  if (cert !== undefined && key === undefined) complain(walk, place('otlp.tls.cert'), 'otlp.tls.cert', 'needs otlp.tls.key beside it.');
  if (key !== undefined && cert === undefined) complain(walk, place('otlp.tls.key'), 'otlp.tls.key', 'needs otlp.tls.cert beside it.');
  if ((ca ?? cert ?? key) !== undefined && otlp.endpoint?.startsWith('http:') === true) {
    complain(walk, place('otlp.endpoint'), 'otlp.endpoint', 'http:// sends in clear, and otlp.tls is not used. Write https://', 'warning');
  }
}

/** Complaints that quote no line with a header on it: tokens do not belong into a journal. */
function withoutHeaders(walk: Walk): Complaint[] {
  const places = [...walk.places].filter(([path]) => /(?:^|\.)headers$/.test(path));
  if (places.length === 0) return walk.complaints;
  const ranges = places.map(([, place]) => place.map((at) => walk.counter.linePos(at).line));
  const secret = (line: number): boolean => ranges.some(([from = 0, to = 0]) => line >= from && line <= to);
  return walk.complaints.map((complaint) => {
    const { excerpt } = complaint;
    if (excerpt === undefined) return complaint;
    const lines = excerpt.lines.filter(({ number }) => !secret(number));
    return { ...complaint, excerpt: lines.at(-1) === excerpt.lines.at(-1) ? { ...excerpt, lines } : undefined };
  });
}

function byPlace(a: Complaint, b: Complaint): number {
  if (a.origin.kind !== 'file' || b.origin.kind !== 'file') return 0;
  return a.origin.line - b.origin.line || a.origin.column - b.origin.column;
}

/** The yaml package is recursive; should it not catch the end of the stack itself, this does. */
function parse(text: string, lineCounter: LineCounter): Walk['document'] | undefined {
  try {
    return parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false, strict: true, version: '1.2', schema: 'core', logLevel: 'error' });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function refused(file: string, what: string): Loaded {
  return { ...defaults, complaints: [{ severity: 'error', origin: { kind: 'file', file, line: 1, column: 1 }, path: '', what: `the file ${what}`, excerpt: undefined }] };
}

function syntaxWords(error: YAMLError): string {
  if (error.code === 'TAB_AS_INDENT') return 'a tab indents this line. YAML takes spaces only.';
  if (error.code === 'MULTIPLE_DOCS') return 'a second document begins here. Write one document (no ---).';
  if (error.code === 'RESOURCE_EXHAUSTION') return 'nested too deeply; this is no configuration of shimtrace.';
  return `not YAML: ${firstSentence(error)}`;
}

const firstSentence = (error: YAMLError): string => error.message.split('\n')[0] ?? '';
