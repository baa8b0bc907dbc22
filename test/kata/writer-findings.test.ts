/** What the engine concludes from sandboxes that never were: the pauses that were written, and none that were not. */
import { describe, expect, test } from 'vitest';
import type { SessionOptions } from '../support/katawriter.ts';
import { traces, write } from './written.ts';

describe('findings', () => {
  test.each([[1], [2]] as const)('%i pause(s) of gRPC are found, and what was lost to them', (backoffs) => {
    for (let seed = 1; seed <= 20; seed++) {
      const one = write(seed, { version: '1.2.0', backoffs, exec: false, stop: false });
      const found = traces(one.lines).flatMap(({ findings }) => findings).filter(({ id }) => id === 'dial-backoff');
      expect(found).toHaveLength(1);
      expect(found[0]?.confidence).toBe('sure');
      // Lost since the peer was ready, as far as the log can tell when that was.
      expect(Math.abs(Number(found[0]?.loss ?? 0) - Number(one.dial.end - one.dial.ready)), String(seed)).toBeLessThan(70_000_000);
    }
  });

  test('none where nothing paused', () => {
    for (const more of [{}, { version: '1.2.0', backoffs: 0 }] as const) {
      for (let seed = 1; seed <= 20; seed++) expect(traces(write(seed, more).lines).flatMap(({ findings }) => findings).filter(({ id }) => id === 'dial-backoff')).toEqual([]);
    }
  });

  test('a guest far behind is found, one that was set right is not', () => {
    const skewed = (more: Partial<SessionOptions>): string[] => traces(write(1, { ...more, exec: false, stop: false }).lines).flatMap(({ findings }) => findings.map(({ id }) => id)).filter((id) => id === 'guest-clock-skew');
    expect(skewed({ version: '1.2.0', kind: 'template', behind: 26_087_000_000n })).toEqual(['guest-clock-skew']);
    expect(skewed({ behind: 2_000_000n })).toEqual([]);
  });
});
