/** How Kata 1.x lines are written: against its own recordings, and against what the real kata-log-parser 1.4.0 answered. */
import { readFileSync, readdirSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Entry, Syntax } from '../../src/model/entry.ts';
import { logrus } from '../../src/syntax/logrus.ts';
import { logrusJson } from '../../src/syntax/logrusjson.ts';
import { nanosFromRfc3339 } from '../../src/syntax/text.ts';
import { corpusFile, overRecordings } from '../support/corpus.ts';
import { goQuote, text } from '../support/gologrus.ts';
import type { Field } from '../support/gologrus.ts';

/** A line as each syntax reads it, one that holds several records as its parts. */
function readLine<T>(syntax: Syntax, line: Buffer, take: (entry: Entry) => T): (T | string)[] {
  const entry = syntax.read(line, 0, line.length);
  if (typeof entry !== 'string') return [take(entry)];
  const parts = syntax.parts?.(line, 0, line.length) ?? [];
  if (parts.length === 0) return [entry];
  return [...(parts[0] === 0 ? [] : [entry]), ...parts.map((from, index) => {
    const part = syntax.read(line, from, parts[index + 1] ?? line.length);
    return typeof part === 'string' ? part : take(part);
  })];
}

const linesOf = (bytes: Buffer): Buffer[] => bytes.toString('latin1').split(/\r?\n/).filter((line) => line !== '').map((line) => Buffer.from(line, 'latin1'));
const corpusLines = (path: string): Buffer[] => {
  const bytes = readFileSync(corpusFile(path));
  return linesOf(path.endsWith('.gz') ? gunzipSync(bytes) : bytes);
};
const cases = (): string[] => readdirSync(corpusFile('kata-1.12-real'), { withFileTypes: true }).filter((one) => one.isDirectory()).map(({ name }) => name);
const filesOf = (folder: string): string[] => readdirSync(corpusFile(folder)).filter((name) => name.includes('.log')).map((name) => `${folder}/${name}`);

/** Entries and refusals of a file, as one line to read: `250 read`, `not-logfmt 8`. */
function tally(syntax: Syntax, path: string): string {
  const counts = new Map<string, number>();
  for (const line of corpusLines(path)) for (const what of readLine(syntax, line, () => 'read')) counts.set(what, (counts.get(what) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, count]) => `${what} ${count}`).join(', ');
}

overRecordings('every line has an entry or a named refusal', () => {
  test('as logrus text', () => {
    const files = [...cases().flatMap((name) => filesOf(`kata-1.12-real/${name}`)), ...filesOf('kata-1')];
    expect(files.map((path) => `${path}: ${tally(logrus, path)}`)).toMatchSnapshot();
  });

  test('as logrus JSON', () => {
    const files = ['kata-1.12-real/start-stop/runtime-log.json.log', 'kata-1.12-real/start-stop/journal.json.log', 'kata-1/gist-lines.log', 'kata-1/kata1-runtime-fluentd-journal-record.log'];
    expect(files.map((path) => `${path}: ${tally(logrusJson, path)}`)).toMatchSnapshot();
  });
});

