/**
 * Reads an OTLP ExportTraceServiceRequest into plain objects. Written from the .proto files of opentelemetry-proto 1.9
 * and imports nothing from src, so that an error there cannot hide here. Throws on anything malformed.
 */

export type Value = string | boolean | bigint | { double: number } | Value[] | undefined;
export type Attributes = [name: string, value: Value][];

export interface SpanMessage {
  traceId: string;
  spanId: string;
  parent: string;
  name: string;
  kind: number;
  start: bigint;
  end: bigint;
  attributes: Attributes;
  events: { time: bigint; name: string; attributes: Attributes }[];
  droppedEvents: number;
  links: { traceId: string; spanId: string; attributes: Attributes }[];
  status: { code: number; message: string } | undefined;
}

export interface ScopeMessage {
  name: string;
  version: string;
  spans: SpanMessage[];
}

export interface ResourceMessage {
  attributes: Attributes;
  scopes: ScopeMessage[];
}

export function readRequest(bytes: Uint8Array): ResourceMessage[] {
  return fields(bytes).map((field) => {
    if (field.number !== 1) throw new Error(`unknown field ${field.number} in the request`);
    return readResourceSpans(body(field));
  });
}

/** All spans of a request, with their service. */
export function spansOf(bytes: Uint8Array): (SpanMessage & { service: Value })[] {
  return readRequest(bytes).flatMap((resource) => {
    const service = resource.attributes.find(([name]) => name === 'service.name')?.[1];
    return resource.scopes.flatMap((scope) => scope.spans.map((span) => ({ ...span, service })));
  });
}

/** Distinct trace ids, in order of appearance. */
export const traceIdsOf = (bytes: Uint8Array): string[] => [...new Set(spansOf(bytes).map((span) => span.traceId))];

type Field = { number: number; wire: number; value: bigint | Uint8Array };

function fields(bytes: Uint8Array): Field[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at];
      if (byte === undefined || shift > 63n) throw new Error('malformed varint');
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const number = key >>> 3;
    const wire = key & 7;
    if (wire === 0) found.push({ number, wire, value: varint() });
    else if (wire === 1) {
      found.push({ number, wire, value: view.getBigUint64(at, true) });
      at += 8;
    } else if (wire === 5) {
      found.push({ number, wire, value: BigInt(view.getUint32(at, true)) });
      at += 4;
    } else if (wire === 2) {
      const length = Number(varint());
      if (at + length > bytes.length) throw new Error('field runs past the end');
      found.push({ number, wire, value: bytes.subarray(at, at + length) });
      at += length;
    } else throw new Error(`unknown wire type ${wire}`);
  }
  return found;
}

const body = (field: Field): Uint8Array => {
  if (!(field.value instanceof Uint8Array)) throw new Error(`field ${field.number} is no message`);
  return field.value;
};
const int = (field: Field): bigint => {
  if (typeof field.value !== 'bigint') throw new Error(`field ${field.number} is no number`);
  return field.value;
};
const text = (field: Field): string => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body(field));
const hex = (field: Field): string => Buffer.from(body(field)).toString('hex');

function readResourceSpans(bytes: Uint8Array): ResourceMessage {
  const message: ResourceMessage = { attributes: [], scopes: [] };
  for (const field of fields(bytes)) {
    if (field.number === 1) message.attributes = readAttributes(fields(body(field)), 1);
    else if (field.number === 2) message.scopes.push(readScope(body(field)));
    else if (field.number !== 3) throw new Error(`unknown field ${field.number} in ResourceSpans`);
  }
  return message;
}

function readScope(bytes: Uint8Array): ScopeMessage {
  const message: ScopeMessage = { name: '', version: '', spans: [] };
  for (const field of fields(bytes)) {
    if (field.number === 2) message.spans.push(readSpan(fields(body(field))));
    else if (field.number === 1) {
      for (const inner of fields(body(field))) {
        if (inner.number === 1) message.name = text(inner);
        else if (inner.number === 2) message.version = text(inner);
      }
    }
  }
  return message;
}

function readSpan(found: Field[]): SpanMessage {
  const one = (number: number): Field | undefined => found.findLast((field) => field.number === number);
  const all = (number: number): Field[][] => found.filter((field) => field.number === number).map((f) => fields(body(f)));
  const known = new Set([1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
  const stranger = found.find((field) => !known.has(field.number));
  if (stranger !== undefined) throw new Error(`unexpected field ${stranger.number} in a span`);
  const status = one(15);
  return {
    traceId: optional(one(1), hex, ''),
    spanId: optional(one(2), hex, ''),
    parent: optional(one(4), hex, ''),
    name: optional(one(5), text, ''),
    kind: Number(optional(one(6), int, 0n)),
    start: optional(one(7), int, 0n),
    end: optional(one(8), int, 0n),
    attributes: readAttributes(found, 9),
    events: all(11).map((event) => ({
      time: optional(last(event, 1), int, 0n),
      name: optional(last(event, 2), text, ''),
      attributes: readAttributes(event, 3),
    })),
    droppedEvents: Number(optional(one(12), int, 0n)),
    links: all(13).map((link) => ({
      traceId: optional(last(link, 1), hex, ''),
      spanId: optional(last(link, 2), hex, ''),
      attributes: readAttributes(link, 4),
    })),
    status: status === undefined ? undefined : readStatus(fields(body(status))),
  };
}

function readStatus(found: Field[]): { code: number; message: string } | undefined {
  const code = Number(optional(last(found, 3), int, 0n));
  const message = optional(last(found, 2), text, '');
  // An empty Status message means the same as none: UNSET.
  return code === 0 && message === '' ? undefined : { code, message };
}

const last = (found: Field[], number: number): Field | undefined => found.findLast((field) => field.number === number);
const optional = <T>(field: Field | undefined, read: (field: Field) => T, fallback: T): T =>
  field === undefined ? fallback : read(field);

function readAttributes(found: Field[], number: number): Attributes {
  return found
    .filter((field) => field.number === number)
    .map((field) => {
      const pair = fields(body(field));
      const value = last(pair, 2);
      return [optional(last(pair, 1), text, ''), value === undefined ? undefined : readAny(body(value))];
    });
}

function readAny(bytes: Uint8Array): Value {
  const field = fields(bytes).at(-1);
  switch (field?.number) {
    case undefined:
      return undefined;
    case 1:
      return text(field);
    case 2:
      return int(field) !== 0n;
    case 3:
      return BigInt.asIntN(64, int(field));
    case 4: {
      const eight = Buffer.alloc(8);
      eight.writeBigUInt64LE(int(field));
      return { double: eight.readDoubleLE() };
    }
    case 5:
      return fields(body(field)).map((inner) => readAny(body(inner)));
    default:
      throw new Error(`unexpected value kind ${field?.number}`);
  }
}
