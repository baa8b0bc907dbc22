/** Parts of a log that went through its path while nobody looked, with nothing at the path since; and when a part is let go. */
import { copyFileSync, existsSync, mkdirSync, renameSync, statSync, truncateSync, unlinkSync, utimesSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Contents } from '../../src/sources/contents.ts';
import { Missed } from '../../src/sources/missed.ts';
import { noWakes } from '../../src/sources/wakes.ts';
import { sourceKey } from '../../src/model/source.ts';
import { nanos } from '../../src/model/time.ts';
import { Bench, clock, FakeIntake, until } from '../support/files.ts';

let bench: Bench;
beforeEach(() => { bench = new Bench(); });
afterEach(() => bench.dispose());

/** As logrotate does, without making a new log. */
function rotate(name = 'a.log'): void {
  const at = (number: number): string => bench.folder.at(number === 0 ? name : `${name}.${number}`);
  let free = 1;
  while (existsSync(at(free))) free += 1;
  for (let number = free; number > 0; number--) renameSync(at(number - 1), at(number));
}

/** The same by copying: the file stays where it is and begins anew. */
function copytruncate(): void {
  copyFileSync(bench.folder.at('a.log'), bench.folder.at('a.log.1'));
  truncateSync(bench.folder.at('a.log'));
}

/** Until the file system's clock has gone on, by more than what the follower's own clock may be off: within that ages cannot be told. */
async function tick(): Promise<void> {
  const time = (): bigint => statSync(bench.folder.write('tick', ''), { bigint: true }).mtimeNs;
  const before = time();
  await until(() => {
    unlinkSync(bench.folder.at('tick'));
    return time() > before + 10_000_000n;
  });
}

/** A log that was read while it lay at its path. */
async function known(patterns: readonly string[] = ['a.log']): Promise<void> {
  bench.folder.write('a.log', 'one\n');
  bench.start(patterns);
  await bench.expectLines(['one']);
  await tick();
}

const heard = (): unknown[] => bench.intake.sources.map(({ info, lines }) => [info.rank, info.fresh, ...lines.map(({ text }) => text)]);
const ages = (name: string, secondsAgo: number): void => utimesSync(bench.folder.at(name), Date.now() / 1000 - secondsAgo, Date.now() / 1000 - secondsAgo);

describe('parts that went through the path unseen', () => {
  it.each(['absent', 'empty'])('are read in order after a restart with the path %s', async (path) => {
    await known();
    await bench.stop();
    bench.folder.append('a.log', 'one more\n');
    for (const text of ['two', 'three']) {
      rotate();
      await tick();
      bench.folder.write('a.log', `${text}\n`);
    }
    rotate();
    if (path === 'empty') bench.folder.write('a.log', '');
    bench.start(['a.log']);
    await bench.expectLines(['one', 'one more', 'two', 'three']);
    expect(heard()).toEqual([[0, false, 'one more'], [1, false, 'two'], [2, false, 'three']]);
    bench.folder.append('a.log', 'four\n');
    await bench.expectLines(['one', 'one more', 'two', 'three', 'four']);
    expect(bench.intake.sources.at(-1)?.info.rank).toBe(3);
    expect(bench.journal.count('rotated_unseen')).toBe(2);
  });

  it.each(['a.log', '*.log'])('are found by a later sweep, too (%s)', async (pattern) => {
    bench.folder.write('a.log.1', 'long ago\n');
    await tick();
    bench.folder.write('a.log', 'one\n');
    bench.start([pattern], { wakes: noWakes() });
    await bench.expectLines(['one']);
    rotate();
    await until(() => bench.follower.counters['rotated'] === 1);
    for (const text of ['two', 'three']) {
      await tick();
      bench.folder.write('a.log.new', `${text}\n`);
      renameSync(bench.folder.at('a.log.new'), bench.folder.at('a.log'));
      rotate();
    }
    await bench.expectLines(['one', 'two', 'three']);
  });

  it('are not read out of a copy that is being compressed', async () => {
    await known();
    await bench.stop();
    rotate();
    await tick();
    bench.folder.write('a.log.1.gz', gzipSync('one\ntwo\n').subarray(0, 12));
    bench.start(['a.log']);
    bench.folder.write('a.log', 'two\n');
    await bench.expectLines(['one', 'two']);
    expect(bench.journal.find('source_problem')).toBeUndefined();
  });

  it('cost nothing where nothing changes', () => {
    mkdirSync(bench.folder.at('logs'));
    bench.folder.write('logs/a.log.1', 'one\n');
    let asked = 0;
    const missed = new Missed({
      clock: { ...clock, now: () => nanos(clock.now() + 10_000_000_000n) },
      log: bench.journal.log, trust: { kind: 'any' }, since: undefined, contents: new Contents(new FakeIntake(), bench.journal.log, []),
      taken: () => false, sizeOf: () => undefined, patternOf: (glob) => { asked += 1; return { glob }; }, take: () => undefined,
    });
    const search = (): number => {
      missed.search([{ folder: bench.folder.at('logs'), only: undefined }], () => false);
      return asked;
    };
    const once = search();
    expect(once).toBeGreaterThan(0);
    expect(search()).toBe(once);
    bench.folder.write('logs/b', '');
    expect(search()).toBeGreaterThan(once);
  });
});

