/**
 * journald's word for the messages of a unit that it left out, since the unit wrote more than RateLimitBurst= in RateLimitIntervalSec= (systemd
 * 250 to 257: src/journal/journald-server.c). It comes with the unit's first message after the interval, so what was left out was written before.
 */

//                          1: how many              2: unit, or its control group before systemd 236
const SUPPRESSED = /^Suppressed (\d{1,10}) messages? from ([^\s"]{1,256})$/;

export function suppressed(message: string): { readonly lines: number; readonly unit: string } | undefined {
  const [, lines, group] = SUPPRESSED.exec(message) ?? [];
  return lines === undefined || group === undefined ? undefined : { lines: Number(lines), unit: group.slice(group.lastIndexOf('/') + 1) };
}
