/** Whether a start is what a rule asks for. Pure: what was usual comes from the history it is given. */
import { ANY_PHASE, TOTAL } from '../model/alert.ts';
import type { History, Rule, Threshold } from '../model/alert.ts';
import { duration } from '../model/time.ts';
import type { Duration } from '../model/time.ts';
import type { Span, Trace } from '../model/trace.ts';

/** What a relative threshold was made of. */
export interface Usual {
  readonly factor: number;
  readonly percentile: number;
  readonly window: Duration;
  readonly value: Duration;
  readonly samples: number;
}

/** A stretch that took longer than it may. */
export interface Breach {
  /** `TOTAL` or the name of a phase. */
  readonly phase: string;
  readonly took: Duration;
  readonly limit: Duration;
  /** Undefined: the limit is the rule's own. */
  readonly usual: Usual | undefined;
  /** Undefined: the whole start. */
  readonly span: Span | undefined;
}

/** Whether the rule has to do with such a start at all. */
export const concerns = (rule: Rule, trace: Trace): boolean => trace.episode === 'start' && (rule.runtime === undefined || rule.runtime === trace.runtime);

/** Whether the start ended as no start should. */
export const isError = (trace: Trace): boolean => trace.errorType !== undefined;

/** All breaches of a slow start, the most telling first; none: it was not slow. */
export function breachesOf(rule: Rule, trace: Trace, history: History | undefined): Breach[] {
  if (rule.above === undefined) return [];
  if (rule.phase === TOTAL) return breach(rule, rule.above, trace, TOTAL, trace.active, undefined, history);
  const found = phasesOf(rule, trace).flatMap((span) => breach(rule, rule.above, trace, span.name, length(span), span, history));
  // Where a phase and a part of it are both too long, the part tells more.
  const parents = new Set(found.map(({ span }) => span?.parent));
  const holds = (one: Breach): number => Number(one.span !== undefined && parents.has(one.span.id));
  return found.toSorted((a, b) => holds(a) - holds(b) || b.took / b.limit - a.took / a.limit);
}

const length = (span: Span): Duration => duration(span.end - span.start);

/**
 * Of each name the longest. What the caller lets pass is nobody's slowness, nor is a phase that waits for it meanwhile: both are
 * left out unless they are asked for by their names.
 */
function phasesOf(rule: Rule, trace: Trace): Span[] {
  const longest = new Map<string, Span>();
  const gaps = rule.phase === ANY_PHASE ? trace.spans.filter(({ credit }) => credit === 'caller') : [];
  for (const span of trace.spans) {
    if (span.parent === undefined) continue;
    if (rule.phase === ANY_PHASE ? gaps.some((gap) => gap.start < span.end && gap.end > span.start) : span.name !== rule.phase) continue;
    const known = longest.get(span.name);
    if (known === undefined || length(span) > length(known)) longest.set(span.name, span);
  }
  return [...longest.values()];
}

function breach(rule: Rule, above: Threshold | undefined, trace: Trace, phase: string, took: Duration, span: Span | undefined, history: History | undefined): Breach[] {
  if (above === undefined) return [];
  if (above.kind === 'fixed') return took > above.limit ? [{ phase, took, limit: above.limit, usual: undefined, span }] : [];
  const { factor, percentile, window } = above;
  const seen = history?.percentile(trace, phase, percentile, window);
  if (seen === undefined || seen.samples < rule.minSamples) return [];
  const limit = duration(Math.round(seen.value * factor));
  return limit > 0 && took > limit ? [{ phase, took, limit, usual: { factor, percentile, window, ...seen }, span }] : [];
}
