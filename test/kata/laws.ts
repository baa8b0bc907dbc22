/** What holds for every trace of Kata 1.x, whatever it was made from. */
import { expect } from 'vitest';
import type { Span, Trace } from '../../src/model/trace.ts';
import { attribute } from './recording.ts';

const SERVICES = new Set(['kata', 'kata-runtime', 'kata-proxy', 'kata-shim', 'kata-agent', 'hypervisor', 'caller']);

export function checkTrace(trace: Trace): void {
  const [root, ...rest] = trace.spans;
  if (root === undefined) throw new Error('a trace without spans');
  expect(root).toMatchObject({ parent: undefined, kind: 'server', service: 'kata', end: trace.wall });
  expect(root.error !== undefined, 'an error has its reason').toBe(trace.outcome === 'failed' || trace.outcome === 'incomplete');
  checkTree(trace);
  for (const span of rest) checkSpan(trace, span);
  const waited = rest.filter((span) => span.credit === 'caller').reduce((sum, span) => sum + span.end - span.start, 0);
  expect(trace.active).toBe(trace.wall - waited);
}

function checkTree(trace: Trace): void {
  const known = new Map<string, Span>();
  for (const span of trace.spans) {
    expect(span.end, span.name).toBeGreaterThanOrEqual(span.start);
    expect(known.has(span.id), `${span.name}: two spans of one id`).toBe(false);
    if (span.parent !== undefined) {
      const parent = known.get(span.parent);
      if (parent === undefined) throw new Error(`${span.name} stands before its parent, or has none`);
      expect(parent.start <= span.start && span.end <= parent.end, `${span.service} ${span.name} lies inside ${parent.name}`).toBe(true);
    }
    known.set(span.id, span);
  }
}

function checkSpan(trace: Trace, span: Span): void {
  expect(SERVICES.has(span.service), span.service).toBe(true);
  expect(span.name, 'names have no ids in them').not.toMatch(/[0-9a-f]{12}|\d{3}/);
  if (span.credit === 'caller') expect(span.name).toMatch(/^caller: gap before /);
  if (span.incomplete) expect(span.certainty).toBe('inferred');
  if (span.kind !== 'server') return;
  const parent = trace.spans.find(({ id }) => id === span.parent);
  expect([parent?.kind, parent?.name]).toEqual(['client', `call ${span.name}`]);
  expect(attribute(trace, span, 'shimtrace.clock.method')).toBeDefined();
}
