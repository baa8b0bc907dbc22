/** Logs for the laws, made by the tests' writer: interleaved starts of all fates, the same id again, long pauses. */
import { Random } from '../support/random.ts';
import { start, text } from '../support/uruncwriter.ts';
import type { Generation, StartOptions, WrittenLine } from '../support/uruncwriter.ts';

const AT = 1_795_216_000_000_000_000n;
const FATES: readonly NonNullable<StartOptions['fate']>[] = ['complete', 'complete', 'complete', 'created', 'killed', 'failed', 'plain'];
const MILLISECOND = 1_000_000;
const MINUTE = 60_000 * MILLISECOND;

export interface Written {
  readonly text: string;
  /** Traces and hand-overs to expect: a start whose two halves lie further apart than the patience is two. */
  readonly parts: number;
}

/** Times are distinct over the whole log, so that the order of its lines is in their times. */
export function written(generation: Generation, seed: number): Written {
  const random = new Random(seed);
  const lines: WrittenLine[] = [];
  let at = AT + BigInt(random.whole(0, 1_000_000));
  let parts = 0;
  let id = random.hex(64);
  for (let left = random.whole(1, 6); left > 0; left--) {
    const fate = FATES[random.whole(0, FATES.length - 1)] ?? 'complete';
    const patient = random.chance(0.2) && fate === 'complete';
    const gap = patient ? random.whole(2, 9) * MINUTE : random.whole(3, 600) * MILLISECOND;
    const again = random.chance(0.3);
    const made = start(random, { generation, id, at, fate, gap });
    lines.push(...made);
    parts += patient ? 2 : 1;
    const end = made.at(-1)?.time ?? at;
    // The same id can only begin again when it is gone; another one may begin at any time.
    at = again || patient ? end + BigInt(random.whole(300, 4_000) * MILLISECOND) : at + BigInt(random.whole(1, 20 * MILLISECOND));
    if (!again) id = random.hex(64);
  }
  return { text: text(distinct(lines)), parts };
}

function distinct(lines: readonly WrittenLine[]): WrittenLine[] {
  const taken = new Set<bigint>();
  const kept = lines.toSorted((a, b) => (a.time < b.time ? -1 : 1)).filter(({ time }) => !taken.has(time) && taken.add(time));
  if (kept.length !== lines.length) throw new Error('two starts wrote at the same nanosecond: take another seed');
  return kept;
}

export const linesIn = (log: string): string[] => log.split('\n').filter((line) => line !== '');

export function shuffled(log: string, random: Random): string {
  const lines = linesIn(log);
  for (let last = lines.length - 1; last > 0; last--) {
    const other = random.whole(0, last);
    const [one = '', two = ''] = [lines[last], lines[other]];
    lines[last] = two;
    lines[other] = one;
  }
  return `${lines.join('\n')}\n`;
}
