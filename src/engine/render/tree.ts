import type { Span, Trace } from '../../model/trace.ts';
import { duration } from '../../model/time.ts';
import type { Duration } from '../../model/time.ts';

/** A span in its place: depth below the root, and the time that none of its children cover. */
export interface Node {
  readonly span: Span;
  readonly depth: number;
  readonly self: Duration;
}

/**
 * The spans of a trace as one reads them: every span right below the span that holds it, siblings by start.
 * Every span appears exactly once; one whose holder is missing or that hangs in a circle (neither comes from the fold)
 * stands at depth 1.
 */
export function tree(trace: Trace): readonly Node[] {
  const children = childrenOf(trace.spans);
  const out: Node[] = [];
  const seen = new Set<Span>();
  const walk = (top: Span, depth: number): void => {
    const stack = [{ span: top, depth }];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if (seen.has(next.span)) continue;
      seen.add(next.span);
      const below = children.get(next.span.id) ?? [];
      out.push({ ...next, self: uncovered(next.span, below) });
      for (const child of below.toReversed()) stack.push({ span: child, depth: next.depth + 1 });
    }
  };
  for (const span of trace.spans) if (span.parent === undefined) walk(span, 0);
  for (const span of trace.spans) if (!seen.has(span)) walk(span, 1);
  return out;
}

function childrenOf(spans: readonly Span[]): ReadonlyMap<string, readonly Span[]> {
  const children = new Map<string, Span[]>();
  for (const span of spans) {
    if (span.parent === undefined) continue;
    const list = children.get(span.parent);
    if (list === undefined) children.set(span.parent, [span]);
    else list.push(span);
  }
  for (const list of children.values()) list.sort((a, b) => a.start - b.start);
  return children;
}

/** The span's length less the union of `covers` inside it. `covers` may overlap, reach outside, and come in any order. */
export function uncovered(span: Span, covers: readonly Span[]): Duration {
  let left = span.end - span.start;
  let reached: number = span.start;
  for (const cover of covers.toSorted((a, b) => a.start - b.start)) {
    const from = Math.max(cover.start, reached);
    const to = Math.min(cover.end, span.end);
    if (to <= from) continue;
    left -= to - from;
    reached = to;
  }
  return duration(left);
}