describe('a log that nobody ever saw at its path', () => {
  it.each([['a.log', true], ['*.log', true], ['a.log', false]] as const)('is read if it came since (%s, watches: %s)', async (pattern, watches) => {
    bench.folder.write('a.log.1', 'an archive\n');
    await tick();
    bench.start([pattern], watches ? {} : { wakes: noWakes() });
    await tick();
    bench.folder.write('a.log', 'one\n');
    rotate();
    await bench.expectLines(['one']);
    await tick();
    bench.folder.write('a.log', 'two\n');
    await bench.expectLines(['one', 'two']);
    expect(heard()).toEqual([[0, true, 'one'], [1, false, 'two']]);
  });

  it('is read before the one that took its place at once', async () => {
    bench.start(['*.log'], { wakes: noWakes(), options: { sweepMs: 60_000, busySweepMs: 60_000 } });
    await tick();
    bench.folder.write('a.log', 'one\n');
    rotate();
    bench.folder.write('a.log', 'two\n');
    bench.follower.look();
    await bench.expectLines(['one', 'two']);
    expect(heard()).toEqual([[0, true, 'one'], [1, false, 'two']]);
  });

  it('is no archive that is unpacked there, nothing of another name, and nothing of ours', async () => {
    mkdirSync(bench.folder.at('state'));
    bench.start(['a.log', 'state/*.log', 'z.log'], { exclude: [bench.folder.at('state')], wakes: noWakes() });
    await tick();
    bench.folder.write('a.log.3', 'unpacked\n');
    ages('a.log.3', 3600);
    bench.folder.write('a.log.2.gz', gzipSync('packed\n'));
    bench.folder.write('ab.log.1', 'of another log\n');
    bench.folder.write('state/own.log.1', 'ours\n');
    bench.folder.write('z.log.1', 'young\n');
    await bench.expectLines(['young']);
    bench.folder.write('z.log', 'end\n');
    await bench.expectLines(['young', 'end']);
  });
});

