/** What holds for every trace that several logs tell of. */
import { expect } from 'vitest';
import type { Trace } from '../../src/model/trace.ts';
import { attribute, rootOf } from '../containerd/recording.ts';

/** The shares of all layers are the whole, to the nanosecond. */
export function creditsAddUp(trace: Trace): void {
  const root = rootOf(trace);
  const shares = ['client', 'containerd', 'shim', 'runtime', 'hypervisor', 'guest', 'idle'].map((layer) => Number(attribute(trace, root, `shimtrace.credit.${layer}_ns`) ?? 0));
  expect(shares.reduce((sum, share) => sum + share, 0)).toBe(trace.wall);
}

export function lieInside(trace: Trace): void {
  const spans = new Map(trace.spans.map((span) => [span.id, span]));
  expect(spans.size).toBe(trace.spans.length);
  for (const span of trace.spans) {
    const parent = span.parent === undefined ? undefined : spans.get(span.parent);
    if (parent === undefined) expect(span.parent).toBeUndefined();
    else expect([span.name, span.start >= parent.start, span.end <= parent.end]).toEqual([span.name, true, true]);
    expect(span.end).toBeGreaterThanOrEqual(span.start);
  }
}
