import { copyFileSync, existsSync, renameSync, statSync, truncateSync } from 'node:fs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Bench, until } from '../support/files.ts';

type Op =
  | { readonly kind: 'lines'; readonly count: number }
  | { readonly kind: 'half' }
  | { readonly kind: 'rename' }
  | { readonly kind: 'copytruncate' }
  | { readonly kind: 'settle' }
  | { readonly kind: 'save' }
  | { readonly kind: 'rest' }
  | { readonly kind: 'restart' }
  | { readonly kind: 'kill' }
  | { readonly kind: 'down' };

const op = (kills: boolean): fc.Arbitrary<Op> => fc.oneof(
  fc.record({ kind: fc.constant('lines' as const), count: fc.integer({ min: 1, max: 40 }) }),
  ...(['half', 'rename', 'copytruncate', 'settle', 'save', 'rest', kills ? 'kill' : 'restart', 'down'] as const).map((kind) => fc.constant({ kind })),
);

/** A log's owner and his rotator. Knows what must be read in the end. */
class Writer {
  readonly written: string[] = [];
  readonly #bench: Bench;
  #half = '';

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  line(): void {
    const text = this.#half === '' ? `line ${this.written.length} ${'.'.repeat(this.written.length % 70)}` : ' and its end';
    this.#bench.folder.append('a.log', `${text}\n`);
    this.written.push(this.#half + text);
    this.#half = '';
  }

  half(): void {
    const text = this.#half === '' ? `half ${this.written.length}` : ' more';
    this.#half += text;
    this.#bench.folder.append('a.log', text);
  }

  rotate(copy: boolean): void {
    const at = (number: number): string => this.#bench.folder.at(number === 0 ? 'a.log' : `a.log.${number}`);
    if (!existsSync(at(0))) return;
    let free = 1;
    while (existsSync(at(free))) free += 1;
    for (let number = free - 1; number > 0; number--) renameSync(at(number), at(number + 1));
    if (copy) {
      copyFileSync(at(0), at(1));
      truncateSync(at(0));
    } else renameSync(at(0), at(1));
    // What was not finished stays the last line of the old part for ever.
    if (this.#half !== '') this.written.push(this.#half);
    this.#half = '';
    this.#tick();
  }

  /** Unseen parts are told apart by file times, whose clock ticks may be 4 ms apart. No rotator is faster. */
  #tick(): void {
    const time = (): bigint => statSync(this.#bench.folder.write('tick', ''), { bigint: true }).mtimeNs;
    for (const before = time(); time() === before;);
  }
}

async function run(ops: readonly Op[], glob: string, budget = 100): Promise<{ written: string[]; got: string[] }> {
  const bench = new Bench();
  const writer = new Writer(bench);
  let up = false;
  const start = (): void => {
    if (!up) bench.start([glob], { options: { sweepMs: 15, busySweepMs: 5, graceMs: 15, budget } });
    up = true;
  };
  const stop = async (keep: boolean): Promise<void> => {
    await bench.stop(keep);
    up = false;
  };
  start();
  try {
    // The file must have been seen once at its path: what is rotated away before that belongs to nothing.
    writer.line();
    await bench.expectLines(writer.written);
    await stop(true);
    start();
    for (const each of ops) {
      switch (each.kind) {
        case 'lines': for (let count = 0; count < each.count; count++) writer.line(); break;
        case 'half': writer.half(); break;
        case 'rename': writer.rotate(false); break;
        case 'copytruncate': writer.rotate(true); break;
        case 'settle': if (up) await bench.settled(); break;
        // As the daemon does all the time: what is over and needs no record is forgotten then.
        case 'save': if (up) bench.follower.checkpointFiles(); break;
        case 'rest': if (up) await until(() => bench.follower.status().every(({ rotated }) => !rotated), () => bench.follower.status()); break;
        case 'restart': await stop(true); start(); break;
        case 'kill': await stop(false); start(); break;
        case 'down': await stop(true); break;
        default: each satisfies never;
      }
    }
    start();
    // Now and then nothing comes any more that would bring the rest up: the path is absent or empty. Under a glob that
    // names the parts, too, an unfinished line waits for what follows its part.
    if (glob !== 'a.log' || ops.length % 2 === 0) writer.line();
    const missing = (): string[] => writer.written.filter((line) => !bench.lines.includes(line));
    await until(() => missing().length === 0, () => ({ missing: missing(), events: bench.journal.entries.slice(-20) }));
    expect(bench.follower.counters['lost']).toBe(0);
    await stop(true);
    return { written: writer.written, got: bench.lines };
  } finally {
    await bench.dispose();
  }
}

it.each(['a.log', 'a.log*'])('any sequence of writes, rotations and restarts: every line once (%s)', async (glob) => {
  await fc.assert(fc.asyncProperty(fc.array(op(false), { maxLength: 14 }), async (ops) => {
    const { written, got } = await run(ops, glob);
    expect([...got].sort()).toEqual([...written].sort());
  }), { numRuns: Number(process.env["RUNS"] ?? 40) });
}, 120_000);

it.each(['a.log', 'a.log*'])('the same with a single descriptor (%s)', async (glob) => {
  await fc.assert(fc.asyncProperty(fc.array(op(false), { maxLength: 14 }), async (ops) => {
    const { written, got } = await run(ops, glob, 1);
    expect([...got].sort()).toEqual([...written].sort());
  }), { numRuns: Number(process.env["RUNS"] ?? 20) });
}, 120_000);

it('with kills, too, no line is missing and none is invented', async () => {
  await fc.assert(fc.asyncProperty(fc.array(op(true), { maxLength: 14 }), async (ops) => {
    const { written, got } = await run(ops, 'a.log');
    expect(new Set(got)).toEqual(new Set(written));
  }), { numRuns: Number(process.env["RUNS"] ?? 30) });
}, 120_000);
