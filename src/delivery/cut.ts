/** Cuts a trace that a back-end will not take as a whole: to find the one span it minds, or to get below its limit of size. */
import type { Parcel } from '../model/delivery.ts';
import { fieldsOf } from './fields.ts';
import type { Field } from './fields.ts';
import { ReverseWriter } from './protobuf.ts';

/** Field numbers of opentelemetry-proto 1.9, trace/v1/trace.proto and collector/trace/v1. */
const RESOURCE_SPANS = 1;
const SCOPE_SPANS = 2;
const SPANS = 2;
const LENGTH_DELIMITED = 2;

type Fields = readonly { readonly number: number; readonly bytes: Uint8Array }[];

/** One span, and what stands around it. */
interface Place {
  readonly resource: Fields;
  readonly scope: Fields;
  readonly span: Uint8Array;
}

/** Two parcels of the same trace with half of its spans each, byte for byte; undefined: a single span cannot be cut. */
export function halve(parcel: Parcel): readonly [Parcel, Parcel] | undefined {
  const places = placesOf(parcel.bytes);
  if (places.length < 2) return undefined;
  const middle = places.length >>> 1;
  return [join(parcel.traceId, places.slice(0, middle)), join(parcel.traceId, places.slice(middle))];
}

function placesOf(bytes: Uint8Array): Place[] {
  return delimited(bytes).flatMap(({ bytes: resourceSpans }) => {
    const outer = delimited(resourceSpans);
    const resource = outer.filter(({ number }) => number !== SCOPE_SPANS);
    return outer.filter(({ number }) => number === SCOPE_SPANS).flatMap(({ bytes: scopeSpans }) => {
      const inner = delimited(scopeSpans);
      const scope = inner.filter(({ number }) => number !== SPANS);
      return inner.filter(({ number }) => number === SPANS).map(({ bytes: span }) => ({ resource, scope, span }));
    });
  });
}

/** @throws Error for bytes that are not what the encoder writes. */
function delimited(bytes: Uint8Array): Fields {
  const fields: Field[] | undefined = fieldsOf(bytes);
  if (fields === undefined) throw new Error('a parcel of ours is no protobuf message');
  return fields.map(({ number, value }) => {
    if (typeof value === 'bigint') throw new Error(`field ${number} of a parcel of ours is a number`);
    return { number, bytes: value };
  });
}

/** Spans of one scope of one resource stay together, in their order. */
function join(traceId: string, places: readonly Place[]): Parcel {
  const writer = new ReverseWriter();
  for (let at = places.length - 1; at >= 0; ) {
    const resource = places[at]?.resource;
    const resourceEnd = writer.written;
    while (at >= 0 && places[at]?.resource === resource) {
      const scope = places[at]?.scope;
      const scopeEnd = writer.written;
      for (let place = places[at]; place !== undefined && place.scope === scope; place = places[--at]) put(writer, SPANS, place.span);
      for (const field of (scope ?? []).toReversed()) put(writer, field.number, field.bytes);
      writer.close(scopeEnd, tag(SCOPE_SPANS));
    }
    for (const field of (resource ?? []).toReversed()) put(writer, field.number, field.bytes);
    writer.close(resourceEnd, tag(RESOURCE_SPANS));
  }
  return { traceId, spans: places.length, bytes: writer.take() };
}

const tag = (field: number): number => (field << 3) | LENGTH_DELIMITED;

function put(writer: ReverseWriter, field: number, bytes: Uint8Array): void {
  const end = writer.written;
  writer.raw(bytes);
  writer.close(end, tag(field));
}
