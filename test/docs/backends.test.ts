/** docs/backends.md and the head of otel-collector.yaml name what the file can be told. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { cellsOf, pageOf } from './page.ts';

const page = pageOf('backends.md');
const collector = readFileSync(new URL('../../otel-collector.yaml', import.meta.url), 'utf8');
const variables = new Map([...collector.matchAll(/\$\{env:([A-Z_]+):-([^}]*)\}/g)].map(([, name = '', value = '']) => [name, value]));
/** The words of the comment that the file begins with. */
const head = collector.slice(0, collector.indexOf('\nreceivers:')).split(/\s+/);
const bare = (cell = ''): string => cell.replaceAll('`', '');

test('every variable is in the table, with its default', () => {
  expect(cellsOf(page, 'variable').map(([name, value]) => [bare(name), bare(value)]).toSorted()).toEqual([...variables].toSorted());
});

test('every variable has the same default wherever it stands in the file', () => {
  for (const [name, value] of variables) {
    const uses = [...collector.matchAll(new RegExp(`\\$\\{env:${name}:-([^}]*)\\}`, 'g'))].map(([, each]) => each);
    expect(new Set(uses), name).toEqual(new Set([value]));
    expect(head, name).toContain(`${name}=${value}`);
  }
});

test('bounds of the buckets are those of the file', () => {
  const seconds = (text: string): number => (text.endsWith('ms') ? Number(text.slice(0, -2)) / 1_000 : Number(text.slice(0, -1)));
  const written: unknown = parse(collector.replaceAll(/\$\{env:[A-Z_]+:-([^}]*)\}/g, '$1'));
  const [, list = ''] = /buckets: \[(.*)\]/.exec(collector) ?? [];
  expect(written).toMatchObject({ connectors: { span_metrics: { histogram: { explicit: { buckets: list.split(', ') } } } } });
  expect(page.replaceAll('\n', ' ')).toContain(`a minute: ${list.split(', ').map(seconds).join(', ')}.`);
});

test('metrics and labels are those that the test against the real Collector reads', () => {
  const real = readFileSync(new URL('../real/collector.test.ts', import.meta.url), 'utf8');
  for (const [name] of cellsOf(page, 'metric')) expect(real).toContain(bare(name));
  for (const query of page.split('\n').filter((line) => line.startsWith('{ '))) expect(real).toContain(query);
});
