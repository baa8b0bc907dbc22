/** docs/containerd.md says what the runtime files do. */
import { describe, expect, test } from 'vitest';
import { LEDGER_DEFAULTS } from '../../src/engine/options.ts';
import type { SpanRule } from '../../src/model/spans.ts';
import { runtime } from '../../src/runtimes/containerd.ts';
import { runtime as events } from '../../src/runtimes/containerd-events.ts';
import { cellsOf, pageOf } from './page.ts';

const page = pageOf('containerd.md');
const orElse = (marks: readonly string[]): string => marks.join(', else ');

function rowOf(rule: SpanRule): readonly string[] {
  switch (rule.kind) {
    case 'between':
      return [rule.service, rule.name, orElse(rule.from), orElse(rule.to), rule.credit];
    case 'sessions':
      return [rule.service, rule.from.map((mark) => mark.replace(' asked', '')).join(', '), 'asked', 'answered, else failed', rule.credit];
    case 'gaps':
      return ['caller', 'caller: gap before ...', 'end of a request', "the container's next request", 'caller'];
    case 'pairs':
    case 'boot':
    case 'rpc':
    case 'stages':
    case 'steps':
      throw new Error(`the page has no words for ${rule.kind}`);
    default:
      return rule satisfies never;
  }
}

describe('docs/containerd.md', () => {
  test('the table of spans is that of the runtime file', () => {
    const words = Object.values(runtime.spans).flatMap((rules) => rules.map(rowOf));
    const { start, stop } = runtime.episodes;
    const roots = [start.pod, start.root.name, ...new Set(Object.values(stop?.names ?? {})), stop?.root.name].join(', ');
    expect(cellsOf(page, 'service').toSorted()).toEqual([[start.root.service, roots, 'first request', 'last answer', 'containerd'], ...words].toSorted());
  });

  test('and the table of events that of theirs', () => {
    const words = Object.values(events.spans).flatMap((rules) => rules.map((rule) => rowOf(rule).slice(1)));
    expect(cellsOf(page, 'event span').toSorted()).toEqual(words.toSorted());
  });

  test('the attributes are those of both', () => {
    const told = new Set([runtime, events].flatMap(({ attributes = {} }) => Object.keys(attributes)));
    expect(cellsOf(page, 'attribute').map(([name]) => name).toSorted()).toEqual([...told].map((name) => `\`${name}\``).toSorted());
  });

  test('every phase is in the table of what each source shows', () => {
    const shown = cellsOf(page, 'what').map(([what = '']) => what).join(', ');
    const rules: readonly SpanRule[] = [runtime, events].flatMap(({ spans }) => Object.values(spans).flat());
    const phases = rules.flatMap((rule) => (rule.kind === 'between' ? [rule.name] : rule.kind === 'sessions' ? rule.from.map((mark) => mark.replace(' asked', '')) : []));
    expect(phases.filter((name) => !shown.includes(name) && !['network: tear down', 'oci: delete', 'container: delete', 'exec: start'].includes(name))).toEqual([]);
  });

  test('says how long it waits, and what it counts', () => {
    expect([runtime.episodes.start.settle, runtime.episodes.stop?.settle]).toEqual([5e9, 5e9]);
    expect(page).toContain('within five seconds of each other');
    expect(page).toContain('up to five seconds of silence');
    expect(runtime.episodes.start.answers?.find(([asked]) => asked === 'PullImage asked')?.[2]).toBe(1_800e9);
    expect(page).toContain('for up to thirty minutes');
    expect(LEDGER_DEFAULTS.exitWithin).toBe(250e6);
    expect(page).toContain('a quarter of a second');
    for (const { episodes } of [runtime, events]) for (const { nothing } of Object.values(episodes)) if (nothing !== undefined) expect(page).toContain(`\`${nothing.name}\``);
    for (const name of ['of_no_start', 'of_several_starts']) expect(page).toContain(`\`${name}\``);
    expect(Object.keys(runtime.sources[0]?.secret ?? {}).every((name) => name.startsWith('secret: '))).toBe(true);
  });
});
