import { ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TraceEncoder } from '../../src/delivery/encode.ts';
import { resourceAttributes, scopeName, spanAttributes } from '../../src/model/attributes.ts';
import { duration, nanos } from '../../src/model/time.ts';
import type { Attributes, AttributeValue, Span, Trace } from '../../src/model/trace.ts';
import { readRequest, spansOf } from '../support/otlp.ts';
import { AT, hexId, span, start, trace } from './traces.ts';

const HOST: Attributes = [
  ['host.name', 'box'],
  ['host.id', 'h-1'],
];
const KINDS = { internal: 0, server: 1, client: 2 };

describe('the encoder', () => {
  test('writes every field at its place', () => {
    const whole = span({
      parent: hexId(7, 16),
      kind: 'client',
      waits: true,
      incomplete: true,
      credit: 'guest',
      certainty: 'bounded',
      attributes: [
        ['process.pid', 42],
        ['shimtrace.finding', ['a', 'ü']],
        ['zebra', true],
      ],
      events: [{ name: 'TS00', offset: duration(5), attributes: [['log.record.original', 'x']] }],
      droppedEvents: 300,
      links: [{ traceId: hexId(9, 32), spanId: hexId(8, 16), attributes: [['shimtrace.link', 'late_completion']] }],
      error: 'timeout',
    });
    const [resource] = readRequest(encode(trace({ spans: [whole] })));
    expect(resource?.attributes).toEqual([
      ['host.id', 'h-1'],
      ['host.name', 'box'],
      ['service.name', 'urunc'],
      ['service.namespace', 'container-runtime'],
    ]);
    expect(resource?.scopes).toHaveLength(1);
    expect(resource?.scopes[0]).toMatchObject({ name: 'shimtrace/urunc', version: '' });
    expect(resource?.scopes[0]?.spans).toEqual([
      {
        traceId: hexId(0xabc, 32),
        spanId: hexId(1, 16),
        parent: hexId(7, 16),
        name: 'container start',
        kind: 3,
        start: AT,
        end: AT + 1_000_001n,
        attributes: [
          ['container.id', 'c'.repeat(64)],
          ['container.runtime.name', 'urunc'],
          ['process.pid', 42n],
          ['shimtrace.certainty', 'bounded'],
          ['shimtrace.credit', 'guest'],
          ['shimtrace.finding', ['a', 'ü']],
          ['shimtrace.incomplete', true],
          ['shimtrace.phase', 'container start'],
          ['shimtrace.waits', true],
          ['zebra', true],
        ],
        events: [{ time: AT + 5n, name: 'TS00', attributes: [['log.record.original', 'x']] }],
        droppedEvents: 300,
        links: [{ traceId: hexId(9, 32), spanId: hexId(8, 16), attributes: [['shimtrace.link', 'late_completion']] }],
        status: { code: 2, message: 'timeout' },
      },
    ]);
  });

  test('makes one resource per component, in order of first appearance, and loses no span', () => {
    const bytes = encode(start(5, 11));
    const services = readRequest(bytes).map((r) => r.attributes.find(([name]) => name === 'service.name')?.[1]);
    expect(services).toEqual(['urunc', 'urunc-create', 'urunc-reexec', 'urunc-start']);
    expect(spansOf(bytes).map((s) => s.spanId).sort()).toEqual(start(5, 11).spans.map((s) => s.id).sort());
  });

  test('repeats itself byte for byte, warm or cold, and parcels in a row are one request', () => {
    const encoder = new TraceEncoder(HOST);
    const first = encoder.encode(start(1, 40));
    for (let n = 2; n < 30; n += 1) encoder.encode(start(n, 7));
    expect(Buffer.compare(encoder.encode(start(1, 40)).bytes, first.bytes)).toBe(0);
    expect(Buffer.compare(encode(start(1, 40)), first.bytes)).toBe(0);
    const both = Buffer.concat([first.bytes, encoder.encode(start(2, 3)).bytes]);
    expect(spansOf(both)).toHaveLength(43);
    expect(first).toMatchObject({ spans: 40, traceId: hexId(1, 32) });
  });

  test('survives more distinct values than its cache holds', () => {
    const encoder = new TraceEncoder(HOST);
    for (let n = 0; n < 20_000; n += 1) encoder.encode(trace({ container: `c${n}` }));
    expect(spansOf(encoder.encode(trace({ container: 'c1' })).bytes)[0]?.attributes[0]).toEqual(['container.id', 'c1']);
  });

  test('writes a trace larger than any buffer it begins with', () => {
    const line = 'é'.repeat(900);
    const events = Array.from({ length: 64 }, (_, i) => ({ name: 'm', offset: duration(i), attributes: [['log.record.original', line]] as const }));
    const big = trace({ spans: Array.from({ length: 100 }, (_, i) => span({ id: hexId(i + 1, 16), events })) });
    const spans = spansOf(encode(big));
    expect(spans).toHaveLength(100);
    expect(spans[99]?.events[63]?.attributes).toEqual([['log.record.original', line]]);
  });

  test.each(['\ud800', 'a\udc00b', '\udc00\ud800', `${'x'.repeat(40)}\ud83d`])('writes %j as valid UTF-8', (broken) => {
    const [read] = spansOf(encode(trace({ spans: [span({ attributes: [['k', broken]], error: broken })] })));
    expect(read?.attributes.find(([name]) => name === 'k')?.[1]).toBe(broken.toWellFormed());
    expect(read?.status?.message).toBe(broken.toWellFormed());
  });

  test('keeps the value of a number that is no integer', () => {
    const [read] = spansOf(encode(trace({ spans: [span({ attributes: [['k', 0.25]] })] })));
    expect(read?.attributes.find(([name]) => name === 'k')?.[1]).toEqual({ double: 0.25 });
  });

  test('lets the own value of a span win over a common one of that name', () => {
    const [read] = spansOf(encode(trace({ spans: [span({ attributes: [['shimtrace.phase', 'mine']] })] })));
    expect(read?.attributes.filter(([name]) => name === 'shimtrace.phase')).toEqual([['shimtrace.phase', 'mine']]);
  });
});

