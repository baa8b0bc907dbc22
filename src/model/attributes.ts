/**
 * What every span and every resource carries beside its own attributes. One place, so that the protobuf encoder and the
 * text and JSON renderers cannot disagree (design.md 4).
 */
import { duration } from './time.ts';
import type { Duration } from './time.ts';
import type { Attributes, AttributeValue, Certainty, Credit, Span, SpanKind, Trace } from './trace.ts';

type Pair = readonly [name: string, value: AttributeValue];

/** `service.namespace` of every component (design.md 4). */
export const SERVICE_NAMESPACE = 'container-runtime';

/** Numbers of Span.SpanKind in opentelemetry-proto 1.9, trace.proto. */
export const SPAN_KIND: Readonly<Record<SpanKind, number>> = { internal: 1, server: 2, client: 3 };

/** Status.StatusCode.STATUS_CODE_ERROR in opentelemetry-proto 1.9, trace.proto. UNSET is the absence of a status. */
export const STATUS_ERROR = 2;

/** Instrumentation scope of a trace's spans. Has no version: an upgrade must not change the bytes of a re-send. */
export const scopeName = (trace: Trace): string => `shimtrace/${trace.runtime}`;

// Pairs with few possible values are made once: spanAttributes runs for every span of an import.
const CERTAINTY: Readonly<Record<Certainty, Pair>> = {
  exact: ['shimtrace.certainty', 'exact'],
  bounded: ['shimtrace.certainty', 'bounded'],
  inferred: ['shimtrace.certainty', 'inferred'],
};
const CREDIT: Readonly<Record<Credit, Pair>> = {
  caller: ['shimtrace.credit', 'caller'],
  containerd: ['shimtrace.credit', 'containerd'],
  shim: ['shimtrace.credit', 'shim'],
  runtime: ['shimtrace.credit', 'runtime'],
  hypervisor: ['shimtrace.credit', 'hypervisor'],
  guest: ['shimtrace.credit', 'guest'],
  idle: ['shimtrace.credit', 'idle'],
};
const INCOMPLETE: Pair = ['shimtrace.incomplete', true];
const WAITS: Pair = ['shimtrace.waits', true];

/**
 * All attributes of `span` as they are exported: its own and those every span gets, by name (UTF-16 order).
 * A span's own value wins over a common one of the same name, as OTLP forbids a name twice.
 */
export function spanAttributes(trace: Trace, span: Span): Attributes {
  const common: Pair[] = [
    ['container.id', trace.container],
    ['container.runtime.name', trace.runtime],
    CERTAINTY[span.certainty],
    CREDIT[span.credit],
  ];
  if (span.incomplete) common.push(INCOMPLETE);
  common.push(['shimtrace.phase', span.name]);
  if (span.waits) common.push(WAITS);
  return span.attributes.length === 0 ? common : merge(span.attributes, common);
}

/**
 * Attributes of the resource of one component. `host` holds what all components of this host share (host.id,
 * host.name ...), in any order; the names set here win. By name, so that equal input gives equal bytes.
 */
export function resourceAttributes(service: string, host: Attributes): Attributes {
  const own: readonly Pair[] = [
    ['service.name', service],
    ['service.namespace', SERVICE_NAMESPACE],
  ];
  return merge(own, [...host].sort(byName));
}

/**
 * When a span ends for a back-end: Jaeger takes one without a length for an error, and of an episode of which one moment alone is known the root
 * has none. The moment is a nanosecond long then.
 */
export const shownEnd = ({ parent, start, end }: Span): Duration => (parent === undefined && end <= start ? duration(start + 1) : end);

const byName = (a: Pair, b: Pair): number => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0);

/** Merges two lists that are in canonical order; where both have a name, `first` wins. */
function merge(first: Attributes, second: Attributes): Attributes {
  const merged: Pair[] = [];
  let i = 0;
  let j = 0;
  for (;;) {
    const a = first[i];
    const b = second[j];
    if (a === undefined && b === undefined) return merged;
    if (b === undefined || (a !== undefined && a[0] < b[0])) {
      if (a !== undefined) merged.push(a);
      i += 1;
    } else {
      if (a === undefined || a[0] !== b[0]) merged.push(b);
      j += 1;
    }
  }
}