describe('letting go', () => {
  /** Reads `one`, has it rotated, reads `two`. */
  async function rotated(): Promise<void> {
    await known();
    await bench.stop();
    const options = { graceMs: 60_000 };
    bench.start(['a.log'], { options });
    await until(() => bench.follower.counters['files_open'] === 1);
    rotate();
    bench.folder.write('a.log', 'two\n');
    await bench.expectLines(['one', 'two']);
    await until(() => bench.follower.counters['files_open'] === 2);
    await bench.stop();
  }

  it.each([['quiet', 3600, 3600, 1], ['written to a moment ago', 0, 3600, 2], ['renamed a moment ago', 3600, 0, 2]] as const)(
    'counts the grace over restarts: %s', async (_, writtenAgo, leftAgo, open) => {
      await rotated();
      const left = bench.records[0]?.left ?? 0n;
      expect(clock.now() - left).toBeLessThan(10_000_000_000n);
      bench.records = bench.records.map((record) => (record.left === undefined ? record : { ...record, left: left - BigInt(leftAgo) * 1_000_000_000n }));
      ages('a.log.1', writtenAgo);
      bench.start(['a.log'], { options: { graceMs: 60_000 } });
      await bench.settled();
      expect(bench.follower.counters['files_open']).toBe(open);
      expect(bench.follower.checkpointFiles()).toHaveLength(open);
    });

  it('finds a hundred parts again at once', async () => {
    const lines = Array.from({ length: 100 }, (_, number) => `part ${number}`);
    bench.start(['a.log'], { options: { graceMs: 60_000 } });
    for (const [number, line] of lines.entries()) {
      if (number > 0) rotate();
      bench.folder.write('a.log', `${line}\n`);
      bench.follower.look();
      await until(() => bench.intake.sources.length === number + 1);
    }
    await bench.expectLines(lines);
    await bench.stop();
    expect(bench.records).toHaveLength(100);
    rotate();
    const began = performance.now();
    bench.start(['a.log'], { options: { graceMs: 60_000 } });
    await bench.settled();
    // 20 ms where this was written, and 110 ms when every part was sought by itself.
    expect(performance.now() - began).toBeLessThan(500);
    expect(bench.follower.counters['files_open']).toBe(100);
    expect(bench.lines).toHaveLength(100);
  });

  it('does not take old lines that are read again for new ones', async () => {
    await rotated();
    bench.records = bench.records.map((record) => (record.left === undefined ? record : { ...record, offset: 0, left: 1n }));
    ages('a.log.1', 3600);
    bench.start(['a.log'], { options: { graceMs: 60_000 } });
    await bench.expectLines(['one', 'two', 'one']);
    await until(() => bench.follower.counters['files_open'] === 1);
  });

  it('opens no file that is over, and still knows it as the newest of its chain', async () => {
    await known();
    rotate();
    await until(() => bench.intake.sources[0]?.state === 'ended');
    await bench.stop();
    const before = bench.records;
    expect(before).toMatchObject([{ ended: true, offset: 4, size: 4 }]);
    bench.start(['a.log']);
    expect(bench.follower.counters['files_open']).toBe(0);
    expect(bench.follower.checkpointFiles()).toEqual(before);
    await bench.stop();
    expect(bench.records).toEqual(before);
    bench.start(['a.log']);
    bench.folder.write('a.log', 'two\n');
    await bench.expectLines(['one', 'two']);
    expect(heard()).toEqual([[1, false, 'two']]);
    expect(bench.follower.checkpointFiles()).toHaveLength(1);
  });

  it('knows a file that is over when it comes back to the path, or was compressed', async () => {
    await known();
    rotate();
    await until(() => bench.intake.sources[0]?.state === 'ended');
    await bench.stop();
    bench.folder.write('a.log.2.gz', gzipSync('one\n'));
    bench.start(['a.log']);
    renameSync(bench.folder.at('a.log.1'), bench.folder.at('a.log'));
    bench.folder.append('a.log', 'two\n');
    await bench.expectLines(['one', 'two']);
  });

  it('does not read again a part that was written to late and then let go', async () => {
    await known();
    rotate();
    bench.folder.write('a.log', 'two\n');
    await bench.expectLines(['one', 'two']);
    await tick();
    bench.folder.append('a.log.1', 'late\n');
    await bench.expectLines(['one', 'two', 'late']);
    await until(() => bench.intake.sources[0]?.state === 'ended');
    await bench.stop();
    rotate();
    bench.start(['a.log']);
    bench.folder.write('a.log', 'three\n');
    await bench.expectLines(['one', 'two', 'late', 'three']);
  });

  it.each(['before', 'after'])('does not take a copy for newer than the file it was made of, whose turn to be renamed has come %s a restart', async (when) => {
    await known();
    copytruncate();
    await until(() => bench.intake.sources[0]?.state === 'ended');
    bench.folder.append('a.log', 'two\n');
    await bench.expectLines(['one', 'two']);
    // The copy is over, and nobody needs to remember what is in it.
    expect(bench.follower.checkpointFiles()).toHaveLength(1);
    if (when === 'before') {
      rotate();
      await until(() => bench.intake.sources[1]?.state === 'ended');
    }
    await bench.stop();
    if (when === 'after') rotate();
    bench.start(['a.log']);
    await tick();
    bench.folder.write('a.log', 'three\n');
    await bench.expectLines(['one', 'two', 'three']);
    expect(bench.journal.count('rotated_unseen')).toBe(0);
  });

  it('does not either where the copy was let go before the file was found again', async () => {
    await known();
    await bench.stop();
    const [newest] = bench.records;
    if (newest === undefined) throw new Error('there is one');
    const copy = { ...newest, key: sourceKey('copy'), rank: -1, id: { ...newest.id, ino: '1', birth: `${BigInt(newest.id.birth) + 1n}` } };
    const contents = new Contents(new FakeIntake(), bench.journal.log, [copy, newest]);
    contents.end(contents.resume(copy, undefined, copy.id, undefined));
    expect(contents.newest(newest.path)).toEqual({ ...newest, born: BigInt(newest.id.birth) + 1n });
    expect(contents.records()).toEqual([contents.newest(newest.path)]);
  });

  it('a log that begins as a part ended, in the middle of a line, is another one', async () => {
    await known();
    rotate();
    bench.folder.write('a.log', 'tw');
    await until(() => bench.intake.sources.length === 2);
    rotate();
    await bench.expectLines(['one', 'tw']);
    await until(() => bench.intake.sources[1]?.state === 'ended');
    await bench.stop();
    await tick();
    bench.folder.write('a.log', 'two, and all of it\nthree\n');
    bench.start(['a.log']);
    await bench.expectLines(['one', 'tw', 'two, and all of it', 'three']);
  });
});
