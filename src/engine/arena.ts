/**
 * Where the texts of lines wait while their episode is under way: in few large buffers outside of the collector's young
 * generation, which would copy each of them twice before it let them rest. A text is made a string when somebody asks for it.
 */

/** A buffer lives as long as one of its lines: small enough that a straggler holds little. */
const SIZE = 32 * 1024;

export class Arena {
  #bytes: Buffer = Buffer.alloc(0);
  #used = 0;

  /** Copies `bytes[start, end)`. @returns where it begins in `this.bytes`. */
  keep(bytes: Buffer, start: number, end: number): number {
    const length = end - start;
    if (this.#used + length > this.#bytes.length) {
      this.#bytes = Buffer.allocUnsafeSlow(Math.max(SIZE, length));
      this.#used = 0;
    }
    const at = this.#used;
    bytes.copy(this.#bytes, at, start, end);
    this.#used = at + length;
    return at;
  }

  get bytes(): Buffer {
    return this.#bytes;
  }
}
