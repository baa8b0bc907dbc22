/**
 * What was sent before a crash, and what a reader after it makes of the lines that are there then: the same lines are the same bytes, others
 * are another trace. No span ever has two contents.
 */
import { describe, expect, test } from 'vitest';
import type { Ledger, Settlement } from '../../src/engine/ledger.ts';
import type { StoredMemory } from '../../src/engine/memory.ts';
import { storedMemory } from '../../src/cli/stored.ts';
import type { Trace } from '../../src/model/trace.ts';
import { steady } from '../../src/model/time.ts';
import { bytesOf, clockAt, Feed, MUCH_LATER, newLedger } from '../support/ledger.ts';
import type { LogFile } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { start, text } from '../support/uruncwriter.ts';
import { AT, mark, one, SECOND } from './small.ts';

interface Read {
  readonly settled: readonly Settlement[];
  readonly traces: readonly Trace[];
  readonly counts: ReadonlyMap<string, number>;
  /** What the state holds when all is sent and nothing acknowledged. */
  readonly memory: StoredMemory;
  readonly acknowledge: () => StoredMemory;
  /** What is noted of their being taken. */
  readonly takeAll: () => string[];
}

/** One life: reads these files from their beginnings, in this order, and settles all. */
function live(files: readonly LogFile[], memory?: StoredMemory): Read {
  const ledger = newLedger({ live: true });
  if (memory !== undefined) ledger.restore(memory);
  for (const file of files) {
    const feed = new Feed(ledger, file);
    feed.more(1e7);
    ledger.atEnd(feed.id, steady(0));
  }
  const settled = ledger.settle(MUCH_LATER);
  const remember = (): StoredMemory => JSON.parse(JSON.stringify(ledger.remember()));
  const acknowledge = (): StoredMemory => {
    for (const { trace } of settled) ledger.acknowledged(trace.id);
    return remember();
  };
  const takeAll = (): string[] => settled.flatMap(({ trace }) => ledger.acknowledged(trace.id) ?? []);
  return { settled, traces: settled.map(({ trace }) => trace), counts: ledger.counts, memory: remember(), acknowledge, takeAll };
}

const only = ({ traces }: Read): Trace => {
  const [trace, ...more] = traces;
  if (trace === undefined || more.length > 0) throw new Error(`${traces.length} traces`);
  return trace;
};

const lines = one('D');
const begun: LogFile = { log: text(lines.slice(0, 9)), key: 'old', rank: 1 };
const rest: LogFile = { log: text(lines.slice(9)), key: 'new' };

describe('a start in two files, sent and not acknowledged', () => {
  const first = live([begun, rest]);
  const whole = only(first);

  test('of the same lines it is the same to the byte', () => {
    const again = live([begun, rest], first.memory);
    expect(bytesOf(only(again))).toBe(bytesOf(whole));
    expect(again.counts.get('sent_before')).toBe(undefined);
  });

  test('one file is gone: what is left is a trace of its own, linked, and says so', () => {
    const left = live([begun], first.memory);
    const trace = only(left);
    expect(trace.outcome).toBe('created');
    expect(trace.id).not.toBe(whole.id);
    const ids = new Set(whole.spans.map(({ id }) => id));
    expect(trace.spans.filter(({ id }) => ids.has(id))).toEqual([]);
    expect(trace.spans[0]?.links).toEqual([{ traceId: whole.id, spanId: whole.spans[0]?.id, attributes: [['shimtrace.link', 'sent_before']] }]);
    expect(trace.findings).toMatchObject([{ id: 'sent-before', confidence: 'sure', text: `made of 9 lines; before a restart it was sent made of ${lines.length}, as trace ${whole.id}` }]);
    expect(left.counts.get('sent_before')).toBe(1);
  });

  test('over further restarts it stays that one; of still less it is a third', () => {
    const left = live([begun], first.memory);
    expect(bytesOf(only(live([begun], left.memory)))).toBe(bytesOf(only(left)));
    // The file turns up after all: it was cut before.
    expect(bytesOf(only(live([begun, rest], left.memory)))).toBe(bytesOf(only(left)));
    const less = only(live([{ ...begun, log: text(lines.slice(0, 4)) }], left.memory));
    expect([whole.id, only(left).id]).not.toContain(less.id);
    expect(less.spans[0]?.links[0]?.traceId).toBe(whole.id);
  });

  test('acknowledged, nothing of it comes again, and nothing is remembered of its having been sent', () => {
    const memory = first.acknowledge();
    expect(memory.sent).toEqual([]);
    expect(live([begun], memory).traces).toEqual([]);
  });

  test('never sent by anybody: what is there is the start, under its own id', () => {
    expect(only(live([begun])).id).toBe(whole.id);
  });
});

