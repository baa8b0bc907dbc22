/** RFC 3339 times as they stand in a line's bytes: exact, and without making anything but the moment. */
import { LATEST } from '../model/entry.ts';
import { NANOSECOND, SECOND } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import { moment } from './text.ts';

const LATEST_SECOND = Number(LATEST / 1_000_000_000n);
const DAYS_BEFORE = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const BAD = -1;

/** Where the fraction would stand, counted from the first digit: `2026-11-20T14:14:10` has 19 bytes. */
const WHOLE = 19;

/** How fine a time is by its digits alone, for writers that are not known: 1 ns with a fraction, else 1 s. */
export const stepOf = (bytes: Buffer, start: number): Duration => (isPoint(bytes[start + WHOLE] ?? 0) ? NANOSECOND : SECOND);

const isPoint = (byte: number): boolean => byte === 0x2e || byte === 0x2c;

/** Two or four digits; BAD when they are none. */
function digits(bytes: Buffer, at: number, count: number): number {
  let value = 0;
  for (let i = at; i < at + count; i++) {
    const digit = (bytes[i] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return BAD;
    value = value * 10 + digit;
  }
  return value;
}

/**
 * RFC 3339 with up to nine digits of fraction and a zone, as `bytes[start, end)`.
 * @returns undefined when the bytes are none; 'out of range' when they are one that no log may carry (model/entry.ts).
 */
export function readStamp(bytes: Buffer, start: number, end: number): Nanos | 'out of range' | undefined {
  const seconds = wholeSeconds(bytes, start);
  if (seconds === undefined || end - start > 40) return undefined;
  let at = start + WHOLE;
  let fraction = 0;
  if (isPoint(bytes[at] ?? 0)) {
    const first = ++at;
    let scale = 1_000_000_000;
    for (; at < end && at < first + 10; at++) {
      const digit = (bytes[at] ?? 0) - 0x30;
      if (digit < 0 || digit > 9) break;
      scale /= 10;
      fraction += digit * scale;
    }
    if (at === first || at === first + 10) return undefined;
  }
  const zone = zoneSeconds(bytes, at, end);
  if (zone === undefined) return undefined;
  const instant = seconds - zone;
  return instant < 946_684_800 || instant >= LATEST_SECOND ? 'out of range' : moment(instant, fraction);
}

/** Seconds since the epoch of `2026-11-20T14:14:10`, taken as UTC. */
function wholeSeconds(bytes: Buffer, start: number): number | undefined {
  const year = digits(bytes, start, 4);
  const month = digits(bytes, start + 5, 2);
  const day = digits(bytes, start + 8, 2);
  const hour = digits(bytes, start + 11, 2);
  const minute = digits(bytes, start + 14, 2);
  const second = digits(bytes, start + 17, 2);
  const between = bytes[start + 10] ?? 0;
  const right = bytes[start + 4] === 0x2d && bytes[start + 7] === 0x2d && bytes[start + 13] === 0x3a && bytes[start + 16] === 0x3a
    && (between === 0x54 || between === 0x74 || between === 0x20);
  if (!right || year < 0 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return undefined;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const before = DAYS_BEFORE[month - 1] ?? 0;
  const length = month === 2 ? (leap ? 29 : 28) : (DAYS_BEFORE[month] ?? 365) - before;
  if (day > length) return undefined;
  const past = year - 1;
  const days = past * 365 + Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400) - 719_162 + before + day - 1 + (leap && month > 2 ? 1 : 0);
  return days * 86_400 + hour * 3600 + minute * 60 + second;
}

/** `Z` or `+08:00`, as seconds east of UTC. */
function zoneSeconds(bytes: Buffer, at: number, end: number): number | undefined {
  const sign = bytes[at] ?? 0;
  if ((sign === 0x5a || sign === 0x7a) && at + 1 === end) return 0;
  if ((sign !== 0x2b && sign !== 0x2d) || at + 6 !== end || bytes[at + 3] !== 0x3a) return undefined;
  const hours = digits(bytes, at + 1, 2);
  const minutes = digits(bytes, at + 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return undefined;
  return (hours * 60 + minutes) * (sign === 0x2d ? -60 : 60);
}
