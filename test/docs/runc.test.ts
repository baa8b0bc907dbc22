/** docs/runc.md says what the runtime file does. */
import { describe, expect, test } from 'vitest';
import { runtime } from '../../src/runtimes/runc.ts';
import { cellsOf, pageOf } from './page.ts';

const page = pageOf('runc.md');

describe('docs/runc.md', () => {
  test('the table of spans is that of the runtime file', () => {
    const rows = (runtime.spans.start ?? []).flatMap((rule) => {
      if (rule.kind === 'between') return [[rule.service, rule.name, rule.from[0], rule.to[0]]];
      if (rule.kind !== 'steps') throw new Error(`the page has no row for the word ${rule.kind}`);
      return rule.steps.map(({ name, to }, at) => [rule.service, `${rule.prefix}: ${name}`, at === 0 ? rule.from : rule.steps[at - 1]?.to, to]);
    });
    expect(rows.length).toBeGreaterThan(5);
    expect(cellsOf(page, 'service').toSorted()).toEqual([[runtime.episodes.start.root.service, runtime.episodes.start.root.name, 'the first line', 'the last'], ...rows].toSorted());
  });

  test('the findings, the verdict and the places are those of the runtime file', () => {
    expect(cellsOf(page, 'id').map(([id]) => id)).toEqual((runtime.findings ?? []).map(({ id }) => `\`${id}\``));
    expect(page).toContain(`\`${runtime.episodes.start.another?.name ?? ''}\``);
    expect(runtime.sources.flatMap(({ files }) => files)).toEqual(['/var/log/runc/*.log']);
    for (const path of runtime.sources.flatMap(({ paths = [] }) => paths)) expect(page).toContain(path.replace('{container}', 'ID').replace(/^\/(?=ID)/, ''));
    expect(runtime.sources.flatMap(({ identifiers = [] }) => identifiers)).toEqual(['runc']);
    expect(page).toContain('identifier `runc`');
  });
});
