/** What deploy/ ships for Prometheus, Alertmanager and Jaeger names only what there is. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { boundsFor } from '../../src/metrics/bounds.ts';
import { CATALOGUE } from '../../src/metrics/catalogue.ts';
import { MetricNames, le } from '../../src/metrics/exposition.ts';
import { defaultConfig } from '../../src/config/config.ts';
import { loadRuntimes } from '../../src/cli/runtimes.ts';
import { vocabularyOf } from '../../src/cli/vocabulary.ts';
import { pageOf } from './page.ts';

const deploy = (path: string): string => readFileSync(new URL(`../../deploy/${path}`, import.meta.url), 'utf8');
const rules = deploy('prometheus/shimtrace.rules.yml');
const tests = deploy('prometheus/shimtrace.test.yml');
/** `shimtrace_..._total{...}` as rules and tests have them; names with a colon are recorded by the rules themselves. */
const series = (text: string): { readonly name: string; readonly labels: readonly string[] }[] =>
  [...text.matchAll(/(?<![:\w])(shimtrace_\w+)(?:\{([^}]*)\})?/g)].map(([, name = '', labels = '']) => ({
    name, labels: [...labels.matchAll(/(\w+)\s*(?:=|!=|=~|!~)\s*"/g)].map(([, label = '']) => label),
  }));

test.each([['rules', rules], ['their tests', tests], ['the metrics page', pageOf('metrics.md')]])('%s: every metric and label exists', (_, text) => {
  const named = series(text);
  expect(named.length).toBeGreaterThan(10);
  for (const { name, labels } of named) {
    const metric = MetricNames.find((each) => each === name.replace(/_(?:bucket|count|sum)$/, '')) ?? MetricNames.find((each) => each === name);
    expect(metric, name).toBeDefined();
    if (metric === undefined) continue;
    const known: readonly string[] = [...CATALOGUE[metric].labels, 'le', 'instance', 'job'];
    expect(labels.filter((label) => !known.includes(label)), name).toEqual([]);
  }
});

test('a rule that asks for a bucket asks for one that is there', () => {
  const bounds = boundsFor([]).map(le);
  const asked = [...`${rules}${pageOf('metrics.md')}${pageOf('alerts.md')}`.matchAll(/le="([^"]+)"/g)].map(([, bound = '']) => bound);
  expect(asked.length).toBeGreaterThan(3);
  expect(asked.filter((bound) => !bounds.includes(bound))).toEqual([]);
});

test('every alert has a test, an advice, and a line on the page', () => {
  const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);
  expect(alerts.length).toBeGreaterThan(10);
  for (const alert of alerts) {
    expect(tests, alert).toContain(`alertname: ${alert}\n`);
    expect(pageOf('alerts.md'), alert).toContain(`\`${alert}\``);
  }
});

test('the scrape is of the default address', () => {
  expect(parse(deploy('prometheus/scrape.yml'))).toMatchObject({ scrape_configs: [{ job_name: 'shimtrace', static_configs: [{ targets: [defaultConfig.metrics.listen] }] }] });
});

test('Jaeger’s page links every runtime’s containers, by the service of its roots', async () => {
  const links: unknown = JSON.parse(deploy('jaeger-ui.json'));
  for (const { rule } of await loadRuntimes()) {
    const { root } = rule.episodes.start;
    expect(links).toMatchObject({ linkPatterns: expect.arrayContaining([expect.objectContaining({ key: 'container.runtime.name', value: rule.name, url: expect.stringContaining(`service=${root.service}&`) })]) });
  }
});

test('a runtime has series from the beginning: phases without a word from a log, each once', async () => {
  for (const { rule } of await loadRuntimes()) {
    const { phases } = vocabularyOf(rule);
    const named = (rule.spans.start ?? []).flatMap((word) => (word.kind === 'between' ? [word.name] : []));
    expect(named.length, rule.name).toBeGreaterThan(2);
    expect(phases).toEqual(expect.arrayContaining(named));
    expect(new Set(phases).size).toBe(phases.length);
    expect(phases.filter((name) => /[{}]/.test(name))).toEqual([]);
  }
});

test('every file of deploy/ is told of', () => {
  const told = readFileSync(new URL('../../deploy/README.md', import.meta.url), 'utf8');
  const files = readdirSync(new URL('../../deploy/', import.meta.url), { recursive: true, encoding: 'utf8' }).filter((path) => /\.\w+$/.test(path) && path !== 'README.md' && !path.endsWith('.ts'));
  expect(files.filter((path) => !told.includes(`\`${path}\``))).toEqual([]);
});
