import type { Span, Trace } from '../../model/trace.ts';
import { duration } from '../../model/time.ts';
import type { Duration } from '../../model/time.ts';
import { human } from './duration.ts';
import { printable, shortId } from './safe.ts';
import { uncovered } from './tree.ts';
import { clock } from './words.ts';

/**
 * A finished start in one line, for `run`, `tail` and `demo`; no newline at the end:
 * `23:14:05.789Z urunc fa7d2b21caf8 ok 28.48ms wall 13.04ms active  slowest: create: wait for pids 8.622ms  trace 0123...`
 */
export function summaryLine(trace: Trace, ascii = false): string {
  const clean = (text: string, max: number): string => printable(text, max, ascii);
  const outcome = trace.errorType === undefined ? trace.outcome : `${trace.outcome} (${clean(trace.errorType, 40)}, last mark: ${clean(trace.lastMark, 60)})`;
  const head = [
    clock(trace.at).time, clean(trace.runtime, 24), shortId(trace.container, ascii), outcome,
    clean(human(trace.wall), 16), 'wall', clean(human(trace.active), 16), 'active',
  ].join(' ');
  const slow = slowest(trace);
  const named = slow === undefined ? [] : [`slowest: ${clean(slow.span.name, 60)} ${clean(human(slow.own), 16)}`];
  const found = trace.findings.length === 0 ? [] : [`! ${trace.findings.map((finding) => clean(finding.id, 40)).join(' ')}`];
  return [head, ...named, ...found, `trace ${clean(trace.id, 32)}`].join('  ');
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
