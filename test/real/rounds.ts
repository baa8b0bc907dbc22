/**
 * What the kill-and-rotate runs share: starts of all fates that are written at their time, a log that is rotated meanwhile,
 * and what a complete start must look like wherever it is found.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../support/random.ts';
import { GENERATIONS, start } from '../support/uruncwriter.ts';
import type { StartOptions, WrittenLine } from '../support/uruncwriter.ts';
import { now } from './host.ts';
import type { Host } from './host.ts';
import { Daemon, shimtrace, until } from './program.ts';
import { byTrace, traceIdOf, viewJson } from './spans.ts';
import type { SpanView } from './spans.ts';

export const HOST = 'kill-host';

export interface Start {
  readonly fate: NonNullable<StartOptions['fate']>;
  readonly lines: readonly WrittenLine[];
}

/** Files that were rotated before anybody ever looked are nobody's loss: the first daemon lives until it has a state. */
export async function firstState(args: readonly string[], random: Random, host: Host, starts: Map<string, Start>, state: string): Promise<void> {
  begin(random, host, starts, 0);
  await host.play();
  const daemon = new Daemon(args);
  await until(10_000, () => existsSync(state), () => `no state was written; ${daemon.said}`);
  await daemon.kill();
}

/** Some starts begin, now and then the log is rotated, until the moment of the kill: before, in and long after the daemon's own start. */
export async function playRound(random: Random, host: Host, starts: Map<string, Start>, [fewest, most]: readonly [number, number] = [0, 3]): Promise<void> {
  const length = random.chance(0.25) ? random.whole(20, 300) : random.chance(0.55) ? random.whole(300, 900) : random.whole(900, 2_200);
  const end = performance.now() + length;
  for (let count = random.whole(fewest, most); count > 0; count--) begin(random, host, starts, random.whole(0, length));
  if (random.chance(0.3)) {
    await host.play(performance.now() + random.whole(0, length));
    host.rotate();
  }
  await host.play(end);
}

function begin(random: Random, host: Host, starts: Map<string, Start>, inMs: number): void {
  const generation = GENERATIONS[random.whole(0, GENERATIONS.length - 1)] ?? 'D';
  const luck = random.next();
  const fate = luck < 0.84 ? 'complete' : luck < 0.92 ? 'plain' : luck < 0.96 ? 'failed' : 'created';
  const id = random.hex(64);
  const at = now() + BigInt(inMs) * 1_000_000n + BigInt(random.whole(0, 999_999));
  const lines = start(random, { generation, id, at, fate, gap: random.whole(3_000_000, 60_000_000) });
  starts.set(traceIdOf(HOST, id, at), { fate, lines });
  host.plan(generation, lines);
}

export const completeOf = (starts: ReadonlyMap<string, Start>): string[] => [...starts].filter(([, { fate }]) => fate === 'complete').map(([trace]) => trace);

export function faultsOf(spans: readonly SpanView[], { lines }: Start): string[] {
  const marks = lines.filter((line) => line.mark.startsWith('TS')).map((line) => line.time);
  const known = new Set(spans.map((span) => span.spanId));
  const roots = spans.filter((span) => span.parent === '');
  const faults = spans.filter((span) => span.parent !== '' && !known.has(span.parent)).map((span) => `${span.name} came without its parent`);
  if (roots.length !== 1) faults.push(`${roots.length} roots`);
  for (const root of roots) if (root.start !== marks[0] || root.end !== marks.at(-1)) faults.push(`the root is not from the first mark to the last`);
  if (spans.some((span) => span.status !== 0)) faults.push('a complete start came as an error');
  return faults;
}

export const plain = (value: unknown): string => JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each)) ?? 'nothing';

/** What an import of all lines makes. */
export function importAll(folder: string, starts: ReadonlyMap<string, Start>): Map<string, SpanView[]> {
  const path = join(folder, 'all.log');
  const lines = [...starts.values()].flatMap((written) => written.lines).sort((a, b) => (a.time < b.time ? -1 : 1));
  writeFileSync(path, lines.map((line) => `${line.text}\n`).join(''), { mode: 0o644 });
  const outcome = shimtrace('import', path, '--format', 'otlp-json', '--host-id', HOST);
  if (outcome.code !== 0) throw new Error(`import ended with ${outcome.code}: ${outcome.stderr}`);
  return byTrace(outcome.stdout.trim().split('\n').flatMap((line) => viewJson(JSON.parse(line))));
}

/** Traces that are not what an import makes of the same lines, some of them, a sentence for each. */
export function unlike(where: string, found: ReadonlyMap<string, readonly SpanView[]>, imported: ReadonlyMap<string, readonly SpanView[]>, traces: readonly string[]): string[] {
  return traces.filter((trace) => plain(found.get(trace)) !== plain(imported.get(trace))).slice(0, 5).map((trace) => {
    const wanted = new Map(imported.get(trace)?.map((span) => [span.spanId, plain(span)]));
    const spans = found.get(trace) ?? [];
    const other = spans.filter((span) => wanted.get(span.spanId) !== plain(span)).map(plain);
    return `${where}: trace ${trace} has ${spans.length} spans where an import makes ${wanted.size}; not as imported: ${other.slice(0, 3).join('\n')}`;
  });
}
