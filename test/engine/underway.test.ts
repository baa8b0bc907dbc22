/** What the ledger tells of starts under way: for those who look on, and without changing anything. */
import { expect, test } from 'vitest';
import type { SourceId } from '../../src/model/source.ts';
import { sourceKey } from '../../src/model/source.ts';
import { steady } from '../../src/model/time.ts';
import type { Trace } from '../../src/model/trace.ts';
import { clockAt, MUCH_LATER, newLedger } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { start, text } from '../support/uruncwriter.ts';
import type { StartOptions, WrittenLine } from '../support/uruncwriter.ts';

const AT = 1_795_216_445_000_000_000n;

function reading(): { readonly ledger: ReturnType<typeof newLedger>; readonly source: SourceId; readonly feed: (lines: readonly WrittenLine[]) => void } {
  const ledger = newLedger();
  const source = ledger.begin({ key: sourceKey('log'), name: 'log', fresh: true, rank: 0 });
  let offset = 0;
  return {
    ledger, source,
    feed: (lines) => {
      const bytes = Buffer.from(text(lines));
      offset += ledger.read(source, bytes, bytes.length, offset);
      ledger.atEnd(source, steady(0));
    },
  };
}

const lines = (seed: number, fate: NonNullable<StartOptions['fate']> = 'complete'): WrittenLine[] => start(new Random(seed), { generation: 'D', id: new Random(seed).hex(64), at: AT, fate });
const seen = (ledger: ReturnType<typeof newLedger>): (readonly [bigint, string | undefined, string | undefined])[] => [...ledger.underway()].map(({ opened, trace }) => [opened, trace()?.outcome, trace()?.lastMark]);

test('the trace as it stands has the id, the beginning and the spans of the one it becomes', () => {
  const { ledger, feed } = reading();
  const all = lines(1);
  feed(all.slice(0, 8));
  const [open] = [...ledger.underway()];
  const before = open?.trace();
  expect(before).toMatchObject({ outcome: 'incomplete', at: AT });
  feed(all.slice(8));
  const [settled] = ledger.settle(MUCH_LATER).map(({ trace }): Trace => trace);
  expect(settled?.outcome).toBe('ok');
  expect([before?.id, before?.at, before?.container]).toEqual([settled?.id, settled?.at, settled?.container]);
  expect([...ledger.underway()]).toEqual([]);
});

test('looking changes nothing: the same traces, looked at after every line or never', () => {
  const all = [...lines(1), ...lines(2, 'killed'), ...lines(3, 'created'), ...lines(4, 'plain')].sort((a, b) => (a.time < b.time ? -1 : 1));
  const run = (look: boolean): string => {
    const { ledger, feed } = reading();
    const traces: Trace[] = [];
    for (const line of all) {
      feed([line]);
      if (look) for (const { trace } of ledger.underway()) trace();
      traces.push(...ledger.settle(clockAt(AT)).map(({ trace }) => trace));
    }
    traces.push(...ledger.settle(MUCH_LATER).map(({ trace }) => trace));
    return JSON.stringify([traces, [...ledger.counts], ledger.remember()], (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  };
  expect(run(true)).toBe(run(false));
});

test('a container that rests says so; what is handed to runc, or stands at the first bytes of a log, is no start under way', () => {
  const { ledger, feed } = reading();
  feed(lines(1).slice(4));
  feed(lines(2, 'created'));
  feed(lines(3, 'plain'));
  feed(lines(4).slice(0, 3));
  expect(seen(ledger).map(([, outcome]) => outcome).filter((outcome) => outcome !== undefined)).toEqual(['created', 'incomplete']);
});

test('while lines wait to be read nothing is said to be open', () => {
  const { ledger, source, feed } = reading();
  feed(lines(1).slice(0, 3));
  expect(seen(ledger)).toHaveLength(1);
  ledger.behind(source);
  expect(seen(ledger)).toEqual([]);
});
