/** docs/traces.md says what the fold and the renderers make. */
import { describe, expect, test } from 'vitest';
import { startJson } from '../../src/engine/render/json.ts';
import { otlpJson } from '../../src/engine/render/otlpjson.ts';
import { LEDGER_DEFAULTS } from '../../src/engine/ledger.ts';
import { MOST_EVENTS } from '../../src/engine/open.ts';
import type { Trace } from '../../src/model/trace.ts';
import { runtime } from '../../src/runtimes/urunc.ts';
import { tracesOf } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { GENERATIONS, line, start } from '../support/uruncwriter.ts';
import { cellsOf, pageOf, sourceOf } from './page.ts';

const page = pageOf('traces.md');
const HOST = [['host.id', 'h']] as const;
const bare = (cell = ''): string => cell.replaceAll('`', '');

/** Starts of all generations and fates, one with a version that its lines refute, one with a line that repeats. */
function everyTrace(): readonly Trace[] {
  const random = new Random(1);
  const logs = GENERATIONS.flatMap((generation) => (['complete', 'created', 'killed', 'failed'] as const).map((fate) => {
    const lines = start(random, { generation, id: `c-${fate}`, at: 1_795_216_803_000_000_000n, fate });
    const last = lines.at(-1);
    if (last === undefined) throw new Error('the writer wrote nothing');
    const again = line(generation, last.id, last.mark, last.time + 1_000n);
    return [...lines, again].map(({ text }) => `${text}\n`).join('');
  }));
  return logs.flatMap((log) => tracesOf([{ log, scheme: '0.3-0.4' }]).traces);
}

const TRACES = everyTrace();

/** All keys of a JSON value, a list by its items: `spans[].events[].name`. Attributes are data, not keys. */
function keysOf(value: unknown, at = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => keysOf(item, at));
  if (typeof value !== 'object' || value === null || /(^|\.)(attributes|host)$/.test(at)) return [];
  return Object.entries(value).flatMap(([key, below]: readonly [string, unknown]) => {
    if (Array.isArray(below) && below.length === 0) return []; // what is in it shows where it is not empty
    const objects = Array.isArray(below) && below.some((item) => typeof item === 'object');
    const path = `${at === '' ? '' : `${at}.`}${key}${objects ? '[]' : ''}`;
    return [path, ...keysOf(below, path)];
  });
}

describe('docs/traces.md', () => {
  test('spans and phases are those of the runtime file', () => {
    const { root } = runtime.episodes.start;
    const { start: words = [] } = runtime.spans;
    const stretches = words.flatMap((rule) => (rule.kind === 'between' ? [[rule.service, rule.name, rule.from.join(', else '), rule.to.join(', else ')]] : []));
    const phases = words.flatMap((rule) =>
      (rule.kind === 'steps' ? rule.steps.map(({ name, to, waits }) => [rule.service, `${rule.prefix}: ${name}`, to, waits ? 'yes' : '']) : []));
    const rows = cellsOf(page, 'service');
    expect(rows).toEqual([[root.service, root.name, 'first mark', 'last mark'], ...stretches, ...phases]);
    const known = new Set(rows.map(([service, name]) => `${service ?? ''} ${name ?? ''}`));
    for (const span of TRACES.flatMap(({ spans }) => spans)) expect(known).toContain(`${span.service} ${span.name}`);
  });

  test('every attribute that can be set is in the table, and no other', () => {
    const sources = ['model/attributes.ts', 'engine/spans.ts', 'engine/root.ts', 'engine/evidence.ts'].map(sourceOf).join('');
    const set = [...sources.matchAll(/\['((?:shimtrace|container|service|error|log)\.[a-z_.]+)', /g)].map(([, name]) => name);
    expect(cellsOf(page, 'attribute').map(([name]) => bare(name)).toSorted()).toEqual([...new Set(set)].toSorted());
    const sent = TRACES.flatMap((trace) => [...otlpJson(trace, []).matchAll(/"key":"([^"]+)"/g)].map(([, name]) => name));
    for (const name of new Set(sent)) expect(set).toContain(name);
  });

  test('certainties, outcomes and reasons are explained', () => {
    const said = (heading: string): string[] => cellsOf(page, heading).map(([cell]) => bare(cell));
    expect(said('certainty')).toEqual(['exact', 'bounded', 'inferred']);
    const [, outcomes = ''] = /^export type Outcome = (.*);$/m.exec(sourceOf('model/trace.ts')) ?? [];
    expect(said('outcome').map((outcome) => `'${outcome}'`).join(' | ')).toBe(outcomes);
    for (const { certainty } of TRACES.flatMap(({ spans }) => spans)) expect(said('certainty')).toContain(certainty);
    for (const { reason } of TRACES.flatMap(({ loose }) => loose)) expect(said('reason')).toContain(reason);
    const [, reasons = ''] = /^export type LooseReason = (.*);$/m.exec(sourceOf('model/trace.ts')) ?? [];
    expect(said('reason').map((reason) => `'${reason}'`).join(' | ')).toBe(reasons);
    for (const { errorType } of TRACES) if (errorType !== undefined) expect(said('error.type')).toContain(errorType);
  });

  test('shimtrace/start@1 has these keys, the outer ones in this order', () => {
    const rows = cellsOf(page, 'key').map(([key]) => bare(key));
    const values = TRACES.map((trace): unknown => JSON.parse(startJson(trace, HOST)));
    const findings = rows.filter((row) => row.startsWith('findings[].'));
    expect([...new Set([...values.flatMap((value) => keysOf(value)), ...findings])].toSorted()).toEqual(rows.toSorted());
    const outer = rows.filter((key) => !key.includes('.')).map((key) => key.replace('[]', ''));
    for (const value of values) expect(Object.keys(value ?? {})).toEqual(outer);
  });

  test('limits are those of the engine', () => {
    expect(page).toContain(`${MOST_EVENTS.toLocaleString('en')} lines in one start: cut`);
    expect(page).toContain(`more than ${LEDGER_DEFAULTS.mostOpen.toLocaleString('en')} starts under way`);
    expect(sourceOf('engine/evidence.ts')).toContain('const LONGEST_LINE = 1_900;');
    expect(sourceOf('engine/spans.ts')).toContain('const MOST_EVENTS = 128;');
  });
});
