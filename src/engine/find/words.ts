/** Lengths of time in the sentences of findings: never finer than what is known, always with a unit. */

/** `1.001359011 s`, `6.458 ms`, `994.9 ms`: seconds to the nanosecond, as subtracting two stamps gives them. */
export const exactSeconds = (ns: number): string => `${(Math.trunc(ns) / 1e9).toFixed(9)} s`;

/** Four digits, as a reader can take in. */
export function length(ns: number): string {
  const size = Math.abs(ns);
  const [value, unit] = size >= 1e9 ? [ns / 1e9, 's'] : size >= 1e6 ? [ns / 1e6, 'ms'] : size >= 1e3 ? [ns / 1e3, 'µs'] : [ns, 'ns'];
  return `${Number(value.toPrecision(4))} ${unit}`;
}

export const percent = (share: number): string => `${Number((share * 100).toPrecision(share < 0.1 ? 2 : 3))} %`;
