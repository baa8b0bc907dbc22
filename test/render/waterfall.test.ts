import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bar } from '../../src/engine/render/bar.ts';
import { columns } from '../../src/engine/render/safe.ts';
import { tree, uncovered } from '../../src/engine/render/tree.ts';
import { waterfall } from '../../src/engine/render/waterfall.ts';
import { duration, nanos } from '../../src/model/time.ts';
import type { Trace } from '../../src/model/trace.ts';
import { finding, span, steps, trace, TRACE_ID, uruncTrace } from './trace.ts';

const plain = (subject: Trace, width = 80, ascii = false): string => waterfall(subject, { width, color: false, ascii });
const lines = (text: string): string[] => text.split('\n').slice(0, -1);
const widest = (text: string): number => Math.max(...lines(text).map(columns));
const ESC = '\x1b';

describe('the urunc start', () => {
  test('fits 80 columns, every step on its own line', () => {
    expect(plain(uruncTrace())).toMatchInlineSnapshot(`
      "container start fa7d2b21caf8 urunc ok  2026-11-20 23:14:05.789Z  scheme 0.7
      28.48ms wall = >13.05ms active + <15.44ms caller

      at           took    self                 component    phase
      +0        28.48ms     0ns ███████████████ urunc        container start
      +0       <9.847ms     0ns █████▏          urunc-create  create
      +0          925µs   925µs ▌               urunc-create   container from spec
      +925µs       97µs    97µs ▏               urunc-create   initial setup
      +1.022ms     78µs    78µs ▕               urunc-create   spawn reexec
      +1.1ms    8.622ms 8.622ms ▐████▏          urunc-create   wait for pids  waiting
      +9.722ms    119µs   119µs      ▏          urunc-create   CreateRuntime hooks
      +9.841ms      6µs     6µs      ▏          urunc-create   send ACK
      +9.847ms <15.44ms 15.44ms      ████████▍  containerd    caller: gap before start
      +12.07ms  16.41ms     0ns       ▐████████ urunc-reexec  reexec
      +12.07ms     57µs    57µs       ▏         urunc-reexec   base dir
      +12.13ms     13µs    13µs       ▏         urunc-reexec   wait for ACK  waiting
      +12.14ms    912µs   912µs       ▐         urunc-reexec   CreateContainer hooks
      +13.06ms  13.67ms 13.67ms       ▕███████▏ urunc-reexec   wait for START  waiting
      +26.73ms     53µs    53µs               ▏ urunc-reexec   join netns
      +26.78ms    341µs   341µs               ▎ urunc-reexec   set up network
      +27.12ms    748µs   748µs               ▐ urunc-reexec   set up disk
      +27.87ms    610µs   610µs               ▐ urunc-reexec   execve monitor
      +25.28ms  1.346ms     0ns              ▐  urunc-start   start
      +25.28ms  1.093ms 1.093ms              ▐  urunc-start    read state
      +26.38ms    253µs   253µs              ▕  urunc-start    send START

      reexec follows from create: spawn reexec

      < bounded by a neighbouring mark   > at least   waiting: for another component
      "
    `);
  });

  test('spells phase names out where there is room', () => {
    const wide = plain(uruncTrace(), 120);
    expect(wide).toContain('urunc-reexec   reexec: wait for START  waiting');
    expect(widest(wide)).toBeLessThanOrEqual(120);
  });

  test('is under 60 lines, no line ends in a space', () => {
    const all = lines(plain(uruncTrace()));
    expect(all.length).toBeLessThan(60);
    for (const line of all) expect(line).toBe(line.trimEnd());
  });

  test('without colour there is no escape byte; with colour the text is the same', () => {
    const coloured = waterfall(uruncTrace(), { width: 80, color: true, ascii: false });
    expect(plain(uruncTrace())).not.toContain(ESC);
    expect(coloured).toContain(`${ESC}[32mok${ESC}[0m`);
    expect(coloured.replaceAll(/\x1b\[\d+m/g, '')).toBe(plain(uruncTrace()));
  });

  test('ASCII is ASCII', () => {
    expect(plain(uruncTrace(), 80, true)).toMatch(/^[\x20-\x7e\n]*$/);
    expect(plain(uruncTrace(), 80, true)).toContain('925us');
  });
});

describe('the heading', () => {
  test.each([
    [{ schemes: ['0.5', '0.6'] }, 'version undecided: 0.5 or 0.6'],
    [{ schemes: ['0.4', '0.5', '0.6'] }, 'version undecided: 0.4, 0.5 or 0.6'],
    [{ schemeBy: 'pin' as const }, 'scheme 0.7 pinned'],
    [{ schemes: [] }, 'no version fits'],
    [{ outcome: 'incomplete' as const, errorType: 'timeout', lastMark: 'ack sent' }, 'urunc incomplete  2026-11-20 23:14:05.789Z\n  error timeout  last mark: ack sent  scheme 0.7\n'],
    [{ outcome: 'created' as const, lastMark: 'ack sent' }, 'urunc created  2026-11-20 23:14:05.789Z\n  last mark: ack sent  scheme 0.7\n'],
    [{ container: 'web-1' }, 'container start web-1 urunc ok'],
  ])('%j', (more, expected) => {
    expect(plain(uruncTrace(more))).toContain(expected);
  });

  test('a runtime without versions says nothing of them', () => {
    expect(plain(uruncTrace({ schemes: [], schemeBy: 'none' }))).not.toMatch(/version|scheme/);
  });

  test('exact gaps need no sign; without gaps all is active', () => {
    const root = span({ name: 'container start', from: 0, to: 10 });
    const gap = span({ name: 'caller: gap', from: 4, to: 6, credit: 'caller', parent: root.id });
    expect(plain(trace([root, gap]))).toContain('10µs wall = 8µs active + 2µs caller\n');
    expect(plain(trace([root]))).toContain('10µs wall, all of it active\n');
  });

  test('times no Date can hold are shown as they are', () => {
    expect(plain(uruncTrace({ at: nanos(9_300_000_000_000_000_000_000_000n) }))).toContain('9300000000000000000000000ns');
  });
});

describe('what else there is', () => {
  test('loose lines in words, repeated ones counted', () => {
    const event = (name: string, at: number, reason: 'by-design' | 'repeated' | 'undecided' | 'unplaced') =>
      ({ name, offset: duration(at), reason, line: '{}' });
    const text = plain(uruncTrace({ loose: [event('a', 1000, 'repeated'), event('b', 2000, 'undecided'), event('a', 9000, 'repeated'), event('c', 1, 'unplaced')] }));
    expect(text).toContain([
      'not in any phase: 4 lines',
      '  +1µs a: repeated: seen before at another time (2 times, last +9µs)',
      '  +2µs b: undecided: its meaning depends on the version',
      '  +1ns c: no phase of this start uses it', '',
    ].join('\n'));
  });

  test('links to other traces, findings, errors', () => {
    const root = span({ name: 'container start', from: 0, to: 10, links: [{ traceId: 'f'.repeat(32), spanId: '1'.repeat(16), attributes: [] }], error: 'exit status 127' });
    const text = plain(trace([root], { findings: [finding('dial-backoff', 'word '.repeat(40))] }));
    expect(text).toContain(`\ncontinues ${'f'.repeat(32)}\n`);
    expect(text).toContain('\n! container start: exit status 127\n');
    expect(text).toContain('\n! dial-backoff word word');
    expect(widest(text)).toBeLessThanOrEqual(80);
  });

  test('an incomplete start: the open span says so, and the legend explains', () => {
    const root = span({ name: 'container start', from: 0, to: 10, incomplete: true, certainty: 'inferred', error: 'timeout' });
    const text = plain(trace([root], { outcome: 'incomplete', errorType: 'timeout' }));
    expect(text).toContain('~10µs');
    expect(text).toContain('container start  incomplete\n');
    expect(text).toContain('~ inferred   incomplete: no end was logged\n');
  });

  test('no sign, no legend', () => {
    expect(plain(trace([span({ name: 'container start', from: 0, to: 10 })]))).toMatch(/container start\n$/);
  });
});

describe('hostile and odd traces', () => {
  const evil = '\x1b]0;owned\x07\x1b[31m\x9b2J\u202e\u2066\ud800\r\n' + 'x'.repeat(10_000);

  test.each([[80, false], [80, true], [120, false]])('nothing of a log reaches the terminal, width %d ascii %s', (width, ascii) => {
    const root = span({ name: evil, from: 0, to: 10, service: evil, error: evil });
    const spans = [root, ...steps(root, 0, [[evil, 5], ['\u{1f600}'.repeat(99), 6], ['a\u0301'.repeat(9999), 7]])];
    const text = plain(trace(spans, {
      container: evil, runtime: evil, errorType: evil, lastMark: evil, outcome: 'incomplete', schemes: [evil, evil],
      loose: [{ name: evil, offset: duration(1), reason: 'unplaced', line: evil }], findings: [finding(evil, evil)],
    }), width, ascii);
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\p{Cs}/u);
    expect(widest(text)).toBeLessThanOrEqual(width);
    expect(text.length).toBeLessThan(10_000);
  });

  test('spans of no length, and a start of no length, are drawn', () => {
    const root = span({ name: 'container start', from: 0, to: 0 });
    const text = plain(trace([root, ...steps(root, 0, [['a', 0]])]));
    expect(lines(text).filter((line) => line.includes('▏')).length).toBe(2);
    expect(text).toContain('0ns wall');
  });

  test('every span is shown once, whatever its parents are', () => {
    const a = span({ name: 'in a circle', from: 0, to: 4, id: 'a', parent: 'b' });
    const b = span({ name: 'with another', from: 0, to: 4, id: 'b', parent: 'a' });
    const orphan = span({ name: 'orphan', from: 0, to: 4, parent: 'nobody' });
    expect(tree(trace([span({ name: 'root', from: 0, to: 4 }), a, b, orphan])).map(({ span: each }) => each.name).toSorted())
      .toEqual(['in a circle', 'orphan', 'root', 'with another']);
  });

  test('a loose line breaks at its words, inside the paper', () => {
    for (let size = 1; size < 80; size += 1) {
      const text = plain(uruncTrace({ loose: [{ name: 'n'.repeat(size), offset: duration(1), reason: 'undecided', line: '' }] }));
      expect(widest(text)).toBeLessThanOrEqual(80);
    }
  });

  test('deep nesting still fits', () => {
    const spans = [span({ name: 'root', from: 0, to: 4 })];
    for (let i = 0; i < 5000; i += 1) spans.push(span({ name: `level ${i}`, from: 0, to: 4, parent: spans.at(-1)?.id }));
    expect(widest(plain(trace(spans)))).toBeLessThanOrEqual(80);
  });

  test('property: any trace fits any paper', () => {
    const sketch = fc.record({
      name: fc.string({ unit: 'binary', maxLength: 60 }), service: fc.string({ unit: 'binary', maxLength: 40 }),
      from: fc.nat(1e9), size: fc.nat(1e9), parent: fc.nat(20), waits: fc.boolean(), incomplete: fc.boolean(),
      certainty: fc.constantFrom('exact' as const, 'bounded' as const, 'inferred' as const),
    });
    fc.assert(fc.property(fc.array(sketch, { maxLength: 20 }), fc.integer({ min: 80, max: 200 }), fc.boolean(), (sketches, width, ascii) => {
      const spans = [span({ name: 'root', from: 0, to: 2e9 })];
      for (const { size, parent, ...rest } of sketches) spans.push(span({ ...rest, to: rest.from + size, parent: spans[parent % spans.length]?.id }));
      const text = plain(trace(spans), width, ascii);
      expect(widest(text)).toBeLessThanOrEqual(width);
      expect(lines(text).length).toBeGreaterThanOrEqual(spans.length + 4);
    }), { numRuns: 150 });
  });
});

describe('bars and own time', () => {
  test('to scale in eighths', () => {
    const draw = (from: number, to: number, ascii = false): string => bar(duration(from), duration(to), duration(64), 8, ascii);
    expect(draw(0, 64)).toBe('████████');
    expect(draw(0, 12)).toBe('█▌      ');
    expect(draw(12, 24)).toBe(' ▐█     ');
    expect(draw(64, 64)).toBe('       ▕');
    expect(draw(12, 24, true)).toBe(' ##     ');
  });

  test('time of one\'s own leaves out what children cover, once', () => {
    const outer = span({ name: 'outer', from: 10, to: 20 });
    const cover = (from: number, to: number) => span({ name: 'x', from, to });
    expect(uncovered(outer, [cover(12, 15), cover(11, 14), cover(18, 30), cover(0, 5)])).toBe(4000);
    expect(uncovered(outer, [])).toBe(10_000);
  });

  test('the helper makes traces of the fixed id', () => {
    expect(uruncTrace().id).toBe(TRACE_ID);
  });
});
