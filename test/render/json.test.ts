import { describe, expect, test } from 'vitest';
import { startJson } from '../../src/engine/render/json.ts';
import { otlpJson } from '../../src/engine/render/otlpjson.ts';
import { nanos } from '../../src/model/time.ts';
import type { Attributes } from '../../src/model/trace.ts';
import { finding, span, trace, TRACE_ID, uruncTrace } from './trace.ts';

const HOST: Attributes = [['host.id', 'h1'], ['host.name', 'farm']];

const small = (attributes: Attributes = []) => {
  const root = span({ id: '00000000000000a1', name: 'container start', kind: 'server', from: 0, to: 10, attributes, error: 'timeout' });
  const child = span({
    id: '00000000000000a2', name: 'create', service: 'urunc-create', from: 1, to: 4, parent: root.id, waits: true, certainty: 'bounded', droppedEvents: 3,
    events: [{ name: 'create invoked', offset: root.start, attributes: [['log.record.original', 'a\x9b"b']] }],
    links: [{ traceId: 'f'.repeat(32), spanId: '1'.repeat(16), attributes: [] }],
  });
  return trace([root, child], { outcome: 'incomplete', errorType: 'timeout', container: 'c1', containers: ['c1'], findings: [finding('f', 't')] });
};

describe('shimtrace/start@1', () => {
  test('the whole of a small start', () => {
    const text = startJson(small([['process.pid', 42]]), HOST);
    expect(text).not.toMatch(/\n|\x9b/);
    expect(JSON.parse(text)).toEqual({
      schema: 'shimtrace/start@1', trace_id: TRACE_ID, runtime: 'urunc', episode: 'start', container: 'c1', containers: ['c1'], outcome: 'incomplete',
      error_type: 'timeout', last_mark: 'monitor execed', schemes: ['0.7'], scheme_by: 'lines',
      start_time: '2026-11-20T23:14:05.789123457Z', start_time_ns: '1795216445789123457', end_time_ns: '1795216445789133457',
      wall_ns: 10_000, active_ns: 10_000, host: { 'host.id': 'h1', 'host.name': 'farm' },
      spans: [
        {
          id: '00000000000000a1', parent_id: null, service: 'urunc', phase: 'container start', kind: 'server', start_ns: 0, duration_ns: 10_000,
          self_ns: 7000, certainty: 'exact', credit: 'runtime', waits: false, incomplete: false, error: 'timeout', attributes: { 'process.pid': 42 },
          events: [], dropped_events: 0,
        },
        {
          id: '00000000000000a2', parent_id: '00000000000000a1', service: 'urunc-create', phase: 'create', kind: 'internal', start_ns: 1000,
          duration_ns: 3000, self_ns: 3000, certainty: 'bounded', credit: 'runtime', waits: true, incomplete: false, error: null, attributes: {},
          events: [{ name: 'create invoked', at_ns: 0, attributes: { 'log.record.original': 'a\x9b"b' } }], dropped_events: 3,
        },
      ],
      links: [{ from_span_id: '00000000000000a2', trace_id: 'f'.repeat(32), span_id: '1'.repeat(16), attributes: {} }],
      loose: [], findings: [{ id: 'f', text: 't', confidence: 'sure', loss_ns: null, share: null, remedy: null, evidence: [] }],
    });
  });

  test('no attribute name is special', () => {
    const text = startJson(small([['__proto__', 'x'], ['constructor', true], ['toString', ['a']]]), [['__proto__', 'y']]);
    expect(text).toContain('"attributes":{"__proto__":"x","constructor":true,"toString":["a"]}');
    expect(text).toContain('"host":{"__proto__":"y"}');
  });

  test('moments beyond 2^53 and 2^63 are exact', () => {
    const text = startJson(uruncTrace({ at: nanos(9_223_372_036_854_775_807n) }), []);
    expect(text).toContain('"start_time_ns":"9223372036854775807","end_time_ns":"9223372036883256807"');
  });

  test('one line whatever the log says, and the text survives', () => {
    const evil = 'a\n\u2028\u202e\x1b\x7f\ud800\u{e0041}';
    const text = startJson(uruncTrace({ container: evil }), []);
    expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
    expect(JSON.parse(text)).toMatchObject({ container: evil });
  });
});

