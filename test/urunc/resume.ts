/** A reader that dies at some byte of a log, and the one that goes on from what it left: its memory and its pins. */
import type { CompiledRuntime } from '../../src/engine/compile.ts';
import type { StoredMemory } from '../../src/engine/memory.ts';
import type { Settlement } from '../../src/engine/ledger.ts';
import { steady } from '../../src/model/time.ts';
import { bytesOf, clockAt, Feed, MUCH_LATER, newLedger } from '../support/ledger.ts';
import { rawLines } from '../support/corpus.ts';
import type { Random } from '../support/random.ts';

export interface Sent {
  readonly id: string;
  readonly bytes: string;
}

interface ResumeOptions {
  /** The first reader waits in vain and gives up what is under way, although the log goes on. */
  readonly hasty?: boolean;
  /** Whose log it is: urunc's unless said otherwise. */
  readonly runtimes?: readonly CompiledRuntime[];
  /** When a line was written, from its first characters. */
  readonly timeOf?: (line: string) => bigint | undefined;
}

const LATENESS = 250_000_000n;

/** All that both readers sent, in order. */
export function resumed(log: string, cut: number, random: Random, { hasty = false, runtimes, timeOf = timeOfUrunc }: ResumeOptions = {}): Sent[] {
  const sent: Sent[] = [];
  const send = (settled: readonly Settlement[]): void => {
    for (const { trace } of settled) sent.push({ id: trace.id, bytes: bytesOf(trace) });
  };
  const file = { log, key: 'log' };
  const first = newLedger({}, runtimes);
  const feed = new Feed(first, file);
  while (feed.more(random.whole(1, 2_000), cut)) send(first.settle(standing(log, feed.at, random, timeOf)));
  first.atEnd(feed.id, steady(0));
  send(first.settle(hasty ? MUCH_LATER : standing(log, feed.at, random, timeOf)));
  for (const { id } of sent) if (random.chance(0.5)) first.acknowledged(id);

  const from = first.pinned(feed.id) ?? feed.at;
  // As the state file keeps it: through JSON.
  const memory: StoredMemory = JSON.parse(JSON.stringify(first.remember()));
  const second = newLedger({}, runtimes);
  second.restore(memory);
  const rest = new Feed(second, file, from);
  while (rest.more(random.whole(1, 2_000))) send(second.settle(MUCH_LATER));
  rest.end();
  send(second.settle(MUCH_LATER));
  return sent;
}

/** A clock of the world in which this log was written: the next line is not there yet, or not late beyond its lateness. */
function standing(log: string, at: number, random: Random, timeOf: (line: string) => bigint | undefined) {
  const last = at === 0 ? undefined : timeOf(lineAt(log, log.lastIndexOf('\n', at - 2) + 1));
  const next = timeOf(lineAt(log, at));
  const from = last ?? 0n;
  const to = next === undefined ? from : next + LATENESS - 1n;
  const now = to > from ? from + BigInt(Math.floor(random.next() * Number(to - from))) : from;
  return clockAt(now, Number(now - 1_795_000_000_000_000_000n) / 1e6);
}

const lineAt = (log: string, start: number): string => log.slice(start, start + 400).split('\n', 1).join('');

const timeOfUrunc = (line: string): bigint | undefined => rawLines(line)[0]?.time;

/** @throws Error when one id was sent with two contents. */
export function union(sent: readonly Sent[]): Map<string, string> {
  const contents = new Map<string, string>();
  for (const { id, bytes } of sent) {
    const known = contents.get(id);
    if (known !== undefined && known !== bytes) throw new Error(`trace ${id} has two contents:\n${known}\n${bytes}`);
    contents.set(id, bytes);
  }
  return contents;
}
