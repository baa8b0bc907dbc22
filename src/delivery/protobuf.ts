/**
 * A protobuf writer that fills its buffer from the end to the front. Every message is preceded by its own length; written
 * backwards, the length is known when its turn comes, so that one pass suffices and varints stay minimal (the stock
 * serializer makes two passes: one for sizes, one for bytes). Callers therefore write the LAST field first.
 *
 * Wire format: https://protobuf.dev/programming-guides/encoding/ (varint 0, fixed64 1, length-delimited 2).
 */

const INITIAL_BYTES = 64 * 1024;
/** Above this the scratch buffer is let go after use: one giant trace must not pin memory for ever. */
const KEEP_BYTES = 4 * 1024 * 1024;
const PIECE_BYTES = 1024 * 1024;
const TWO_32 = 4_294_967_296;
/** Below this many characters a loop over an ASCII string beats the call into native code. */
const SHORT_TEXT = 24;
const ZERO = 48;
const LOWER_A = 97;

export class ReverseWriter {
  #buffer: Buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #at = INITIAL_BYTES;
  #piece: Buffer = Buffer.alloc(0);
  #pieceAt = 0;

  /** Bytes written so far; a message's length is the difference of two readings. */
  get written(): number {
    return this.#buffer.length - this.#at;
  }

  /** Hands out a copy of what was written, and starts over. */
  take(): Buffer {
    const out = this.#room(this.written);
    this.#buffer.copy(out, 0, this.#at);
    if (this.#buffer.length > KEEP_BYTES) this.#buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
    this.#at = this.#buffer.length;
    return out;
  }

  /**
   * What is handed out waits and goes in the order in which it came: side by side in large pieces it leaves no holes, where
   * thousands of buffers of their own held twice their size.
   */
  #room(size: number): Buffer {
    if (size > PIECE_BYTES / 16) return Buffer.allocUnsafeSlow(size);
    if (this.#pieceAt + size > this.#piece.length) {
      this.#piece = Buffer.allocUnsafeSlow(PIECE_BYTES);
      this.#pieceAt = 0;
    }
    this.#pieceAt += size;
    return this.#piece.subarray(this.#pieceAt - size, this.#pieceAt);
  }

  /** Bytes as they are. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#at -= bytes.length;
    this.#buffer.set(bytes, this.#at);
  }

  /** An unsigned whole number below 2^53. */
  varint(value: number): void {
    if (value < 0x80) {
      this.byte(value);
    } else if (value < 0x4000) {
      // Nearly every length is of one or two bytes.
      this.#reserve(2);
      this.#at -= 2;
      this.#buffer[this.#at] = (value & 0x7f) | 0x80;
      this.#buffer[this.#at + 1] = value >>> 7;
    } else {
      this.#longVarint(value);
    }
  }

  /** A signed whole number of at most 2^53 either way, as protobuf's int64: two's complement in 64 bits. */
  int64(value: number): void {
    if (value >= 0) {
      this.varint(value);
      return;
    }
    let rest = BigInt.asUintN(64, BigInt(value));
    // A negative int64 always takes the full ten bytes.
    this.#reserve(10);
    this.#at -= 10;
    for (let i = 0; i < 9; i += 1) {
      this.#buffer[this.#at + i] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#at + 9] = Number(rest);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#at -= 1;
    this.#buffer[this.#at] = value;
  }

  /** Length (of what was written since `mark`) and tag in front of it: closes a length-delimited field. */
  close(mark: number, tag: number): void {
    this.varint(this.written - mark);
    this.byte(tag);
  }

  /** A 64-bit unsigned number as two halves, little-endian. */
  fixed64(high: number, low: number): void {
    this.#reserve(8);
    this.#at -= 8;
    this.#buffer.writeUInt32LE(low, this.#at);
    this.#buffer.writeUInt32LE(high, this.#at + 4);
  }

  /** A 64-bit float, little-endian. */
  double(value: number): void {
    this.#reserve(8);
    this.#at -= 8;
    this.#buffer.writeDoubleLE(value, this.#at);
  }

  /** UTF-8. A lone surrogate becomes U+FFFD, as OTLP strings must be valid UTF-8. */
  text(value: string): void {
    if (value.length <= SHORT_TEXT && this.#ascii(value)) return;
    const size = Buffer.byteLength(value);
    this.#reserve(size);
    this.#at -= size;
    this.#buffer.write(value, this.#at);
  }

  /** Lower-case hex digits as the bytes they stand for. */
  hex(digits: string): void {
    const size = digits.length >>> 1;
    this.#reserve(size);
    const buffer = this.#buffer;
    const start = this.#at - size;
    this.#at = start;
    for (let i = 0; i < size; i += 1) {
      buffer[start + i] = (digit(digits, 2 * i) << 4) | digit(digits, 2 * i + 1);
    }
  }

  #longVarint(value: number): void {
    let size = 3;
    for (let rest = value; rest >= 0x20_0000; rest = Math.floor(rest / 0x80)) size += 1;
    this.#reserve(size);
    const buffer = this.#buffer;
    let at = this.#at - size;
    this.#at = at;
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
      buffer[at] = (rest % 0x80) | 0x80;
      at += 1;
    }
    buffer[at] = rest;
  }

  #ascii(value: string): boolean {
    const size = value.length;
    this.#reserve(size);
    const buffer = this.#buffer;
    const start = this.#at - size;
    for (let i = 0; i < size; i += 1) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) return false;
      buffer[start + i] = code;
    }
    this.#at = start;
    return true;
  }

  #reserve(size: number): void {
    if (this.#at < size) this.#grow(size);
  }

  #grow(size: number): void {
    const used = this.written;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, used + size));
    this.#buffer.copy(larger, larger.length - used, this.#at);
    this.#at = larger.length - used;
    this.#buffer = larger;
  }
}

const digit = (digits: string, at: number): number => {
  const code = digits.charCodeAt(at);
  return code < LOWER_A ? code - ZERO : code - LOWER_A + 10;
};

/** A base moment, split once, to which many offsets are added exactly without BigInt. */
export class Moment {
  readonly #high: number;
  readonly #low: number;

  /** `base` in ns since the epoch; only its low 64 bits count. */
  constructor(base: bigint) {
    const bits = BigInt.asUintN(64, base);
    this.#high = Number(bits >> 32n);
    this.#low = Number(bits & 0xffff_ffffn);
  }

  /** Writes base + `offset` (whole ns, |offset| <= 2^53). Each half stays below 2^54 / 2^32, so nothing is rounded. */
  write(writer: ReverseWriter, offset: number): void {
    const offsetHigh = Math.floor(offset / TWO_32);
    const low = this.#low + (offset - offsetHigh * TWO_32);
    const carry = low >= TWO_32 ? 1 : 0;
    writer.fixed64((this.#high + offsetHigh + carry) >>> 0, low >>> 0);
  }
}
