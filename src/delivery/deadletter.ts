/** Keeps what the back-end would not take, so that somebody can look at it and send it by hand. Bounded. */
import { closeSync, constants, fchmodSync, fstatSync, ftruncateSync, openSync, renameSync, writeSync } from 'node:fs';
import type { DeadLetter, Log } from '../model/delivery.ts';
import { tame } from '../model/json.ts';
import { rfc3339 } from '../model/time.ts';
import type { Nanos } from '../model/time.ts';

export interface DeadLetterOptions {
  /** The file; its predecessor stands beside it as `<path>.1`. The folder must exist. */
  readonly path: string;
  readonly log: Log;
  /** Wall clock, for the `time` of a line only. */
  readonly now: () => Nanos;
  /** Bytes after which the file is rotated. */
  readonly limit?: number;
}

const DEFAULT_LIMIT = 16 * 1024 * 1024;
// Never through a link, never blocking on a FIFO: the path may lie where others can write.
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * One JSON line per letter: time, kind, traces (ids), spans, reason, request (base64 of the ExportTraceServiceRequest).
 * Written before the letter's log lines are let go. Trouble with the file is logged once and counted, never thrown.
 */
export class DeadLetterFile {
  readonly #options: DeadLetterOptions;
  readonly #limit: number;
  #descriptor: number | undefined;
  #size = 0;
  #troubled = false;
  #written = 0;
  #lost = 0;

  constructor(options: DeadLetterOptions) {
    this.#options = options;
    this.#limit = options.limit ?? DEFAULT_LIMIT;
  }

  /** Lines written by this process. */
  get written(): number {
    return this.#written;
  }

  /** Lines that could not be written. */
  get lost(): number {
    return this.#lost;
  }

  write(letter: DeadLetter): void {
    const line = this.#line(letter);
    try {
      this.#open();
      if (this.#size > 0 && this.#size + line.length > this.#limit) this.#rotate();
      this.#append(line);
      this.#written += 1;
      this.#troubled = false;
    } catch (error) {
      this.#lost += 1;
      this.close();
      this.#report(error);
    }
  }

  close(): void {
    if (this.#descriptor === undefined) return;
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #line(letter: DeadLetter): Buffer {
    const request = Buffer.concat(letter.request).toString('base64');
    const head = {
      time: rfc3339(this.#options.now()),
      kind: letter.kind,
      traces: letter.traceIds,
      spans: letter.spans,
      reason: letter.reason,
    };
    const whole = Buffer.from(`${tame(JSON.stringify({ ...head, request }))}\n`);
    if (whole.length <= this.#limit) return whole;
    // Larger than all we may keep: what it was is still worth a line.
    return Buffer.from(`${tame(JSON.stringify({ ...head, request: null, request_base64_length: request.length }))}\n`);
  }

  #append(line: Buffer): void {
    const descriptor = this.#open();
    let done = 0;
    try {
      while (done < line.length) done += writeSync(descriptor, line, done);
    } catch (error) {
      // Half a line would spoil the next one.
      if (done > 0) ftruncateSync(descriptor, this.#size);
      throw error;
    }
    this.#size += line.length;
  }

  #open(): number {
    if (this.#descriptor !== undefined) return this.#descriptor;
    const descriptor = openSync(this.#options.path, FLAGS, 0o600);
    this.#descriptor = descriptor;
    const found = fstatSync(descriptor);
    if (!found.isFile()) throw new Error('is no regular file');
    // Requests hold log lines; a file that stood there before may be open to all.
    if ((found.mode & 0o077) !== 0) fchmodSync(descriptor, 0o600);
    this.#size = found.size;
    return descriptor;
  }

  #rotate(): void {
    this.close();
    renameSync(this.#options.path, `${this.#options.path}.1`);
    this.#size = 0;
  }

  #report(error: unknown): void {
    if (this.#troubled) return;
    this.#troubled = true;
    this.#options.log('error', 'dead_letter_unwritable', {
      path: this.#options.path,
      why: String(error),
      text: `Cannot write refused traces to ${this.#options.path}: ${String(error)}. They are counted, delivery goes on; free space or correct the rights.`,
    });
  }
}
