import { tame } from '../../model/json.ts';
import { after, rfc3339 } from '../../model/time.ts';
import type { AttributeValue, Attributes, Finding, Span, Trace } from '../../model/trace.ts';
import { tree } from './tree.ts';

/**
 * A start as one line of JSON (no newline), schema `shimtrace/start@1`. Every key is always there; what is not known is null.
 *
 *     schema          "shimtrace/start@1"; a breaking change is a new number, new keys are not breaking
 *     trace_id        32 hex digits
 *     runtime, episode, container, containers[]
 *     outcome         "ok" | "created" | "incomplete" | "failed"
 *     error_type      text | null
 *     last_mark       text
 *     schemes         versions of the log that remain possible; one: decided; none: the runtime has no versions
 *     scheme_by       "lines" | "pin" | "none"
 *     start_time      RFC 3339 with nine digits, for people
 *     start_time_ns, end_time_ns   nanoseconds since the epoch as decimal strings: they do not fit a double
 *     wall_ns, active_ns           integers
 *     host            { attribute: value }
 *     spans[]         root first, parents before children
 *       id, parent_id   16 hex digits; the root's parent_id is null
 *       service, phase, kind       kind: "internal" | "server" | "client"
 *       start_ns        from start_time_ns; an integer
 *       duration_ns     integer
 *       self_ns         the part of duration_ns that no child covers
 *       certainty       "exact" | "bounded" | "inferred"
 *       credit          "caller" | "runtime" | "hypervisor" | "guest" | "idle"
 *       waits, incomplete          booleans
 *       error           text | null
 *       attributes      { attribute: value }
 *       events[]        { name, at_ns, attributes }    at_ns from start_time_ns
 *       dropped_events  events beyond the limit of a span
 *     links[]         { from_span_id, trace_id, span_id, attributes }
 *     loose[]         { name, at_ns, reason, line }    reason: "by-design" | "repeated" | "undecided" | "unplaced"
 *     findings[]      { id, text, confidence, loss_ns, share, remedy, evidence[] { time_ns, line } }
 *
 * An attribute's value is text, an integer, a boolean or a list of texts.
 * Characters that a terminal obeys are written as \u escapes, so the line may be printed as it is.
 */
export function startJson(trace: Trace, host: Attributes): string {
  const selves = new Map(tree(trace).map((node) => [node.span, node.self]));
  const text = JSON.stringify({
    schema: 'shimtrace/start@1',
    trace_id: trace.id,
    runtime: trace.runtime,
    episode: trace.episode,
    container: trace.container,
    containers: trace.containers,
    outcome: trace.outcome,
    error_type: trace.errorType ?? null,
    last_mark: trace.lastMark,
    schemes: trace.schemes,
    scheme_by: trace.schemeBy,
    start_time: rfc3339(trace.at),
    start_time_ns: trace.at.toString(),
    end_time_ns: after(trace.at, trace.wall).toString(),
    wall_ns: trace.wall,
    active_ns: trace.active,
    host: object(host),
    spans: trace.spans.map((span) => spanJson(span, selves.get(span) ?? 0)),
    links: trace.spans.flatMap((span) => span.links.map((link) => ({
      from_span_id: span.id, trace_id: link.traceId, span_id: link.spanId, attributes: object(link.attributes),
    }))),
    loose: trace.loose.map((event) => ({ name: event.name, at_ns: event.offset, reason: event.reason, line: event.line })),
    findings: trace.findings.map(findingJson),
  });
  return tame(text);
}

/** Where its lines stand is not in it: a file's name is none of a trace's. */
const findingJson = ({ id, text, confidence, loss, share, remedy, evidence }: Finding): object => ({
  id,
  text,
  confidence,
  loss_ns: loss ?? null,
  share: share ?? null,
  remedy: remedy ?? null,
  evidence: evidence.map(({ time, line }) => ({ time_ns: time.toString(), line })),
});

function spanJson(span: Span, self: number): object {
  return {
    id: span.id,
    parent_id: span.parent ?? null,
    service: span.service,
    phase: span.name,
    kind: span.kind,
    start_ns: span.start,
    duration_ns: span.end - span.start,
    self_ns: self,
    certainty: span.certainty,
    credit: span.credit,
    waits: span.waits,
    incomplete: span.incomplete,
    error: span.error ?? null,
    attributes: object(span.attributes),
    events: span.events.map((event) => ({ name: event.name, at_ns: event.offset, attributes: object(event.attributes) })),
    dropped_events: span.droppedEvents,
  };
}

/** `Object.fromEntries` defines properties, so an attribute named `__proto__` is a key like any other. */
const object = (attributes: Attributes): Readonly<Record<string, AttributeValue>> => Object.fromEntries(attributes);
