/** What became of lines, counted. */
import type { Refusal } from '../model/entry.ts';

const MOST_EXAMPLES = 5;
const EXAMPLE_LENGTH = 200;
const MOST_REFUSED = 20;

/** What became of a source's lines. The four verdicts add up to `lines`. */
export interface Verdicts {
  lines: number;
  events: number;
  readonly ignored: Map<string, number>;
  unknown: number;
  readonly malformed: Map<Refusal, number>;
  /** The first few lines that no rule knew, cut short: what a user needs to see to help. */
  readonly examples: string[];
}

/** A line that no rule took: where it stands, and why. */
export interface Refused {
  readonly offset: number;
  readonly why: Refusal | 'unknown';
}

/** The first of the lines that no rule took. */
export class Refusals {
  readonly #since: Refused[] = [];
  readonly #examples: string[];

  /** @param examples gets the first lines of all. */
  constructor(examples: string[]) {
    this.#examples = examples;
  }

  /** The line is `[start, end)` of the bytes. */
  add(bytes: Buffer, start: number, end: number, offset: number, why: Refused['why']): void {
    if (this.#since.length < MOST_REFUSED) this.#since.push({ offset, why });
    if (this.#examples.length < MOST_EXAMPLES) this.#examples.push(bytes.toString('utf8', start, Math.min(end, start + EXAMPLE_LENGTH)));
  }

  /** Those since the last call. */
  take(): Refused[] {
    return this.#since.splice(0);
  }
}

export const newVerdicts = (): Verdicts => ({ lines: 0, events: 0, ignored: new Map(), unknown: 0, malformed: new Map(), examples: [] });

/** Adds the figures of one to another. */
export function addVerdicts(to: Verdicts, from: Verdicts): void {
  to.lines += from.lines;
  to.events += from.events;
  to.unknown += from.unknown;
  for (const [name, times] of from.ignored) to.ignored.set(name, (to.ignored.get(name) ?? 0) + times);
  for (const [reason, times] of from.malformed) to.malformed.set(reason, (to.malformed.get(reason) ?? 0) + times);
  to.examples.push(...from.examples.slice(0, MOST_EXAMPLES - to.examples.length));
}

/** Refusals that say no more than that the line is written otherwise: another syntax' reason says more. */
export const FOREIGN: ReadonlySet<Refusal> = new Set(['not-json', 'not-logfmt']);
/** As these, of a line that is an object of some other kind. */
export const NOT_THEIRS: ReadonlySet<Refusal> = new Set([...FOREIGN, 'no-time']);
