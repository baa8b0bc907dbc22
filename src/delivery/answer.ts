/**
 * Reads the two small protobuf messages a back-end answers with: ExportTraceServiceResponse (opentelemetry-proto 1.9,
 * collector/trace/v1) and google.rpc.Status with a RetryInfo in it (googleapis, google/rpc/error_details.proto).
 */

/** `rejected` spans of the request were not taken and never will be; zero with a message is a mere warning. */
export interface ExportAnswer {
  readonly rejected: number;
  readonly message: string;
}

/** What the back-end says in an answer with status OK. Undefined: this is no ExportTraceServiceResponse. */
export function readExportAnswer(bytes: Uint8Array): ExportAnswer | undefined {
  const response = fieldsOf(bytes);
  if (response === undefined) return undefined;
  const partial = lastBytes(response, 1);
  if (partial === undefined) return { rejected: 0, message: '' };
  const inner = fieldsOf(partial);
  if (inner === undefined) return undefined;
  const message = lastBytes(inner, 2);
  return {
    rejected: Math.max(0, Number(BigInt.asIntN(64, lastNumber(inner, 1)))),
    message: message === undefined ? '' : Buffer.from(message).toString('utf8'),
  };
}

/**
 * The pause a back-end asks for, in ms, from the value of `grpc-status-details-bin`.
 * Undefined: no RetryInfo in it, or not readable.
 */
export function readRetryDelay(status: Uint8Array): number | undefined {
  for (const detail of fieldsOf(status) ?? []) {
    if (detail.number !== 3 || typeof detail.value === 'bigint') continue;
    const any = fieldsOf(detail.value);
    const type = any === undefined ? undefined : lastBytes(any, 1);
    if (any === undefined || type === undefined) continue;
    if (!Buffer.from(type).toString('latin1').endsWith('google.rpc.RetryInfo')) continue;
    const info = fieldsOf(lastBytes(any, 2) ?? new Uint8Array());
    const length = info === undefined ? undefined : fieldsOf(lastBytes(info, 1) ?? new Uint8Array());
    if (length === undefined) continue;
    const seconds = BigInt.asIntN(64, lastNumber(length, 1));
    const rest = BigInt.asIntN(32, lastNumber(length, 2));
    return Math.max(0, Number(seconds) * 1_000 + Number(rest) / 1_000_000);
  }
  return undefined;
}

interface Field {
  readonly number: number;
  /** A varint or fixed-width number, or the bytes of a length-delimited field. */
  readonly value: bigint | Uint8Array;
}

/** All fields of one message, or undefined when the bytes are no message. */
function fieldsOf(bytes: Uint8Array): Field[] | undefined {
  const cursor = new Cursor(bytes);
  const fields: Field[] = [];
  while (!cursor.atEnd) {
    const key = cursor.varint();
    if (key === undefined) return undefined;
    const value = cursor.value(Number(key & 7n));
    if (value === undefined) return undefined;
    fields.push({ number: Number(key >> 3n), value });
  }
  return fields;
}

class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint | undefined {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) return undefined;
      this.#at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    return undefined;
  }

  value(wire: number): bigint | Uint8Array | undefined {
    switch (wire) {
      case 0:
        return this.varint();
      case 1:
        return this.#take(8) === undefined ? undefined : 0n; // fixed64: no field of ours
      case 5:
        return this.#take(4) === undefined ? undefined : 0n; // fixed32: likewise
      case 2: {
        const length = this.varint();
        return length === undefined ? undefined : this.#take(Number(length));
      }
      default:
        return undefined;
    }
  }

  #take(length: number): Uint8Array | undefined {
    if (length > this.#bytes.length - this.#at) return undefined;
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

function lastBytes(fields: readonly Field[], number: number): Uint8Array | undefined {
  const value = fields.findLast((field) => field.number === number)?.value;
  return typeof value === 'bigint' ? undefined : value;
}

function lastNumber(fields: readonly Field[], number: number): bigint {
  const value = fields.findLast((field) => field.number === number)?.value;
  return typeof value === 'bigint' ? value : 0n;
}
