/** What comes out of the store is what went in: every format prints the same. */
import { describe, expect, test } from 'vitest';
import { startJson } from '../../src/engine/render/json.ts';
import { otlpJson } from '../../src/engine/render/otlpjson.ts';
import { waterfall } from '../../src/engine/render/waterfall.ts';
import { duration, nanos } from '../../src/model/time.ts';
import type { Trace } from '../../src/model/trace.ts';
import { decodeAttributes, decodeTrace } from '../../src/store/codec.ts';
import { packPhases, unpackPhases } from '../../src/store/phases.ts';
import { overRecordings } from '../support/corpus.ts';
import { span, trace, uruncTrace } from '../render/trace.ts';
import { decode, encode, fixtureTraces, kataTraces, nameOf, written } from './traces.ts';

const HOST = [['host.id', 'h'], ['host.cpu', 4], ['cloud', true], ['tags', ['a', 'b']]] as const;
const PAPER = { width: 120, color: false, ascii: false };

const prints = (one: Trace | undefined): readonly string[] => (one === undefined ? ['nothing'] : [waterfall(one, PAPER), startJson(one, HOST), otlpJson(one, HOST)]);

function same(traces: readonly Trace[]): void {
  expect(traces.length).toBeGreaterThan(0);
  for (const one of traces) {
    expect(encode(one)).not.toContain('\n');
    const back = decode(encode(one));
    expect(prints(back)).toEqual(prints(one));
    // Beyond what is printed: nothing is lost that somebody may print one day.
    expect(encode(back ?? trace([]))).toBe(encode(one));
    const names = decodeTrace(encode(one))?.nameOf;
    for (const { source } of one.findings.flatMap(({ evidence }) => evidence)) expect(names?.(source)).toBe(nameOf(source));
  }
}

describe('a trace comes back as it was', () => {
  test('fixtures', () => same(fixtureTraces()));
  test.each(['A', 'B', 'C', 'C2', 'D'] as const)('written logs of generation %s', (generation) => same(written(20, generation)));
  test('made by hand', () => same([uruncTrace()]));
  test('texts that no terminal and no database likes', () => {
    const evil = '\u0000\n\u202e\ud800 "\\ \u{1f600}\x1b[2J';
    same([trace([span({ name: evil, from: 0, to: 5, error: evil, attributes: [[evil, [evil]]] })], { container: evil, lastMark: evil, at: nanos(-5n) })]);
  });
});

overRecordings('recordings of Kata', () => {
  test('pods, stops, execs and findings come back as they were', () => same(kataTraces()));
});

test.each([
  '', 'null', '[]', '{}', '{"id":1}', encode(uruncTrace()).slice(0, -9),
  encode(uruncTrace()).replace('"ok"', '"fine"'), encode(uruncTrace()).replace('"exact"', 'null'), encode(uruncTrace()).replace(/"at":"\d+"/, '"at":"now"'),
])('what is no trace is refused: %.30s', (text) => {
  expect(decodeTrace(text)).toBeUndefined();
});

test('attributes of a host come back, others are refused', () => {
  expect(decodeAttributes(JSON.stringify(HOST))).toEqual(HOST);
  for (const text of ['', '{}', '[1]', '[["a"]]', '[["a", {}]]']) expect(decodeAttributes(text)).toBeUndefined();
});

test('phases come back to the nanosecond, also before the start and beyond 32 bits', () => {
  const spans = [[0, 0], [-1, 5], [-(2 ** 40), 2 ** 50], [127, 128], [2 ** 31, 2 ** 32], [3, 2 ** 52]].map(([start = 0, end = 0]) => ({ ...span({ name: 'x', from: 0, to: 0 }), start: duration(start), end: duration(end) }));
  const packed = packPhases(spans, (one) => spans.indexOf(one));
  expect(unpackPhases(packed)).toEqual(spans.map(({ start, end }, kind) => ({ kind, start, length: end - start })));
  expect(unpackPhases(packed.subarray(0, packed.length - 1))).toHaveLength(spans.length - 1);
});
