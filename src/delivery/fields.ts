/** A protobuf reader for messages of a few fields (https://protobuf.dev/programming-guides/encoding/). */

export interface Field {
  readonly number: number;
  /** A varint or fixed-width number, or the bytes of a length-delimited field. */
  readonly value: bigint | Uint8Array;
}

/** All fields of one message, or undefined when the bytes are no message. */
export function fieldsOf(bytes: Uint8Array): Field[] | undefined {
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

/** The last field of this number, if it is length-delimited. */
export function lastBytes(fields: readonly Field[], number: number): Uint8Array | undefined {
  const value = fields.findLast((field) => field.number === number)?.value;
  return typeof value === 'bigint' ? undefined : value;
}

/** The last field of this number, zero if there is none. */
export function lastNumber(fields: readonly Field[], number: number): bigint {
  const value = fields.findLast((field) => field.number === number)?.value;
  return typeof value === 'bigint' ? value : 0n;
}
