/** docs/kata-1.md says what the runtime file and the engine do. */
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { SpanRule } from '../../src/model/spans.ts';
import { runtime } from '../../src/runtimes/kata-1.ts';
import { cellsOf, pageOf } from './page.ts';

const page = pageOf('kata-1.md');
const orElse = (marks: readonly string[]): string => marks.join(', else ');

/** Rows of the page for a word: service, name, from, to. */
function rowsOf(rule: SpanRule): (readonly [string, string, string, string])[] {
  switch (rule.kind) {
    case 'between':
      return [[rule.service, rule.name, orElse(rule.from), orElse(rule.to)]];
    case 'pairs':
      return [[rule.service, rule.name, rule.from, orElse(rule.to)]];
    case 'boot':
      return [[rule.service, rule.name, "the kernel's own zero", orElse(rule.to)]];
    case 'rpc':
      return [
        [rule.client.service, rule.client.name, rule.client.mark, 'next line of the process'],
        [rule.server.service, rule.server.name, `${rule.server.mark} less its duration`, rule.server.mark],
      ];
    case 'stages':
      return [[rule.service, rule.stages.map(({ name }) => name).join(', '), 'its message', 'the next of these']];
    case 'sessions':
      return [[rule.service, 'create, state, start, run, kill, delete, exec', 'first line of the process', 'last line of the process']];
    case 'gaps':
      return [['caller', 'caller: gap before ...', 'last line of a process', "first line of the container's next"]];
    case 'steps':
      return [];
    default:
      return rule satisfies never;
  }
}

describe('docs/kata-1.md', () => {
  test('the table of spans is that of the runtime file', () => {
    const words = Object.values(runtime.spans).flatMap((rules) => rules.flatMap(rowsOf));
    const { start, stop, exec } = runtime.episodes;
    const roots = [start.root.name, start.pod, stop?.root.name, exec?.root.name].join(', ');
    const rows = cellsOf(page, 'service').map((row) => row.slice(0, 4));
    expect(rows.toSorted()).toEqual([[start.root.service, roots, 'first line of its first process', 'end of its last span'], ...words].toSorted());
  });

  test('the findings are those of the runtime file', () => {
    expect(cellsOf(page, 'id').map(([id]) => id)).toEqual((runtime.findings ?? []).map(({ id }) => `\`${id}\``));
  });

  test('every attribute that Kata spans get is in a table', () => {
    const folder = fileURLToPath(new URL('../../src/engine/', import.meta.url));
    const code = ['calls', 'clock', 'processes', 'root', 'spans'].map((name) => readFileSync(`${folder}${name}.ts`, 'utf8')).join('');
    const set = new Set([...code.matchAll(/\['((?:shimtrace\.(?:clock|version|writer)|process|rpc|peer|service\.peer)[a-z_.]*)', /g)].map(([, name]) => name));
    const told = cellsOf(page, 'attribute').flatMap(([cell = '']) => cell.split(', ').map((name) => name.replaceAll('`', '')));
    expect(told.toSorted()).toEqual([...set].toSorted());
    expect(readdirSync(folder)).toContain('calls.ts');
  });

  test('says how long it waits', () => {
    expect(runtime.episodes.start.settle).toBe(5e9);
    expect(page).toContain('within five seconds of each other');
    expect(page).toContain(`\`${runtime.episodes.stop?.nothing?.name ?? ''}\``);
  });
});
