import { describe, expect, test } from 'vitest';
import { Alerts } from '../../src/alerts/alerts.ts';
import type { Notice } from '../../src/alerts/notice.ts';
import { Underway } from '../../src/alerts/underway.ts';
import type { Rule, SinkSpec } from '../../src/model/alert.ts';
import { duration, nanos } from '../../src/model/time.ts';
import type { Trace } from '../../src/model/trace.ts';
import { Journal, until } from '../support/files.ts';
import { rule, slowStart, words } from './parts.ts';

class Desk {
  readonly journal = new Journal();
  readonly sent: { readonly sink: string; readonly notice: Notice }[] = [];
  now = 0;
  failing = false;
  readonly alerts = new Alerts({
    log: this.journal.log, journal: () => undefined, now: () => nanos(1n), steady: () => this.now, words, links: ({ id }) => ({ jaeger: `http://j/${id}`, grafana: undefined }),
    host: { id: 'h', name: 'n' }, history: undefined,
    deliver: (spec) => (notice) => {
      if (this.failing) return Promise.resolve({ kind: 'failed', why: 'down' });
      this.sent.push({ sink: `${spec.name} ${spec.kind}`, notice });
      return Promise.resolve({ kind: 'delivered' });
    },
  });

  constructor(rules: readonly Rule[], sinks: readonly SinkSpec[] = []) {
    this.alerts.configure(rules, sinks);
  }

  see(trace: Trace, live = true): void {
    this.alerts.see({ trace, live });
  }

  async told(count: number): Promise<string[]> {
    await until(() => this.sent.length >= count);
    return this.sent.map(({ sink, notice }) => `${sink}: ${notice.rule.name} ${notice.status} ${notice.heldBack}`);
  }
}

const hook = (name: string): SinkSpec => ({ name, kind: 'webhook', url: `http://${name}`, headers: [] });
const minute = 60_000;

describe('who is told', () => {
  test('the journal when nobody else is named', async () => {
    const desk = new Desk([rule()]);
    desk.see(slowStart(2_000));
    expect(await desk.told(1)).toEqual(['journal journal: slow finished 0']);
  });

  test('all sinks, or those that the rule names', async () => {
    const desk = new Desk([rule(), rule({ name: 'one', notify: ['b'] }), rule({ name: 'bad', on: 'error', above: undefined })], [hook('a'), hook('b')]);
    desk.see(slowStart(2_000));
    expect((await desk.told(3)).toSorted()).toEqual(['a webhook: slow finished 0', 'b webhook: one finished 0', 'b webhook: slow finished 0']);
    desk.see(slowStart(2, { outcome: 'failed', errorType: 'failed' }));
    expect((await desk.told(5)).slice(3).toSorted()).toEqual(['a webhook: bad finished 0', 'b webhook: bad finished 0']);
  });

  test('nobody of a start that is not live, of a stop, of a fast start', async () => {
    const desk = new Desk([rule()]);
    desk.see(slowStart(2_000), false);
    desk.see(slowStart(2_000, { episode: 'stop' }));
    desk.see(slowStart(20));
    desk.see(slowStart(3_000));
    await desk.told(1);
    expect(desk.sent.map(({ notice }) => notice.trace.active)).toEqual([3_000e6]);
  });
});

describe('cool-down', () => {
  test('holds back what is of the same rule, runtime and phase, and counts it', async () => {
    const desk = new Desk([rule()]);
    for (let at = 0; at < 4; at++) desk.see(slowStart(2_000));
    desk.see(slowStart(2_000, { runtime: 'kata-1' }));
    expect(await desk.told(2)).toEqual(['journal journal: slow finished 0', 'journal journal: slow finished 0']);
    expect([desk.alerts.raised.get('slow'), desk.alerts.heldBack.get('slow')]).toEqual([2, 3]);
    desk.now = 10 * minute - 1;
    desk.see(slowStart(2_000));
    desk.now = 10 * minute;
    desk.see(slowStart(2_000));
    expect(await desk.told(3)).toContain('journal journal: slow finished 4');
  });

  test('none: every one is told', async () => {
    const desk = new Desk([rule({ cooldown: duration(0) })]);
    for (let at = 0; at < 4; at++) desk.see(slowStart(2_000));
    expect(await desk.told(4)).toHaveLength(4);
  });
});

