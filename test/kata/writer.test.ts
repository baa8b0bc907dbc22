/**
 * Sandboxes that never were, with known clocks, pauses and lengths: what the engine makes of their logs is what was written. With lines
 * lost or late, no span claims to be exact that is not.
 */
import { describe, expect, test } from 'vitest';
import type { Trace } from '../../src/model/trace.ts';
import { interleaved } from '../support/katawriter.ts';
import type { KataLine, KataSession, KataSpan, SessionOptions } from '../support/katawriter.ts';
import { Random, pids } from '../support/random.ts';
import { ofGuest, size, tell } from '../support/told.ts';
import type { Told } from '../support/told.ts';
import { AT, traces, write } from './written.ts';

const SECOND = 1_000_000_000n;

/** Whether a span says what truly was: a host's to the ns; a guest's in its length to the ns, in its place within what it owns to (where nothing bounds the clock from below, it says so and owns to nothing). */
function says(told: Told, real: KataSpan): boolean {
  const { span } = told;
  if (span.service !== real.service || span.name !== real.name || (told.container !== undefined && told.container !== real.container)) return false;
  if (!ofGuest(real.service)) return told.start === real.start && (told.end === real.end || (span.certainty === 'bounded' && real.name.startsWith('call ') && told.end >= real.end));
  return told.end - told.start === real.end - real.start && (told.uncertainty === undefined || size(told.start - real.start) <= told.uncertainty);
}

const named = ({ service, name, container, start, end }: KataSpan): string => `${service} ${name} ${container.slice(0, 8)} ${start} ${end - start}`;

/** Every stretch that was is told, once, in the trace it belongs to. */
function expectAll(sessions: readonly KataSession[], all: readonly Trace[]): void {
  const told = tell(all);
  for (const { spans, sandbox, containers } of sessions) {
    const mine = told.filter(({ trace }) => containers.includes(trace.container) || trace.containers.includes(sandbox));
    expect(spans.filter((real) => mine.filter((one) => says(one, real)).length !== 1).map(named)).toEqual([]);
  }
}

/**
 * Nothing is called exact that was not so. `left`: the lines that were not lost. Two like stretches of one process of which the first's end
 * and the second's beginning are both lost look like one long one: no line that the engine keeps tells them apart.
 */
function expectHonest(sessions: readonly KataSession[], all: readonly Trace[], left?: readonly KataLine[]): void {
  const real = Map.groupBy(sessions.flatMap(({ spans }) => spans), ({ service, name }) => `${service} ${name}`);
  const there = new Set(left);
  const unseen = (one: Told, like: readonly KataSpan[]): boolean => {
    const [first, firstEnd] = like.find(({ start }) => start === one.start)?.needs ?? [];
    const [lastBegin, last] = like.find(({ end }) => end === one.end)?.needs ?? [];
    return left !== undefined && first !== undefined && firstEnd !== undefined && lastBegin !== undefined && first.pid === last?.pid && !there.has(firstEnd) && !there.has(lastBegin);
  };
  const wrong = tell(all).filter((one) => {
    const like = real.get(`${one.span.service} ${one.span.name}`) ?? [];
    return one.span.certainty === 'exact' && !like.some((each) => says(one, each)) && !unseen(one, like);
  });
  expect(wrong.map(({ span, start, end, container, uncertainty }) => `${span.service} ${span.name} ${container?.slice(0, 8)} ${start} ${end - start} within ${uncertainty}`)).toEqual([]);
}

function expectInside(all: readonly Trace[]): void {
  for (const { spans } of all) {
    const byId = new Map(spans.map((span) => [span.id, span]));
    for (const span of spans) {
      const parent = span.parent === undefined ? undefined : byId.get(span.parent);
      if (parent !== undefined) expect([span.start >= parent.start, span.end <= parent.end], `${span.name} in ${parent.name}`).toEqual([true, true]);
      if (ofGuest(span.service) && span.kind === 'server') expect(parent?.name, span.name).toBe(`call ${span.name}`);
    }
  }
}

