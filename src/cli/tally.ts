/** What was read, in words: the figures of a ledger for people. */
import type { Ledger } from '../engine/ledger.ts';
import { printable } from '../engine/render/safe.ts';

/** Sums over all sources. */
export interface Tally {
  readonly lines: number;
  readonly events: number;
  readonly ignored: number;
  readonly unknown: number;
  readonly malformed: number;
  readonly reasons: ReadonlyMap<string, number>;
  readonly examples: readonly string[];
}

export function tally(ledger: Ledger): Tally {
  const { lines, events, unknown, ignored, malformed, examples } = ledger.verdicts();
  const sum = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((total, count) => total + count, 0);
  return { lines, events, ignored: sum(ignored), unknown, malformed: sum(malformed), reasons: malformed, examples };
}

const plural = (count: number, one: string, many = `${one}s`): string => `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

/** Counters of the ledger that a user should hear of, and how. The others are named in `debug`. */
const WORDS: readonly (readonly [name: string, say: (count: number) => string])[] = [
  ['settled_stop', (count) => `${plural(count, 'stop')}`],
  ['settled_exec', (count) => `${plural(count, 'exec')}`],
  ['unattributed', (count) => `${plural(count, 'line')} of processes that never named their container`],
  ['two_sandboxes', (count) => `${plural(count, 'line')} that would put a container into a second sandbox`],
  ['gap_rate_limited', (count) => `journald left lines out ${plural(count, 'time')}: a unit wrote more than RateLimitBurst= allows`],
  ['lines_missing', (count) => `${plural(count, 'line')} missing for that`],
  ['touched_by_gap', (count) => `${plural(count, 'episode')} marked, of which lines may be missing`],
  ['copies', (count) => `${plural(count, 'episode')} with lines that stand in two files, counted once`],
  ['handed-to-runc', (count) => `${plural(count, 'plain container')} handed to runc (no trace)`],
  ['outside-cri', (count) => `${plural(count, 'container')} that nobody asked the kubelet's interface for: only the shim's start was logged`],
  ['of_no_start', (count) => `${plural(count, 'image pull')} while no pod was starting`],
  ['of_several_starts', (count) => `${plural(count, 'image pull')} that may be any of several pods'`],
  ['answer_without_request', (count) => `${plural(count, 'answer')} to requests that the log does not hold`],
  ['unnamed', (count) => `${plural(count, 'line')} of requests whose name no container can have`],
  ['log_begins_inside', (count) => `${plural(count, 'start')} whose beginning the log does not hold`],
  ['loose_without_start', (count) => `${plural(count, 'mark')} without a start`],
  ['late', (count) => `${plural(count, 'line')} too late for a settled start`],
  ['duplicate', (count) => `${plural(count, 'repeated line')} counted once`],
  ['too_many_events', (count) => `${plural(count, 'start')} cut: too many marks`],
  ['too_many_open', (count) => `${plural(count, 'start')} cut: too many at once`],
  ['scheme_mismatch', (count) => `${plural(count, 'start')} whose lines contradict the pinned version`],
];

export function startsText(ledger: Ledger): string {
  const count = (name: string): number => ledger.counts.get(name) ?? 0;
  const ok = count('settled_ok'), created = count('settled_created'), incomplete = count('settled_incomplete'), failed = count('settled_failed');
  const parts = [ok > 0 && `${ok} ok`, created > 0 && `${created} created`, incomplete > 0 && `${incomplete} incomplete`, failed > 0 && `${failed} failed`].filter((part) => part !== false);
  const total = ok + created + incomplete + failed;
  return `${plural(total, 'start')}${total === 0 ? '' : ` (${parts.join(', ')})`}`;
}

/** A shim's line without a record in it: what it is about stood in the entry's fields. */
const SHIM_TEXT = /(?:^|\s)kata\[\d+\]: (?!time=|\{)/;

/** What a file that nobody understands may be, from its first lines; undefined: no idea. */
export function guess(examples: readonly string[]): string | undefined {
  const text = examples.join('');
  const share = (pattern: RegExp): number => (text.match(pattern)?.length ?? 0) / Math.max(text.length, 1);
  if (share(/\0/g) > 0.3) return 'It looks like UTF-16: convert it first (iconv -f UTF-16 -t UTF-8).';
  if (share(/[\0-\x08\x0e-\x1f\ufffd]/g) > 0.1) return 'It looks like binary data.';
  if (SHIM_TEXT.test(text)) return 'It looks like Kata\'s runtime-rs as a journal\'s text, which keeps none of its fields: read it with journalctl -o json -t kata (docs/kata.md).';
  return undefined;
}

/** One line on the starts, one on the lines, then what else was met. */
export function summary(ledger: Ledger): string[] {
  const read = tally(ledger);
  const rest = [
    read.ignored > 0 && `${read.ignored.toLocaleString('en')} ignored`,
    read.unknown > 0 && `${read.unknown.toLocaleString('en')} unknown`,
    read.malformed > 0 && `${read.malformed.toLocaleString('en')} malformed: ${[...read.reasons].map(([reason, count]) => `${reason} ${count.toLocaleString('en')}`).join(', ')}`,
  ].filter((part) => part !== false);
  const lines = [`${startsText(ledger)} in ${plural(read.lines, 'line')}${rest.length === 0 ? '' : ` (${rest.join('; ')})`}`];
  for (const [name, say] of WORDS) {
    const count = ledger.counts.get(name) ?? 0;
    if (count > 0) lines.push(`  ${say(count)}`);
  }
  if (read.unknown + read.malformed > 0) {
    for (const example of read.examples.slice(0, 3)) lines.push(`  not understood: ${printable(example, 100)}`);
  }
  return lines;
}