test('the encoder and the stock serializer say the same of any trace', () => {
  fc.assert(
    fc.property(anyTrace(), (any) => {
      expect(bySpan(encode(any))).toEqual(bySpan(stock(any)));
    }),
    { numRuns: 300 },
  );
});

const encode = (any: Trace): Uint8Array => new TraceEncoder(HOST).encode(any).bytes;

/** Spans with all that stands around them; the stock serializer groups in another order. */
function bySpan(bytes: Uint8Array): unknown[] {
  return readRequest(bytes)
    .flatMap((r) => r.scopes.flatMap((scope) => scope.spans.map((s) => ({ ...s, scope: scope.name, resource: r.attributes }))))
    .sort((a, b) => (a.spanId < b.spanId ? -1 : 1));
}

function stock(any: Trace): Uint8Array {
  const resources = new Map<string, ReadableSpan['resource']>();
  const spans = any.spans.map((s): ReadableSpan => {
    const resource = resources.get(s.service) ?? resourceFromAttributes(record(resourceAttributes(s.service, HOST)));
    resources.set(s.service, resource);
    return readable(any, s, resource);
  });
  const bytes = ProtobufTraceSerializer.serializeRequest(spans);
  if (bytes === undefined) throw new Error('the stock serializer gave nothing');
  return bytes;
}

