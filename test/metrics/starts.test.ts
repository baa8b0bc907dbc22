import { expect, test } from 'vitest';
import { loadRuntimes } from '../../src/cli/runtimes.ts';
import { vocabularyOf } from '../../src/cli/vocabulary.ts';
import type { MetricName } from '../../src/metrics/catalogue.ts';
import { StartMetrics } from '../../src/metrics/starts.ts';
import type { Trace } from '../../src/model/trace.ts';
import { slowStart } from '../alerts/parts.ts';
import { span } from '../delivery/traces.ts';
import { duration } from '../../src/model/time.ts';

const metrics = new StartMetrics((await loadRuntimes()).map(({ rule }) => vocabularyOf(rule)));
const shown = (name: MetricName): Map<string, number> => {
  const figures = new Map(metrics.shown()).get(name);
  const series = figures?.kind === 'points' ? figures.points : figures?.bins.map(({ values, counts }) => [values, counts.at(-1) ?? 0] as const);
  return new Map((series ?? []).map(([values, value]) => [values.join(' '), value]));
};
const see = (trace: Trace, live = true): void => metrics.see({ trace, live });

test('the outermost layer of a runtime is that of a component that writes, not of the root', () => {
  expect([...shown('shimtrace_start_duration_seconds').keys()]).toEqual(expect.arrayContaining(['kata-1 runtime', 'kata-go shim', 'urunc runtime']));
});

test('live starts that came up are in the histogram of starts, phases of all are in theirs, others are only counted', () => {
  see(slowStart(2_000));
  see(slowStart(2_000), false);
  see(slowStart(2_000, { episode: 'stop' }));
  see(slowStart(2_000, { outcome: 'created' }));
  expect(shown('shimtrace_start_duration_seconds').get('urunc runtime')).toBe(1);
  expect(shown('shimtrace_phase_duration_seconds').get('urunc runtime create')).toBe(2);
  expect([shown('shimtrace_starts_total').get('urunc runtime ok'), shown('shimtrace_starts_total').get('urunc runtime created')]).toEqual([1, 1]);
});

test('a start that is seen from further out is another kind', () => {
  see(slowStart(1, { runtime: 'kata-go', rootLayer: 'shim' }));
  see(slowStart(1, { runtime: 'kata-go', rootLayer: 'cri' }));
  see(slowStart(1, { runtime: 'kata-go', rootLayer: 'cri' }));
  expect([shown('shimtrace_starts_total').get('kata-go shim ok'), shown('shimtrace_starts_total').get('kata-go cri ok')]).toEqual([1, 2]);
});

test('how far a guest’s clock was off: the largest of a start', () => {
  const root = span();
  const guest = (id: string, ns: number): Trace['spans'][number] => span({ id, parent: root.id, attributes: [['shimtrace.clock.offset_ns', ns]], end: duration(1) });
  see(slowStart(1, { spans: [root, guest('1'.repeat(16), 5), guest('2'.repeat(16), -26_087_000_000)] }));
  expect(shown('shimtrace_guest_clock_offset_seconds').get('urunc')).toBe(-26.087);
});
