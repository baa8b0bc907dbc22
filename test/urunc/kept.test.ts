/**
 * Starts that stay open while others come and go: their lines move into the state, so that the log's offset can pass them.
 * Readers die again and again; what all of them sent must be what one reader sends that never dies.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StoredMemory } from '../../src/engine/memory.ts';
import type { Ledger, Settlement } from '../../src/engine/ledger.ts';
import { bytesOf, clockAt, Feed, MUCH_LATER, newLedger, tracesOf } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { GENERATIONS, line, start, text } from '../support/uruncwriter.ts';
import type { WrittenLine } from '../support/uruncwriter.ts';
import { union } from './resume.ts';
import type { Sent } from './resume.ts';
import { written } from './logs.ts';

const RUNS = Number(process.env['RUNS'] ?? 60);
const SECOND = 1_000_000_000n;

interface Saved {
  readonly offset: number;
  readonly memory: StoredMemory;
}

class Reader {
  readonly #log: string;
  readonly #random: Random;
  readonly sent: Sent[] = [];
  /** Saves in which the log's offset had passed the beginning of a start under way. */
  passed = 0;
  #saved: Saved | undefined;
  #ledger: Ledger | undefined;
  #feed: Feed | undefined;

  constructor(log: string, random: Random) {
    this.#log = log;
    this.#random = random;
  }

  /** Dies wherever it is, and goes on from what was saved last. */
  rise(): void {
    const ledger = newLedger({ keepBeyond: -1 });
    if (this.#saved !== undefined) ledger.restore(this.#saved.memory);
    this.#ledger = ledger;
    this.#feed = new Feed(ledger, { log: this.#log, key: 'log', fresh: true }, this.#saved?.offset ?? 0);
  }

  /** Reads some more. @returns false at the end of the log. */
  read(): boolean {
    const { ledger, feed } = this.#living();
    const more = feed.more(this.#random.whole(1, 1_500));
    // As far as the log itself has come: nothing settles by waiting that a patient reader would not settle.
    this.#send(ledger.settle(clockAt(0n, 0)));
    return more;
  }

  save(durable: boolean): void {
    const { ledger, feed } = this.#living();
    const offset = ledger.pinned(feed.id) ?? feed.at;
    const memory: StoredMemory = JSON.parse(JSON.stringify(ledger.remember()));
    if (!durable) return;
    ledger.remembered();
    this.#saved = { offset, memory };
    if (memory.kept.some(({ lines }) => lines.some(([at]) => at < offset))) this.passed += 1;
  }

  finish(): void {
    const { ledger, feed } = this.#living();
    feed.end();
    this.#send(ledger.settle(MUCH_LATER));
    for (const { id } of this.sent) ledger.acknowledged(id);
    expect(ledger.remember().kept).toEqual([]);
  }

  #living(): { ledger: Ledger; feed: Feed } {
    if (this.#ledger === undefined || this.#feed === undefined) throw new Error('not risen yet');
    return { ledger: this.#ledger, feed: this.#feed };
  }

  #send(settled: readonly Settlement[]): void {
    for (const { trace } of settled) {
      this.sent.push({ id: trace.id, bytes: bytesOf(trace) });
      if (this.#random.chance(0.7)) this.#ledger?.acknowledged(trace.id);
    }
  }
}

function readWithDeaths(log: string, seed: number): Reader {
  const random = new Random(seed);
  const reader = new Reader(log, random);
  reader.rise();
  while (reader.read()) {
    if (random.chance(0.4)) reader.save(random.chance(0.8));
    if (random.chance(0.15)) reader.rise();
  }
  reader.finish();
  return reader;
}

const whole = (log: string): Map<string, string> => new Map(tracesOf(log).traces.map((trace) => [trace.id, bytesOf(trace)]));

describe('starts whose lines were moved into the state (M1, M3, M4)', () => {
  it('come out as if nobody had died, whatever was saved, acknowledged or read again', () => {
    fc.assert(
      fc.property(fc.constantFrom(...GENERATIONS), fc.nat(), fc.nat(), (generation, log, deaths) => {
        const { text: lines } = written(generation, log);
        expect(union(readWithDeaths(lines, deaths).sent)).toEqual(whole(lines));
      }),
      { numRuns: RUNS },
    );
  });

  it('do not hold back the offset of a log in which others come and go', () => {
    const random = new Random(7);
    const at = 1_795_216_000n * SECOND;
    const slow = start(random, { generation: 'D', id: random.hex(64), at, fate: 'complete', gap: 1_500_000_000 });
    const others = Array.from({ length: 200 }, (_, count): WrittenLine[] =>
      start(random, { generation: 'D', id: random.hex(64), at: at + BigInt(count) * 80_000_001n + 1n, fate: 'complete', gap: 2_000_000 })).flat();
    const log = text([...slow, ...others].sort((a, b) => (a.time < b.time ? -1 : 1)));
    const reader = readWithDeaths(log, 3);
    expect(union(reader.sent)).toEqual(whole(log));
    expect(reader.passed).toBeGreaterThan(5);
  });

  it('wait on where no log is there any more: a new one may begin at any time', () => {
    const at = 1_795_216_000n * SECOND;
    const log = text([line('D', 'a'.repeat(64), 'TS00', at)]);
    const first = newLedger({ keepBeyond: -1, live: true });
    const feed = new Feed(first, { log, key: 'log' });
    feed.more(1e6);
    const memory: StoredMemory = JSON.parse(JSON.stringify(first.remember()));
    expect(memory.kept).toHaveLength(1);
    const second = newLedger({ keepBeyond: -1, live: true });
    second.restore(memory);
    // A second after it was written; then when it has been waited for.
    expect(second.settle(clockAt(at + SECOND, 10_000))).toEqual([]);
    expect(second.nextDue(clockAt(at + SECOND, 10_000))).toBe(9_000 + 60_000 + 250);
    expect(second.settle(clockAt(at + SECOND, 69_000))).toEqual([]);
    expect(second.settle(clockAt(at + SECOND, 69_250)).map(({ trace }) => trace.outcome)).toEqual(['incomplete']);
  });

  it('keep within their room in the state; what is beyond holds its log back', () => {
    const random = new Random(11);
    const at = 1_795_216_000n * SECOND;
    const openers = Array.from({ length: 3_000 }, (_, count) => line('D', random.hex(64), 'TS00', at + BigInt(count) * 1_000_003n));
    const log = text(openers);
    const ledger = newLedger({ keepBeyond: -1 });
    const feed = new Feed(ledger, { log, key: 'log' });
    while (feed.more(65_536));
    const first = ledger.remember();
    ledger.remembered();
    const kept = first.kept.flatMap(({ lines }) => lines);
    expect(JSON.stringify(first).length).toBeLessThan(400_000);
    expect(kept.length).toBeGreaterThan(1_000);
    expect(ledger.pinned(feed.id)).toBe(Buffer.byteLength(text(openers.slice(0, kept.length))));
  });
});
