/** Small logs of one container, for single facts. Times in ns from a common beginning. */
import { rawLines } from '../support/corpus.ts';
import { tracesOf } from '../support/ledger.ts';
import type { LogFile, ReadResult } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { line, start, text } from '../support/uruncwriter.ts';
import type { Generation, StartOptions, WrittenLine } from '../support/uruncwriter.ts';
import { checkTrace } from './laws.ts';

export const AT = 1_795_216_000_000_000_000n;
export const SECOND = 1_000_000_000n;
export const ID = 'fa7d2b21caf8903a'.repeat(4);

export const one = (generation: Generation, more: Partial<StartOptions> = {}): WrittenLine[] => start(new Random(5), { generation, id: ID, at: AT, ...more });
export const mark = (generation: Generation, name: string, ns: bigint, id = ID): WrittenLine => line(generation, id, name, AT + ns);
export const inOrder = (lines: readonly WrittenLine[]): WrittenLine[] => lines.toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));

/** Reads a log and checks the laws on all that comes out. */
export function read(lines: readonly WrittenLine[], file: Omit<LogFile, 'log'> = {}): ReadResult {
  const log = text(lines);
  const result = tracesOf([{ log, ...file }]);
  for (const trace of result.traces) checkTrace(trace, rawLines(log));
  return result;
}
