/** Told to stop while it looks whether a back-end answers by now. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BackEnd } from '../../src/cli/backend.ts';
import type { Endpoint } from '../../src/delivery/endpoint.ts';
import { defaultConfig } from '../../src/config/config.ts';
import { endpoint } from '../delivery/harness.ts';

const looks = vi.hoisted((): ((found: Endpoint | undefined) => void)[] => []);
vi.mock(import('../../src/cli/endpoint.ts'), async (original) => ({
  ...(await original()), chooseEndpoint: () => undefined, defaultEndpoint: () => new Promise((resolve) => looks.push(resolve)),
}));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test.each([undefined, endpoint('http://127.0.0.1:1')])('what it finds then changes nothing, and no further look keeps the process (%s)', async (found) => {
  let used = 0;
  const backEnd = new BackEnd({ config: defaultConfig, flag: undefined, host: { id: 'h', attributes: [], warning: undefined }, folder: '/nowhere', log: () => {}, onDrain: () => {}, onReady: () => (used += 1) });
  const started = backEnd.start();
  looks.shift()?.(undefined);
  await started;
  await vi.advanceTimersToNextTimerAsync();
  expect(looks).toHaveLength(1);
  await backEnd.stop(1);
  looks.shift()?.(found);
  await vi.advanceTimersByTimeAsync(60_000);
  expect([vi.getTimerCount(), looks.length, used]).toEqual([0, 0, 0]);
});