describe('a start in two files, taken, and no state says so', () => {
  const first = live([begun, rest]);
  const noted = [...first.settled.flatMap(({ mark: each }) => each ?? []), ...first.takeAll()];
  const taken = ({ settled }: Read): boolean[] => settled.map((one) => one.taken);

  test('read again it is known as taken; taken or not for anybody who did not note it', () => {
    expect(noted).toHaveLength(2);
    const again = live([begun, rest], storedMemory(undefined, noted));
    expect(bytesOf(only(again))).toBe(bytesOf(only(first)));
    expect([taken(first), taken(again), taken(live([begun, rest], storedMemory(undefined, noted.slice(0, 1))))]).toEqual([[false], [true], [false]]);
  });

  test('over further lives, also of one that was killed before it had read anything, or between two notes', () => {
    const memory = storedMemory(undefined, noted);
    const idle = live([], memory);
    expect(taken(live([begun, rest], idle.memory))).toEqual([true]);
    const again = live([begun, rest], memory);
    expect(taken(live([begun, rest], again.memory))).toEqual([true]);
    const noting = again.settled.flatMap(({ mark: each }) => each ?? []);
    expect(taken(live([begun, rest], storedMemory(undefined, [...noted, ...noting])))).toEqual([true]);
    expect(taken(live([begun, rest], storedMemory(undefined, [...noted, ...first.settled.flatMap(({ mark: each }) => each ?? [])])))).toEqual([true]);
  });

  test('written down, nothing of it is noted any more', () => {
    const again = live([begun, rest], storedMemory(undefined, noted));
    expect(again.acknowledge()).toMatchObject({ sent: [], done: [{ traceId: only(first).id }] });
  });

  test('what is left of it is sent, as a trace of its own, and once more after a kill: that one was never noted as taken', () => {
    const left = live([begun], storedMemory(undefined, noted));
    expect(taken(left)).toEqual([false]);
    expect(only(left).spans[0]?.links[0]?.traceId).toBe(only(first).id);
    expect(left.takeAll()).toEqual([]);
    const again = live([begun], left.memory);
    expect([bytesOf(only(again)), taken(again)]).toEqual([bytesOf(only(left)), [false]]);
  });
});

test('a start of which more is there than was sent is another one, too', () => {
  const less = live([begun]);
  // As if it had not been written down that it was cut: the state of that life is lost, what was noted before sending is not.
  const memory = storedMemory(undefined, less.settled.flatMap(({ mark: noted }) => noted ?? []));
  const more = only(live([begun, rest], memory));
  expect(more.outcome).toBe('ok');
  expect(more.id).not.toBe(only(less).id);
  expect(more.spans[0]?.links[0]?.traceId).toBe(only(less).id);
});

test('what is no mark is passed over: a torn line, another’s line, nothing', () => {
  const noted = live([begun]).settled.flatMap(({ mark: each }) => each ?? []);
  expect(noted).toHaveLength(1);
  const memory = storedMemory(undefined, ['', 'zz', noted[0]?.slice(0, 40) ?? '', noted[0]?.slice(0, -1) ?? '', `${noted[0]} 1`]);
  expect(live([begun, rest], memory).traces[0]?.spans[0]?.links).toEqual([]);
  expect(storedMemory({ done: [], cuts: [], sent: [7, null, ...noted] }, [])?.sent).toEqual(noted);
});

