import { Readable } from 'node:stream';
import type { Transform } from 'node:stream';
import { createZstdDecompress } from 'node:zlib';

const FRAME = 0xfd2fb528;
/** Skippable frames: 0x184d2a50 to 0x184d2a5f. */
const SKIPPABLE = 0x184d2a5;
const DICTIONARY_BYTES = [0, 1, 2, 4];
const SIZE_BYTES = [0, 2, 4, 8];
const RLE_BLOCK = 1;

/**
 * Decompresses all frames of a zstd stream (RFC 8878). Node 24's own stream silently drops what follows the first frame
 * in the same chunk, and several frames are usual: pzstd, `cat a.zst b.zst`, appended parts. So the frames are cut here.
 */
export async function* unzstd(stream: AsyncIterable<Buffer>, chunkSize: number): AsyncGenerator<Buffer> {
  const bytes = new Bytes(stream);
  for (let head = await bytes.take(4); head.length > 0; head = await bytes.take(4)) {
    const magic = head.length === 4 ? head.readUInt32LE(0) : 0;
    if (magic >>> 4 === SKIPPABLE) await skip(bytes);
    else yield* through(createZstdDecompress({ chunkSize }), magic === FRAME ? frame(head, bytes) : remainder(head, bytes));
  }
}

/** Sends a stream through a decompressor. Errors of either side are thrown to the reader. */
export async function* through(unpack: Transform, stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const source = Readable.from(stream, { objectMode: false });
  source.on('error', (error) => unpack.destroy(error));
  source.pipe(unpack);
  try {
    for await (const chunk of unpack) yield chunk;
  } finally {
    source.destroy();
    unpack.destroy();
  }
}

/** One frame: header, blocks, checksum. Where the stream ends too early it ends too: the decompressor says what that means. */
async function* frame(magic: Buffer, bytes: Bytes): AsyncGenerator<Buffer> {
  yield magic;
  const descriptor = await bytes.take(1);
  yield descriptor;
  const flags = descriptor[0] ?? 0;
  const single = (flags & 0x20) !== 0;
  const size = flags >> 6 === 0 ? Number(single) : (SIZE_BYTES[flags >> 6] ?? 0);
  yield await bytes.take(Number(!single) + (DICTIONARY_BYTES[flags & 3] ?? 0) + size);
  for (let last = false; !last;) {
    const header = await bytes.take(3);
    yield header;
    if (header.length < 3) return;
    const word = header.readUIntLE(0, 3);
    last = (word & 1) === 1;
    yield* bytes.pass(((word >> 1) & 3) === RLE_BLOCK ? 1 : word >> 3);
  }
  if ((flags & 4) !== 0) yield await bytes.take(4);
}

/** Something else than a frame: whatever the decompressor says about it. */
async function* remainder(head: Buffer, bytes: Bytes): AsyncGenerator<Buffer> {
  yield head;
  yield* bytes.pass(Infinity);
}

async function skip(bytes: Bytes): Promise<void> {
  const size = await bytes.take(4);
  let left = size.length === 4 ? size.readUInt32LE(0) : 0;
  for await (const piece of bytes.pass(left)) left -= piece.length;
}

/** A stream read by counts. */
class Bytes {
  readonly #stream: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: AsyncIterable<Buffer>) {
    this.#stream = stream[Symbol.asyncIterator]();
  }

  /** So many bytes; fewer only at the end of the stream. */
  async take(count: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.pass(count)) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  /** So many bytes, in the pieces they come in. */
  async *pass(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0;) {
      if (this.#rest.length === 0) {
        const next = await this.#stream.next();
        if (next.done === true) return;
        this.#rest = next.value;
        continue;
      }
      const piece = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(piece.length);
      left -= piece.length;
      yield piece;
    }
  }
}
