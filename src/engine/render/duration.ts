import type { Duration } from '../../model/time.ts';

const UNITS: readonly { readonly name: string; readonly length: number }[] = [
  { name: 'ns', length: 1 },
  { name: 'µs', length: 1e3 },
  { name: 'ms', length: 1e6 },
  { name: 's', length: 1e9 },
  { name: 'min', length: 60e9 },
  { name: 'h', length: 3600e9 },
];

/**
 * A length of time for people: always with its unit, at most four significant digits, no trailing zeros
 * (`925.3µs`, `28.48ms`, `2.009s`, `1.5min`). The exact number is the business of the JSON formats.
 */
export function human(length: Duration): string {
  const sign = length < 0 ? '-' : '';
  const size = Math.abs(length);
  for (const [index, unit] of UNITS.entries()) {
    const next = UNITS[index + 1];
    const value = fourDigits(size / unit.length);
    // Compared after rounding, so that 999 999 ns is 1ms and never "1000µs".
    if (next === undefined || value * unit.length < next.length) return `${sign}${value}${unit.name}`;
  }
  return `${sign}${size}ns`;
}

/** Where something stands in a start: `+12.07ms`; the beginning is `+0`. */
export function offset(length: Duration): string {
  if (length === 0) return '+0';
  return length < 0 ? human(length) : `+${human(length)}`;
}

function fourDigits(value: number): number {
  const places = value < 10 ? 1000 : value < 100 ? 100 : value < 1000 ? 10 : 1;
  return Math.round(value * places) / places;
}
