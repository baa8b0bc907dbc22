/** The tests' own writers of the shims' logs write what the shims write: their lines have the shapes of the recordings, and their order. */
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { corpusFile, overRecordings } from '../support/corpus.ts';
import { goSession } from '../support/goshimwriter.ts';
import { Random, pids } from '../support/random.ts';
import { rsSession } from '../support/rsshimwriter.ts';
import { journal } from '../support/shimwriter.ts';
import type { ShimOptions, ShimSession } from '../support/shimwriter.ts';
import { recorded } from './recording.ts';

//             1: key      2: quoted                 3: bare
const PAIR = /([^="]+)=(?:"((?:[^"\\]|\\.)*)"|([A-Za-z0-9\-._/@^+]*))(?: |$)/gsy;
const SHORT = /^.{15} testhost (kata|containerd)\[\d+\]: (.*)$/s;
/** Objects of Rust's, as Debug prints them, are values; so are ids, numbers and paths. */
const LONG = /^(launching|Adding|converting|setup rootfs|qemu cmd|QMP initialized|network info|get network entity|update interface|update routes|OCI Spec|====> task service \w+|<==== task service \w+|receive action Event\(\w+|get event \w+|rpc call from shim to agent: \S+|do_exec_process|vsock: connected to Vsock \{ vsock_cid: \d+, port: (?:1024|1025)|get config path|load configuration|try to connect agent server|begin to connect agent|receive createcontainer, storages|baremount source="proc").*$/s;

const masked = (text: string): string => text.replace(/[0-9a-f]{64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID').replace(LONG, '$1').replace(/(?<!port: )\b\d{2,}\b/g, 'N').replace(/^\[ +[\d.N]+\].*/s, '[ N] kernel');

/** An object of the agent's: what comes first, and which keys there are. */
function agentShape(text: string): string | undefined {
  // Two that a console mixed are none.
  if (!/^\{"msg":.*\}$/s.test(text) || text.includes('}{"msg":')) return undefined;
  const all: unknown = JSON.parse(text);
  if (typeof all !== 'object' || all === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(all));
  return ['agent', [...fields.keys()].slice(0, 3).join(), String(fields.get('level')), String(fields.get('subsystem')), masked(String(fields.get('msg'))), [...fields.keys()].toSorted().join()].join(' | ');
}

const unquoted = (text: string): string => text.replace(/\\(["\\])/g, '$1');

function goShape(line: string): string | undefined {
  const [, identifier, record = ''] = SHORT.exec(line) ?? [];
  if (identifier === undefined || !record.startsWith('time=')) return undefined;
  const all = new Map([...record.matchAll(PAIR)].map(([, name = '', quoted, bare = '']) => [name, quoted ?? bare]));
  const told = (name: string): string => all.get(name) ?? '-';
  const said = all.get('vmconsole');
  const guest = said === undefined ? '' : (agentShape(unquoted(said)) ?? masked(said));
  return [identifier, told('level'), told('source'), told('subsystem'), masked(told('msg')), guest, [...all.keys()].join()].join(' | ');
}

function rsShape(line: string): string | undefined {
  const fields: Record<string, string> = JSON.parse(line);
  if (fields['SYSLOG_IDENTIFIER'] !== 'kata') return undefined;
  const { MESSAGE: text = '' } = fields;
  const console = /^vm console: "(.*)"$/s.exec(text)?.[1];
  const said = console === undefined ? (agentShape(text) ?? masked(text)) : `vm console: ${masked(console)}`;
  return [fields['PRIORITY'], fields['SUBSYSTEM'], fields['COMPONENT'], said, Object.keys(fields).toSorted().join()].join(' | ');
}

const options = (more: Partial<ShimOptions> = {}): ShimOptions => ({ at: 1_795_216_081_795_582_741n, behind: 1_400_000_000n, further: 1, exec: true, stop: true, pid: pids(), ...more });

const SHIMS = [
  { name: 'kata-go', file: 'journal.log', form: 'short', write: goSession, shapeOf: goShape, least: 300 },
  { name: 'kata-rs', file: 'journal.json.log', form: 'json', write: rsSession, shapeOf: rsShape, least: 200 },
] as const;

const cases = (folder: string): string[] => readdirSync(corpusFile(folder), { withFileTypes: true }).filter((one) => one.isDirectory()).map(({ name }) => name);
const linesOf = (text: string): string[] => text.split('\n').filter((line) => line !== '');
const isHost = (shape: string): boolean => !/agent \|| kernel|^containerd/.test(shape);

/** In the order in which the shim wrote them: its two copies reach the journal in another. Lines without a time of their own stay. */
const byOwnTime = (a: string, b: string): number => (ownTime(a) < ownTime(b) ? -1 : ownTime(a) > ownTime(b) ? 1 : 0);
const ownTime = (line: string): string => (/: time="([^"]*)Z"/.exec(line)?.[1] ?? '').padEnd(29, '0');

describe.each(SHIMS)('$name', ({ name, file, form, write, shapeOf, least }) => {
  const folder = `${name}-4.0-real`;
  const shapes = (text: string): string[] => linesOf(text).toSorted(byOwnTime).flatMap((line) => shapeOf(line) ?? []);

  overRecordings(`corpus/${folder}`, () => {
    const recordings = (): string[][] => cases(folder).flatMap((one) => recorded(`${folder}/${one}/${file}`) ?? []).map((bytes) => shapes(bytes.toString('utf8')));

    test('each line written has a shape that was recorded', () => {
      const known = new Set(recordings().flat());
      const written = [1, 2, 3].flatMap((seed) => shapes(journal(new Random(seed), [write(new Random(seed), options())], form)));
      expect(known.size).toBeGreaterThan(least);
      expect([...new Set(written.filter((one) => !known.has(one)))]).toEqual([]);
    });

    test.each([['one container', 0], ['a pod', 2]] as const)('%s: what the shim writes is a recorded run with lines left out', (_, further) => {
      const mine = shapes(journal(new Random(4), [write(new Random(4), options({ further, exec: false, stop: false }))], form)).filter(isHost);
      expect(mine.length).toBeGreaterThan(20);
      const best = Math.max(...recordings().map((theirs) => reach(mine, theirs.filter(isHost))));
      expect(mine.slice(best)).toEqual([]);
    });
  });

  test('the same seed, the same log; copies apart, none lost', () => {
    const sessions = (): ShimSession[] => [1, 2, 3].map((seed) => write(new Random(seed), options()));
    const make = (): string => journal(new Random(9), sessions(), form, 80);
    expect(make()).toBe(make());
    expect(linesOf(make())).toHaveLength(sessions().reduce((sum, { lines }) => sum + lines.reduce((all, { copies }) => all + copies.length, 0), 0));
  });

  test('what it tells: spans are real, and the guest works inside the requests', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { spans } = write(new Random(seed), options());
      for (const span of spans) expect(span.end >= span.start, span.name).toBe(true);
      expect(new Set(spans.map(({ name: each }) => each)).size).toBeGreaterThan(15);
    }
  });
});

/** How many of the first of `few` stand in `many`, in this order. */
function reach(few: readonly string[], many: readonly string[]): number {
  let at = 0;
  for (const shape of many) if (few[at] === shape) at++;
  return at;
}
