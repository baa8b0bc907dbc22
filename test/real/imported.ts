/** Logs of starts that are over, and their import through a back-end. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../support/random.ts';
import { start } from '../support/uruncwriter.ts';
import type { StartOptions } from '../support/uruncwriter.ts';
import { shimtrace } from './program.ts';
import { byTrace, traceIdOf, viewJson } from './spans.ts';
import type { SpanView } from './spans.ts';

export const IMPORT_HOST = 'import-host';

export interface Log {
  readonly path: string;
  /** One id for each start, in order. */
  readonly traces: readonly string[];
}

/** Writes a log of such starts, the first one at `began`; the same seed and time give the same ids. */
export function writeLog(folder: string, seed: number, began: bigint, starts: readonly Pick<StartOptions, 'gap' | 'fate'>[]): Log {
  const random = new Random(seed);
  const path = join(folder, `${seed}.log`);
  const written = starts.map((options, index) => {
    const id = random.hex(64);
    const at = began + BigInt(index) * 1_234_567_891n;
    return { trace: traceIdOf(IMPORT_HOST, id, at), lines: start(random, { generation: 'D', id, at, ...options }) };
  });
  const lines = written.flatMap((each) => each.lines).sort((a, b) => (a.time < b.time ? -1 : 1));
  writeFileSync(path, lines.map((line) => `${line.text}\n`).join(''), { mode: 0o644 });
  return { path, traces: written.map(({ trace }) => trace) };
}

/** Imports it through a back-end; throws when that did not take everything. */
export function send(log: Log, otlp: string): void {
  const outcome = shimtrace('import', log.path, '--otlp', otlp, '--host-id', IMPORT_HOST);
  if (outcome.code !== 0) throw new Error(`import ended with ${outcome.code}: ${outcome.stderr}`);
}

/** What a back-end should show of it. */
export function spansOf(log: Log): Map<string, SpanView[]> {
  const outcome = shimtrace('import', log.path, '--format', 'otlp-json', '--host-id', IMPORT_HOST);
  if (outcome.code !== 0) throw new Error(`import ended with ${outcome.code}: ${outcome.stderr}`);
  return byTrace(outcome.stdout.trim().split('\n').flatMap((line) => viewJson(JSON.parse(line))));
}
