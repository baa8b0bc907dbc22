import { describe, expect, test } from 'vitest';
import { boundsFor } from '../../src/metrics/bounds.ts';
import { CATALOGUE } from '../../src/metrics/catalogue.ts';
import type { MetricName } from '../../src/metrics/catalogue.ts';
import { formatFor, le, render } from '../../src/metrics/exposition.ts';
import type { Shown } from '../../src/metrics/exposition.ts';
import { Counter, Histogram } from '../../src/metrics/series.ts';
import { duration } from '../../src/model/time.ts';

const PROMETHEUS = 'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';

describe('what is asked for', () => {
  test.each([
    [PROMETHEUS, 'openmetrics'], [undefined, 'text'], ['*/*', 'text'], ['text/plain', 'text'], ['text/html, application/openmetrics-text', 'openmetrics'],
    ['application/openmetrics-text;q=0', 'text'], ['application/openmetrics-text;q=0.000, text/plain', 'text'], ['application/openmetrics-text;q=0.5', 'openmetrics'],
  ] as const)('%s: %s', (accept, format) => {
    expect(formatFor(accept)).toBe(format);
  });
});

describe('what is written', () => {
  const shown = new Map<MetricName, Shown>([
    ['shimtrace_source_up', { kind: 'points', points: [[['/a"b\\c\nd*.log'], 1], [['\ud800'], 0]] }],
    ['shimtrace_lines_total', { kind: 'points', points: [[['event'], 2 ** 53 - 1]] }],
    ['shimtrace_start_duration_seconds', { kind: 'bins', bounds: [0.5, 1], bins: [{ values: ['urunc', 'runtime'], counts: [0, 1, 3], sum: 5.25, exemplars: [undefined, { traceId: 'ab'.repeat(16), value: 0.75, at: 1.5 }, undefined] }] }],
  ]);

  test('as text', () => {
    expect(render(shown, 'text')).toBe(`\
# HELP shimtrace_start_duration_seconds ${CATALOGUE.shimtrace_start_duration_seconds.help}
# TYPE shimtrace_start_duration_seconds histogram
shimtrace_start_duration_seconds_bucket{runtime="urunc",layer="runtime",le="0.5"} 0
shimtrace_start_duration_seconds_bucket{runtime="urunc",layer="runtime",le="1.0"} 1
shimtrace_start_duration_seconds_bucket{runtime="urunc",layer="runtime",le="+Inf"} 3
shimtrace_start_duration_seconds_sum{runtime="urunc",layer="runtime"} 5.25
shimtrace_start_duration_seconds_count{runtime="urunc",layer="runtime"} 3
# HELP shimtrace_lines_total ${CATALOGUE.shimtrace_lines_total.help}
# TYPE shimtrace_lines_total counter
shimtrace_lines_total{verdict="event"} 9007199254740991
# HELP shimtrace_source_up ${CATALOGUE.shimtrace_source_up.help}
# TYPE shimtrace_source_up gauge
shimtrace_source_up{source="/a\\"b\\\\c\\nd*.log"} 1
shimtrace_source_up{source="\ufffd"} 0
`);
  });

  test('as OpenMetrics: a counter is named without its suffix, a bucket has its exemplar, and it ends', () => {
    const lines = render(shown, 'openmetrics').split('\n');
    expect(lines).toContain('# TYPE shimtrace_lines counter');
    expect(lines).toContain(`shimtrace_start_duration_seconds_bucket{runtime="urunc",layer="runtime",le="1.0"} 1 # {trace_id="${'ab'.repeat(16)}"} 0.75 1.500`);
    expect(lines.slice(-2)).toEqual(['# EOF', '']);
  });

  test('bounds', () => {
    expect([0.001, 1, 60, undefined].map(le)).toEqual(['0.001', '1.0', '60.0', '+Inf']);
    const bounds = boundsFor([duration(1e9), duration(0.8e9), duration(90e9), duration(0.8e9)]);
    expect(bounds).toEqual([...bounds].sort((a, b) => a - b));
    for (const bound of [0.8, 1, 90]) expect(bounds.filter((each) => each === bound)).toHaveLength(1);
    expect(boundsFor(Array.from({ length: 500 }, (_, at) => duration((at + 7) * 1e8 + 1))).length).toBe(120);
  });
});

describe('series', () => {
  test('what was declared counts at once; what is found is shown at 0 first, and nothing of it is lost', () => {
    const counter = new Counter();
    counter.declare('a');
    counter.add(['a']);
    counter.add(['b']);
    counter.add(['b']);
    expect(counter.scrape()).toEqual([[['a'], 1], [['b'], 0]]);
    counter.add(['b']);
    expect(counter.scrape()).toEqual([[['a'], 1], [['b'], 3]]);
  });

  test('so does a histogram', () => {
    const histogram = new Histogram([1]);
    histogram.declare('a');
    for (const name of ['a', 'b']) histogram.observe([name], { traceId: name, value: 0.5, at: 0 });
    expect(histogram.scrape().map(({ counts, sum }) => [counts, sum])).toEqual([[[1, 1], 0.5], [[0, 0], 0]]);
    histogram.observe(['b'], { traceId: 'c', value: 1, at: 0 });
    expect(histogram.scrape().map(({ counts, sum, exemplars }) => [counts, sum, exemplars[0]?.traceId])).toEqual([[[1, 1], 0.5, 'a'], [[2, 2], 1.5, 'c']]);
  });

  test('a bound belongs to its bucket; beyond the last is +Inf', () => {
    const histogram = new Histogram([1, 2]);
    histogram.declare('a');
    for (const value of [1, 2, 2.1]) histogram.observe(['a'], { traceId: '', value, at: 0 });
    expect(histogram.scrape()[0]?.counts).toEqual([1, 2, 3]);
  });

  test('other bounds begin again at 0, with the same series', () => {
    const histogram = new Histogram([1]);
    histogram.declare('a');
    histogram.observe(['a'], { traceId: '', value: 1, at: 0 });
    histogram.rebound([1, 2]);
    expect(histogram.scrape()).toEqual([{ values: ['a'], counts: [0, 0, 0], exemplars: [undefined, undefined, undefined], sum: 0 }]);
  });

  test('a log that invents names cannot make endless series', () => {
    const counter = new Counter();
    for (let at = 0; at < 2_000; at++) counter.add(['runtime', `name ${at}`]);
    expect(counter.scrape().length).toBe(301);
    const after = counter.scrape();
    expect(after.reduce((sum, [, value]) => sum + value, 0)).toBe(2_000);
    expect(after.at(-1)).toEqual([['runtime', 'other'], 1_700]);
  });
});
