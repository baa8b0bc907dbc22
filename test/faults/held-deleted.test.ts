/** Deleted files that only the reader keeps on the disk. */
import { unlinkSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Bench, until } from '../support/files.ts';

let bench: Bench;
beforeEach(() => { bench = new Bench(); });
afterEach(() => bench.dispose());

const MIB = 2 ** 20;
const part = (name: string): string => `${name} ${'x'.repeat(MIB - name.length - 2)}`;
const counter = (which: string): number => bench.follower.counters[which] ?? 0;

/** Writes so many files of 1 MiB one after the other by the same name, each deleted for the next. */
async function pileUp(names: readonly string[]): Promise<void> {
  for (const [at, name] of names.entries()) {
    bench.folder.write('a.log', `${part(name)}\n`);
    await until(() => counter('files_open') === at + 2);
    unlinkSync(bench.folder.at('a.log'));
  }
}

it('R4: what is rotated and deleted in a long outage is read afterwards, while its room suffices', async () => {
  bench.folder.write('a.log', 'one\n');
  bench.start(['a.log'], { options: { deletedMax: 8 * MIB } });
  await bench.expectLines(['one']);
  bench.follower.pause();
  unlinkSync(bench.folder.at('a.log'));
  await pileUp(['p1', 'p2', 'p3']);
  await until(() => counter('held_deleted_bytes') >= 3 * MIB);
  bench.follower.resume();
  await bench.expectLines(['one', part('p1'), part('p2'), part('p3')]);
  expect(counter('lost')).toBe(0);
  await until(() => counter('held_deleted_bytes') === 0);
});

it('R4: beyond that the oldest unread one is let go, counted and said with its range; the disk is free again', async () => {
  bench.folder.write('a.log', 'one\n');
  bench.start(['a.log'], { options: { deletedMax: 2 * MIB + (MIB >> 1) } });
  await bench.expectLines(['one']);
  bench.follower.pause();
  unlinkSync(bench.folder.at('a.log'));
  await pileUp(['p1', 'p2']);
  bench.folder.write('a.log', `${part('p3')}\n`);
  await until(() => bench.intake.sources.length === 4);
  unlinkSync(bench.folder.at('a.log'));
  await until(() => counter('lost') === 1);
  expect(counter('held_deleted_bytes')).toBeLessThanOrEqual(2 * MIB + (MIB >> 1));
  expect(counter('lost_bytes')).toBe(MIB);
  expect(bench.journal.find('lost_to_limit')).toMatchObject({ level: 'error', fields: { path: bench.folder.at('a.log'), from: 0, to: MIB, bytes: MIB } });
  bench.follower.resume();
  await bench.expectLines(['one', part('p2'), part('p3')]);
});

it('R4: those that are read already, and only wait for an answer, are let go first, and nothing is lost', async () => {
  bench.folder.write('a.log', `${part('p0')}\n`);
  bench.start(['a.log'], { options: { deletedMax: MIB + (MIB >> 1) } });
  await bench.expectLines([part('p0')]);
  const [read] = bench.intake.sources;
  if (read === undefined) throw new Error('no source');
  read.pin = 0;
  bench.follower.pause();
  unlinkSync(bench.folder.at('a.log'));
  await until(() => counter('held_deleted_bytes') >= MIB);
  bench.folder.write('a.log', `${part('p1')}\n`);
  await until(() => bench.intake.sources.length === 2);
  unlinkSync(bench.folder.at('a.log'));
  await until(() => read.state === 'ended');
  bench.follower.resume();
  await bench.expectLines([part('p0'), part('p1')]);
  expect(counter('lost')).toBe(0);
});
