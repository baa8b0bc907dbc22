import type { Attributes } from '../model/trace.ts';
import type { SettingType } from './schema.ts';
import { didYouMean } from './suggest.ts';
import { formatDuration, formatSize, parseAgo, parseDuration, parseSize, parseThreshold } from './units.ts';
import type { Header, Value } from './values.ts';

export type Reading = { readonly kind: 'value'; readonly value: Value; readonly warning?: string } | { readonly kind: 'bad'; readonly what: string };

const bad = (what: string): Reading => ({ kind: 'bad', what });
const good = (value: Value): Reading => ({ kind: 'value', value });
const quote = (text: string): string => `"${text.length > 60 ? `${text.slice(0, 60)}…` : text}"`;

/** Longest text of any setting: a path is at most 4096 bytes on Linux. */
const MAX_TEXT = 4096;

/** A setting's value from the text of one scalar, a flag or a variable. Never throws. */
export function readText(type: SettingType, text: string): Reading {
  if (text === '') return bad(`is empty. ${hint(type)}`);
  if (text.length > MAX_TEXT) return bad(`is longer than ${MAX_TEXT} characters.`);
  switch (type.kind) {
    case 'text':
    case 'path':
      return text.includes('\0') ? bad('holds a NUL character.') : good({ kind: 'text', value: text });
    case 'name':
      return /^[A-Za-z][A-Za-z0-9_-]{0,63}$/.test(text) ? good({ kind: 'text', value: text }) : bad(`${quote(text)} is not a name: letters, digits, "-" and "_", at most 64, a letter first.`);
    case 'url':
      return readUrl(type.use, text);
    case 'listen':
      return readListen(text);
    case 'threshold':
      return readThreshold(text);
    case 'choice':
      return type.of.includes(text) ? good({ kind: 'text', value: text }) : bad(`${quote(text)} is none of ${type.of.join(', ')}.${didYouMean(text, type.of)}`);
    case 'place':
      return type.of.includes(text) || parseAgo(text) !== undefined ? good({ kind: 'text', value: text }) : bad(`${quote(text)} is none of ${describeType(type).replace('one of ', '')}.${didYouMean(text, type.of)}`);
    case 'duration':
      return readDuration(type, text);
    case 'size':
      return readSize(type, text);
    case 'boolean':
      return text === 'true' || text === 'false' ? good({ kind: 'boolean', value: text === 'true' }) : bad(`${quote(text)} is neither true nor false.`);
    case 'integer':
      return readInteger(type, text);
    case 'texts':
      return text.includes('\0') ? bad('holds a NUL character.') : good({ kind: 'texts', value: [text] });
    case 'headers':
    case 'attributes':
    case 'list':
      return bad(`${quote(text)} is not ${describeType(type)}. ${hint(type)}`);
    default:
      return type satisfies never;
  }
}

/** Names of the host itself; whoever is on it may look. */
const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])$/;

function readListen(text: string): Reading {
  if (text === 'off') return good({ kind: 'text', value: text });
  //                          host                            port
  const [, host, port] = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(text) ?? [];
  if (host === undefined || Number(port) > 65_535) {
    const meant = /^:?\d{1,5}$/.test(text) ? `127.0.0.1:${text.replace(':', '')}` : '127.0.0.1:9464';
    return bad(`${quote(text)} is not an address to listen on. Write ${meant}, or off.`);
  }
  const value: Value = { kind: 'text', value: text };
  if (LOOPBACK.test(host)) return good(value);
  return { kind: 'value', value, warning: `everybody who reaches ${text} over the network can read the metrics; they ask for no password.` };
}

function readThreshold(text: string): Reading {
  const value = parseThreshold(text);
  if (value !== undefined) return good({ kind: 'threshold', value });
  if (/^\d+$/.test(text)) return bad(`${quote(text)} has no unit. Write ${text.slice(0, 9)}s or ${text.slice(0, 9)}ms.`);
  return bad(`${quote(text)} is neither a duration above 0 nor a factor over a percentile. ${hint({ kind: 'threshold' })}`);
}

function readDuration(type: SettingType & { readonly kind: 'duration' }, text: string): Reading {
  const value = parseDuration(text);
  if (value === undefined) {
    if (/^\d+$/.test(text)) return bad(`${quote(text)} has no unit. Write ${text.slice(0, 9)}s or ${text.slice(0, 9)}ms.`);
    return bad(`${quote(text)} is not a duration. ${hint(type)}`);
  }
  if (value < type.min) return bad(`${quote(text)} is too short: at least ${formatDuration(type.min)}.`);
  if (value > type.max) return bad(`${quote(text)} is too long: at most ${formatDuration(type.max)}.`);
  return good({ kind: 'duration', value });
}

