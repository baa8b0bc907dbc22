/** Tells lines of other programs by a glance, from their bytes: in a journal they are nearly all there is, so one of them must cost next to nothing. */
import type { Glance, Syntax } from '../model/entry.ts';
import type { Nanos } from '../model/time.ts';
import type { Writers } from '../model/writers.ts';

export class Foreign {
  /** A line shows its writer if the last one did; where none does, nobody looks before a line was refused. */
  likely = true;
  /** When the line was taken that was found to be another program's, where that stands beside it. */
  time: Nanos | undefined;
  readonly #glances: readonly Glance[];
  /** By length. */
  readonly #known: Uint8Array[][] = [];
  readonly #begins: readonly Uint8Array[];

  constructor(syntaxes: Iterable<Syntax>, { identifiers, begins }: Writers) {
    this.#glances = [...new Set([...syntaxes].map(({ glance }) => glance))].filter((glance) => glance !== undefined);
    for (const name of identifiers) {
      const bytes = Buffer.from(name);
      (this.#known[bytes.length] ??= []).push(bytes);
    }
    this.#begins = begins.map((text) => Buffer.from(text));
  }

  is(bytes: Buffer, start: number, end: number): boolean {
    this.likely = false;
    for (const glance of this.#glances) {
      if (!glance.look(bytes, start, end)) continue;
      this.likely = true;
      if (this.#knows(bytes, glance.from, glance.to) || this.#mayBegin(bytes, glance.record, end)) return false;
      this.time = glance.time();
      return true;
    }
    return false;
  }

  #knows(bytes: Buffer, from: number, to: number): boolean {
    const known = this.#known[to - from];
    if (known === undefined) return false;
    for (const name of known) if (standsAt(name, bytes, from)) return true;
    return false;
  }

  #mayBegin(bytes: Buffer, at: number, end: number): boolean {
    for (const begin of this.#begins) if (at + begin.length <= end && standsAt(begin, bytes, at)) return true;
    return false;
  }
}

function standsAt(text: Uint8Array, bytes: Buffer, at: number): boolean {
  for (let i = 0; i < text.length; i++) if (text[i] !== bytes[at + i]) return false;
  return true;
}
