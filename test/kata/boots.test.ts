/** Journals of two boots in one folder: a process id that comes again is another process. */
import { expect, test } from 'vitest';
import type { Trace } from '../../src/model/trace.ts';
import { session } from '../support/katawriter.ts';
import type { KataLine } from '../support/katawriter.ts';
import { KATA1, printed, tracesOf } from '../support/ledger.ts';
import { Random } from '../support/random.ts';

const AT = 1_795_216_000_000_000_000n;
const BOOTS = ['a'.repeat(32), 'b'.repeat(32)];

interface Line {
  readonly time: bigint;
  readonly text: string;
}

/** A whole sandbox's life as entries of the journal; all of them have the same process ids. */
function entries(seed: number, at: bigint, boot: string | undefined): Line[] {
  let pid = 1_000;
  const { lines } = session(new Random(seed), { version: '1.12.1', at, kind: 'cold', behind: 0n, pid: () => ++pid });
  return lines.map((line: KataLine) => ({
    time: line.time,
    text: `${JSON.stringify({
      __REALTIME_TIMESTAMP: String(line.time / 1_000n), ...(boot === undefined ? {} : { _BOOT_ID: boot }), _HOSTNAME: 'testhost', _PID: String(line.pid), SYSLOG_IDENTIFIER: line.writer, MESSAGE: line.text,
    })}\n`,
  }));
}

const read = (lines: readonly Line[]): readonly Trace[] =>
  tracesOf(lines.toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)).map(({ text }) => text).join(''), { runtimes: [KATA1] }).traces;

/** The second boot's clock was set back: its lines stand between those of the first. */
const both = (boots: readonly (string | undefined)[]): Line[] => boots.flatMap((boot, at) => entries(40 + at, AT + BigInt(at) * 400_000_000n, boot));

test('two boots with the same process ids never join', () => {
  const alone = BOOTS.flatMap((boot, at) => read(entries(40 + at, AT + BigInt(at) * 400_000_000n, boot)));
  const chronological = alone.toSorted((a, b) => (a.at < b.at ? -1 : 1));
  expect(alone.length).toBeGreaterThanOrEqual(2);
  expect(printed(read(both(BOOTS)))).toBe(printed(chronological));
});

test('in one boot the same process ids are the same processes', () => {
  const joined = read(both(['a'.repeat(32), 'a'.repeat(32)]));
  expect(printed(joined)).not.toBe(printed(read(both(BOOTS))));
});

test('an entry that tells its boot and the same record as text are one', () => {
  const lines = entries(40, AT, BOOTS[0]);
  const text = lines.map((line) => ({ time: line.time, text: line.text.replace(/"_BOOT_ID":"[^"]*",/, '') }));
  const whole = read(lines);
  expect(read([...lines, ...text]).map(({ id, spans }) => [id, spans.length])).toEqual(whole.map(({ id, spans }) => [id, spans.length]));
});
