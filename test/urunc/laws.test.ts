/** The same lines give the same bytes: shuffled, in other portions, rotated, cut and resumed. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { overRecordings, rawLines, recordedLogs } from '../support/corpus.ts';
import { bytesOf, printed, tracesOf } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { GENERATIONS } from '../support/uruncwriter.ts';
import { checkTrace } from './laws.ts';
import { resumed, union } from './resume.ts';
import { linesIn, shuffled, written } from './logs.ts';

const seeds = fc.integer({ min: 0, max: 0xffff_ffff });
const runs = (numRuns: number) => ({ numRuns, seed: 20_261_120 });
const generations = fc.constantFrom(...GENERATIONS);

describe('logs of the writer', () => {
  test('every trace keeps the laws, every verdict is accounted for', () => {
    fc.assert(fc.property(generations, seeds, (generation, seed) => {
      const log = written(generation, seed);
      const { traces, verdicts, counts } = tracesOf(log.text);
      for (const trace of traces) checkTrace(trace, rawLines(log.text));
      expect(traces.length + (counts['handed-to-runc'] ?? 0)).toBe(log.parts);
      expect(verdicts).toEqual({ lines: linesIn(log.text).length, events: linesIn(log.text).length, unknown: 0, ignored: {}, malformed: {} });
    }), runs(60));
  });

  test('shuffled lines', () => {
    fc.assert(fc.property(generations, seeds, (generation, seed) => {
      const { text } = written(generation, seed);
      const wanted = printed(tracesOf(text, { eager: false }).traces);
      expect(printed(tracesOf(shuffled(text, new Random(seed)), { eager: false }).traces)).toBe(wanted);
    }), runs(80));
  });

  test('any portions, folded twice', () => {
    fc.assert(fc.property(generations, seeds, fc.integer({ min: 1, max: 5_000 }), (generation, seed, chunk) => {
      const { text } = written(generation, seed);
      const wanted = tracesOf(text, { eager: false }).traces;
      expect(printed(tracesOf(text, { chunk }).traces)).toBe(printed(wanted));
      expect(printed(wanted)).toBe(printed(wanted));
    }), runs(60));
  });

  test('rotated at any line, whichever part is read first', () => {
    fc.assert(fc.property(generations, seeds, fc.nat(), (generation, seed, at) => {
      const { text } = written(generation, seed);
      checkRotated(text, 1 + (at % (linesIn(text).length - 1)));
    }), runs(80));
  });

  test('cut at any byte and resumed', () => {
    fc.assert(fc.property(generations, seeds, fc.nat(), seeds, (generation, seed, at, acks) => {
      const { text } = written(generation, seed);
      const wanted = tracesOf(text).traces;
      expect(union(resumed(text, at % text.length, new Random(acks)))).toEqual(new Map(wanted.map((trace) => [trace.id, bytesOf(trace)])));
    }), runs(250));
  });

  test('cut, and given up by waiting although more was to come: still one content per id', () => {
    fc.assert(fc.property(generations, seeds, fc.nat(), seeds, (generation, seed, at, acks) => {
      const { text } = written(generation, seed);
      const sent = resumed(text, at % text.length, new Random(acks), { hasty: true });
      const { traces } = tracesOf(text);
      // The beginnings are the same; what was given up too early goes on in a trace of its own.
      expect([...union(sent).keys()]).toEqual(expect.arrayContaining(traces.filter((trace) => trace.spans[0]?.links.length === 0).map((trace) => trace.id)));
    }), runs(150));
  });
});

function checkRotated(text: string, at: number): void {
  const lines = linesIn(text);
  const parts = [lines.slice(0, at), lines.slice(at)].map((part, rank) => ({ log: `${part.join('\n')}\n`, rank, fresh: rank === 0, key: `part ${rank}` }));
  const wanted = printed(tracesOf(text).traces);
  expect(printed(tracesOf(parts).traces)).toBe(wanted);
  expect(printed(tracesOf(parts.toReversed(), { eager: false }).traces)).toBe(wanted);
}

overRecordings('recordings of real urunc', () => {
  const NAMES = ['single', 'conc8', 'restart', 'createonly', 'killed', 'mixed', 'plain3', 'fail-nohv', 'cri-pod'];
  const logOf = (generation: (typeof GENERATIONS)[number], name: string): string => Buffer.concat(recordedLogs(generation, name)).toString('utf8');

  describe.each(GENERATIONS)('%s', (generation) => {
    test.each(NAMES)('%s: shuffled, in portions, rotated', (name) => {
      const text = logOf(generation, name);
      const wanted = printed(tracesOf(text).traces);
      for (let seed = 0; seed < 4; seed++) expect(printed(tracesOf(shuffled(text, new Random(seed)), { eager: false }).traces)).toBe(wanted);
      for (const chunk of [1, 61, 1_000]) expect(printed(tracesOf(text, { chunk }).traces)).toBe(wanted);
      const lines = linesIn(text).length;
      for (let at = 1; at < lines; at += Math.ceil(lines / 40)) checkRotated(text, at);
    });

    test.each(['single', 'killed', 'createonly', 'plain3'])('%s: cut at every byte and resumed', (name) => {
      const text = logOf(generation, name);
      const wanted = new Map(tracesOf(text).traces.map((trace) => [trace.id, bytesOf(trace)]));
      const random = new Random(11);
      for (let at = 0; at <= text.length; at++) expect(union(resumed(text, at, random)), `cut at ${at}`).toEqual(wanted);
    });

    test.each(['restart', 'conc8', 'mixed'])('%s: cut at random bytes and resumed', (name) => {
      const text = logOf(generation, name);
      const wanted = new Map(tracesOf(text).traces.map((trace) => [trace.id, bytesOf(trace)]));
      const random = new Random(12);
      for (let round = 0; round < 60; round++) {
        const at = random.whole(0, text.length);
        expect(union(resumed(text, at, random)), `cut at ${at}`).toEqual(wanted);
      }
    });
  });
});
