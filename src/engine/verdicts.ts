/** What became of lines, counted. */
import type { Refusal } from '../model/entry.ts';

export const MOST_EXAMPLES = 5;

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
