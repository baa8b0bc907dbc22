/** docs/configuration.md says what the code does: settings, values, defaults, variables. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.ts';
import { describeType } from '../../src/config/read.ts';
import { SCHEMA } from '../../src/config/schema.ts';
import type { Setting, SettingType } from '../../src/config/schema.ts';
import { formatDuration, formatSize } from '../../src/config/units.ts';
import { valueText } from '../../src/config/values.ts';
import { blocksOf, cellsOf, sourceOf } from '../docs/page.ts';

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');

function values(type: SettingType): string {
  switch (type.kind) {
    case 'duration':
      return `${formatDuration(type.min)} to ${formatDuration(type.max)}`;
    case 'size':
      return `${formatSize(type.min)} to ${formatSize(type.max)}`;
    case 'integer':
      return `${type.min} to ${type.max}`;
    case 'choice':
      return type.of.join(', ');
    case 'place':
      return `${type.of.join(', ')}, -DURATION`;
    case 'boolean':
      return 'true, false';
    case 'texts':
      return 'text, or a list of texts';
    case 'headers':
    case 'attributes':
      return 'mapping';
    case 'text':
    case 'path':
    case 'url':
    case 'name':
    case 'listen':
    case 'threshold':
    case 'list':
      return describeType(type).replace(/^an? /, '');
    default:
      return type satisfies never;
  }
}

const rows = (settings: readonly Setting[], above = ''): string[][] =>
  settings.flatMap(({ path, type, default: preset }) => [
    [`\`${above}${path}\``, values(type), preset === undefined ? '-' : valueText(preset)],
    ...(type.kind === 'list' ? rows(type.of, `${above}${path}[].`) : []),
  ]);

const ROWS = rows(SCHEMA);
const PATHS: ReadonlySet<string> = new Set(ROWS.map(([path = '']) => path.slice(1, -1)));

describe('docs/configuration.md', () => {
  test('has every setting, in order, with its values and default', () => {
    expect(cellsOf(page, 'setting').map((cells) => cells.slice(0, 3))).toEqual(ROWS);
    expect(cellsOf(page, 'setting').filter((cells) => cells[3] === '')).toEqual([]);
  });

  test('names no setting that does not exist', () => {
    const tops = new Set(SCHEMA.map(({ path }) => path.split('.')[0]));
    const named = [...page.matchAll(/`([a-z_]+(?:\[\])?(?:\.[a-z_]+)*)`/g)].map(([, name = '']) => name);
    const like = named.filter((name) => tops.has(name.split(/[.[]/)[0]) || name.includes('_'));
    expect(like.length).toBeGreaterThan(ROWS.length);
    // Where a table says which setting a variable or option stands for, a setting it must be.
    const meant = [...cellsOf(page, 'option'), ...cellsOf(page, 'variable')].flatMap(([, text = '']) => /^`([a-z]+[._][a-z_.]+)`/.exec(text)?.[1] ?? []);
    for (const name of [...like, ...meant]) expect([...PATHS], name).toContain(name);
  });

  test('every YAML in it is right', () => {
    const blocks = blocksOf(page, 'yaml');
    expect(blocks.length).toBeGreaterThan(1);
    for (const block of blocks) expect(parseConfig(block, 'page', { TEMPO_TOKEN: 'x' }).complaints).toEqual([]);
  });

  test('has every variable that is read, and no other', () => {
    const named = cellsOf(page, 'variable').map(([name = '']) => name.slice(1, -1));
    const override = [...sourceOf('config/override.ts').matchAll(/'(SHIMTRACE_[A-Z_]+)'/g)].map(([, name = '']) => name);
    const endpoint = sourceOf('delivery/endpoint.ts');
    const suffixes = [...endpoint.matchAll(/(?:variable|read)\('([A-Z_]+)'/g), ...endpoint.matchAll(/'OTEL_EXPORTER_OTLP_([A-Z]+)'/g)].map(([, name = '']) => name);
    const otlp = suffixes.map((suffix) => `OTEL_EXPORTER_OTLP_${suffix}`);
    expect(new Set(named)).toEqual(new Set([...override, ...otlp, 'OTEL_RESOURCE_ATTRIBUTES']));
    expect(named.length).toBe(new Set(named).size);
  });

  test('has every option that overrides a setting', () => {
    const known = [...sourceOf('config/override.ts').matchAll(/\['(--[a-z-]+)', '([a-z_.]+)'/g)].map(([, option, path]) => [option, `\`${path ?? ''}\``]);
    const said = cellsOf(page, 'option').map(([option = '', setting = '']) => [option.slice(1, -1).split(' ')[0], setting.split(',')[0]]);
    expect(new Set(said.map(String))).toEqual(new Set([...known, ['--file', '`sources`'], ['--journal', '`sources`'], ['--events', '`events`'], ['--otlp', '`otlp.endpoint`']].map(String)));
  });
});
