/**
 * What syslog and journald put before a record: `Aug 23 18:34:16 host kata-runtime[20620]: `, with months in any language and in any
 * order (`3月 22 14:11:05 ...`), without a host (`journalctl --no-hostname`, and what Go's log/syslog sends: `<6>Feb 21 10:31:27
 * kata-runtime[14314]: `), or with an RFC 3339 time. Its time has seconds only, and often neither year nor zone: it is never used.
 */

import type { Glance } from '../model/entry.ts';
import type { Head, HeadPart } from './logrusentry.ts';

const SPACE = 0x20;
const COLON = 0x3a;
const LONGEST = 512;
const MOST_WORDS = 8;

export class Prefix implements Head, Glance {
  record = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #found = false;
  readonly #identifier = new Span();
  readonly #pid = new Span();
  readonly #host = new Span();

  /** @returns where the record begins: behind the prefix, or at `start` when the line has none. */
  read(bytes: Buffer, start: number, end: number): number {
    this.#bytes = bytes;
    this.#found = false;
    if (bytes[start] === 0x74 && bytes[start + 4] === 0x3d) return start; // time=
    const limit = Math.min(end, start + LONGEST);
    let clock = -1;
    let before = -1;
    let from = skipPriority(bytes, start);
    for (let word = 0; word < MOST_WORDS; word++) {
      while (bytes[from] === SPACE && from < limit) from++;
      let to = from;
      for (; to < limit && bytes[to] !== SPACE; to++) if (bytes[to] === 0x3d || bytes[to] === 0x22) return start;
      if (to === limit || to === from) return start;
      if (bytes[to - 1] === COLON) {
        if (clock < 0) return start;
        this.#identify(from, to - 1);
        if (before > clock) this.#host.set(before, wordEnd(bytes, before));
        else this.#host.set(0, 0);
        this.#found = true;
        while (to < end && bytes[to] === SPACE) to++;
        return to;
      }
      if (clock < 0 && isClock(bytes, from, to)) clock = from;
      before = from;
      from = to;
    }
    return start;
  }

  /** `kata-proxy[8075]`, or without a pid. */
  #identify(from: number, to: number): void {
    let open = to - 1;
    if (bytes(this.#bytes, open) === 0x5d) for (open--; open > from && isDigit(bytes(this.#bytes, open)); ) open--;
    const numbered = open > from && open < to - 2 && bytes(this.#bytes, open) === 0x5b;
    this.#identifier.set(from, numbered ? open : to);
    if (numbered) this.#pid.set(open + 1, to - 1);
    else this.#pid.set(0, 0);
  }

  look(bytes: Buffer, start: number, end: number): boolean {
    this.record = this.read(bytes, start, end);
    return this.#found;
  }

  get from(): number {
    return this.#identifier.start;
  }

  get to(): number {
    return this.#identifier.end;
  }

  /** Its own is never used. */
  time(): undefined {
    return undefined;
  }

  get(part: HeadPart): string | undefined {
    if (part === 'boot') return undefined;
    const { start, end } = part === 'identifier' ? this.#identifier : part === 'pid' ? this.#pid : this.#host;
    return this.#found && end > start ? this.#bytes.toString('utf8', start, end) : undefined;
  }

  get ofKata(): boolean {
    const { start } = this.#identifier;
    const from = this.#bytes;
    return this.#found && from[start] === 0x6b && from[start + 1] === 0x61 && from[start + 2] === 0x74 && from[start + 3] === 0x61;
  }
}

class Span {
  start = 0;
  end = 0;

  set(start: number, end: number): void {
    this.start = start;
    this.end = end;
  }
}

const bytes = (from: Buffer, at: number): number => from[at] ?? 0;
const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;

function wordEnd(from: Buffer, start: number): number {
  let to = start;
  while (to < from.length && from[to] !== SPACE) to++;
  return to;
}

/** `<6>`, the wire form's priority. */
function skipPriority(from: Buffer, start: number): number {
  if (from[start] !== 0x3c) return start;
  let at = start + 1;
  while (at < start + 4 && isDigit(bytes(from, at))) at++;
  return at > start + 1 && from[at] === 0x3e ? at + 1 : start;
}

/** Whether a word holds a time of day: `18:34:16`, `2018-08-23T18:34:16.463+08:00`. */
function isClock(from: Buffer, start: number, end: number): boolean {
  for (let at = start + 2; at + 6 <= end; at++) {
    if (from[at] === COLON && from[at + 3] === COLON && areDigits(from, at - 2) && areDigits(from, at + 1) && areDigits(from, at + 4)) return true;
  }
  return false;
}

const areDigits = (from: Buffer, at: number): boolean => isDigit(bytes(from, at)) && isDigit(bytes(from, at + 1));

/** One for all syntaxes that look for it. */
export const prefixGlance: Glance = new Prefix();
