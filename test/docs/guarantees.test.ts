/** docs/guarantees.md: limits, the settings that move them and the names of losses are those of the code. */
import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SCHEMA } from '../../src/config/schema.ts';
import { valueText } from '../../src/config/values.ts';
import { LEDGER_DEFAULTS } from '../../src/engine/ledger.ts';
import { MOST_EVENTS } from '../../src/engine/open.ts';
import { cellsOf, pageOf } from './page.ts';

const page = pageOf('guarantees.md');
const LIMITS = cellsOf(page, 'limit');
const code = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
const settings = new Map(SCHEMA.map((setting) => [setting.path, setting.default === undefined ? '-' : valueText(setting.default)]));

test('every limit with a setting has that setting and its default', () => {
  const rows = LIMITS.filter(([, , by = '']) => by !== '-');
  expect(rows.length).toBeGreaterThan(5);
  for (const [what, preset, by = ''] of rows) {
    const names = code(by);
    expect(names.length, what).toBeGreaterThan(0);
    expect(names.map((name) => settings.get(name)).join(', '), what).toBe(preset);
  }
});

test('limits without a setting are those of the code', () => {
  const text = LIMITS.map((cells) => cells.join(' ')).join('\n');
  expect(text).toContain(`${LEDGER_DEFAULTS.mostOpen.toLocaleString('en')} (6 kB each)`);
  expect(text).toContain(MOST_EVENTS.toLocaleString('en'));
});

test('names of losses are names in the code', () => {
  const sources = globSync('src/**/*.ts').map((path) => readFileSync(path, 'utf8')).join('\n');
  const [, losses = ''] = /## Losses that are counted\n(.*?)\n## /s.exec(page) ?? [];
  const names = code(losses).filter((name) => !settings.has(name));
  expect(names).toContain('lost_while_down');
  for (const name of names) expect(sources, name).toContain(name);
});
