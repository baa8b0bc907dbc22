/** docs/metrics.md and docs/alerts.md say what the code does. */
import { expect, test } from 'vitest';
import { noticeOf } from '../../src/alerts/notice.ts';
import { parseConfig } from '../../src/config/load.ts';
import { boundsFor } from '../../src/metrics/bounds.ts';
import { CATALOGUE } from '../../src/metrics/catalogue.ts';
import { MetricNames } from '../../src/metrics/exposition.ts';
import { occasion, words } from '../alerts/parts.ts';
import { blocksOf, cellsOf, pageOf } from './page.ts';

const metrics = pageOf('metrics.md');
const alerts = pageOf('alerts.md');
const bare = (cell = ''): string => cell.replaceAll('`', '');

test('every metric is in the table, with its type, labels and meaning', () => {
  const rows = MetricNames.map((name) => [name, CATALOGUE[name].type, CATALOGUE[name].labels.join(', '), CATALOGUE[name].help]);
  expect(cellsOf(metrics, 'metric').map((cells) => cells.map(bare))).toEqual(rows);
});

test('metrics that the pages name exist, and so do the labels in queries', () => {
  for (const page of [metrics, alerts]) {
    for (const [, name = ''] of page.matchAll(/\b(shimtrace_[a-z_]+)/g)) expect(MetricNames, name).toContain(name.replace(/_(?:bucket|count|sum)$/, ''));
  }
});

test('the bounds', () => {
  const [, list = ''] = /buckets are (.*?) seconds/s.exec(metrics) ?? [];
  expect(list.split(/,\s+|\s+and\s+/).map(Number)).toEqual(boundsFor([]));
});

test('every YAML is right', () => {
  for (const block of blocksOf(alerts, 'yaml')) expect(parseConfig(block, 'page', {}).complaints).toEqual([]);
});

test('every key of the JSON is in the table, and no other', () => {
  const json: unknown = JSON.parse(noticeOf(occasion(), words).json);
  const keys = typeof json === 'object' && json !== null ? Object.keys(json) : [];
  const named = cellsOf(alerts, 'key').flatMap(([cell = '']) => cell.split(', ').map((key) => bare(key).replace('[]', '')));
  expect(named.toSorted()).toEqual(keys.toSorted());
});