//             1: key      2: quoted                 3: bare
const PAIR = /([^="]+)=(?:"((?:[^"\\]|\\.)*)"|([A-Za-z0-9\-._/@^+]*))(?: |$)/gsy;

/** Go's escapes undone by a regular expression; bytes that are no UTF-8 as lone surrogates, as the writer takes them. */
function goUnquote(quoted: string): string {
  const simple: Readonly<{ [char: string]: string }> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', '"': '"' };
  return quoted.replace(/\\(?:x(..)|u(....)|U(........)|(.))/gs, (_, hex?: string, unit?: string, point?: string, char = '') => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16) + (Number.parseInt(hex, 16) < 0x80 ? 0 : 0xdc00));
    return unit === undefined && point === undefined ? (simple[char] ?? '') : String.fromCodePoint(Number.parseInt(unit ?? point ?? '', 16));
  });
}

const pairs = (line: string): Field[] => [...line.matchAll(PAIR)].map(([, name = '', quoted, bare = '']) => [name, quoted === undefined ? bare : goUnquote(quoted)]);

/** A line written again from its own fields. */
function rewrite(line: string): string {
  const [[, time] = ['', ''], [, level] = ['', ''], ...rest] = pairs(line);
  const [first, ...others] = rest;
  return first?.[0] === 'msg' ? text({ time, level, msg: first[1], fields: others }) : text({ time, level, msg: '', fields: rest });
}

overRecordings('the writer of the tests writes as Kata does', () => {
  const records = (): string[] => [...cases().flatMap((name) => filesOf(`kata-1.12-real/${name}`)).filter((path) => path.includes('/journal.log')), 'kata-1/gist-lines.log']
    .flatMap(corpusLines)
    .map((line) => line.toString('utf8').replace(/^.{15} \w+ [\w-]+\[\d+\]: /, ''))
    .filter((line) => line.startsWith('time='));

  test('each record of the recordings, and each that lies in one', () => {
    const lines = records();
    const inner = lines.filter((line) => line.endsWith(' source=agent')).flatMap((line) => pairs(line).filter(([name, value]) => name === 'msg' && value.startsWith('time=')).map(([, value]) => value.trimEnd()));
    expect(lines.length).toBeGreaterThan(3_700);
    expect(inner.length).toBeGreaterThan(700);
    expect([...lines, ...inner].filter((line) => rewrite(line) !== line)).toEqual([]);
  });

  test('its quotes are those of the recordings', () => {
    const quoted = records().flatMap((line) => [...line.matchAll(/=("(?:[^"\\]|\\.)*")(?= |$)/g)].map(([, value = '']) => value));
    expect(quoted.filter((value) => !/^"\d{4}-/.test(value) && goQuote(goUnquote(value.slice(1, -1))) !== value)).toEqual([]);
  });
});

/** What the peer makes of a record: the guest's own record in the place of the wrapper's, and the container from a request's text. */
interface Told {
  readonly Time: bigint;
  readonly Pid: number;
  readonly Level: string;
  readonly Msg: string;
  readonly Source: string;
  readonly Name: string;
  readonly Container: string;
  readonly Sandbox: string;
}

interface Answer {
  readonly Time: string;
  readonly Pid: number;
  readonly Level: string;
  readonly Msg: string;
  readonly Source: string;
  readonly Name: string;
  readonly Container: string;
  readonly Sandbox: string;
  readonly Data: Readonly<{ [name: string]: string }>;
}

function told(entry: Entry, unpack = true): Told {
  const guest = unpack && entry.guest !== undefined && entry.get('guest.name') !== undefined;
  const get = (name: string): string => entry.get(guest ? `guest.${name}` : name) ?? '';
  const [, container = ''] = /container_id:"([^"]+)"/.exec(get('req')) ?? [];
  return {
    Time: guest ? (entry.guest ?? 0n) : entry.time,
    Pid: Number(get('pid')), Level: get('level'), Msg: get('msg'), Source: get('source'), Name: get('name'),
    Container: get('container') === '' ? container : get('container'),
    Sandbox: get('sandbox') === '' ? (entry.get('sandbox') ?? '') : get('sandbox'),
  };
}

const answered = ({ Time, Pid, Level, Msg, Source, Name, Container, Sandbox }: Answer): Told =>
  ({ Time: nanosFromRfc3339(Time) ?? 0n, Pid, Level, Msg, Source, Name, Container, Sandbox });

const byTime = (a: Told, b: Told): number => (a.Time < b.Time ? -1 : a.Time > b.Time ? 1 : 0);

overRecordings('beside the real kata-log-parser', () => {
  test('the gist: the same records in the same order, the guest by its own clock', () => {
    const { Entries }: { readonly Entries: readonly Answer[] } = JSON.parse(readFileSync(corpusFile('kata-1/gist-lines.kata-log-parser.json'), 'utf8'));
    const ours = corpusLines('kata-1/gist-lines.log').flatMap((line) => readLine(logrus, line, (entry) => told(entry))).filter((one) => typeof one !== 'string').sort(byTime);
    expect(Entries).toHaveLength(30);
    // It drops the wrapper's sandbox, which ours keeps.
    const alike = ({ Sandbox: _, ...rest }: Told): Omit<Told, 'Sandbox'> => rest;
    expect(ours.map(alike)).toEqual(Entries.map((each) => alike(answered(each))));
    expect(ours.filter(({ Sandbox }) => Sandbox !== '').length).toBeGreaterThan(Entries.filter(({ Sandbox }) => Sandbox !== '').length);
  });

  interface Case {
    readonly id: string;
    readonly files: Readonly<{ [name: string]: string }>;
    readonly args: readonly string[];
    readonly exit: number;
    readonly entries?: readonly Answer[];
  }
  const all = (): readonly Case[] => {
    const { cases }: { readonly cases: readonly Case[] } = JSON.parse(readFileSync(corpusFile('kata-1/kata-log-parser-cases.json'), 'utf8'));
    return cases;
  };
  const content = (each: Case, file: string): string =>
    each.id === 'line-over-64KiB' ? `time="2018-02-24T12:36:36.115882442Z" level=info msg="${'x'.repeat(70_000)}" name=n pid=5 source=s` : (each.files[file] ?? '');
  const lines = (each: Case): Buffer[] => Object.keys(each.files).flatMap((file) => linesOf(Buffer.from(content(each, file))));

  test('what it reads, ours reads the same', () => {
    const read = all().filter(({ entries }) => entries !== undefined);
    expect(read.length).toBeGreaterThan(14);
    for (const each of read) {
      const unpack = !each.args.includes('--no-agent-unpack');
      const ours = lines(each).flatMap((line) => readLine(logrus, line, (entry) => told(entry, unpack))).filter((one) => typeof one !== 'string').sort(byTime);
      const theirs = (each.entries ?? []).map(answered);
      // It leaves `\x` escapes as they stand, and loses the wrapper's sandbox.
      const spell = (one: Told): Told => ({ ...one, Sandbox: '', Msg: one.Msg.replaceAll('\x1b', '\\x1b') });
      expect(ours.map(spell), each.id).toEqual(theirs.map(spell));
      for (const [index, { Sandbox }] of theirs.entries()) if (Sandbox !== '') expect(ours[index]?.Sandbox, each.id).toBe(Sandbox);
      for (const { Data } of each.entries ?? []) expectData(each.id, lines(each), Data);
    }
  });

  /** Its `Data`: every other field, under our name for it; what it makes of a prefix or of a key with a blank is no field. */
  function expectData(id: string, from: readonly Buffer[], data: Answer['Data']): void {
    if (id === 'journal-short-prefix' || id === 'key-with-space') return;
    const names = Object.keys(data);
    const ours = from.flatMap((line) => readLine(logrus, line, (entry) => names.map((name) => entry.get(entry.guest === undefined ? name : `guest.${name}`))));
    if (names.length > 0) expect(ours, id).toContainEqual(Object.values(data));
  }

  test('where it gives up the file, each line of ours is read or refused by name', () => {
    const failed = all().filter(({ entries }) => entries === undefined);
    expect(failed.length).toBeGreaterThan(30);
    const say = (entry: Entry): string => `read: ${['msg', 'guest.msg', 'guest.console', 'fields.time'].map((name) => entry.get(name)?.slice(0, 40)).filter((value) => value !== undefined).map((value) => JSON.stringify(value)).join(' ')}`;
    expect(failed.map((each) => `${each.id}: ${lines(each).flatMap((line) => readLine(logrus, line, say)).join(' | ')}`)).toMatchSnapshot();
    expect(failed.filter(({ id }) => id === 'json-line').flatMap(lines).flatMap((line) => readLine(logrusJson, line, say))).toEqual(['read: "x"']);
  });
});

describe('the prefixes of real lines', () => {
  const record = 'time="2018-08-23T18:34:16.463585741+08:00" level=info msg=x name=kata-runtime pid=1';
  test.each([
    ['Aug 23 18:34:16 zhangwei-pc kata-runtime[20620]: ', 'kata-runtime', '20620', 'zhangwei-pc'],
    ['3月 22 14:11:05 cheer kata-proxy[8075]: ', 'kata-proxy', '8075', 'cheer'],
    ['oct 24 10:38:05 gacerva1-desk1 kata-shim[15902]: ', 'kata-shim', '15902', 'gacerva1-desk1'],
    ['Mar 12 22:26:27 kata-proxy[44403]: ', 'kata-proxy', '44403', undefined],
    ['<6>Feb 21 10:31:27 kata-runtime[14314]: ', 'kata-runtime', '14314', undefined],
    ['Feb  1 10:31:27 host kata-runtime: ', 'kata-runtime', undefined, 'host'],
    ['2018-08-23T18:34:16.463585+08:00 host.example kata-runtime[20620]: ', 'kata-runtime', '20620', 'host.example'],
    ['Aug 23 18:34:16.463585 host containerd[7]: ', 'containerd', '7', 'host'],
    ['', undefined, undefined, undefined],
  ])('%s', (prefix, identifier, pid, host) => {
    const [said] = readLine(logrus, Buffer.from(prefix + record), (entry) =>
      [entry.time, entry.get('msg'), entry.get('pid'), entry.get('syslog.identifier'), entry.get('syslog.pid'), entry.get('syslog.host'), entry.line()]);
    expect(said).toEqual([1_535_020_456_463_585_741n, 'x', '1', identifier, pid, host, prefix + record]);
  });

  test('the prefix\' time is never used', () => {
    expect(readLine(logrus, Buffer.from('Aug 23 18:34:16 host kata-runtime[20620]: level=info msg=x'), () => 'read')).toEqual(['no-time']);
    expect(readLine(logrus, Buffer.from('Aug 23 18:34:16 host kata-runtime[20620]: panic: oh'), () => 'read')).toEqual(['not-logfmt']);
  });

  test('whole seconds are whole seconds, but for what Kata sends to syslog', () => {
    const step = (line: string): unknown => readLine(logrus, Buffer.from(line), (entry) => entry.step)[0];
    const whole = 'time="2018-08-23T18:34:16+08:00" level=info msg=x';
    expect([step(whole), step(`Aug 23 18:34:16 host kata-runtime[20620]: ${whole}`), step(`Aug 23 18:34:16 host other[7]: ${whole}`), step(record)]).toEqual([1e9, 1, 1e9, 1]);
  });
});

describe('what the guest said', () => {
  const outer = (msg: string, name = 'kata-proxy'): string => text({ time: '2018-08-10T16:38:11.5+08:00', level: 'info', msg, fields: [['name', name], ['pid', '4823'], ['sandbox', 'f8'], ['source', 'agent']] });
  const fields = (line: string, names: readonly string[]): unknown => readLine(logrus, Buffer.from(line), (entry) => [entry.guest, ...names.map((name) => entry.get(name))])[0];

  test('a record of the agent, and one in that', () => {
    const deepest = text({ time: '2018-08-10T08:37:45.1Z', level: 'warning', msg: 'signal: killed', fields: [['error', 'a "b"']] });
    const inner = text({ time: '2018-08-10T08:37:45.397715551Z', level: 'debug', msg: deepest, fields: [['pid', '1'], ['req', 'container_id:"c1"']] });
    expect(fields(outer(`${inner}\n`), ['pid', 'sandbox', 'guest.pid', 'guest.sandbox', 'guest.req', 'guest.msg', 'guest.guest.msg', 'guest.guest.error', 'guest.guest.guest.msg'])).toEqual(
      [1_533_890_265_397_715_551n, '4823', 'f8', '1', undefined, 'container_id:"c1"', deepest, 'signal: killed', 'a "b"', undefined]);
  });

  test.each<[string, string, readonly (string | undefined)[]]>([
    ['the kernel', '[    1.418768] brd: module loaded\n', ['brd: module loaded', '1.418768', undefined, undefined]],
    ['the kernel with a level', '<6>[ 12.000001]  pmem0: p1\n', [' pmem0: p1', '12.000001', undefined, undefined]],
    ['systemd', '[\x1b[0;32m  OK  \x1b[0m] Started \x1b]0;x\x07Kata.\r\n', ['[  OK  ] Started Kata.', undefined, undefined, undefined]],
    ['yamux', 'yamux: keepalive failed\n', ['yamux: keepalive failed', undefined, undefined, undefined]],
    ['two writers mixed', 'time="2018-02-24T12:36:36Z" level=info ms[    1.122452] sd 0:0:0:0: [sda]\n', ['time="2018-02-24T12:36:36Z" level=info ms[    1.122452] sd 0:0:0:0: [sda]', undefined, 'logfmt-broken', undefined]],
    ['a record cut off', 'time="2018-02-24T12:36:36Z" level=info msg="New ser\n', ['time="2018-02-24T12:36:36Z" level=info msg="New ser', undefined, 'line-cut', undefined]],
    ['a record without a time of its own', 'time=soon level=info\n', ['time=soon level=info', undefined, 'time-not-readable', undefined]],
    ['the agent as init', 'announce: name="kata-agent",pid="1",version="1.12.1",device-handlers="blk,scsi"\n', ['announce: name="kata-agent",pid="1",version="1.12.1",device-handlers="blk,scsi"', undefined, undefined, 'announce']],
  ])('%s', (_, said, expected) => {
    const names = ['guest.console', 'guest.kernel', 'guest.refused', 'guest.msg'];
    expect(fields(outer(said), names)).toEqual([undefined, ...expected]);
    expect(fields(text({ time: '2020-09-15T14:56:23.1+08:00', level: 'debug', msg: 'reading guest console', fields: [['vmconsole', said.trimEnd()]] }), names)).toEqual([undefined, ...expected]);
  });

  test('the announcement\'s fields', () => {
    expect(fields(outer('announce: name="kata-agent",pid="1",version="1.12.1",device-handlers="blk,scsi"\n'), ['guest.name', 'guest.pid', 'guest.version', 'guest.device-handlers', 'name'])).toEqual(
      [undefined, 'kata-agent', '1', '1.12.1', 'blk,scsi', 'kata-proxy']);
  });

  test('what is no guest\'s', () => {
    const record = text({ time: '2018-08-10T08:37:45Z', level: 'info', msg: 'x', fields: [] });
    expect(fields(text({ time: '2018-08-10T08:37:45.1Z', level: 'warning', msg: record, fields: [['name', 'containerd']] }), ['guest.msg', 'guest.console'])).toEqual([undefined, undefined, undefined]);
    expect(fields(outer('plain', 'kata-agent'), ['guest.console'])).toEqual([undefined, undefined]);
  });
});
