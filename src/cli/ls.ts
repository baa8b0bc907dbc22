import process from 'node:process';
import { parseDuration } from '../config/units.ts';
import { listing } from '../engine/render/list.ts';
import { nanos } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import { rowJson } from '../store/row.ts';
import { systemClock } from './clock.ts';
import { EXIT, Stop } from './exit.ts';
import { lookingConfig, openStarts } from './starts.ts';
import { paperFor } from './terminal.ts';

export interface LsFlags {
  readonly all?: boolean;
  readonly config?: string;
  readonly container?: string;
  readonly failed?: boolean;
  readonly format: 'text' | 'json';
  readonly n: number;
  readonly runtime?: string;
  readonly since?: string;
  /** Without a length: `SLOW`. */
  readonly slow?: string | true;
  readonly stateDir?: string;
}

const SLOW = '1s';

/** `shimtrace ls`: the finished starts, newest first. */
export async function ls(flags: LsFlags): Promise<void> {
  const starts = openStarts(await lookingConfig({ config: flags.config, stateDir: flags.stateDir }));
  try {
    const { runtime, container, failed, all } = flags;
    const since = flags.since === undefined ? undefined : momentOf(flags.since, systemClock.now());
    const slow = flags.slow === undefined ? undefined : lengthOf('--slow', flags.slow === true ? SLOW : flags.slow);
    const rows = await starts.list({ runtime, container, failed, all, since, slow }, flags.n);
    if (flags.format === 'json') process.stdout.write(rows.map((row) => `${rowJson(row)}\n`).join(''));
    else if (rows.length > 0) process.stdout.write(listing(rows, paperFor(process.stdout, process.env)));
    if (rows.length === 0) process.stderr.write(`No such start.${[runtime, container, failed, since, slow].every((each) => each === undefined) ? ' None has finished yet.' : ''}\n`);
  } finally {
    starts.close();
  }
}

function lengthOf(option: string, text: string): Duration {
  const length = parseDuration(text);
  if (length === undefined) throw new Stop(EXIT.usage, `${option} "${text}" is not a duration. Write 1s, 800ms or 1m30s.`);
  return length;
}

/** `-1h`, or a moment as RFC 3339 writes it; without a zone it is UTC, as everything that is printed. */
export function momentOf(text: string, now: Nanos): Nanos {
  const [, ago] = /^-(.+)$/.exec(text) ?? [];
  const length = ago === undefined ? undefined : parseDuration(ago);
  if (length !== undefined) return nanos(now - BigInt(length));
  //                  1: date                2: time                                    3: zone
  const moment = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?))?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  const millis = moment === null ? NaN : Date.parse(`${moment[1] ?? ''}T${moment[2] ?? '00:00'}${moment[3] ?? 'Z'}`);
  if (Number.isNaN(millis)) throw new Stop(EXIT.usage, `--since "${text}" is no moment. Write -1h, -2d, 2026-11-20 or 2026-11-20T23:14:05Z.`);
  return nanos(BigInt(millis) * 1_000_000n);
}
