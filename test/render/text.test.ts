import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { human, offset } from '../../src/engine/render/duration.ts';
import { slowest, summaryLine } from '../../src/engine/render/line.ts';
import { columns, printable, shortId } from '../../src/engine/render/safe.ts';
import { duration } from '../../src/model/time.ts';
import { finding, span, trace, TRACE_ID, uruncTrace } from './trace.ts';

describe('human', () => {
  test.each([
    [0, '0ns'], [1, '1ns'], [999, '999ns'], [1000, '1µs'], [925_300, '925.3µs'], [999_949, '999.9µs'], [999_999, '1ms'],
    [28_481_000, '28.48ms'], [8_622_000, '8.622ms'], [2_009_000_000, '2.009s'], [59_994_000_000, '59.99s'], [59_999_000_000, '1min'],
    [90_000_000_000, '1.5min'], [3_600_000_000_000, '1h'], [2 ** 53, '2502h'], [-1500, '-1.5µs'],
  ])('%d ns is %s', (value, text) => {
    expect(human(duration(value))).toBe(text);
  });

  test('at most four significant digits, within half a unit of the last', () => {
    const units = { ns: 1, µs: 1e3, ms: 1e6, s: 1e9, min: 60e9, h: 3600e9 };
    fc.assert(fc.property(fc.nat(2 ** 53 - 1), (value) => {
      const [, digits, unit] = /^([\d.]+)(ns|µs|ms|s|min|h)$/.exec(human(duration(value))) ?? [];
      expect(digits?.replace('.', '').replace(/^0+/, '').length).toBeLessThanOrEqual(4);
      const length = Object.entries(units).find(([name]) => name === unit)?.[1] ?? Number.NaN;
      expect(Math.abs(Number(digits) * length - value)).toBeLessThanOrEqual(value * 0.0005 + 1);
    }));
  });

  test('offsets carry their sign', () => {
    expect([0, 12_074_000, -3].map((value) => offset(duration(value)))).toEqual(['+0', '+12.07ms', '-3ns']);
  });
});

describe('printable', () => {
  test.each([
    ['a\x1b[31mb', 'a\\x1b[31mb'], ['\0\x07\x7f\x9b', '\\x00\\x07\\x7f\\x9b'], ['a\tb\r\nc', 'a\\tb\\r\\nc'], ['\u202eabc\u2066', '\\u202eabc\\u2066'],
    ['\ud800x', '\\ud800x'], ['\u{e0041}', '\\u{e0041}'], ['\u2028', '\\u2028'], ['h\u00e9 日本', 'h\u00e9 日本'], ['\ufeff', '\\ufeff'],
  ])('%j', (text, expected) => {
    expect(printable(text, 80)).toBe(expected);
  });

  test('cut at columns, with an ellipsis; wide characters count twice', () => {
    expect(printable('abcdef', 6)).toBe('abcdef');
    expect(printable('abcdef', 5)).toBe('abcd…');
    expect(printable('日本語', 5)).toBe('日本…');
    expect(printable('abcdef', 5, true)).toBe('ab...');
    expect(printable('\x1b\x1b', 5)).toBe('\\x1b…');
    expect(printable('aµé', 9, true)).toBe('au\\xe9');
    expect(printable('abc', 0)).toBe('');
  });

  test('property: nothing a terminal obeys, never too long', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.nat(40), fc.boolean(), (text, max, ascii) => {
      const shown = printable(text, max, ascii);
      expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      expect(columns(shown)).toBeLessThanOrEqual(max);
    }));
  });

  test('ids: twelve digits of a hash, other names whole', () => {
    expect(shortId('ab'.repeat(32))).toBe('abababababab');
    expect(shortId('web-frontend-1234')).toBe('web-frontend-1234');
    expect(shortId('x'.repeat(10_000))).toBe(`${'x'.repeat(31)}…`);
  });
});

describe('one line per start', () => {
  test('ok', () => {
    expect(summaryLine(uruncTrace())).toBe(
      `23:14:05.789Z urunc fa7d2b21caf8 ok 28.48ms wall 13.05ms active  slowest: create: wait for pids 8.622ms  trace ${TRACE_ID}`);
  });

  test('incomplete, with findings, hostile', () => {
    const text = summaryLine(uruncTrace({ outcome: 'incomplete', errorType: 'timeout', lastMark: 'ack\nsent\x1b', findings: [finding('dial-backoff', '')] }), true);
    expect(text).toContain('incomplete (timeout, last mark: ack\\nsent\\x1b)');
    expect(text).toContain('  ! dial-backoff  trace');
  });

  test('the slowest is nobody in a start of one span, and never a wait for the caller', () => {
    expect(slowest(trace([span({ name: 'container start', from: 0, to: 10 })]))).toBeUndefined();
    const found = slowest(uruncTrace());
    expect([found?.span.name, found?.own]).toEqual(['create: wait for pids', 8_622_000]);
  });
});
