/**
 * The critical path as Jaeger's page works it out (reference/user-experience.md 1.1; Jaeger UI 2.x), in nanoseconds: from
 * the root's end backwards through the child that ended last, to the child that ended before that one began, and so on.
 * The page first cuts what stands out of its parent and drops what lies outside: here both are reported, since a trace of
 * ours must give it nothing to cut.
 */
import type { SpanView } from './spans.ts';

export interface Section {
  readonly span: SpanView;
  readonly start: bigint;
  readonly end: bigint;
}

export interface CriticalPath {
  /** From the first moment to the last. */
  readonly sections: readonly Section[];
  /** Names of spans that are not wholly inside their parent. */
  readonly cut: readonly string[];
  /** Stretches of the root that no section covers, or two do. */
  readonly gaps: readonly string[];
}

export function criticalPath(spans: readonly SpanView[]): CriticalPath {
  const root = spans.find((span) => span.parent === '');
  if (root === undefined) throw new Error('a trace without a root');
  const { children, cut } = sanitized(spans, root);
  const sections: Section[] = [];
  // Walks a span from `end` back to its start; children that end at `end` or later have been walked already, but for the first.
  const walk = (span: SpanView, end: bigint): void => {
    let at = end;
    let limit: bigint | undefined;
    for (;;) {
      const child = lastBefore(children.get(span.spanId) ?? [], limit);
      const from = child?.end ?? span.start;
      if (from !== at) sections.unshift({ span, start: from, end: at });
      if (child === undefined) return;
      walk(child, child.end);
      at = child.start;
      limit = child.start;
    }
  };
  walk(root, root.end);
  return { sections, cut, gaps: gapsOf(root, sections) };
}

/** The page takes only children that ended strictly before: one that ended at that very moment counts as its parent's time. */
function lastBefore(children: readonly SpanView[], limit: bigint | undefined): SpanView | undefined {
  let last: SpanView | undefined;
  for (const child of children) {
    if (limit !== undefined && child.end >= limit) continue;
    if (last === undefined || child.end > last.end) last = child;
  }
  return last;
}

function sanitized(spans: readonly SpanView[], root: SpanView): { readonly children: ReadonlyMap<string, SpanView[]>; readonly cut: string[] } {
  const kept = new Map([[root.spanId, root]]);
  const children = new Map<string, SpanView[]>();
  const cut: string[] = [];
  // Parents first, whatever the order they came in.
  const pending = new Set(spans.filter((span) => span !== root));
  for (let moved = true; moved;) {
    moved = false;
    for (const span of pending) {
      const parent = kept.get(span.parent);
      if (parent === undefined) continue;
      moved = true;
      pending.delete(span);
      if (span.start < parent.start || span.end > parent.end) cut.push(span.name);
      const inside = { ...span, start: span.start < parent.start ? parent.start : span.start, end: span.end > parent.end ? parent.end : span.end };
      // Also one of no length at the very end of its parent: nobody would miss it.
      if (inside.start >= parent.end) continue;
      kept.set(span.spanId, inside);
      children.set(parent.spanId, [...(children.get(parent.spanId) ?? []), inside]);
    }
  }
  // What hangs on a dropped span, or on none.
  for (const span of pending) if (span.end > span.start || !spans.some((each) => each.spanId === span.parent)) cut.push(span.name);
  return { children, cut };
}

function gapsOf(root: SpanView, sections: readonly Section[]): string[] {
  const gaps: string[] = [];
  let at = root.start;
  for (const section of sections) {
    if (section.start !== at) gaps.push(`${section.start - at} ns before ${section.span.name}`);
    at = section.end;
  }
  if (at !== root.end) gaps.push(`${root.end - at} ns at the end`);
  return gaps;
}