describe('other rules and sinks', () => {
  test('what waits for a sink that stays, or is changed, is not lost', async () => {
    const desk = new Desk([rule({ cooldown: duration(0) })], [hook('a'), hook('b')]);
    desk.failing = true;
    desk.see(slowStart(2_000));
    await until(() => desk.journal.count('alert_not_delivered') === 2);
    desk.failing = false;
    desk.alerts.configure([rule({ name: 'other' })], [hook('a'), { ...hook('b'), kind: 'alertmanager', url: 'http://c', headers: [] }]);
    expect((await desk.told(2)).toSorted()).toEqual(['a webhook: slow finished 0', 'b alertmanager: slow finished 0']);
    expect([...desk.alerts.sinks.keys()]).toEqual(['a', 'b']);
    expect([...desk.alerts.raised]).toEqual([['slow', 1], ['other', 0]]);
  });

  test('a sink that was taken away gets nothing more, and what waited for it is counted', async () => {
    const desk = new Desk([rule()], [hook('a')]);
    desk.failing = true;
    desk.see(slowStart(2_000));
    await until(() => desk.journal.count('alert_not_delivered') === 1);
    const gone = desk.alerts.sinks.get('a');
    desk.alerts.configure([rule()], []);
    await until(() => gone?.queue.lost.stopped === 1);
  });

  test('at the end what was not delivered is named', async () => {
    const desk = new Desk([rule()], [hook('a')]);
    desk.failing = true;
    desk.see(slowStart(2_000));
    await until(() => desk.journal.count('alert_not_delivered') === 1);
    await desk.alerts.stop(60_000);
    expect(desk.journal.find('alerts_not_delivered')?.fields['text']).toContain('The sink "a" did not get 1 alert before its end: urunc container');
  });
});

describe('a start under way', () => {
  const open = rule({ name: 'open', open: true });

  test('is told of once, and again when it is over, cool-down or not', async () => {
    const desk = new Desk([open, rule({ name: 'shut' })]);
    expect(desk.alerts.openLimit).toBe(1e9);
    const trace = slowStart(900);
    for (const took of [0.9e9, 1.2e9, 1.4e9]) desk.alerts.overdue(trace, duration(took));
    expect(await desk.told(1)).toEqual(['journal journal: open open 0']);
    desk.see(slowStart(2_500));
    expect((await desk.told(3)).toSorted()).toEqual(['journal journal: open finished 0', 'journal journal: open open 0', 'journal journal: shut finished 0']);
  });

  test('no rule asks: nobody looks', () => {
    expect(new Desk([rule()]).alerts.openLimit).toBeUndefined();
    let looked = 0;
    const underway = new Underway({ some: () => (looked++, true), open: () => [], now: () => nanos(0n), overdue: () => undefined });
    underway.stirred();
    expect(looked).toBe(0);
  });

  test('one that hangs is found by the clock; one that rests, is old, or has just begun is not', async () => {
    const now = 1_795_216_445_000_000_000n;
    const began = (ago: number, more: Partial<Trace> = {}): { readonly opened: Trace['at']; readonly trace: () => Trace } => {
      const at = nanos(now - BigInt(ago) * 1_000_000n);
      return { opened: at, trace: () => slowStart(10, { at, wall: duration(10e6), active: duration(10e6), outcome: 'incomplete', ...more }) };
    };
    const starts = [began(500, { id: 'hangs' }), began(500, { id: 'rests', outcome: 'created' }), began(700_000, { id: 'old' }), began(20, { id: 'new' }), began(-5_000, { id: 'ahead' })];
    const found: [string, number][] = [];
    const underway = new Underway({ some: () => true, open: () => starts, now: () => nanos(now), overdue: (trace, took) => void found.push([trace.id, took / 1e6]) });
    underway.limit = duration(100e6);
    await until(() => found.length > 0);
    expect(found).toEqual([['hangs', 500]]);
    underway.stop();
  });

  test('lines that wait to be read hide it only until they were read', async () => {
    const now = nanos(1_795_216_445_000_000_000n);
    let looks = 0;
    const start = { opened: nanos(now - 5_000_000_000n), trace: () => slowStart(10, { at: nanos(now - 5_000_000_000n), outcome: 'incomplete' }) };
    const found: string[] = [];
    const underway = new Underway({ some: () => true, open: () => (++looks < 3 ? [] : [start]), now: () => now, overdue: (trace) => void found.push(trace.container) });
    underway.limit = duration(100e6);
    await until(() => found.length > 0);
    expect(looks).toBe(3);
    underway.stop();
  });
});
