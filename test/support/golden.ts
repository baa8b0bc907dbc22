/** What a golden holds: the traces as `shimtrace show` prints them, and the figures of the reading. */
import { waterfall } from '../../src/engine/render/waterfall.ts';
import type { ReadResult } from './ledger.ts';

const PAPER = { width: 100, color: false, ascii: false };

const figures = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(', ') || 'nothing';

export function golden({ traces, counts, verdicts }: ReadResult): string {
  const { lines, events, unknown, ignored, malformed } = verdicts;
  return [
    ...traces.map((trace) => `${waterfall(trace, PAPER)}\n`),
    `lines ${lines}: events ${events}, unknown ${unknown}, ignored: ${figures(ignored)}, malformed: ${figures(malformed)}\n`,
    `counted: ${figures(counts)}\n`,
  ].join('');
}
