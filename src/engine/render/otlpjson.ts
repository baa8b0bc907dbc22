import { resourceAttributes, scopeName, shownEnd, SPAN_KIND, spanAttributes, STATUS_ERROR } from '../../model/attributes.ts';
import { tame } from '../../model/json.ts';
import type { Duration } from '../../model/time.ts';
import type { Attributes, AttributeValue, Link, Span, SpanEvent, Trace } from '../../model/trace.ts';

/**
 * A trace as one line of OTLP/JSON (no newline): a whole ExportTraceServiceRequest, with keys in the order and with the
 * omissions of the Collector's file exporter (pdata's MarshalJSON, Collector 0.155): ids in hex, 64-bit integers as
 * strings, kinds as numbers, empty fields left out, `status` always there. Jaeger's upload and otel-tui take it.
 *
 * Says the same as the protobuf encoder, attribute for attribute; `host` as there: what all components share.
 */
export function otlpJson(trace: Trace, host: Attributes): string {
  const services = [...new Set(trace.spans.map((span) => span.service))];
  const request = {
    resourceSpans: services.map((service) => ({
      resource: { attributes: pairs(resourceAttributes(service, host)) },
      scopeSpans: [{
        scope: { name: text(scopeName(trace)) },
        spans: trace.spans.filter((span) => span.service === service).map((span) => spanJson(trace, span)),
      }],
    })),
  };
  return tame(JSON.stringify(request));
}

function spanJson(trace: Trace, span: Span): object {
  return {
    traceId: trace.id,
    spanId: span.id,
    ...(span.parent === undefined ? {} : { parentSpanId: span.parent }),
    name: text(span.name),
    kind: SPAN_KIND[span.kind],
    startTimeUnixNano: moment(trace, span.start),
    endTimeUnixNano: moment(trace, shownEnd(span)),
    attributes: pairs(spanAttributes(trace, span)),
    ...(span.events.length === 0 ? {} : { events: span.events.map((event) => eventJson(trace, event)) }),
    ...(span.droppedEvents === 0 ? {} : { droppedEventsCount: span.droppedEvents }),
    ...(span.links.length === 0 ? {} : { links: span.links.map(linkJson) }),
    status: span.error === undefined ? {} : { message: text(span.error), code: STATUS_ERROR },
  };
}

const eventJson = (trace: Trace, event: SpanEvent): object => ({
  timeUnixNano: moment(trace, event.offset),
  name: text(event.name),
  ...optionalPairs(event.attributes),
});

const linkJson = (link: Link): object => ({ traceId: link.traceId, spanId: link.spanId, ...optionalPairs(link.attributes) });

const optionalPairs = (attributes: Attributes): object => (attributes.length === 0 ? {} : { attributes: pairs(attributes) });

const pairs = (attributes: Attributes): readonly object[] => attributes.map(([key, value]) => ({ key: text(key), value: anyValue(value) }));

/** As the protobuf encoder: a number that is no safe integer cannot come from the fold, and is a double if it does. */
function anyValue(value: AttributeValue): object {
  if (typeof value === 'string') return { stringValue: text(value) };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return { intValue: String(value) };
    return { doubleValue: Number.isFinite(value) ? value : String(value) };
  }
  return { arrayValue: { values: value.map((each) => ({ stringValue: text(each) })) } };
}

/** fixed64: a moment before 1970 wraps, as it does in protobuf. */
const moment = (trace: Trace, offset: Duration): string => BigInt.asUintN(64, trace.at + BigInt(offset)).toString();

/** Lone surrogates become U+FFFD, as in every UTF-8 encoder. */
const text = (value: string): string => value.toWellFormed();
