import { closeSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import { codeOf, ioProblem, reasonOf } from './report.ts';
import type { Problem } from './report.ts';
import { through, unzstd } from './zstd.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

/** A finished file, or a stream, read once from its beginning to its end. */
export interface Archive {
  /** `-` for standard input. */
  readonly name: string;
  /** Bytes of the file as it lies on disk; undefined for a stream. */
  readonly total: number | undefined;
  /** The decompressed bytes. Each buffer is valid until the next is asked for. Never throws: look at `problem()` afterwards. */
  chunks(): AsyncIterable<Buffer>;
  /** How many bytes of `total` were read so far. */
  bytesRead(): number;
  /** What stopped the reading before the end; undefined: nothing did. What was given before is good. */
  problem(): Problem | undefined;
  /** Of what was given; known with the first chunk. */
  compression(): Compression;
  /** Frees the file. Also done by itself at the end of `chunks`. */
  close(): void;
}

export type ArchiveOpening =
  | { readonly kind: 'opened'; readonly archive: Archive }
  | { readonly kind: 'refused'; readonly problem: Problem };

const CHUNK = 256 << 10;
/** Synchronous reads are the fastest; the event loop gets its turn after so many (4 MiB). */
const READS_PER_TURN = 16;
const STANDARD_INPUT = '-';

/**
 * Opens what the user named: a file (plain, gzip or zstd, told by its first bytes, never by its name) or `-` for `input`.
 * Links are followed: he named them. Never blocks: what is no regular file is refused.
 */
export function openArchive(path: string, input: AsyncIterable<Buffer> = process.stdin): ArchiveOpening {
  if (path === STANDARD_INPUT) return { kind: 'opened', archive: archiveOf(path, undefined, input, () => undefined) };
  let fd: number | undefined;
  try {
    const form = formProblem(path, statSync(path));
    if (form !== undefined) return { kind: 'refused', problem: form };
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stats = fstatSync(fd);
    const problem = formProblem(path, stats);
    if (problem === undefined) return { kind: 'opened', archive: fileArchive(path, fd, stats.size) };
    closeSync(fd);
    return { kind: 'refused', problem };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    return { kind: 'refused', problem: openProblem(path, error) };
  }
}

/** The archive of a regular file that is open already; it owns the descriptor from now on. */
export function fileArchive(name: string, fd: number, size: number): Archive {
  let open = true;
  const close = (): void => {
    if (open) closeSync(fd);
    open = false;
  };
  return archiveOf(name, size, readFile(fd), close);
}

/** How bytes that begin so are compressed; undefined while there are too few to tell. */
export function compressionOf(first: Buffer): Compression | undefined {
  for (const [kind, magic] of MAGIC) {
    const shared = Math.min(first.length, magic.length);
    if (!first.subarray(0, shared).equals(magic.subarray(0, shared))) continue;
    return shared === magic.length ? kind : undefined;
  }
  return 'none';
}

const MAGIC: readonly (readonly [Compression, Buffer])[] = [
  ['gzip', Buffer.from([0x1f, 0x8b])],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd])],
];

async function* readFile(fd: number): AsyncGenerator<Buffer> {
  for (let position = 0, reads = 1; ; reads++) {
    // A decompressor keeps what it is given until it comes to it, so each chunk is a buffer of its own.
    const buffer = Buffer.allocUnsafe(CHUNK);
    const count = readSync(fd, buffer, 0, CHUNK, position);
    if (count === 0) return;
    position += count;
    yield buffer.subarray(0, count);
    if (reads % READS_PER_TURN === 0) await turn();
  }
}

function archiveOf(name: string, total: number | undefined, raw: AsyncIterable<Buffer>, close: () => void): Archive {
  let read = 0;
  let problem: Problem | undefined;
  let compression: Compression = 'none';
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of raw) {
      read += chunk.length;
      yield chunk;
    }
  }
  async function* chunks(): AsyncGenerator<Buffer> {
    try {
      const { first, all } = await peek(counted());
      compression = compressionOf(first) ?? 'none';
      yield* decompress(all, compression);
    } catch (error) {
      problem = readProblem(name, error);
    } finally {
      close();
    }
  }
  return { name, total, chunks, bytesRead: () => read, problem: () => problem, compression: () => compression, close };
}

/** The first bytes, as many as tell the compression, and the whole stream from its beginning. */
async function peek(stream: AsyncGenerator<Buffer>): Promise<{ first: Buffer; all: AsyncIterable<Buffer> }> {
  let first: Buffer = Buffer.alloc(0);
  while (compressionOf(first) === undefined) {
    const next = await stream.next();
    if (next.done === true) break;
    first = first.length === 0 ? next.value : Buffer.concat([first, next.value]);
  }
  async function* all(): AsyncGenerator<Buffer> {
    if (first.length > 0) yield first;
    yield* stream;
  }
  return { first, all: all() };
}

async function* decompress(stream: AsyncIterable<Buffer>, compression: Compression): AsyncGenerator<Buffer> {
  switch (compression) {
    case 'none': return yield* stream;
    case 'gzip': return yield* through(createGunzip({ chunkSize: CHUNK }), stream);
    case 'zstd': return yield* unzstd(stream, CHUNK);
    default: return compression satisfies never;
  }
}

function readProblem(where: string, error: unknown): Problem {
  const code = codeOf(error);
  if (!code.startsWith('Z_') && !code.startsWith('ZSTD_')) return ioProblem(where, error);
  const todo = 'what came before was read; test the file with gzip -t or zstd -t';
  return { kind: 'damaged', what: 'the compressed file is damaged or cut short', where, why: reasonOf(error), todo };
}

function openProblem(where: string, error: unknown): Problem {
  const code = codeOf(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return { kind: 'missing', what: 'there is no such file', where, why: code, todo: 'check the path' };
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return { kind: 'no_permission', what: 'no permission to read it', where, why: code, todo: 'run as a user who may read it, or copy it' };
  }
  if (code === 'ENXIO') return formRefusal(where, 'a socket');
  return ioProblem(where, error);
}

function formProblem(where: string, stats: Stats): Problem | undefined {
  if (stats.isFile()) return undefined;
  if (stats.isDirectory()) {
    const todo = `name the files in it, for example ${where}/*`;
    return { kind: 'directory', what: 'it is a directory', where, why: 'one log file is read at a time', todo };
  }
  return formRefusal(where, stats.isFIFO() ? 'a FIFO' : stats.isSocket() ? 'a socket' : 'a device');
}

const formRefusal = (where: string, form: string): Problem => ({
  kind: 'not_regular',
  what: `it is ${form}, no regular file`,
  where,
  why: 'opening it could wait for ever',
  todo: 'pipe it in and name - instead',
});