test('marks are bounded, and the newest are kept', () => {
  const many = 3_200;
  const log = text(Array.from({ length: many }, (_, index) => start(new Random(index), { generation: 'D', id: `box-${index}`, at: AT + BigInt(index) * 40_000_000n })).flat());
  const sent = live([{ log }]);
  expect(sent.traces).toHaveLength(many);
  expect(sent.memory.sent).toHaveLength(3_000);
  expect(sent.memory.sent?.at(-1)).toBe(sent.settled.at(-1)?.mark);
});

describe('cut by waiting and sent, then a restart', () => {
  test('it is cut there again, also when a process between them had read nothing yet; taken, it is forgotten', () => {
    const idle = live([], cut.memory);
    expect(idle.memory.cuts).toEqual(cut.memory.cuts);
    const again = live([old, late], idle.memory);
    expect(bytesOf(only(again))).toBe(bytesOf(only(cut)));
    expect(again.acknowledge().cuts).toEqual([]);
  });

  const cut = live([{ log: text([mark('D', 'TS00', 0n)]), key: 'old', rank: 1 }]);
  const late: LogFile = { log: text(lines.filter(({ time }) => time > AT && time < AT + SECOND)), key: 'new' };
  const old: LogFile = { log: text([mark('D', 'TS00', 0n)]), key: 'old', rank: 1 };

  test.each([['in order', [old, late]], ['the late lines first', [late, old]]] as const)('it is cut there again, read %s', (_, files) => {
    const again = live(files, cut.memory);
    expect(bytesOf(only(again))).toBe(bytesOf(only(cut)));
    expect(again.counts.get('late')).toBe(lines.filter(({ time }) => time > AT && time < AT + SECOND).length);
  });

  const opening = one('A').slice(0, 5);
  const check = mark('A', 'cTS00', (opening.at(-1)?.time ?? AT) - AT + 1_000n);

  describe.each([['marks', lines.slice(0, 4), lines.slice(4, 9)], ['a line that bounds nothing at its end', opening, [check]]])('and the clock was set back meanwhile: %s', (_, before, after) => {
    const soon = clockAt(AT + SECOND);
    const parts: LogFile[] = [{ log: text(before), key: 'old', rank: 1 }, { log: text(after), key: 'new' }];
    const sent = live(parts, undefined);
    const again = (memory: StoredMemory | undefined): { readonly ledger: Ledger; readonly feeds: readonly Feed[] } => {
      const ledger = newLedger({ live: true });
      if (memory !== undefined) ledger.restore(memory);
      return { ledger, feeds: parts.map((part) => new Feed(ledger, part)) };
    };

    test('it need not wait again once all its lines are there, and not before', () => {
      const { ledger, feeds } = again(sent.memory);
      for (const { id } of feeds) ledger.atEnd(id, steady(0));
      const settled: Settlement[] = [];
      for (const feed of feeds) {
        while (feed.more(40)) {
          expect(settled).toEqual([]);
          settled.push(...ledger.settle(soon));
        }
      }
      expect(settled.map(({ trace }) => bytesOf(trace))).toEqual([bytesOf(only(sent))]);
    });

    test('nor before all that is there is read', () => {
      const { ledger, feeds } = again(sent.memory);
      const other = new Feed(ledger, { log: '', key: 'other' });
      for (const feed of feeds) while (feed.more(1_000));
      for (const { id } of feeds) ledger.atEnd(id, steady(0));
      expect(ledger.settle(soon)).toEqual([]);
      ledger.atEnd(other.id, steady(0));
      expect(ledger.settle(soon)).toHaveLength(1);
    });

    test('never cut before, it waits', () => {
      const { ledger, feeds } = again(undefined);
      for (const feed of feeds) while (feed.more(1_000));
      for (const { id } of feeds) ledger.atEnd(id, steady(0));
      expect(ledger.settle(soon)).toEqual([]);
    });
  });
});
