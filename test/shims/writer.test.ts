/**
 * Sandboxes of Kata 2.x to 4.x that never were, with known clocks, delays and lengths: what is made of their logs is what was written, in
 * whichever form the journal was kept.
 */
import { describe, expect, test } from 'vitest';
import type { Trace } from '../../src/model/trace.ts';
import { goSession } from '../support/goshimwriter.ts';
import { KATA_GO, KATA_RS, tracesOf } from '../support/ledger.ts';
import { Random, pids } from '../support/random.ts';
import { rsSession } from '../support/rsshimwriter.ts';
import { journal } from '../support/shimwriter.ts';
import type { Form, ShimOptions, ShimSession } from '../support/shimwriter.ts';
import { checkTrace } from './laws.ts';
import { expectAll, expectHonest, expectInside } from './written.ts';

const AT = 1_795_216_081_795_582_741n;
const MILLI = 1_000_000;
/** Of the guest's clock behind the host's, in seconds. */
const OFFSETS = [-30, -10.1, -0.23, 0, 0.0004, 1.4, 30] as const;

const options = (seconds: number, more: Partial<ShimOptions> = {}): ShimOptions =>
  ({ at: AT, behind: BigInt(Math.round(seconds * 1e9)), further: 1, exec: true, stop: true, pid: pids(), ...more });

interface Shim {
  readonly name: string;
  readonly forms: readonly Form[];
  readonly write: (random: Random, options: ShimOptions) => ShimSession;
  readonly read: (log: string) => readonly Trace[];
  /** Its default level tells of a pod's further containers. */
  readonly members: boolean;
}

const GO: Shim = { name: 'kata-go', forms: ['short', 'json'], write: goSession, members: true, read: (log) => tracesOf(log, { runtimes: [KATA_GO], eager: false }).traces };

const RS: Shim = { name: 'kata-rs', forms: ['json'], write: rsSession, members: true, read: (log) => tracesOf(log, { runtimes: [KATA_RS], eager: false }).traces };
/** Up to 3.19, whose objects stand in a journal that was kept as text, too. */
const OLD_RS: Shim = { ...RS, members: false, name: 'kata-rs 3.2', forms: ['short', 'json'], write: (random, options) => rsSession(random, { ...options, version: '3.2' }) };

function expectWhole(sessions: readonly ShimSession[], all: readonly Trace[]): void {
  expectAll(sessions, all);
  expectHonest(sessions, all);
  expectInside(sessions, all);
}

describe.each([GO, RS, OLD_RS].flatMap((shim) => shim.forms.map((form) => [shim.name, form, shim] as const)))('%s, %s', (_, form, { write, read, members }) => {
  test.each(OFFSETS)('a guest %d s behind: the spans are those that were written', (seconds) => {
    for (let seed = 1; seed <= 5; seed++) {
      const one = write(new Random(seed), options(seconds));
      const all = read(journal(new Random(seed), [one], form, 10));
      expect(all.map(({ episode, outcome }) => `${episode} ${outcome}`).sort(), String(seed)).toEqual(['exec ok', 'start ok', 'stop ok', 'stop ok']);
      expectWhole([one], all);
    }
  });

  test('the agent\'s lines late by up to two seconds, and out of order', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const one = write(new Random(seed), options(OFFSETS[seed % OFFSETS.length] ?? 0, { late: 2_000 * MILLI }));
      expectWhole([one], read(journal(new Random(seed), [one], form, 80)));
    }
  });

  test.each([1, 2])('fifty sandboxes at once, the copies of a line up to 80 entries apart (%i)', (seed) => {
    const random = new Random(seed);
    const pid = pids();
    const sessions = Array.from({ length: 50 }, (_, index) =>
      write(new Random(seed * 1_000 + index), options(random.whole(-30_000, 30_000) / 1_000, { at: AT + BigInt(random.whole(0, 8_000_000)) * 1_000n, further: index % 3, exec: index % 4 === 0, stop: index % 2 === 0, late: (index % 5) * 200 * MILLI, pid })));
    const all = read(journal(random, sessions, form, 80));
    expect(all.filter(({ episode }) => episode === 'start')).toHaveLength(50);
    expect(all.filter(({ outcome }) => outcome !== 'ok').map(({ episode, outcome, container }) => `${episode} ${outcome} ${container}`)).toEqual([]);
    expectWhole(sessions, all);
  });

  test('with one line in fifty lost nothing is called exact that is not', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new Random(seed);
      const one = write(new Random(seed), options(OFFSETS[seed % OFFSETS.length] ?? 0));
      const lines = one.lines.filter(() => !random.chance(0.02));
      const all = read(journal(random, [{ lines }], form, 10));
      expectHonest([one], all);
      for (const trace of all) checkTrace(trace);
    }
  });

  test('at the level that is the default: the same starts, and nothing exact that is not', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const one = write(new Random(seed), options(1.4, { level: 'info', further: 2 }));
      const all = read(journal(new Random(seed), [one], form, 10));
      expect(all.filter(({ episode }) => episode === 'start').map(({ containers, outcome }) => [containers, outcome])).toEqual([[members ? one.containers : [one.sandbox], 'ok']]);
      expectHonest([one], all);
      for (const trace of all) checkTrace(trace);
    }
  });
});
