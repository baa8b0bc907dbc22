/** Run with --expose-gc: prints the heap in bytes that each of so many starts under way takes, and what is held of the log. */
import process from 'node:process';
import { newLedger, Feed } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { start, text } from '../support/uruncwriter.ts';
import type { WrittenLine } from '../support/uruncwriter.ts';

const STARTS = Number(process.argv[2]);
const AT = 1_795_216_000_000_000_000n;

function heap(): number {
  for (let times = 0; times < 3; times++) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

const random = new Random(1);
const ledger = newLedger();
const lines = (count: number, from: bigint): WrittenLine[] =>
  Array.from({ length: count }, (_, index) => start(random, { generation: 'D', id: random.hex(64), at: from + BigInt(index) * 1_000n, fate: 'complete' }).slice(0, -4)).flat();
/** Code and shapes are learnt from the first ones. */
const warm = new Feed(ledger, { log: text(lines(200, AT)), key: 'warm' });
while (warm.more(65_536));
const before = heap();
for (let done = 0; done < STARTS; done += 500) {
  const feed = new Feed(ledger, { log: text(lines(Math.min(500, STARTS - done), AT + BigInt(done) * 1_000_000n)), key: `part ${done}` });
  while (feed.more(65_536));
  feed.end();
}
process.stdout.write(JSON.stringify({ open: ledger.openEpisodes - 200, each: Math.round((heap() - before) / STARTS), cut: ledger.counts.get('too_many_open') ?? 0 }));