const KINDS: readonly (readonly [string, Partial<SessionOptions>])[] = [
  ['cold', {}],
  ['cold, guest ahead of the host', { behind: -10_100_000_000n }],
  ['cold, in a zone', { zone: 480 }],
  ['template, whose clock is set', { kind: 'template', behind: 26_087_000_000n }],
  ['1.2.0, gRPC pauses once', { version: '1.2.0', backoffs: 1 }],
  ['1.2.0, gRPC pauses twice', { version: '1.2.0', backoffs: 2 }],
  ['1.2.0, no pause', { version: '1.2.0', backoffs: 0 }],
  ['1.2.0, template', { version: '1.2.0', kind: 'template', behind: 26_087_000_000n }],
];

describe.each(KINDS)('%s', (_, more) => {
  test('the spans are those that were written', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const one = write(seed, more);
      const all = traces(one.lines);
      expect(all.map(({ episode, outcome }) => `${episode} ${outcome}`).sort(), String(seed)).toEqual(['exec ok', 'start ok', 'stop ok']);
      expectAll([one], all);
      expectHonest([one], all);
      expectInside(all);
    }
  });

  test('with lines missing, nothing is called exact that is not', () => {
    for (let seed = 1; seed <= 25; seed++) {
      const one = write(seed, more);
      const random = new Random(seed);
      const rate = [0.01, 0.05, 0.1, 0.2][seed % 4] ?? 0;
      const left = one.lines.filter(() => !random.chance(rate));
      const all = traces(left);
      expectHonest([one], all, left);
      expectInside(all);
    }
  });

  test('without any one of its lines', () => {
    const one = write(3, { ...more, further: 0, exec: false, stop: false });
    for (const gone of one.lines) {
      const all = traces(one.lines.filter((line) => line !== gone));
      expectHonest([one], all);
      expect(all.length, gone.text).toBeGreaterThan(0);
    }
  });
});

describe('many at once', () => {
  const fifty = (seed: number): KataSession[] => {
    const random = new Random(seed);
    const pid = pids();
    return Array.from({ length: 50 }, (_, index) => {
      const [, more = {}] = KINDS[index % KINDS.length] ?? [];
      return write(seed * 1_000 + index, { ...more, further: index % 3, exec: index % 4 === 0, stop: index % 2 === 0, at: AT + BigInt(random.whole(0, 8_000_000)) * 1_000n, behind: (more.behind ?? 0n) + BigInt(random.whole(-900_000, 900_000)) * 1_000n }, pid);
    });
  };

  test.each([1, 2, 3])('fifty sandboxes, interleaved, each line up to 50 ms late (%i)', (seed) => {
    const sessions = fifty(seed);
    const all = traces(interleaved(new Random(seed), sessions, 50_000_000));
    expect(all.filter(({ episode }) => episode === 'start')).toHaveLength(50);
    expect(all.filter(({ outcome }) => outcome !== 'ok').map(({ episode, outcome, container }) => `${episode} ${outcome} ${container}`)).toEqual([]);
    expectAll(sessions, all);
    expectHonest(sessions, all);
    expectInside(all);
  });

  test.each([1, 2, 3])('and one line in fifty lost (%i)', (seed) => {
    const sessions = fifty(seed);
    const random = new Random(seed);
    const left = interleaved(random, sessions, 50_000_000).filter(() => !random.chance(0.02));
    const all = traces(left);
    expectHonest(sessions, all, left);
    expectInside(all);
  });

  test('pids that come again are other processes', () => {
    const sessions = [1, 2, 3, 4].map((seed) => write(seed, { at: AT + BigInt(seed) * 60n * SECOND, behind: BigInt(seed) * SECOND }, pids()));
    const all = traces(interleaved(new Random(1), sessions));
    expectAll(sessions, all);
    expectHonest(sessions, all);
  });
});
