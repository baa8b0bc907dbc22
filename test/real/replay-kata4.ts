/** Recorded entries of a journal (`journalctl -o json`, or `-o short` where that is all there is) as the export format, from which a journal can be made again. */
import { exported } from '../support/journald.ts';

/** All recordings of Kata 4.0 were made in this time. */
export const TIMES = { from: BigInt(Date.parse('2026-11-20T00:00:00Z')) * 1_000_000n, to: BigInt(Date.parse('2026-11-22T00:00:00Z')) * 1_000_000n };

export interface Entries {
  /** Microseconds since the epoch of the first entry. */
  readonly first: bigint;
  readonly exported: Buffer;
}

/** In order of the time at which journald took them. */
export function entriesOf(json: Buffer): Entries {
  const entries = json.toString('utf8').split('\n').filter((line) => line !== '').map((line) => {
    const fields = new Map<string, unknown>(Object.entries(JSON.parse(line)));
    return { time: BigInt(String(fields.get('__REALTIME_TIMESTAMP'))), fields };
  });
  entries.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  return { first: entries[0]?.time ?? 0n, exported: Buffer.concat(entries.map(({ fields }) => exported([...fields].flatMap(([name, value]) => valuesOf(value).map((each) => [name, each] as const))))) };
}

const BOOT = 'c'.repeat(32);

//             1: second                     2: identifier  3: pid     4: message
const SHORT = /^(\w{3} [ \d]\d \d\d:\d\d:\d\d) \S+ ([^[:]+)\[(\d+)\]: (.*)$/;

/** As above, of the text of a journal: an entry was taken when its record was written, or with the one before it. */
export function entriesOfText(log: Buffer): Entries {
  let last = 0n;
  let first = 0n;
  const entries = log.toString('utf8').split('\n').flatMap((line) => {
    const [, second = '', identifier = '', pid = '', message = ''] = SHORT.exec(line) ?? [];
    if (identifier === '') return [];
    const told = microsOf(/^time="([^"]+)"/.exec(message)?.[1] ?? '') ?? BigInt(Date.parse(`2026 ${second} UTC`)) * 1_000n;
    if (told > last) last = told;
    if (first === 0n) first = last;
    return [exported([
      ['__REALTIME_TIMESTAMP', String(last)], ['__MONOTONIC_TIMESTAMP', String(last - 1_795_000_000_000_000n)], ['_BOOT_ID', BOOT], ['_HOSTNAME', 'testhost'], ['_TRANSPORT', 'syslog'],
      ['SYSLOG_IDENTIFIER', identifier], ['_PID', pid], ['MESSAGE', message],
    ])];
  });
  return { first, exported: Buffer.concat(entries) };
}

function microsOf(stamp: string): bigint | undefined {
  const [, seconds, fraction = ''] = /^(.*?)(?:\.(\d{1,9}))?Z$/.exec(stamp) ?? [];
  return seconds === undefined ? undefined : BigInt(Date.parse(`${seconds}Z`)) * 1_000n + BigInt(fraction.slice(0, 6).padEnd(6, '0'));
}

/** Bytes that are no text stand as numbers, several values as a list. */
function valuesOf(value: unknown): (string | Buffer)[] {
  if (typeof value === 'string') return [value];
  if (!Array.isArray(value)) return [];
  return value.every((each) => typeof each === 'number') ? [Buffer.from(value)] : value.flatMap(valuesOf);
}
