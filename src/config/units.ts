import type { Threshold } from '../model/alert.ts';
import { duration } from '../model/time.ts';
import type { Duration } from '../model/time.ts';

/** A number of bytes. */
export type Bytes = number & { readonly __unit: 'bytes' };
export const bytes = (value: number): Bytes => value as Bytes;

type Unit = readonly [name: string, size: number];

const TIMES: readonly Unit[] = [['d', 86_400e9], ['h', 3600e9], ['m', 60e9], ['s', 1e9], ['ms', 1e6], ['us', 1e3], ['ns', 1]];
const SIZES: readonly Unit[] = [['TiB', 2 ** 40], ['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10], ['B', 1]];
const DECIMAL_SIZES: readonly Unit[] = [['TB', 1e12], ['GB', 1e9], ['MB', 1e6], ['kB', 1e3]];

/** `1s`, `800ms`, `1m30s`, `1.5s`, `0s`: each unit once, the largest first. Undefined: not a duration, or beyond 2^53 ns. */
export function parseDuration(text: string): Duration | undefined {
  if (text === '' || text.length > 40) return undefined;
  let rest = text.replace('µs', 'us');
  let sum = 0;
  for (const [name, size] of TIMES) {
    // A digit run, then this very unit: "1m" must not swallow the m of "1ms".
    const [whole, number] = new RegExp(`^(\\d+(?:\\.\\d+)?)${name}(?![a-z])`).exec(rest) ?? [];
    if (whole === undefined) continue;
    sum += Math.round(Number(number) * size);
    rest = rest.slice(whole.length);
  }
  return rest === '' && Number.isSafeInteger(sum) ? duration(sum) : undefined;
}

/** `-1h`: so long ago. Undefined: it says no such thing. */
export const parseAgo = (text: string): Duration | undefined => (text.startsWith('-') ? parseDuration(text.slice(1)) : undefined);

/** `32MiB`, `64KiB`, `500MB`, `4096B`. The unit is required: nobody should have to guess what 32 was meant to be. */
export function parseSize(text: string): Bytes | undefined {
  const [, number, unit] = /^(\d{1,16}(?:\.\d{1,6})?) ?([A-Za-z]{1,3})$/.exec(text) ?? [];
  const size = [...SIZES, ...DECIMAL_SIZES].find(([name]) => name === unit)?.[1];
  if (size === undefined) return undefined;
  const value = Math.round(Number(number) * size);
  return Number.isSafeInteger(value) ? bytes(value) : undefined;
}

/** Exact, in the notation that `parseDuration` reads: `1m30s`. */
export function formatDuration(value: Duration): string {
  let rest: number = value;
  let text = '';
  for (const [name, size] of TIMES) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${count}${name}`;
    rest -= count * size;
  }
  return text === '' ? '0s' : text;
}

/** Exact, in the notation that `parseSize` reads: `32MiB`. */
export function formatSize(value: Bytes): string {
  const [name, size] = SIZES.find(([, each]) => value >= each && value % each === 0) ?? ['B', 1];
  return `${value / size}${name}`;
}

const WIDEST = 30 * 86_400e9;

/**
 * A duration, or `FACTORx pPERCENTILE of WINDOW`: `1.5x p95 of 7d`. The window is a duration of at most 30 days.
 * Undefined: neither, or nonsense (a factor below 1, a percentile beyond 99.9).
 */
export function parseThreshold(text: string): Threshold | undefined {
  //                                        factor              percentile             window
  const [, factor, percentile, window] = /^(\d{1,4}(?:\.\d{1,3})?)x p(\d{1,2}(?:\.\d)?) of (\S{1,40})$/.exec(text) ?? [];
  if (factor === undefined || percentile === undefined || window === undefined) {
    const limit = parseDuration(text);
    return limit === undefined || limit === 0 ? undefined : { kind: 'fixed', limit };
  }
  const length = parseDuration(window);
  if (length === undefined || length <= 0 || length > WIDEST || Number(factor) < 1 || Number(percentile) === 0) return undefined;
  return { kind: 'relative', factor: Number(factor), percentile: Number(percentile), window: length };
}

/** In the notation that `parseThreshold` reads. */
export function formatThreshold(threshold: Threshold): string {
  if (threshold.kind === 'fixed') return formatDuration(threshold.limit);
  const { factor, percentile, window } = threshold;
  return `${factor}x p${percentile} of ${formatDuration(window)}`;
}
