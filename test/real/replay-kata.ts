/**
 * Recorded journals of real Kata 1.12.1 and the measured lines of 1.2.0, played again as rsyslog would write them: the same lines at the same
 * pace at the present time. The move is by whole seconds, so that every fraction stays as it was written.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { corpusFile, haveCorpus } from '../support/corpus.ts';

/** Why there is nothing to replay; undefined: there is. */
export const missing: string | undefined = haveCorpus ? undefined : 'no recordings: ../shared/corpus is absent';

export interface PlayedLine {
  /** When it is written: its own time. */
  readonly time: bigint;
  readonly text: string;
}

const SECOND = 1_000_000_000n;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

//              1: to the second                       2: fraction  3: zone
const STAMP = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-]\d\d:\d\d)/g;

const millis = (stamp: string, zone: string): number => Date.parse(`${stamp}${zone}`);
const nanos = (stamp: string, fraction: string | undefined, zone: string): bigint => BigInt(millis(stamp, zone)) * 1_000_000n + BigInt((fraction ?? '.').slice(1).padEnd(9, '0'));

/** One recording, moved so that its first line stands within the second that begins at `at`. */
export function played(path: string, at: bigint, lines: { readonly from: number; readonly to?: number } = { from: 0 }): PlayedLine[] {
  const bytes = readFileSync(corpusFile(path));
  const all = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8').split('\n').filter((line) => line !== '').slice(lines.from, lines.to);
  let last = timeOf(all[0] ?? '') ?? 0n;
  const shift = at / SECOND - last / SECOND + 1n;
  return all.map((line) => {
    // A line without a time of its own was written with the one before it.
    last = timeOf(line) ?? last;
    return { time: last + shift * SECOND, text: moved(line, last, shift) };
  });
}

function timeOf(line: string): bigint | undefined {
  const match = /time="([^"]+)"/.exec(line);
  const [[, stamp = '', fraction, zone = ''] = []] = [...(match?.[1] ?? '').matchAll(STAMP)];
  return zone === '' ? undefined : nanos(stamp, fraction, zone);
}

function moved(line: string, time: bigint, shift: bigint): string {
  const record = line.replace(STAMP, (_, stamp: string, fraction: string | undefined, zone: string) => {
    const local = new Date(millis(stamp, 'Z') + Number(shift) * 1000).toISOString().slice(0, 19);
    return `${local}${fraction ?? ''}${zone}`;
  });
  const date = new Date(Number((time + shift * SECOND) / 1_000_000n));
  const prefix = `${MONTHS[date.getUTCMonth()] ?? ''} ${String(date.getUTCDate()).padStart(2, ' ')} ${date.toISOString().slice(11, 19)}`;
  // rsyslog puts its prefix before what was recorded without one.
  return line.startsWith('time=') ? `${prefix} testhost ${/name=kata-proxy/.test(line) ? 'kata-proxy' : 'kata-runtime'}[${/ pid=(\d+)/.exec(line.slice(line.lastIndexOf(' name=')))?.[1] ?? '1'}]: ${record}` : record.replace(/^.{15}/, prefix);
}
