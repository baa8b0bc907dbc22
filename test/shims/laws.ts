/** What holds for every trace of Kata 2.x to 4.x, whichever shim wrote its lines. */
import { expect } from 'vitest';
import type { Span, Trace } from '../../src/model/trace.ts';
import { attribute } from '../kata/recording.ts';

const SERVICES = new Set(['kata', 'kata-shim', 'kata-agent', 'hypervisor', 'caller']);
/** What kind of thing a span's name may never hold: ids, pids, addresses. */
const ID = /[0-9a-f]{12}|\d{3}/;

export function checkTrace(trace: Trace): void {
  const [root, ...rest] = trace.spans;
  if (root === undefined) throw new Error('a trace without spans');
  expect(root).toMatchObject({ parent: undefined, kind: 'server', service: 'kata', end: trace.wall });
  expect(root.error !== undefined, 'an error has its reason').toBe(trace.outcome === 'failed' || trace.outcome === 'incomplete');
  const known = new Map<string, Span>([[root.id, root]]);
  for (const span of rest) {
    const parent = known.get(span.parent ?? '');
    if (parent === undefined) throw new Error(`${span.name} stands before its parent, or has none`);
    expect(parent.start <= span.start && span.end <= parent.end, `${span.service} ${span.name} lies inside ${parent.name}`).toBe(true);
    expect(span.end, span.name).toBeGreaterThanOrEqual(span.start);
    expect(known.has(span.id), `${span.name}: two spans of one id`).toBe(false);
    expect(SERVICES.has(span.service), span.service).toBe(true);
    expect(span.name).not.toMatch(ID);
    if (span.incomplete) expect(span.certainty).toBe('inferred');
    if (span.service === 'kata-agent') expect(attribute(trace, span, 'shimtrace.clock.method') !== undefined || span.name === 'guest: kernel boot', span.name).toBe(true);
    known.set(span.id, span);
  }
}
