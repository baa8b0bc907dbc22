import { readSync } from 'node:fs';
import type { Intake } from '../model/source.ts';
import type { Content } from './content.ts';
import { GUARD_BYTES, readAt } from './identity.ts';
import { hand, isHollow, MAX_LINE, NEWLINE, nulsBefore, OVERLONG_HEAD, terminated } from './lines.ts';

/** What one bounded piece of reading came to. */
export type Step =
  | { readonly kind: 'read'; readonly bytes: number }
  | { readonly kind: 'end' }
  /** The bytes that were read are not there any more: truncated, or truncated and written again beyond that point. */
  | { readonly kind: 'rewritten' };

/** One buffer for all files: reading is synchronous, so it is never used by two. 256 KiB is the knee of the throughput curve. */
export const CHUNK = 256 << 10;
export const sharedBuffer = (): Buffer => Buffer.allocUnsafe(CHUNK + GUARD_BYTES);

/**
 * Reads one open file positionally and hands its whole lines over. An unfinished line stays in the file: after a restart
 * it is simply read again. Every read begins with the 64 bytes before the new ones, so that a rewritten file is noticed
 * in the very call that would mistake it for the old one.
 */
export class FileReader {
  readonly content: Content;
  readonly #fd: number;
  readonly #intake: Intake;
  readonly #buffer: Buffer;

  constructor(fd: number, content: Content, intake: Intake, buffer: Buffer) {
    this.#fd = fd;
    this.content = content;
    this.#intake = intake;
    this.#buffer = buffer;
  }

  /** Reads at most one chunk (one line of up to 1 MiB, if it is that long). Throws what the system call throws. */
  step(): Step {
    const { content } = this;
    const { at, bytes: proof, overlap } = content.proof;
    const count = readSync(this.#fd, this.#buffer, 0, this.#buffer.length, at);
    const data = this.#buffer.subarray(0, count);
    if (!data.subarray(0, proof.length).equals(proof)) return { kind: 'rewritten' };
    if (count === overlap) return { kind: 'end' };
    const newline = data.indexOf(NEWLINE, overlap);
    if (newline < 0) return this.#hole(data, at) ?? this.#unfinished(data, at);
    if (content.scanned > content.lineStart) return this.#closeLine(data, at, at + newline);
    const taken = hand(this.#intake, content.source, data.subarray(overlap), content.scanned, isHollow(content.head));
    content.lineStart += taken;
    content.advance(content.lineStart, data, at);
    return { kind: 'read', bytes: taken };
  }

  /** The file is finished: what is left without a line end is a line. True if there was something. */
  finish(): boolean {
    const { content } = this;
    const length = content.scanned - content.lineStart;
    if (length === 0) return false;
    if (content.skipping) this.#overlong(length);
    else {
      const line = terminated(readAt(this.#fd, content.lineStart, length));
      hand(this.#intake, content.source, line, content.lineStart);
    }
    content.skipping = false;
    content.lineStart = content.scanned;
    return true;
  }

  /** Nothing but NULs since the beginning: no line yet, however many they are. */
  #hole(data: Buffer, at: number): Step | undefined {
    const { content } = this;
    if (content.isUnfinished || !isHollow(content.head) || nulsBefore(data) < data.length) return undefined;
    const bytes = at + data.length - content.scanned;
    content.advance(at + data.length, data, at);
    content.lineStart = content.scanned;
    return { kind: 'read', bytes };
  }

  #unfinished(data: Buffer, at: number): Step {
    const { content } = this;
    const bytes = at + data.length - content.scanned;
    content.advance(at + data.length, data, at);
    // The checkpoint stays at the line's start; only its end decides where reading goes on.
    if (content.scanned - content.lineStart > MAX_LINE) content.skipping = true;
    return { kind: 'read', bytes };
  }

  /** The end of a line whose first part was seen before: it is read again as a whole, which is rare and at most 1 MiB. */
  #closeLine(data: Buffer, at: number, newline: number): Step {
    const { content } = this;
    const length = newline - content.lineStart;
    const bytes = newline + 1 - content.scanned;
    if (content.skipping || length > MAX_LINE) this.#overlong(length);
    else {
      const line = readAt(this.#fd, content.lineStart, length + 1);
      if (line.length !== length + 1 || line[length] !== NEWLINE) return { kind: 'rewritten' };
      hand(this.#intake, content.source, line, content.lineStart, isHollow(content.head));
    }
    content.skipping = false;
    content.lineStart = newline + 1;
    content.advance(newline + 1, data, at);
    return { kind: 'read', bytes };
  }

  #overlong(length: number): void {
    const { content } = this;
    const head = readAt(this.#fd, content.lineStart, OVERLONG_HEAD);
    this.#intake.overlong(content.source, head, content.lineStart, length);
  }
}
