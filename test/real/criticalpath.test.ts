import { expect, test } from 'vitest';
import { criticalPath } from './criticalpath.ts';
import type { SpanView } from './spans.ts';

const span = (spanId: string, parent: string, start: number, end: number): SpanView => ({
  traceId: 't', spanId, parent, service: 's', name: spanId, kind: 1, start: BigInt(start), end: BigInt(end), status: 0, container: '', events: [],
});
const shown = (spans: readonly SpanView[]): string[] => criticalPath(spans).sections.map((each) => `${each.span.name} ${each.start}-${each.end}`);

test('goes from the child that ended last to the one that ended before it began', () => {
  const spans = [span('root', '', 0, 100), span('b', 'root', 10, 40), span('c', 'root', 50, 90), span('d', 'c', 60, 70)];
  expect(shown(spans)).toEqual(['root 0-10', 'b 10-40', 'root 40-50', 'c 50-60', 'd 60-70', 'c 70-90', 'root 90-100']);
  expect(criticalPath(spans)).toMatchObject({ cut: [], gaps: [] });
});

test('a child that is still running when the last one begins is not on the path', () => {
  expect(shown([span('root', '', 0, 100), span('create', 'root', 0, 30), span('reexec', 'root', 20, 100)])).toEqual(['root 0-20', 'reexec 20-100']);
});

test('what stands out of its parent is told', () => {
  expect(criticalPath([span('root', '', 0, 100), span('late', 'root', 50, 120)]).cut).toEqual(['late']);
  expect(criticalPath([span('root', '', 0, 100), span('outside', 'root', 150, 160)]).cut).toEqual(['outside']);
  expect(criticalPath([span('root', '', 0, 100), span('orphan', 'gone', 10, 20)]).cut).toEqual(['orphan']);
});

test('a child of no length at the end of its parent is no loss', () => {
  expect(criticalPath([span('root', '', 0, 100), span('point', 'root', 100, 100)])).toMatchObject({ cut: [], gaps: [] });
});
