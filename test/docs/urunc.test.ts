/** docs/urunc.md says what the runtime file and the engine do. */
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.ts';
import type { MarkRule } from '../../src/model/runtime.ts';
import { runtime } from '../../src/runtimes/urunc.ts';
import { blocksOf, cellsOf, pageOf } from './page.ts';

const page = pageOf('urunc.md');

/** How each version spells a mark, as a reader of the log sees it. */
function spellings(rule: MarkRule | undefined): string[] {
  return runtime.schemes.map((scheme) => {
    const when = rule?.scheme[scheme];
    return when === undefined ? '-' : Object.values(when).filter((value) => typeof value === 'string').join(' ');
  });
}

describe('docs/urunc.md', () => {
  test('the table of marks is that of the runtime file', () => {
    const [header] = page.split('\n').filter((line) => line.startsWith('| process |'));
    expect(header).toBe(`| process | mark | ${runtime.schemes.join(' | ')} |`);
    const rows = runtime.sources.flatMap(({ marks }) =>
      Object.entries(marks).flatMap(([process, rules]) => Object.entries(rules).map(([mark, rule]) => [process, mark, ...spellings(rule)])));
    expect(rows.length).toBeGreaterThan(20);
    expect(cellsOf(page, 'process')).toEqual(rows);
  });

  test('names every place that is followed without configuration', () => {
    for (const file of runtime.sources.flatMap(({ files }) => files)) expect(page).toContain(`\`${file}\``);
  });

  test('the marks, the verdict and the versions it speaks of exist', () => {
    const { opens, until, nothing } = runtime.episodes.start;
    for (const mark of [...opens, ...until, ...(nothing?.exactly ?? [])]) expect(page).toContain(`\`${mark}\``);
    expect(page).toContain(`\`${nothing?.name ?? ''}\``);
    const pinned = [...page.matchAll(/--scheme (\S+)/g)].map(([, scheme]) => scheme);
    expect(pinned.length).toBeGreaterThan(0);
    for (const scheme of pinned) expect(runtime.schemes).toContain(scheme);
  });

  test('says the waiting times of the configuration', () => {
    expect(page).toContain('`settle` (250 ms)');
    expect(page).toContain('`patience` (1 minute)');
    expect(parseConfig('', '', {}).config).toMatchObject({ settle: 250e6, patience: 60e9 });
  });

  test('switches on what the log needs', () => {
    expect(blocksOf(page, 'toml')[0]).toContain(`destination = "${runtime.sources[0]?.files[0] ?? ''}"`);
  });
});
