/** Lengths as Go's time.Duration writes them: `74.472202ms`, `3.19204426s`, `385.297µs`, `1m0.5s`. Exact to the nanosecond. */
import { duration } from '../model/time.ts';
import type { Duration } from '../model/time.ts';

const UNITS: ReadonlyMap<string, number> = new Map([
  ['h', 3_600_000_000_000], ['m', 60_000_000_000], ['s', 1_000_000_000], ['ms', 1_000_000], ['µs', 1_000], ['μs', 1_000], ['us', 1_000], ['ns', 1],
]);

//            1: whole  2: fraction   3: unit
const PART = /(\d{1,9})(?:\.(\d{1,9}))?(h|ms|m|s|µs|μs|us|ns)/y;

/** @returns undefined for anything else, and for what is longer than an episode can be. */
export function goDuration(text: string): Duration | undefined {
  if (text === '0s' || text === '0') return duration(0);
  let total = 0;
  for (let at = 0; at < text.length; at = PART.lastIndex) {
    PART.lastIndex = at;
    const match = PART.exec(text);
    if (match === null) return undefined;
    const [, whole = '', fraction = '', unit = ''] = match;
    const length = UNITS.get(unit) ?? 0;
    total += Number(whole) * length + Math.round((Number(fraction.padEnd(9, '0')) * length) / 1_000_000_000);
  }
  return text === '' || total > 86_400_000_000_000 ? undefined : duration(total);
}