describe('OTLP/JSON', () => {
  test('keys, order and omissions of the Collector\'s file exporter', () => {
    expect(otlpJson(small(), [['host.id', 'h1']])).toBe([
      '{"resourceSpans":[{"resource":{"attributes":[{"key":"host.id","value":{"stringValue":"h1"}},{"key":"service.name","value":{"stringValue":"urunc"}},',
      '{"key":"service.namespace","value":{"stringValue":"container-runtime"}}]},"scopeSpans":[{"scope":{"name":"shimtrace/urunc"},"spans":[',
      `{"traceId":"${TRACE_ID}","spanId":"00000000000000a1","name":"container start","kind":2,"startTimeUnixNano":"1795216445789123457",`,
      '"endTimeUnixNano":"1795216445789133457","attributes":[{"key":"container.id","value":{"stringValue":"c1"}},',
      '{"key":"container.runtime.name","value":{"stringValue":"urunc"}},{"key":"shimtrace.certainty","value":{"stringValue":"exact"}},',
      '{"key":"shimtrace.credit","value":{"stringValue":"runtime"}},{"key":"shimtrace.phase","value":{"stringValue":"container start"}}],',
      '"status":{"message":"timeout","code":2}}]}]},',
      '{"resource":{"attributes":[{"key":"host.id","value":{"stringValue":"h1"}},{"key":"service.name","value":{"stringValue":"urunc-create"}},',
      '{"key":"service.namespace","value":{"stringValue":"container-runtime"}}]},"scopeSpans":[{"scope":{"name":"shimtrace/urunc"},"spans":[',
      `{"traceId":"${TRACE_ID}","spanId":"00000000000000a2","parentSpanId":"00000000000000a1","name":"create","kind":1,`,
      '"startTimeUnixNano":"1795216445789124457","endTimeUnixNano":"1795216445789127457","attributes":[{"key":"container.id","value":{"stringValue":"c1"}},',
      '{"key":"container.runtime.name","value":{"stringValue":"urunc"}},{"key":"shimtrace.certainty","value":{"stringValue":"bounded"}},',
      '{"key":"shimtrace.credit","value":{"stringValue":"runtime"}},{"key":"shimtrace.phase","value":{"stringValue":"create"}},',
      '{"key":"shimtrace.waits","value":{"boolValue":true}}],"events":[{"timeUnixNano":"1795216445789123457","name":"create invoked",',
      '"attributes":[{"key":"log.record.original","value":{"stringValue":"a\\u009b\\"b"}}]}],"droppedEventsCount":3,',
      `"links":[{"traceId":"${'f'.repeat(32)}","spanId":"1111111111111111"}],"status":{}}]}]}]}`,
    ].join(''));
  });

  test('every type of value', () => {
    const text = otlpJson(small([['a', 9_007_199_254_740_991], ['b', false], ['c', ['x', 'y']], ['d', '\ud800'], ['e', 0.5]]), []);
    expect(text).toContain([
      '{"key":"a","value":{"intValue":"9007199254740991"}}', '{"key":"b","value":{"boolValue":false}}',
      '{"key":"c","value":{"arrayValue":{"values":[{"stringValue":"x"},{"stringValue":"y"}]}}}', '', ].join(','));
    expect(text).toContain('{"key":"d","value":{"stringValue":"\ufffd"}},{"key":"e","value":{"doubleValue":0.5}}');
  });

  test('resources in order of first appearance, all spans there', () => {
    const parsed: unknown = JSON.parse(otlpJson(uruncTrace(), HOST));
    const names = JSON.stringify(parsed).matchAll(/"service\.name","value":\{"stringValue":"([^"]+)"/g);
    expect([...names].map((match) => match[1])).toEqual(['urunc', 'urunc-create', 'containerd', 'urunc-reexec', 'urunc-start']);
    expect([...JSON.stringify(parsed).matchAll(/"spanId":"[^"]+","(?:parentSpanId|name)/g)].length).toBe(uruncTrace().spans.length);
  });
});
