/** docs/kata.md says what the runtime files do. */
import { describe, expect, test } from 'vitest';
import type { SpanRule } from '../../src/model/spans.ts';
import { runtime } from '../../src/runtimes/kata-go.ts';
import { runtime as rust } from '../../src/runtimes/kata-rs.ts';
import { cellsOf, pageOf } from './page.ts';

const page = pageOf('kata.md');
const orElse = (marks: readonly string[]): string => marks.join(', else ');

/** Row of the page for a word: service, name, from, to. */
function rowOf(rule: SpanRule): readonly [string, string, string, string] {
  switch (rule.kind) {
    case 'between':
      return [rule.service, rule.name, orElse(rule.from), `${rule.last ? 'the last ' : ''}${orElse(rule.to)}`];
    case 'pairs':
      return [rule.service, rule.name, rule.from, orElse(rule.to)];
    case 'boot':
      return [rule.service, rule.name, "the kernel's own zero", orElse(rule.to)];
    case 'sessions':
      return [rule.service, rule.from.map((mark) => mark.replace(' begun', '')).join(', '), "`Create() start` and the like, else the container's line before", '`Create() end` and the like, else the line beside it'];
    case 'gaps':
      return ['caller', 'caller: gap before ...', 'end of a request', "the container's next request"];
    case 'rpc':
    case 'stages':
    case 'steps':
      throw new Error(`the page has no words for ${rule.kind}`);
    default:
      return rule satisfies never;
  }
}

describe('docs/kata.md', () => {
  test('the table of spans is that of the runtime file', () => {
    const words = Object.values(runtime.spans).flatMap((rules) => rules.map(rowOf));
    const { start, stop, exec } = runtime.episodes;
    const roots = [start.root.name, start.pod, stop?.root.name, exec?.root.name].join(', ');
    const rows = cellsOf(page, 'service').map((row) => row.slice(0, 4));
    expect(rows.toSorted()).toEqual([[start.root.service, roots, 'first line of its first request', 'end of its last span'], ...words].toSorted());
  });

  test('and the table of runtime-rs that of its own', () => {
    const words = Object.values(rust.spans).flatMap((rules) => rules.flatMap((rule) => (rule.kind === 'sessions' ? [] : [rowOf(rule)])));
    const [requests = [], ...rows] = cellsOf(page, 'part').map((row) => row.slice(0, 4));
    expect(rows.toSorted()).toEqual(words.toSorted());
    const [session] = (rust.spans.every ?? []).filter((rule) => rule.kind === 'sessions');
    expect(requests[1]?.split(', ')).toEqual(['create', 'start', 'kill', 'delete', 'shutdown']);
    for (const command of requests[1]?.split(', ') ?? []) expect(session?.kind === 'sessions' && session.from.some((mark) => mark.startsWith(command))).toBe(true);
    expect(rust.findings?.filter(({ id }) => !page.includes(`\`${id}\``))).toEqual([]);
  });

  test('the findings are those of the runtime file', () => {
    expect(cellsOf(page, 'id').map(([id]) => id)).toEqual((runtime.findings ?? []).map(({ id }) => `\`${id}\``));
  });

  test('the figures of both shims are those of the table', () => {
    const told = cellsOf(page, 'attribute').map(([name]) => name);
    for (const { measures = [] } of [runtime, rust]) expect(measures.map(({ name }) => `\`${name}\``)).toEqual(told);
  });

  test('says how long it waits, and what it counts', () => {
    expect(runtime.episodes.start.settle).toBe(5e9);
    expect(page).toContain('within five seconds of each other');
    expect(runtime.episodes.stop?.settle).toBe(12e9);
    expect(page).toContain('twelve seconds of silence');
    expect(page).toContain(`\`${runtime.episodes.stop?.nothing?.name ?? ''}\``);
    const secrets = [...runtime.sources, ...rust.sources].flatMap(({ secret = {} }) => Object.keys(secret));
    expect(secrets.length).toBeGreaterThan(0);
    expect(secrets.every((name) => name.startsWith('secret: '))).toBe(true);
    expect(page).toContain('names that begin with\n`secret:`');
  });
});
