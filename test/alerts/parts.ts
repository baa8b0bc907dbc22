/** Starts, rules and words for the tests of alerts. */
import { words } from '../../src/cli/words.ts';
import type { Occasion } from '../../src/alerts/notice.ts';
import { breachesOf } from '../../src/alerts/judge.ts';
import type { Rule } from '../../src/model/alert.ts';
import { duration, nanos } from '../../src/model/time.ts';
import type { Span, Trace } from '../../src/model/trace.ts';
import { span, trace } from '../delivery/traces.ts';

export { words };

export const rule = (more: Partial<Rule> = {}): Rule => ({
  name: 'slow', on: 'slow', runtime: undefined, phase: 'total', above: { kind: 'fixed', limit: duration(1e9) }, minSamples: 50, open: false,
  severity: 'warning', cooldown: duration(600e9), notify: undefined, ...more,
});

const ms = (value: number): Span['start'] => duration(value * 1e6);

/** A start of so many ms, three fifths of it in `create: wait`, and a gap of the caller of 3 s that `reexec: wait` waits for, too. */
export function slowStart(active: number, more: Partial<Trace> = {}): Trace {
  const root = span({ id: 'a'.repeat(16), end: ms(active + 3_000) });
  const line = (name: string, at: number): Span['events'][number] => ({ name, offset: ms(at), attributes: [['log.record.original', `line of ${name}`]] });
  const half = active * 0.6;
  const create = span({ id: 'b'.repeat(16), parent: root.id, name: 'create', service: 'urunc-create', end: ms(active) });
  const wait = span({ id: 'c'.repeat(16), parent: create.id, name: 'create: wait', service: 'urunc-create', end: ms(half), events: [line('asked', 0), line('answered', half)] });
  const gap = span({ id: 'd'.repeat(16), parent: root.id, name: 'caller: gap before start', service: 'caller', credit: 'caller', start: ms(active), end: ms(active + 3_000) });
  const reexec = span({ id: 'e'.repeat(16), parent: root.id, name: 'reexec: wait', service: 'urunc-reexec', start: ms(half), end: ms(active + 2_000) });
  return trace({ active: ms(active), wall: ms(active + 3_000), spans: [root, create, wait, reexec, gap], ...more });
}

export function occasion(more: Partial<Occasion> = {}): Occasion {
  const start = more.trace ?? slowStart(2_000);
  const asked = more.rule ?? rule();
  return {
    rule: asked, trace: start, breaches: breachesOf(asked, start, undefined), status: 'finished', test: false, host: { id: 'h', name: 'vmfarm' },
    links: { jaeger: `http://jaeger/trace/${start.id}`, grafana: undefined }, heldBack: 0, now: nanos(1_795_216_445_789_123_457n), ...more,
  };
}
