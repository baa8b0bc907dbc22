import { closeSync, openSync } from 'node:fs';
import type { Intake } from '../model/source.ts';
import { fileArchive } from './archive.ts';
import type { Content } from './content.ts';
import { digest, GUARD_BYTES, HEAD_BYTES } from './identity.ts';
import type { Fingerprint } from './identity.ts';
import type { OpenedFile } from './opening.ts';
import { LineFeeder } from './lines.ts';
import { ioProblem } from './report.ts';
import type { Problem } from './report.ts';

/** How reading a compressed file came out. */
export type Drained =
  | { readonly kind: 'done' }
  /** `ready` said so. */
  | { readonly kind: 'stopped' }
  /** It does not hold the content that was sought; nothing was handed over. */
  | { readonly kind: 'other' }
  | { readonly kind: 'damaged'; readonly problem: Problem };

export interface DrainSettings {
  readonly path: string;
  readonly file: OpenedFile;
  readonly content: Content;
  readonly intake: Intake;
  /** What the file must hold; undefined: a content nobody has read before. */
  readonly print: Fingerprint | undefined;
  /** Waits while reading is paused. False: stop for good. */
  readonly ready: () => Promise<boolean>;
  /** Called after bytes were handed over. */
  readonly onRead: () => void;
}

/**
 * Reads the rest of a content out of a compressed copy, from the content's offset to its end. Owns the descriptor.
 * With a fingerprint the file is read twice: nothing may be handed over before it is proven to be the right one.
 */
export async function drain(settings: DrainSettings): Promise<Drained> {
  const { path, file, print } = settings;
  try {
    if (print !== undefined && !(await proves(path, copyOf(file.fd), file.size, print))) return { kind: 'other' };
    return await feed(settings, copyOf(file.fd));
  } catch (error) {
    return { kind: 'damaged', problem: ioProblem(path, error) };
  } finally {
    closeSync(file.fd);
  }
}

/** Another descriptor of the same open file: the path may be another file by now. Reads are positional, so they may share it. */
const copyOf = (fd: number): number => openSync(`/proc/self/fd/${fd}`, 'r');

async function feed(settings: DrainSettings, fd: number): Promise<Drained> {
  const { path, file, content, intake, ready, onRead } = settings;
  const feeder = new LineFeeder(intake, content.source, content.lineStart);
  const archive = fileArchive(path, fd, file.size);
  const start = content.lineStart;
  let position = 0;
  for await (const chunk of archive.chunks()) {
    if (!(await ready())) return { kind: 'stopped' };
    const skip = Math.max(0, start - position);
    if (skip < chunk.length) feeder.push(chunk.subarray(skip));
    position += chunk.length;
    content.lineStart = feeder.offset;
    onRead();
  }
  const problem = archive.problem();
  if (problem !== undefined) return { kind: 'damaged', problem };
  feeder.finish();
  content.lineStart = feeder.offset;
  onRead();
  return { kind: 'done' };
}

async function proves(path: string, fd: number, size: number, print: Fingerprint): Promise<boolean> {
  let head = Buffer.alloc(0);
  let tail = Buffer.alloc(0);
  let position = 0;
  for await (const chunk of fileArchive(path, fd, size).chunks()) {
    if (head.length < HEAD_BYTES) head = Buffer.concat([head, chunk.subarray(0, HEAD_BYTES - head.length)]);
    const use = chunk.subarray(0, Math.max(0, print.guard.at - position));
    tail = Buffer.concat([tail, use.subarray(-GUARD_BYTES)]).subarray(-GUARD_BYTES);
    position += chunk.length;
    if (position >= print.guard.at && head.length >= print.head.length) break;
  }
  if (position < print.guard.at || head.length < print.head.length) return false;
  const guard = tail.subarray(tail.length - print.guard.length);
  return digest(head.subarray(0, print.head.length)) === print.head.hash && digest(guard) === print.guard.hash;
}
