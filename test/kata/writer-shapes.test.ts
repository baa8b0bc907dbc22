/** The tests' own writer of Kata's logs writes what Kata writes: its lines have the shapes of the recordings, and their order. */
import { readFileSync, readdirSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { corpusFile, overRecordings } from '../support/corpus.ts';
import { goDuration, interleaved, journalShort, session } from '../support/katawriter.ts';
import type { KataLine, SessionOptions } from '../support/katawriter.ts';
import { Random, pids } from '../support/random.ts';

//             1: key      2: quoted                 3: bare
const PAIR = /([^="]+)=(?:"((?:[^"\\]|\\.)*)"|([A-Za-z0-9\-._/@^+]*))(?: |$)/gsy;
const SHORT = /^.{15} testhost (kata-(?:runtime|proxy|shim))\[(\d+)\]: (.*)$/s;

/** Ids, numbers and paths are values, and so is all that stands in a message behind its first words. */
const masked = (text: string): string => text.replace(/[0-9a-f]{64}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID').replace(/^(converting|launching|announce:|read from QMP: \{\\"(?:QMP|timestamp)|\[ +\d).*/s, '$1').replace(/\d+/g, 'N').replace(/^\[ +N.*/s, '[ N] kernel');

const fields = (record: string): Map<string, string> => new Map([...record.matchAll(PAIR)].map(([, name = '', quoted, bare = '']) => [name, quoted ?? bare]));

/** Who writes what, with which fields: all that tells one kind of line from another. */
function shape(writer: string, record: string): string {
  const all = fields(record);
  const told = (name: string): string => all.get(name) ?? '-';
  const msg = told('msg');
  const inner = msg.startsWith('time=') ? fields(msg.trimEnd().replace(/\\n$/, '').replace(/\\(["\\])/g, '$1')) : undefined;
  const said = inner === undefined ? masked(msg) : `guest ${inner.get('level')} ${inner.get('msg')} ${inner.get('request') ?? ''} ${[...inner.keys()].join()}`;
  return [writer, told('command'), told('level'), told('source'), told('subsystem'), writer === 'kata-runtime' ? told('name') : '', said, [...all.keys()].join()].join(' | ');
}

const recorded = (): string[] => readdirSync(corpusFile('kata-1.12-real'), { withFileTypes: true }).filter((one) => one.isDirectory()).flatMap(({ name }) => {
  const path = corpusFile(`kata-1.12-real/${name}/journal.log`);
  return (readdirSync(corpusFile(`kata-1.12-real/${name}`)).includes('journal.log') ? readFileSync(path) : gunzipSync(readFileSync(`${path}.gz`))).toString('utf8').split('\n');
});

interface Shaped {
  readonly writer: string;
  readonly pid: string;
  readonly shape: string;
}

const shapes = (lines: readonly string[]): Shaped[] => lines.flatMap((line) => {
  const match = SHORT.exec(line);
  if (match === null) return [];
  const [, writer = '', pid = '', record = ''] = match;
  return [{ writer, pid, shape: shape(writer, record) }];
});

const options = (more: Partial<SessionOptions> = {}): SessionOptions => ({ version: '1.12.1', at: 1_795_216_081_795_582_741n, kind: 'cold', behind: 1_400_000_000n, further: 1, exec: true, stop: true, pid: pids(), ...more });

overRecordings('against the recordings of 1.12.1', () => {
  const written = (): KataLine[] => [1, 2, 3].flatMap((seed) => [...session(new Random(seed), options()).lines]);

  test('each line written has a shape that was recorded', () => {
    const known = new Set(shapes(recorded()).map((one) => one.shape));
    const strange = shapes(written().map(journalShort)).map((one) => one.shape).filter((one) => !known.has(one));
    expect(known.size).toBeGreaterThan(100);
    expect([...new Set(strange)]).toEqual([]);
  });

  test('each process written is a recorded process with lines left out', () => {
    const perProcess = (lines: readonly Shaped[]): Shaped[][] => [...Map.groupBy(lines.filter(({ writer }) => writer !== 'kata-proxy'), ({ writer, pid }) => `${writer}[${pid}]`).values()];
    const real = perProcess(shapes(recorded()));
    for (const mine of perProcess(shapes(session(new Random(4), options()).lines.map(journalShort)))) {
      expect(real.some((theirs) => isWithin(mine, theirs)), mine.map((one) => one.shape).join('\n')).toBe(true);
    }
  });
});

function isWithin(few: readonly Shaped[], many: readonly Shaped[]): boolean {
  let at = 0;
  for (const { shape } of many) if (at < few.length && few[at]?.shape === shape) at++;
  return at === few.length;
}

describe('what it tells', () => {
  test('durations as Go prints them', () => {
    expect([385_297, 74_472_202, 3_192_044_260, 9_216_000, 1_000_000_000, 999, 20_000].map(goDuration)).toEqual(['385.297µs', '74.472202ms', '3.19204426s', '9.216ms', '1s', '999ns', '20µs']);
  });

  test.each<[string, Partial<SessionOptions>]>([['cold', {}], ['template', { kind: 'template', behind: 26_087_000_000n }], ['cold, gRPC pauses once', { version: '1.2.0', backoffs: 1 }],
    ['cold, gRPC pauses twice', { version: '1.2.0', backoffs: 2 }], ['cold, no pause', { version: '1.2.0', backoffs: 0 }], ['template 1.2.0', { version: '1.2.0', kind: 'template', behind: 26_087_000_000n }]])('%s: spans are real, their lines were written, the guest\'s work lies in the calls', (_, more) => {
    for (let seed = 1; seed <= 30; seed++) {
      const told = session(new Random(seed), options(more));
      for (const span of told.spans) {
        expect(span.end > span.start, span.name).toBe(true);
        for (const line of span.needs) expect(told.lines).toContain(line);
      }
      for (const guest of told.spans.filter(({ service }) => service === 'kata-agent')) {
        expect(told.spans.some((call) => call.name.startsWith('call ') && call.container === guest.container && call.start <= guest.start && guest.end <= call.end), guest.name).toBe(true);
      }
      const pause = Number(told.dial.end - told.dial.start) / 1e9;
      const [least, most] = told.dial.backoffs === 0 ? [0, 0.2] : told.dial.backoffs === 1 ? [1, 1.01] : [2.25, 2.93];
      expect(pause).toBeGreaterThanOrEqual(least);
      expect(pause).toBeLessThan(most);
      expect(told.clock).toHaveLength(more.kind === 'template' && more.version === undefined ? 2 : 1);
    }
  });

  test('the same seed, the same log; lines late, none lost', () => {
    const make = (): string => interleaved(new Random(9), [1, 2, 3].map((seed) => session(new Random(seed), options())), 50_000_000).map(journalShort).join('\n');
    expect(make()).toBe(make());
    const sessions = [1, 2, 3].map((seed) => session(new Random(seed), options()));
    expect(interleaved(new Random(9), sessions, 50_000_000)).toHaveLength(sessions.reduce((sum, { lines }) => sum + lines.length, 0));
  });
});
