/**
 * One form for a span, whoever tells of it: Jaeger's /api/v3, a file of OTLP/JSON, or the receiver's protobuf. And the
 * trace id as design.md 3 defines it, worked out here a second time. Imports nothing from src.
 */
import { createHash } from 'node:crypto';
import { spansOf } from '../support/otlp.ts';
import { field, list, text } from './json.ts';

export interface SpanView {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: the root. */
  readonly parent: string;
  readonly service: string;
  readonly name: string;
  readonly kind: number;
  readonly start: bigint;
  readonly end: bigint;
  /** 0 unset, 2 error. */
  readonly status: number;
  /** `container.id`, where the span has it. */
  readonly container: string;
  /** Times of its events, in order: Jaeger gives them in any. */
  readonly events: readonly bigint[];
}

/** Spans of an ExportTraceServiceRequest (or Jaeger's `result`) in OTLP/JSON, by span id. */
export function viewJson(request: unknown): SpanView[] {
  const spans = list(request, 'resourceSpans').flatMap((resource) => {
    const service = attribute(list(resource, 'resource', 'attributes'), 'service.name');
    return list(resource, 'scopeSpans').flatMap((scope) => list(scope, 'spans').map((span) => viewSpan(service, span)));
  });
  return spans.sort(byId);
}

function viewSpan(service: string, span: unknown): SpanView {
  return {
    traceId: text(span, 'traceId'),
    spanId: text(span, 'spanId'),
    parent: text(span, 'parentSpanId'),
    service,
    name: text(span, 'name'),
    kind: Number(field(span, 'kind') ?? 0),
    start: BigInt(text(span, 'startTimeUnixNano')),
    end: BigInt(text(span, 'endTimeUnixNano')),
    status: Number(field(span, 'status', 'code') ?? 0),
    container: attribute(list(span, 'attributes'), 'container.id'),
    events: list(span, 'events').map((event) => BigInt(text(event, 'timeUnixNano'))).sort(byTime),
  };
}

const attribute = (attributes: readonly unknown[], name: string): string =>
  text(attributes.find((each) => text(each, 'key') === name), 'value', 'stringValue');

/** Attributes of its spans as text, by span id. */
export function attributesJson(request: unknown): Map<string, ReadonlyMap<string, string>> {
  const spans = list(request, 'resourceSpans').flatMap((resource) => list(resource, 'scopeSpans').flatMap((scope) => list(scope, 'spans')));
  return new Map(spans.map((span) => [
    text(span, 'spanId'),
    new Map(list(span, 'attributes').map((each) => [text(each, 'key'), textOf(field(each, 'value'))])),
  ]));
}

const textOf = (value: unknown): string => ['stringValue', 'intValue', 'boolValue'].map((kind) => field(value, kind)).filter((one) => one !== undefined).map(String).join('');

/** Spans of a request as it came over the wire, by span id. */
export function viewWire(bytes: Uint8Array): SpanView[] {
  const value = (attributes: readonly (readonly [string, unknown])[], name: string): string => {
    const found = attributes.find(([key]) => key === name)?.[1];
    return typeof found === 'string' ? found : '';
  };
  return spansOf(bytes).map((span) => ({
    traceId: span.traceId,
    spanId: span.spanId,
    parent: span.parent,
    service: typeof span.service === 'string' ? span.service : '',
    name: span.name,
    kind: span.kind,
    start: span.start,
    end: span.end,
    status: span.status?.code ?? 0,
    container: value(span.attributes, 'container.id'),
    events: span.events.map((event) => event.time).sort(byTime),
  })).sort(byId);
}

const byTime = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
const byId = (a: SpanView, b: SpanView): number => (a.spanId < b.spanId ? -1 : a.spanId > b.spanId ? 1 : 0);

export function byTrace(spans: readonly SpanView[]): Map<string, SpanView[]> {
  return Map.groupBy(spans, (span) => span.traceId);
}

/** design.md 3; urunc's anchor mark is the one that opens the start. */
export const traceIdOf = (host: string, container: string, anchor: bigint): string =>
  createHash('sha256').update(['shimtrace/1', host, 'urunc', container, String(anchor)].join('\0')).digest('hex').slice(0, 32);