function readable(any: Trace, s: Span, resource: ReadableSpan['resource']): ReadableSpan {
  const context = (traceId: string, spanId: string) => ({ traceId, spanId, traceFlags: 1 });
  return {
    name: s.name,
    kind: KINDS[s.kind],
    spanContext: () => context(any.id, s.id),
    ...(s.parent === undefined ? {} : { parentSpanContext: context(any.id, s.parent) }),
    startTime: hrTime(any.at + BigInt(s.start)),
    // Of one moment alone the root is a nanosecond long.
    endTime: hrTime(any.at + BigInt(s.parent === undefined && s.end <= s.start ? s.start + 1 : s.end)),
    duration: [0, 0],
    status: s.error === undefined ? { code: 0 } : { code: 2, message: s.error },
    attributes: record(spanAttributes(any, s)),
    events: s.events.map((e) => ({ name: e.name, time: hrTime(any.at + BigInt(e.offset)), attributes: record(e.attributes) })),
    links: s.links.map((l) => ({ context: context(l.traceId, l.spanId), attributes: record(l.attributes) })),
    ended: true,
    resource,
    instrumentationScope: { name: scopeName(any) },
    droppedAttributesCount: 0,
    droppedEventsCount: s.droppedEvents,
    droppedLinksCount: 0,
  };
}

const hrTime = (time: bigint): [number, number] => [Number(time / 1_000_000_000n), Number(time % 1_000_000_000n)];

function record(attributes: Attributes): Record<string, string | number | boolean | string[]> {
  // Object.fromEntries keeps insertion order for names that are no array indices; the generator makes no others.
  return Object.fromEntries(attributes.map(([name, value]) => [name, typeof value === 'object' ? [...value] : value]));
}

function anyTrace(): fc.Arbitrary<Trace> {
  const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.string({ maxLength: 200 }));
  const number = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constantFrom(0, -1, 127, 128, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, -(2 ** 53 - 1)));
  const value: fc.Arbitrary<AttributeValue> = fc.oneof(text, number, fc.boolean(), fc.array(text, { maxLength: 4 }));
  const name = fc.string({ unit: 'grapheme', maxLength: 20 }).map((tail) => `a.${tail}`);
  const attributes: fc.Arbitrary<Attributes> = fc
    .uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 6 })
    .map((pairs) => pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
  const length = fc.oneof(fc.constant(0), fc.nat(), fc.integer({ min: 0, max: 2 ** 40 })).map(duration);
  const id = (digits: number) => fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: digits, maxLength: digits });
  const one = fc.record({
    parent: fc.option(id(16), { nil: undefined }),
    service: fc.constantFrom('urunc', 'kata-agent', 'hypervisor'),
    name: text,
    kind: fc.constantFrom('internal', 'server', 'client'),
    start: length,
    span: length,
    certainty: fc.constantFrom('exact', 'bounded', 'inferred'),
    credit: fc.constantFrom('caller', 'containerd', 'shim', 'runtime', 'hypervisor', 'guest', 'idle'),
    waits: fc.boolean(),
    incomplete: fc.boolean(),
    attributes,
    events: fc.array(fc.record({ name: text, offset: length, attributes }), { maxLength: 3 }),
    droppedEvents: fc.nat({ max: 1_000 }),
    links: fc.array(fc.record({ traceId: id(32), spanId: id(16), attributes }), { maxLength: 2 }),
    error: fc.option(text, { nil: undefined }),
  });
  const latest = 2n ** 63n - 1n - 2n ** 41n;
  const at = fc.oneof(fc.bigInt({ min: 0n, max: latest }), fc.constantFrom(0n, 1n, 2n ** 32n - 1n, latest)).map(nanos);
  return fc.tuple(at, id(32), text, fc.array(one, { maxLength: 5 })).map(([moment, traceId, container, spans]) =>
    trace({
      id: traceId,
      at: moment,
      container,
      spans: spans.map(({ span: long, ...s }, i) => span({ ...s, id: hexId(i + 1, 16), end: duration(s.start + long) })),
    }),
  );
}

test('times are exact to the end of the range', () => {
  const last = 2n ** 63n - 1n;
  for (const [at, offset] of [[last - 5n, 5], [0n, 2 ** 53 - 1], [2n ** 32n - 1n, 1], [last - 2n ** 53n, 2 ** 53 - 1]] as const) {
    const [read] = spansOf(encode(trace({ at: nanos(at), spans: [span({ end: duration(offset) })] })));
    expect(read?.start).toBe(at);
    expect(read?.end).toBe(at + BigInt(offset));
  }
});
