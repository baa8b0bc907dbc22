/**
 * A trace as the store keeps it: one line of JSON, from which every format of `show` comes out as it did from the log.
 * Spans are arrays, because their keys would be half of the text. What is read is checked: the file may be damaged.
 */
import { duration, nanos } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import { LAYERS } from '../model/layer.ts';
import { sourceId } from '../model/source.ts';
import type { SourceId } from '../model/source.ts';
import type { Attributes, AttributeValue, Certainty, Credit, Evidence, Finding, Link, LooseEvent, LooseReason, Outcome, Span, SpanEvent, SpanKind, Trace } from '../model/trace.ts';

/** The name of a source, which the trace knows by a number of this process only. */
export type NameOf = (source: SourceId) => string | undefined;

/** One line without a line end. */
export const encodeTrace = (trace: Trace, nameOf: NameOf): string =>
  JSON.stringify({
    ...trace,
    at: trace.at.toString(),
    spans: trace.spans.map(spanRow),
    findings: trace.findings.map((finding) => ({
      ...finding, evidence: finding.evidence.map((each) => ({ ...each, time: each.time.toString(), name: nameOf(each.source) })),
    })),
  });

const spanRow = (span: Span): readonly unknown[] => [
  span.id, span.parent ?? null, span.service, span.name, span.kind, span.start, span.end, span.certainty, span.credit,
  span.waits, span.incomplete, span.attributes,
  span.events.map((event) => [event.name, event.offset, event.attributes]),
  span.droppedEvents,
  span.links.map((link) => [link.traceId, link.spanId, link.attributes]),
  span.error ?? null,
];

export interface Decoded {
  readonly trace: Trace;
  readonly nameOf: NameOf;
}