function readSize(type: SettingType & { readonly kind: 'size' }, text: string): Reading {
  const value = parseSize(text);
  if (value === undefined) {
    if (/^\d+$/.test(text)) return bad(`${quote(text)} has no unit. Write ${text.slice(0, 9)}MiB or ${text.slice(0, 9)}KiB.`);
    return bad(`${quote(text)} is not a size. ${hint(type)}`);
  }
  if (value < type.min) return bad(`${quote(text)} is too small: at least ${formatSize(type.min)}.`);
  if (value > type.max) return bad(`${quote(text)} is too large: at most ${formatSize(type.max)}.`);
  return good({ kind: 'size', value });
}

function readInteger(type: SettingType & { readonly kind: 'integer' }, text: string): Reading {
  const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value)) return bad(`${quote(text)} is not a whole number.`);
  return value < type.min || value > type.max ? bad(`${text} is not from ${type.min} to ${type.max}.`) : good({ kind: 'integer', value });
}

function readUrl(use: 'grpc' | 'web' | 'hook', text: string): Reading {
  const url = URL.parse(text);
  // "localhost:4317" parses as a URL whose scheme is "localhost:".
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    const host = /^[\w.[\]-]+(:\d{1,5})?$/.test(text) ? text : 'localhost:4317';
    return bad(`${quote(text)} is not a URL. Write http://${host} or https://${host}.`);
  }
  // Never quoted: what stands before the @ is a password.
  if (url.username !== '' || url.password !== '') return bad('holds a user or password. Put what gives access into headers.');
  if (use === 'hook' && url.hash === '') return good({ kind: 'text', value: text });
  if (url.search !== '' || url.hash !== '') return bad(`${quote(text)} has a query or a fragment. Write only http://host:port.`);
  if (use === 'web') return good({ kind: 'text', value: text });
  if (url.pathname !== '/') return bad(`${quote(text)} has a path, and OTLP over gRPC takes none. Write ${url.protocol}//${url.host}`);
  const value: Value = { kind: 'text', value: text };
  if (url.port !== '4318') return good(value);
  return { kind: 'value', value, warning: '4318 is the usual port of OTLP over HTTP; shimtrace speaks gRPC, whose usual port is 4317.' };
}

/** Why this is no header that gRPC can send; undefined: it is one. Never quotes the value, which is a secret. */
export function headerFault([name, value]: Header): string | undefined {
  if (!/^[a-z0-9_.-]{1,128}$/.test(name)) return 'is not the name of a header. Write letters, digits, "-", "_" and "." only.';
  if (name.startsWith('grpc-') || name.endsWith('-bin')) return 'is reserved by gRPC.';
  if (!/^[\x20-\x7e]*$/.test(value)) return 'has a value that is not printable ASCII.';
  return undefined;
}

/** Set by shimtrace for each component. */
const RESERVED: ReadonlySet<string> = new Set(['service.name', 'service.namespace', 'service.instance.id']);

/** Why this may not be a resource attribute; undefined: it may. */
export function attributeFault(name: string): string | undefined {
  if (RESERVED.has(name)) return 'is set by shimtrace for each component.';
  return /^[\x21-\x7e]{1,128}$/.test(name) ? undefined : 'is not the name of an attribute. Write one as in deployment.environment.name.';
}

/** By name, as the model has it. */
export const canonical = (attributes: Attributes): Attributes => attributes.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));

/** "a duration": what is expected, for a sentence. */
export function describeType(type: SettingType): string {
  switch (type.kind) {
    case 'text':
      return 'a text';
    case 'path':
      return 'a path';
    case 'name':
      return 'a name';
    case 'url':
      return 'a URL';
    case 'listen':
      return 'HOST:PORT or off';
    case 'threshold':
      return 'a duration or a factor';
    case 'choice':
      return `one of ${type.of.join(', ')}`;
    case 'place':
      return `one of ${type.of.join(', ')}, -DURATION`;
    case 'duration':
      return 'a duration';
    case 'size':
      return 'a size';
    case 'boolean':
      return 'true or false';
    case 'integer':
      return 'a whole number';
    case 'texts':
      return 'a text or a list of texts';
    case 'headers':
    case 'attributes':
      return 'a mapping (name: value)';
    case 'list':
      return 'a list';
    default:
      return type satisfies never;
  }
}

/** What to write. */
export function hint(type: SettingType): string {
  switch (type.kind) {
    case 'duration':
      return 'Write 1s, 800ms or 1m30s.';
    case 'size':
      return 'Write 32MiB or 64KiB.';
    case 'url':
      return 'Write http://host:port or https://host:port.';
    case 'texts':
      return 'Write "/var/log/x/*.log" or ["/a.log", "/b.log"].';
    case 'threshold':
      return 'Write 1s, 800ms or 1.5x p95 of 7d.';
    case 'headers':
    case 'attributes':
    case 'list':
    case 'text':
    case 'name':
    case 'listen':
    case 'path':
    case 'choice':
    case 'place':
    case 'boolean':
    case 'integer':
      return `Write ${describeType(type)}.`;
    default:
      return type satisfies never;
  }
}
