/** A moment: nanoseconds since the Unix epoch, exact. Never a double (design.md 5). */
export type Nanos = bigint & { readonly __unit: 'ns since epoch' };

/** A length of time in whole nanoseconds. A number: exact up to 2^53 ns (104 days), far beyond any episode. */
export type Duration = number & { readonly __unit: 'ns' };

/** A reading of a monotonic clock in milliseconds. Only ever compared with other readings of the same process. */
export type Steady = number & { readonly __unit: 'steady ms' };

export const nanos = (value: bigint): Nanos => value as Nanos;
export const duration = (value: number): Duration => value as Duration;
export const steady = (value: number): Steady => value as Steady;

export const NANOSECOND = duration(1);
export const MILLISECOND = duration(1_000_000);
export const SECOND = duration(1_000_000_000);
export const MINUTE = duration(60_000_000_000);

/** `later - earlier` in nanoseconds. Exact while the two are less than 104 days apart. */
export const between = (earlier: Nanos, later: Nanos): Duration => duration(Number(later - earlier));

/** The moment `length` after `moment`. */
export const after = (moment: Nanos, length: Duration): Nanos => nanos(moment + BigInt(length));

/** RFC 3339 in UTC with all nine digits: `2026-11-20T23:14:05.246331103Z`. Years outside 0000..9999 keep their sign. */
export function rfc3339(moment: Nanos): string {
  const seconds = moment / 1_000_000_000n - (moment < 0n && moment % 1_000_000_000n !== 0n ? 1n : 0n);
  const fraction = String(moment - seconds * 1_000_000_000n).padStart(9, '0');
  const millis = Number(seconds) * 1000;
  if (!Number.isFinite(millis) || Math.abs(millis) > 8.64e15) return `${moment}ns`;
  return `${new Date(millis).toISOString().slice(0, -5)}.${fraction}Z`;
}
