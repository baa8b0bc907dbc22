import type { Brief } from '../../model/brief.ts';
import type { Span, Trace } from '../../model/trace.ts';
import { duration } from '../../model/time.ts';
import type { Duration } from '../../model/time.ts';
import { human } from './duration.ts';
import { printable, shortId } from './safe.ts';
import { uncovered } from './tree.ts';
import { clock } from './words.ts';

/** A trace in short. */
export function brief(trace: Trace): Brief {
  const slow = slowest(trace);
  return {
    traceId: trace.id, runtime: trace.runtime, episode: trace.episode, container: trace.container, outcome: trace.outcome,
    errorType: trace.errorType, at: trace.at, wall: trace.wall, active: trace.active, schemes: trace.schemes, lastMark: trace.lastMark,
    slowest: slow && { phase: slow.span.name, own: slow.own }, findings: trace.findings.map(({ id }) => id),
  };
}

export const summaryLine = (trace: Trace, ascii = false): string => briefLine(brief(trace), ascii);

/**
 * A finished start in one line, for `run`, `tail` and `demo`; no newline at the end:
 * `23:14:05.789Z urunc fa7d2b21caf8 ok 28.48ms wall 13.04ms active  slowest: create: wait for pids 8.622ms  trace 0123...`
 */
export function briefLine(start: Brief, ascii = false): string {
  const clean = (text: string, max: number): string => printable(text, max, ascii);
  const outcome = start.errorType === undefined ? start.outcome : `${start.outcome} (${clean(start.errorType, 40)}, last mark: ${clean(start.lastMark, 60)})`;
  const head = [
    clock(start.at).time, clean(start.runtime, 24), shortId(start.container, ascii), outcome,
    clean(human(start.wall), 16), 'wall', clean(human(start.active), 16), 'active',
  ].join(' ');
  const { slowest: slow } = start;
  const named = slow === undefined ? [] : [`slowest: ${clean(slow.phase, 60)} ${clean(human(slow.own), 16)}`];
  const found = start.findings.length === 0 ? [] : [`! ${start.findings.map((id) => clean(id, 40)).join(' ')}`];
  return [head, ...named, ...found, `trace ${clean(start.traceId, 32)}`].join('  ');
}

/**
 * The span with the most time of its own: not covered by its children, and not in a gap of the caller, because what a
 * component waits while its caller does something else says nothing about the component.
 */
export function slowest(trace: Trace): { readonly span: Span; readonly own: Duration } | undefined {
  const gaps = trace.spans.filter((span) => span.credit === 'caller');
  const children = Map.groupBy(trace.spans, (span) => span.parent ?? '');
  let best: { readonly span: Span; readonly own: Duration } | undefined;
  for (const span of trace.spans) {
    if (span.parent === undefined || span.credit === 'caller') continue;
    const own = uncovered(span, [...(children.get(span.id) ?? []), ...gaps]);
    if (own > (best?.own ?? duration(0))) best = { span, own };
  }
  return best;
}
