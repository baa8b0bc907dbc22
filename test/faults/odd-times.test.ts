/** A line that tells a time of its own moves nobody else: it neither ends nor delays another start. */
import { describe, expect, test } from 'vitest';
import { bytesOf, clockAt, Feed, newLedger, printed, sorted, tracesOf } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { line, start, text } from '../support/uruncwriter.ts';
import type { WrittenLine } from '../support/uruncwriter.ts';
import { Station } from './station.ts';

const AT = 1_795_216_000_000_000_000n;
const SECOND = 1_000_000_000n;
const moment = (date: string): bigint => BigInt(Date.parse(date)) * 1_000_000n;
const Y2099 = moment('2099-06-01T00:00:00Z');
const Y2001 = moment('2001-06-01T00:00:00Z');

const honest = (id: string, at = AT): WrittenLine[] => start(new Random(3), { generation: 'D', id, at });
const expected = (lines: readonly WrittenLine[]): string => printed(tracesOf(text(lines)).traces);

/** `odd` after every line of `lines`. */
const between = (lines: readonly WrittenLine[], odd: (index: number) => string): string[] => lines.flatMap((each, index) => [each.text, odd(index)]);

/** Reads line by line and settles after each, as a daemon does that is never late. */
function readLive(lines: readonly string[], wall: bigint): { traces: string; counts: Record<string, number> } {
  const ledger = newLedger();
  const feed = new Feed(ledger, { log: lines.map((each) => `${each}\n`).join('') });
  const settled = lines.flatMap((each) => {
    feed.more(Buffer.byteLength(each) + 1);
    return ledger.settle(clockAt(wall));
  });
  feed.end();
  settled.push(...ledger.settle(clockAt(wall)));
  const mine = sorted(settled).filter((trace) => trace.container === 'mine');
  return { traces: mine.map(bytesOf).join('\n'), counts: Object.fromEntries(ledger.counts) };
}

describe('S2: lines of another year between those of a start', () => {
  test.each([
    ['a mark of 2099 without a start', () => line('D', 'other', 'TS05', Y2099).text],
    ['a start of 2099', () => line('D', 'other', 'TS00', Y2099).text],
    ['a mark of 2099 that names the same container', () => line('D', 'mine', 'TS05', Y2099).text],
    ['marks that climb through 2099', (index: number) => line('D', 'other', 'TS05', Y2099 + BigInt(index) * SECOND).text],
    ['a line of 2099 that no rule knows', () => line('D', 'other', 'TS99', Y2099).text],
    ['a start of 2001', () => line('D', 'other', 'TS00', Y2001).text],
  ])('%s: the start is the same to the byte', (_, odd) => {
    const mine = honest('mine');
    const { traces } = readLive(between(mine, odd), AT + 30n * SECOND);
    const [trace] = tracesOf(text(mine)).traces;
    if (trace === undefined) throw new Error('no trace');
    expect(rootOf(traces)).toEqual(rootOf(bytesOf(trace)));
  });

  test.each([
    ['1970', '0'], ['before 1970', '-1795216000000000000'], ['1999', '946684799999999999'], ['2100', '4102444800000000000'],
    ['9999', '253402300799000000000'], ['an exponent', '1e18'], ['a fraction', '1795216000000000000.5'], ['thirty digits', '9'.repeat(30)],
  ])('a time of %s is refused by name and moves nothing', (_, time) => {
    const mine = honest('mine');
    const odd = `{"containerID":"mine","timestampID":"TS00","time":${time}}`;
    expect(readLive(between(mine, () => odd), AT + 30n * SECOND)).toEqual({ traces: expected(mine), counts: { settled_ok: 1 } });
    expect(tracesOf(`${odd}\n`).verdicts).toMatchObject({ lines: 1, events: 0 });
  });

  test('a log that is all ahead of this clock is read as it stands', () => {
    const ahead = Array.from({ length: 50 }, (_, index) => honest(`box-${index}`, AT + BigInt(index) * SECOND)).flat();
    const ledger = newLedger({ mostOpen: 3 });
    const feed = new Feed(ledger, { log: text(ahead) });
    const settled = ahead.flatMap((each) => {
      feed.more(each.text.length + 1);
      return ledger.settle(clockAt(AT - 1_000_000n * SECOND));
    });
    feed.end();
    settled.push(...ledger.settle(clockAt(AT - 1_000_000n * SECOND)));
    expect(sorted(settled).map((trace) => trace.outcome)).toEqual(Array.from({ length: 50 }, () => 'ok'));
  });

  test('a first line of 2099 makes no start of what has none', () => {
    const strays = honest('mine').slice(6);
    const { traces, counts } = tracesOf(`${line('D', 'other', 'TS99', Y2099).text}\n${text(strays)}`);
    expect([traces, counts]).toEqual([[], { loose_without_start: strays.length }]);
  });
});

describe('S2: lines of another year in a followed file', () => {
  test('a start of 2099 under way holds nobody back, and ends by waiting', async () => {
    await using station = new Station(AT);
    station.start();
    await station.write('a.log', `${line('D', 'other', 'TS00', Y2099).text}\n`);
    for (const [index, id] of ['one', 'two', 'three'].entries()) {
      const lines = honest(id, station.wall);
      await station.write('a.log', `${text(lines.slice(0, 9))}${line('D', 'other', 'TS05', Y2099 + BigInt(index)).text}\n`);
      await station.sweeps(2);
      await station.write('a.log', text(lines.slice(9)));
      await station.settled(index + 1);
    }
    expect(station.traces.map((trace) => `${trace.container} ${trace.outcome}`)).toEqual(['one ok', 'two ok', 'three ok']);
    expect(station.ledger.nextDue(clockAt(station.wall))).toBeDefined();
  });
});

/** Root and spans without what a further line of the same container may add: loose events. */
function rootOf(bytes: string): unknown {
  const request: unknown = JSON.parse(bytes);
  return JSON.parse(JSON.stringify(request, (key, value: unknown) => (key === 'events' ? undefined : value)));
}
