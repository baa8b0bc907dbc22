/** More files than may be open at once. */
import { renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { descriptorBudget } from '../../src/sources/parking.ts';
import { noWakes } from '../../src/sources/wakes.ts';
import { Bench, until } from '../support/files.ts';

let bench: Bench;
beforeEach(() => { bench = new Bench(); });
afterEach(() => bench.dispose());

const FILES = 60;
const BUDGET = 8;
const name = (file: number): string => `f${file}.log`;
const line = (file: number, number: number): string => `file ${file} ${'.'.repeat(file + 60)} line ${number}`;
const all = (lines: number): string[] => Array.from({ length: lines }, (_, number) => Array.from({ length: FILES }, (__, file) => line(file, number))).flat();

function writeAll(number: number): void {
  for (let file = 0; file < FILES; file++) bench.folder.append(name(file), `${line(file, number)}\n`);
}

function start(extra: object = {}, wakes = true): void {
  bench.start(['*.log'], { options: { budget: BUDGET, ...extra }, ...(wakes ? {} : { wakes: noWakes() }) });
}

const counter = (which: string): number => bench.follower.counters[which] ?? 0;

describe('M2: more files than descriptors', () => {
  it.each([true, false])('M2: every line of every file comes, with watches and without (%s)', async (wakes) => {
    writeAll(0);
    start({}, wakes);
    await bench.expectLines(all(1));
    writeAll(1);
    await bench.expectLines(all(2));
    await until(() => counter('files_followed') === FILES && counter('files_waiting') === 0);
    expect(counter('files_open')).toBeLessThanOrEqual(BUDGET);
    expect(counter('reopened')).toBeGreaterThan(0);
    expect(bench.intake.sources).toHaveLength(FILES);
    expect(bench.follower.checkpointFiles()).toHaveLength(FILES);
    expect(bench.journal.count('files_parked')).toBe(1);
  });

  it('M2: after a restart each goes on where it was', async () => {
    writeAll(0);
    start();
    await bench.expectLines(all(1));
    await bench.stop();
    writeAll(1);
    start();
    await bench.expectLines(all(2));
    expect(counter('lost')).toBe(0);
  });

  it('M2: from the end means so for those, too, that had to wait', async () => {
    writeAll(0);
    start({ from: { kind: 'end' } });
    await until(() => counter('files_parked') + counter('files_open') === FILES);
    writeAll(1);
    await bench.expectLines(all(2).slice(FILES));
  });

  it.each([true, false])('M2: rotated while closed: what is written late and what came before a new one, is read (watches: %s)', async (wakes) => {
    writeAll(0);
    start({ graceMs: 60_000 }, wakes);
    await bench.expectLines(all(1));
    for (let file = 0; file < FILES; file++) {
      renameSync(bench.folder.at(name(file)), bench.folder.at(`${name(file)}.1`));
      bench.folder.append(`${name(file)}.1`, `${line(file, 1)}\n`);
      bench.folder.append(name(file), `${line(file, 2)}\n`);
    }
    await bench.expectLines(all(3));
    for (let file = 0; file < FILES; file++) bench.folder.append(`${name(file)}.1`, `${line(file, 3)}\n`);
    await bench.expectLines(all(4));
    await until(() => counter('files_parked') + counter('files_open') === 2 * FILES);
    expect(counter('files_open')).toBeLessThanOrEqual(BUDGET);
    expect(counter('lost')).toBe(0);
    expect(bench.intake.sources).toHaveLength(2 * FILES);
  });

  it('M2: a rotated one that is closed is let go after the grace', async () => {
    writeAll(0);
    start();
    await bench.expectLines(all(1));
    for (let file = 0; file < FILES; file++) renameSync(bench.folder.at(name(file)), bench.folder.at(`${name(file)}.1`));
    await until(() => counter('files_followed') === 0);
    expect(bench.intake.sources.every(({ state }) => state === 'ended')).toBe(true);
    writeAll(1);
    await bench.expectLines(all(2));
    expect(bench.intake.sources.slice(FILES).every(({ info }) => !info.fresh && info.rank === 1)).toBe(true);
  });

  it('M2: a copy that is truncated while closed goes on in its copy, one that is packed in the packed one', async () => {
    writeAll(0);
    start({ graceMs: 60_000 }, false);
    await bench.expectLines(all(1));
    bench.follower.pause();
    for (let file = 0; file < FILES; file += 2) {
      bench.folder.append(name(file), `${line(file, 1)}\n`);
      bench.folder.write(`${name(file)}.1`, `${line(file, 0)}\n${line(file, 1)}\n`);
      writeFileSync(bench.folder.at(name(file)), `${line(file, 2)}\n`);
    }
    for (let file = 1; file < FILES; file += 2) {
      bench.folder.append(name(file), `${line(file, 1)}\n`);
      bench.folder.write(`${name(file)}.1.gz`, gzipSync(`${line(file, 0)}\n${line(file, 1)}\n`));
      unlinkSync(bench.folder.at(name(file)));
      bench.folder.append(name(file), `${line(file, 2)}\n`);
    }
    bench.follower.resume();
    await bench.expectLines(all(3));
    expect(counter('lost')).toBe(0);
  });

  it('M2: a copy of a closed one is not read', async () => {
    writeAll(0);
    start();
    await bench.expectLines(all(1));
    bench.folder.write('copy.log', `${line(0, 0)}\n`);
    await until(() => counter('files_followed') === FILES + 1);
    bench.folder.append('copy.log', 'of its own\n');
    await bench.expectLines([...all(1), line(0, 0), 'of its own']);
  });

  it('M2: the folder goes away and comes back', async () => {
    writeAll(0);
    start();
    await bench.expectLines(all(1));
    renameSync(bench.folder.path, `${bench.folder.path}-away`);
    await until(() => counter('files_parked') === 0);
    renameSync(`${bench.folder.path}-away`, bench.folder.path);
    writeAll(1);
    await bench.expectLines(all(2));
    rmSync(`${bench.folder.path}-away`, { force: true, recursive: true });
    expect(counter('lost')).toBe(0);
  });
});

describe('M2: how many files may be open', () => {
  const limits = (soft: string): string => `Limit Soft Limit Hard Limit Units\nMax open files            ${soft}                 4096                 files     \n`;
  it.each([['1024', 896], ['100', 36], ['10', 1], ['1000000', 4096], ['unlimited', 4096]])('M2: of %s descriptors, %s', (soft, budget) => {
    expect(descriptorBudget(limits(soft))).toBe(budget);
  });
});
