import { appendFileSync, copyFileSync, renameSync, rmSync, statSync, truncateSync, unlinkSync, utimesSync } from 'node:fs';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench, until } from '../support/files.ts';

let bench: Bench;
beforeEach(() => { bench = new Bench(); });
afterEach(() => bench.dispose());

const text = (from: number, to: number): string => Array.from({ length: to - from }, (_, index) => `line ${from + index}\n`).join('');
const list = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, index) => `line ${from + index}`);

/** Runs over the file once, with a pin at `pin` when it stops. */
async function firstRun(lines: number, pin?: number): Promise<void> {
  bench.folder.write('a.log', text(0, lines));
  bench.start(['a.log']);
  await bench.expectLines(list(0, lines));
  const [source] = bench.intake.sources;
  if (source !== undefined) source.pin = pin;
  await bench.stop();
}

describe('restart', () => {
  it('goes on where it was, from every byte at which a file can stand', async () => {
    const whole = 'one\n\ntwo é\nthree\n';
    const bytes = Buffer.from(whole);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const run = new Bench();
      run.folder.write('a.log', bytes.subarray(0, cut));
      run.start(['a.log']);
      await run.settled();
      await run.stop();
      run.start(['a.log']);
      appendFileSync(run.folder.at('a.log'), bytes.subarray(cut));
      await run.expectLines(['one', '', 'two é', 'three']);
      expect(run.intake.sources[0]?.info.fresh ?? false).toBe(cut === 0);
      await run.dispose();
    }
  });

  it('reads again from the pin', async () => {
    await firstRun(10, 35);
    expect(bench.records[0]?.offset).toBe(35);
    bench.start(['a.log']);
    await bench.expectLines([...list(0, 10), ...list(5, 10)]);
    expect(bench.intake.sources[0]?.info.key).toBe(bench.records[0]?.key);
    expect(bench.intake.sources[0]?.info.fresh).toBe(false);
  });

  it('L1: completes a half line that was there before, once', async () => {
    bench.folder.write('a.log', 'one\ntw');
    bench.start(['a.log']);
    await bench.expectLines(['one']);
    await bench.stop();
    bench.folder.append('a.log', 'o\n');
    bench.start(['a.log']);
    await bench.expectLines(['one', 'two']);
  });

  it('loses nothing when killed: what was not saved is read again', async () => {
    await firstRun(3);
    bench.start(['a.log']);
    bench.folder.append('a.log', text(3, 6));
    await bench.expectLines(list(0, 6));
    await bench.stop(false);
    bench.start(['a.log']);
    await bench.expectLines([...list(0, 6), ...list(3, 6)]);
  });

  it('R3: keeps the key over rename rotation while down, and reads the rest there first', async () => {
    await firstRun(5);
    const key = bench.records[0]?.key;
    bench.folder.append('a.log', text(5, 8));
    renameSync(bench.folder.at('a.log'), bench.folder.at('a.log.1'));
    bench.folder.write('a.log', text(8, 10));
    bench.start(['a.log']);
    await bench.expectLines(list(0, 10));
    expect(bench.intake.sources.map((source) => [source.info.key === key, source.info.rank, source.info.fresh])).toEqual([[true, 0, false], [false, 1, false]]);
  });

  it.each([['.gz', gzipSync], ['.zst', zstdCompressSync]] as const)('R3: finds the rest in a compressed part (%s), and a whole part after it', async (ending, pack) => {
    await firstRun(5, 14);
    const mtime = statSync(bench.folder.at('a.log')).mtimeMs / 1000;
    unlinkSync(bench.folder.at('a.log'));
    bench.folder.write(`a.log.3${ending}`, pack(Buffer.from('line 0 but of another one\n')));
    bench.folder.write(`a.log.2${ending}`, pack(Buffer.from(text(0, 2000))));
    bench.folder.write(`a.log.1${ending}`, pack(Buffer.from(text(2000, 3000))));
    utimesSync(bench.folder.at(`a.log.3${ending}`), mtime - 100, mtime - 100);
    utimesSync(bench.folder.at(`a.log.2${ending}`), mtime + 1, mtime + 1);
    utimesSync(bench.folder.at(`a.log.1${ending}`), mtime + 2, mtime + 2);
    bench.folder.write('a.log', text(3000, 3002));
    bench.start(['a.log']);
    await bench.expectLines([...list(0, 5), ...list(2, 3002)]);
    await until(() => bench.follower.counters['files_open'] === 1 && bench.follower.status().length === 1);
    expect(bench.follower.counters['lost']).toBe(0);
  });

  it('R3: finds the rest in a dated part, and parts that came and went while down', async () => {
    await firstRun(5);
    bench.folder.append('a.log', text(5, 7));
    renameSync(bench.folder.at('a.log'), bench.folder.at('a.log-20261120'));
    bench.folder.write('a.log', text(7, 9));
    renameSync(bench.folder.at('a.log'), bench.folder.at('a.log-20261121'));
    bench.folder.write('a.log', text(9, 11));
    bench.start(['a.log']);
    await bench.expectLines(list(0, 11));
  });

  it('R5: finds the rest in the copy after copytruncate while down, even if the file has grown past the place', async () => {
    await firstRun(5);
    bench.folder.append('a.log', text(5, 7));
    copyFileSync(bench.folder.at('a.log'), bench.folder.at('a.log.1'));
    truncateSync(bench.folder.at('a.log'));
    bench.folder.append('a.log', text(7, 30));
    bench.start(['a.log']);
    await bench.expectLines(list(0, 30));
  });

  it('finds a moved content under another pattern', async () => {
    await firstRun(5);
    copyFileSync(bench.folder.at('a.log'), bench.folder.at('moved.txt'));
    rmSync(bench.folder.at('a.log'));
    bench.folder.append('moved.txt', text(5, 6));
    bench.start(['a.log', '*.txt']);
    await bench.expectLines(list(0, 6));
  });

  it('still knows a rotated part that was pinned, and reads it from the pin', async () => {
    bench.folder.write('a.log', text(0, 3));
    bench.start(['a.log']);
    await bench.expectLines(list(0, 3));
    const [source] = bench.intake.sources;
    if (source === undefined) throw new Error('no source');
    source.pin = 7;
    renameSync(bench.folder.at('a.log'), bench.folder.at('a.log.1'));
    bench.folder.write('a.log', text(3, 4));
    await bench.expectLines(list(0, 4));
    await bench.stop();
    renameSync(bench.folder.at('a.log.1'), bench.folder.at('a.log.2'));
    renameSync(bench.folder.at('a.log'), bench.folder.at('a.log.1'));
    bench.folder.write('a.log', text(4, 5));
    bench.start(['a.log']);
    await bench.expectLines([...list(0, 4), ...list(1, 3), ...list(4, 5)]);
  });

  it('gives the rotated part the pins of the pattern it was followed by', async () => {
    bench.folder.write('a.log', 'one\n');
    const patterns = [{ glob: '**/*.log', runtime: 'urunc' }];
    bench.start(patterns);
    await bench.expectLines(['one']);
    await bench.stop();
    bench.folder.append('a.log', 'two\n');
    renameSync(bench.folder.at('a.log'), bench.folder.at('a.log.1'));
    bench.start(patterns);
    await bench.expectLines(['one', 'two']);
    expect(bench.intake.sources[0]?.info.runtime).toBe('urunc');
  });

  it('R4: says and counts what was lost while down', async () => {
    await firstRun(5, 14);
    unlinkSync(bench.folder.at('a.log'));
    bench.folder.write('a.log', 'something else\n');
    bench.start(['a.log']);
    await bench.expectLines([...list(0, 5), 'something else']);
    expect(bench.follower.counters).toMatchObject({ lost: 1, lost_bytes: 21 });
    expect(bench.journal.find('lost_while_down')).toMatchObject({ level: 'error', fields: { path: bench.folder.at('a.log'), from: 14, to: 35 } });
  });

  it('R8: does not take a part for lost while its folder is away', async () => {
    await firstRun(5, 14);
    renameSync(bench.folder.path, `${bench.folder.path}-away`);
    bench.start(['a.log']);
    expect(bench.follower.checkpointFiles()).toHaveLength(1);
    renameSync(`${bench.folder.path}-away`, bench.folder.path);
    await bench.expectLines([...list(0, 5), ...list(2, 5)]);
    expect(bench.follower.counters['lost']).toBe(0);
  });

  it('knows a successor after all of its predecessor is gone', async () => {
    await firstRun(2);
    unlinkSync(bench.folder.at('a.log'));
    bench.start(['a.log']);
    bench.folder.write('a.log', 'next\n');
    await bench.expectLines([...list(0, 2), 'next']);
    expect(bench.intake.sources[0]?.info).toMatchObject({ fresh: false, rank: 1 });
  });

  it('R3: knows it over a second restart, too, compressed before anybody looked', async () => {
    await firstRun(2);
    unlinkSync(bench.folder.at('a.log'));
    bench.start(['a.log']);
    await bench.stop();
    bench.folder.write('a.log.1.gz', gzipSync('next\n'));
    bench.start(['a.log']);
    bench.folder.write('a.log', 'last\n');
    await bench.expectLines([...list(0, 2), 'next', 'last']);
    expect(bench.follower.counters['lost']).toBe(0);
  });

  it('R4: a lost part is named once, and read on if it turns up after all', async () => {
    await firstRun(5, 14);
    renameSync(bench.folder.at('a.log'), bench.folder.at('elsewhere'));
    bench.start(['a.log']);
    expect(bench.follower.counters['lost']).toBe(1);
    await bench.stop();
    renameSync(bench.folder.at('elsewhere'), bench.folder.at('a.log'));
    bench.start(['a.log']);
    await bench.expectLines([...list(0, 5), ...list(2, 5)]);
    expect(bench.follower.counters['lost']).toBe(0);
  });

  it('R4: what comes after a lost part may begin inside a start, over further restarts, too', async () => {
    await firstRun(5, 14);
    unlinkSync(bench.folder.at('a.log'));
    bench.start(['a.log']);
    await bench.stop();
    bench.start(['a.log']);
    expect(bench.follower.counters['lost']).toBe(0);
    bench.folder.write('a.log', 'next\n');
    await bench.expectLines([...list(0, 5), 'next']);
    expect(bench.intake.sources.at(-1)?.info).toMatchObject({ fresh: true, rank: 1 });
  });
});