/** Undefined: this is no trace that this version wrote. */
export function decodeTrace(text: string): Decoded | undefined {
  try {
    const fields = fieldsOf(JSON.parse(text));
    const names = new Map(list(fields.get('findings'), namesOf).flat());
    return { trace: traceOf(fields), nameOf: (source) => names.get(source) };
  } catch (error) {
    if (error instanceof Misfit || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Something is not of the form it was written in. Never leaves this file. */
class Misfit extends Error {}

type Fields = ReadonlyMap<string, unknown>;

function traceOf(fields: Fields): Trace {
  return {
    id: text(fields.get('id')),
    runtime: text(fields.get('runtime')),
    episode: text(fields.get('episode')),
    container: text(fields.get('container')),
    containers: list(fields.get('containers'), text),
    outcome: oneOf(fields.get('outcome'), OUTCOMES),
    errorType: optional(fields.get('errorType'), text),
    schemes: list(fields.get('schemes'), text),
    schemeBy: oneOf(fields.get('schemeBy'), SCHEME_BY),
    at: moment(fields.get('at')),
    // A version before this one wrote none, and knew of no other.
    rootLayer: oneOf(fields.get('rootLayer') ?? 'runtime', LAYERS),
    wall: length(fields.get('wall')),
    active: length(fields.get('active')),
    lastMark: text(fields.get('lastMark')),
    spans: list(fields.get('spans'), spanOf),
    loose: list(fields.get('loose'), looseOf),
    findings: list(fields.get('findings'), findingOf),
  };
}

function spanOf(value: unknown): Span {
  const row = array(value);
  return {
    id: text(row[0]), parent: optional(row[1], text), service: text(row[2]), name: text(row[3]), kind: oneOf(row[4], KINDS),
    start: length(row[5]), end: length(row[6]), certainty: oneOf(row[7], CERTAINTIES), credit: oneOf(row[8], CREDITS),
    waits: flag(row[9]), incomplete: flag(row[10]), attributes: list(row[11], pairOf), events: list(row[12], eventOf),
    droppedEvents: number(row[13]), links: list(row[14], linkOf), error: optional(row[15], text),
  };
}

function eventOf(value: unknown): SpanEvent {
  const [name, offset, attributes] = array(value);
  return { name: text(name), offset: length(offset), attributes: list(attributes, pairOf) };
}

function linkOf(value: unknown): Link {
  const [traceId, spanId, attributes] = array(value);
  return { traceId: text(traceId), spanId: text(spanId), attributes: list(attributes, pairOf) };
}

function looseOf(value: unknown): LooseEvent {
  const fields = fieldsOf(value);
  return { name: text(fields.get('name')), offset: length(fields.get('offset')), reason: oneOf(fields.get('reason'), REASONS), line: text(fields.get('line')) };
}

function findingOf(value: unknown): Finding {
  const fields = fieldsOf(value);
  return {
    id: text(fields.get('id')), text: text(fields.get('text')), confidence: oneOf(fields.get('confidence'), CONFIDENCES),
    loss: optional(fields.get('loss'), length), share: optional(fields.get('share'), number),
    evidence: list(fields.get('evidence'), evidenceOf), remedy: optional(fields.get('remedy'), text),
  };
}

function evidenceOf(value: unknown): Evidence {
  const fields = fieldsOf(value);
  return { source: sourceId(number(fields.get('source'))), row: number(fields.get('row')), time: moment(fields.get('time')), line: text(fields.get('line')) };
}

const namesOf = (finding: unknown): readonly (readonly [number, string | undefined])[] =>
  list(fieldsOf(finding).get('evidence'), (each) => {
    const fields = fieldsOf(each);
    return [number(fields.get('source')), optional(fields.get('name'), text)] as const;
  });

function pairOf(value: unknown): Attributes[number] {
  const [name, held] = array(value);
  return [text(name), attributeOf(held)];
}

/** The host's attributes stand beside the trace, written by `JSON.stringify`. */
export function decodeAttributes(written: string): Attributes | undefined {
  try {
    return list(JSON.parse(written), pairOf);
  } catch (error) {
    if (error instanceof Misfit || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const OUTCOMES: readonly Outcome[] = ['ok', 'created', 'incomplete', 'failed'];
const SCHEME_BY: readonly Trace['schemeBy'][] = ['lines', 'pin', 'none'];
const KINDS: readonly SpanKind[] = ['internal', 'server', 'client'];
const CERTAINTIES: readonly Certainty[] = ['exact', 'bounded', 'inferred'];
const CREDITS: readonly Credit[] = ['caller', 'containerd', 'shim', 'runtime', 'hypervisor', 'guest', 'idle'];
const REASONS: readonly LooseReason[] = ['by-design', 'repeated', 'undecided', 'unplaced'];
const CONFIDENCES: readonly Finding['confidence'][] = ['sure', 'likely'];

function text(value: unknown): string {
  if (typeof value !== 'string') throw new Misfit();
  return value;
}

function number(value: unknown): number {
  if (typeof value !== 'number') throw new Misfit();
  return value;
}

function flag(value: unknown): boolean {
  if (typeof value !== 'boolean') throw new Misfit();
  return value;
}

function array(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Misfit();
  return value;
}

function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null) throw new Misfit();
  return new Map<string, unknown>(Object.entries(value));
}

function oneOf<T extends string>(value: unknown, of: readonly T[]): T {
  const found = of.find((each) => each === value);
  if (found === undefined) throw new Misfit();
  return found;
}

function moment(value: unknown): Nanos {
  const digits = text(value);
  if (!/^-?\d{1,40}$/.test(digits)) throw new Misfit();
  return nanos(BigInt(digits));
}

function attributeOf(value: unknown): AttributeValue {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return list(value, text);
}

const length = (value: unknown): Duration => duration(number(value));
const list = <T>(value: unknown, read: (each: unknown) => T): readonly T[] => array(value).map((each) => read(each));
const optional = <T>(value: unknown, read: (each: unknown) => T): T | undefined => (value === undefined || value === null ? undefined : read(value));
