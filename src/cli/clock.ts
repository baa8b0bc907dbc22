import type { Clock } from '../model/source.ts';
import { nanos, steady } from '../model/time.ts';

/** The machine's clocks. Everything below main takes them as an argument. */
export const systemClock: Clock = {
  now: () => nanos(BigInt(Date.now()) * 1_000_000n),
  steady: () => steady(performance.now()),
};
