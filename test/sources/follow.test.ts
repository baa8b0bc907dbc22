import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, closeSync, copyFileSync, linkSync, mkdirSync, openSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nanos } from '../../src/model/time.ts';
import { fromJson, toJson } from '../../src/sources/record.ts';
import { noWakes } from '../../src/sources/wakes.ts';
import { Bench, until } from '../support/files.ts';

let bench: Bench;
beforeEach(() => { bench = new Bench(); });
afterEach(() => bench.dispose());

describe('reading', () => {
  it('reads what is there, then what is appended, and says where the end is', async () => {
    bench.folder.write('a.log', 'one\ntwo\n');
    bench.start(['a.log']);
    await bench.expectLines(['one', 'two']);
    bench.folder.append('a.log', 'three\n');
    await bench.expectLines(['one', 'two', 'three']);
    await until(() => bench.intake.sources[0]?.state === 'end');
    expect(bench.intake.sources[0]?.info).toMatchObject({ fresh: true, rank: 0, name: bench.folder.at('a.log') });
    expect(bench.intake.sources[0]?.lines.map((line) => line.offset)).toEqual([0, 4, 8]);
    expect(bench.reads).toBeGreaterThan(0);
  });

  it('a file that begins as another one left off is no copy of it', async () => {
    bench.folder.write('a.log.1', 'half 1');
    bench.folder.write('a.log', 'half 10 and its end\n');
    bench.start(['a.log*'], { options: { graceMs: 60_000 } });
    await bench.expectLines(['half 10 and its end']);
  });

  it('passes the pins of the pattern on', async () => {
    bench.folder.write('a.log', 'x\n');
    bench.start([{ glob: 'a.log', runtime: 'urunc', scheme: 'C' }]);
    await bench.expectLines(['x']);
    expect(bench.intake.sources[0]?.info).toMatchObject({ runtime: 'urunc', scheme: 'C' });
  });

  it('L1: completes a line that was written in pieces, once', async () => {
    bench.folder.write('a.log', 'one\ntw');
    bench.start(['a.log']);
    await bench.expectLines(['one']);
    bench.folder.append('a.log', 'o');
    await bench.settled();
    expect(bench.lines).toEqual(['one']);
    bench.folder.append('a.log', '\nthree\n');
    await bench.expectLines(['one', 'two', 'three']);
  });

  it('L3: skips a byte order mark and keeps carriage returns, NULs and bad UTF-8 to the reader of lines', async () => {
    bench.folder.write('a.log', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from('one\r\n\0\0two\n\n'), Buffer.from([0xff, 0x0a])]));
    bench.start(['a.log']);
    await bench.expectLines(['one\r', '\0\0two', '', '\ufffd']);
    expect(bench.intake.sources[0]?.lines[0]?.offset).toBe(3);
  });

  it('L5: reads lines that lie on chunk ends and lines of up to 1 MiB exactly', async () => {
    const lines = ['x'.repeat((256 << 10) - 1), 'y'.repeat(256 << 10), 'short', 'z'.repeat(1 << 20), 'é'.repeat(200_000), 'end'];
    bench.folder.write('a.log', lines.map((line) => `${line}\n`).join(''));
    bench.start(['a.log']);
    await bench.expectLines(lines);
  });

  it('L2: names a line that is too long, keeps its head, and reads its neighbours; memory and time stay bounded', async () => {
    const path = bench.folder.write('a.log', 'before\n');
    const piece = Buffer.alloc(10 << 20, 'x');
    for (let count = 0; count < 10; count++) appendFileSync(path, piece);
    const rss = process.memoryUsage().rss;
    const started = performance.now();
    bench.start(['a.log']);
    await bench.settled();
    expect(bench.follower.checkpointFiles()[0]?.offset).toBe(7);
    bench.folder.append('a.log', '\nafter\n');
    await bench.expectLines(['before', 'after']);
    expect(bench.intake.sources[0]?.overlong).toEqual([{ head: 64 << 10, offset: 7, length: 100 << 20 }]);
    expect(performance.now() - started).toBeLessThan(5000);
    expect(process.memoryUsage().rss - rss).toBeLessThan(50 << 20);
  });

  it('finds files by glob, also later ones, and files whose parents do not exist yet', async () => {
    bench.start(['deep/*/x-[ab].log', 'all/**/*.txt', 'plain/later/z.log']);
    bench.folder.write('noise.log', 'noise\n');
    mkdirSync(bench.folder.at('deep/one'), { recursive: true });
    bench.folder.write('deep/one/x-a.log', '1\n');
    bench.folder.write('deep/one/x-c.log', 'not me\n');
    mkdirSync(bench.folder.at('all/p/q'), { recursive: true });
    bench.folder.write('all/p/q/r.txt', '2\n');
    bench.folder.write('all/s.txt', '3\n');
    mkdirSync(bench.folder.at('plain/later'), { recursive: true });
    bench.folder.write('plain/later/z.log', '4\n');
    await bench.expectLines(['1', '2', '3', '4']);
    rmSync(bench.folder.at('plain'), { recursive: true });
    mkdirSync(bench.folder.at('plain/later'), { recursive: true });
    bench.folder.write('plain/later/z.log', '5\n');
    await bench.expectLines(['1', '2', '3', '4', '5']);
  });

  it('begins at the end if told so, but only in files that were there at the first look', async () => {
    bench.folder.write('a.log', 'old\nhalf');
    bench.start(['*.log'], { options: { from: { kind: 'end' } } });
    await until(() => bench.intake.sources.length === 1);
    bench.folder.append('a.log', ' done\n');
    bench.folder.write('b.log', 'new\n');
    await bench.expectLines(['half done', 'new']);
    expect(bench.intake.sources.map((source) => source.info.fresh)).toEqual([false, true]);
  });

  it('passes on how old lines may be, only for files that were there at the first look, and still after a restart', async () => {
    const options = { from: { kind: 'since', notBefore: nanos(17n) } } as const;
    bench.folder.write('a.log', 'one\n');
    bench.start(['*.log'], { options });
    await bench.expectLines(['one']);
    bench.folder.write('b.log', 'two\n');
    await bench.expectLines(['one', 'two']);
    expect(bench.intake.sources.map(({ info }) => info.notBefore)).toEqual([17n, undefined]);
    await bench.stop();
    expect(bench.records.map((record) => fromJson(toJson(record))?.notBefore)).toEqual([17n, undefined]);
    bench.start(['*.log'], { options: { from: { kind: 'since', notBefore: nanos(18n) } } });
    await until(() => bench.intake.sources.length === 2);
    expect(bench.intake.sources.map(({ info }) => info.notBefore)).toEqual([17n, undefined]);
  });

  it('R4: stops reading when paused, says what it is behind, and still opens what is rotated', async () => {
    bench.folder.write('a.log', 'one\n');
    bench.start(['a.log']);
    await bench.expectLines(['one']);
    bench.follower.pause();
    bench.folder.append('a.log', 'two\n');
    await until(() => bench.intake.sources[0]?.state === 'behind');
    renameSync(bench.folder.at('a.log'), bench.folder.at('gone'));
    bench.folder.write('a.log', 'three\n');
    await until(() => bench.follower.counters['files_open'] === 2);
    unlinkSync(bench.folder.at('gone'));
    unlinkSync(bench.folder.at('a.log'));
    expect(bench.lines).toEqual(['one']);
    bench.follower.resume();
    await bench.expectLines(['one', 'two', 'three']);
  });

  it('W3: finds bytes no watch announced, and counts them', async () => {
    bench.folder.write('a.log', 'one\n');
    mkdirSync(bench.folder.at('other'));
    linkSync(bench.folder.at('a.log'), bench.folder.at('other/name'));
    bench.start(['a.log'], { wakes: noWakes() });
    await bench.expectLines(['one']);
    bench.folder.append('other/name', 'two\n');
    await bench.expectLines(['one', 'two']);
    await until(() => (bench.follower.counters['wake_missed'] ?? 0) === 1);
  });

  it('hears of a write by another name of the file, and then misses no wake', async () => {
    bench.folder.write('a.log', 'one\n');
    mkdirSync(bench.folder.at('other'));
    linkSync(bench.folder.at('a.log'), bench.folder.at('other/name'));
    bench.start(['a.log'], { options: { sweepMs: 60_000, busySweepMs: 60_000 } });
    await bench.expectLines(['one']);
    bench.folder.append('other/name', 'two\n');
    await bench.expectLines(['one', 'two']);
    expect(bench.follower.counters['wake_missed']).toBe(0);
  });

  it('W2: goes on without watches, faster and saying so once', async () => {
    bench.folder.write('a.log', 'one\n');
    const wakes = noWakes();
    bench.start(['a.log'], { wakes: { ...wakes, start: (sleeper) => { sleeper.deaf('ENOSPC', 'no space'); sleeper.deaf('ENOSPC', 'no space'); } } });
    bench.folder.append('a.log', 'two\n');
    await bench.expectLines(['one', 'two']);
    expect(bench.journal.count('watch_degraded')).toBe(1);
    expect(bench.follower.counters).toMatchObject({ watch_degraded: 1, watch_failures: 2 });
  });
});

describe('rotation', () => {
  it('R1: reads late writes to the renamed file until nothing awaits or pins them, then lets go', async () => {
    bench.folder.write('a.log', 'one\n');
    bench.start(['a.log']);
    await bench.expectLines(['one']);
    const [first] = bench.intake.sources;
    if (first === undefined) throw new Error('no source');
    first.awaited = true;
    renameSync(bench.folder.at('a.log'), bench.folder.at('a.log.1'));
    bench.folder.write('a.log', 'two\n');
    await bench.expectLines(['one', 'two']);
    expect(bench.intake.sources[1]?.info).toMatchObject({ fresh: false, rank: 1 });
    const after = first.endSteady ?? 0;
    await until(() => (first.endSteady ?? 0) > after + 60);
    expect(first.state).toBe('end');
    bench.folder.append('a.log.1', 'late\nunfinished');
    await bench.expectLines(['one', 'two', 'late']);
    first.pin = 4;
    first.awaited = false;
    await bench.expectLines(['one', 'two', 'late', 'unfinished']);
    expect(first.state).not.toBe('ended');
    expect(bench.follower.checkpointFiles().map((record) => record.offset)).toEqual([4, 4]);
    first.pin = undefined;
    await until(() => first.state === 'ended');
    expect(bench.follower.checkpointFiles()).toHaveLength(1);
    expect(bench.follower.counters['files_open']).toBe(1);
  });

  it('R2: reads every part when it was rotated several times between two looks', async () => {
    const old = statSync(bench.folder.write('a.log.1', 'long ago\n'), { bigint: true });
    // An old part is older than the file by more than a tick of the file system's clock.
    await until(() => {
      rmSync(bench.folder.at('a.log'), { force: true });
      return statSync(bench.folder.write('a.log', 'p0\n'), { bigint: true }).birthtimeNs > old.birthtimeNs;
    });
    bench.start(['a.log'], { wakes: noWakes(), options: { sweepMs: 60_000, busySweepMs: 60_000 } });
    await bench.expectLines(['p0']);
    bench.folder.append('a.log', 'p0 more\n');
    for (let part = 1; part <= 3; part++) {
      for (let number = 3; number >= 0; number--) {
        const name = number === 0 ? 'a.log' : `a.log.${number}`;
        if (statSync(bench.folder.at(name), { throwIfNoEntry: false })) renameSync(bench.folder.at(name), bench.folder.at(`a.log.${number + 1}`));
      }
      bench.folder.write('a.log', `p${part}\n`);
    }
    bench.follower.look();
    await bench.expectLines(['p0', 'p0 more', 'p1', 'p2', 'p3']);
    const ranks = bench.intake.sources.map((source) => [source.lines[0]?.text, source.info.rank]);
    expect(ranks).toEqual([['p0', 0], ['p1', 1], ['p2', 2], ['p3', 3]]);
  });

  it('does not read again what a glob meets under a rotated name', async () => {
    bench.folder.write('a.log', 'one\n');
    bench.start(['a.log*']);
    await bench.expectLines(['one']);
    for (const text of ['two', 'three', 'four']) {
      for (const number of [3, 2, 1]) {
        const path = bench.folder.at(`a.log.${number}`);
        if (statSync(path, { throwIfNoEntry: false })) renameSync(path, bench.folder.at(`a.log.${number + 1}`));
      }
      renameSync(bench.folder.at('a.log'), bench.folder.at('a.log.1'));
      bench.folder.write('a.log', `${text}\n`);
    }
    await bench.expectLines(['one', 'two', 'three', 'four']);
    await bench.stop();
    bench.start(['a.log*']);
    bench.folder.append('a.log', 'five\n');
    await bench.expectLines(['one', 'two', 'three', 'four', 'five']);
  });

  it('R6: reads a deleted file to its end and the new one of the same name from its beginning', async () => {
    bench.folder.write('a.log', 'one\n');
    bench.start(['a.log']);
    await bench.expectLines(['one']);
    bench.folder.append('a.log', 'last');
    unlinkSync(bench.folder.at('a.log'));
    bench.folder.write('a.log', 'new and longer than the old one\n');
    await bench.expectLines(['one', 'last', 'new and longer than the old one']);
  });

  it('R5: follows copytruncate, also when the file has grown past the old place before the next look', async () => {
    bench.folder.write('a.log', 'one\ntwo\n');
    bench.start(['a.log']);
    await bench.expectLines(['one', 'two']);
    copyFileSync(bench.folder.at('a.log'), bench.folder.at('a.log.1'));
    truncateSync(bench.folder.at('a.log'));
    bench.folder.append('a.log', 'three and much more than was there before\n');
    await bench.expectLines(['one', 'two', 'three and much more than was there before']);
    const keys = bench.intake.sources.map((source) => source.info.key);
    expect(new Set(keys).size).toBe(2);
    expect(bench.intake.sources[1]?.info).toMatchObject({ fresh: false, rank: 1 });
    await until(() => bench.intake.sources[0]?.state === 'ended');
  });

  it.each(['a.log', 'a.log*'])('R5: reads the unread end out of the copy after copytruncate (%s)', async (glob) => {
    bench.folder.write('a.log', 'one\n');
    bench.start([glob]);
    await bench.expectLines(['one']);
    bench.follower.pause();
    bench.folder.append('a.log', 'unread\n');
    copyFileSync(bench.folder.at('a.log'), bench.folder.at('a.log.1'));
    chmodSync(bench.folder.at('a.log.1'), 0o644);
    truncateSync(bench.folder.at('a.log'));
    bench.folder.append('a.log', 'fresh start, longer\n');
    bench.follower.resume();
    await bench.expectLines(['one', 'unread', 'fresh start, longer']);
    expect(bench.follower.counters['lost']).toBe(0);
  });

  it.each([6, 300 << 10, 3 << 20])('R5: a writer without O_APPEND goes on at its old place: the hole of %i bytes before it is no part of its line', async (length) => {
    const line = 'x'.repeat(length - 1);
    bench.folder.write('a.log', '');
    const writer = openSync(bench.folder.at('a.log'), 'r+');
    let at = writeSync(writer, `${line}\n`, 0);
    bench.start(['a.log']);
    await until(() => bench.follower.checkpointFiles()[0]?.offset === length);
    truncateSync(bench.folder.at('a.log'));
    at += writeSync(writer, 'two\n', at);
    await until(() => bench.lines.at(-1) === 'two', () => bench.lines.map((text) => text.slice(0, 20)));
    at += writeSync(writer, 'three\nfo', at);
    await until(() => bench.lines.at(-1) === 'three');
    at += writeSync(writer, 'ur\n', at);
    await until(() => bench.lines.at(-1) === 'four');
    closeSync(writer);
    expect(bench.lines.slice(-3)).toEqual(['two', 'three', 'four']);
    expect(bench.follower.counters['lost']).toBe(0);
    await bench.stop();
    bench.folder.append('a.log', 'five\n');
    bench.start(['a.log']);
    await until(() => bench.lines.at(-1) === 'five');
  });

  it('R5: counts what was truncated away unread', async () => {
    bench.folder.write('a.log', 'one\n');
    bench.start(['a.log']);
    await bench.expectLines(['one']);
    bench.follower.pause();
    bench.folder.append('a.log', 'never seen\n');
    await until(() => bench.intake.sources[0]?.state === 'behind');
    truncateSync(bench.folder.at('a.log'));
    bench.follower.resume();
    await until(() => bench.follower.counters['lost_bytes'] === 11);
    expect(bench.journal.find('lost_on_truncation')?.fields).toMatchObject({ from: 4, to: 15 });
  });

  it('R9: reads two files that begin with the same KiB completely, and an identical copy not at all', async () => {
    const header = `${'#'.repeat(1500)}\n`;
    bench.folder.write('a.log', `${header}a\n`);
    bench.folder.write('b.log', `${header}b\n`);
    bench.start(['*.log']);
    await bench.expectLines([header.trim(), 'a', header.trim(), 'b']);
    copyFileSync(bench.folder.at('a.log'), bench.folder.at('c.log'));
    chmodSync(bench.folder.at('c.log'), 0o644);
    await until(() => bench.follower.counters['files_open'] === 3);
    bench.folder.append('c.log', 'c\n');
    bench.folder.append('a.log', 'a2\n');
    await bench.expectLines([header.trim(), 'a', header.trim(), 'b', 'a2', header.trim(), 'a', 'c']);
  });

  it('R10: reads a file with two names once', async () => {
    bench.folder.write('a.log', 'one\n');
    linkSync(bench.folder.at('a.log'), bench.folder.at('b.log'));
    bench.start(['a.log', '*.log', 'b.log']);
    await bench.expectLines(['one']);
    bench.folder.append('b.log', 'two\n');
    await bench.expectLines(['one', 'two']);
    unlinkSync(bench.folder.at('a.log'));
    bench.folder.append('b.log', 'three\n');
    await bench.expectLines(['one', 'two', 'three']);
    expect(bench.intake.sources).toHaveLength(1);
  });
});

describe('refusals', () => {
  const refusal = async (kind: string): Promise<void> => {
    await until(() => bench.journal.find('file_refused') !== undefined, () => bench.journal.entries);
    const fields = bench.journal.find('file_refused')?.fields;
    expect(fields).toMatchObject({ kind });
    for (const part of ['what', 'where', 'why', 'todo']) expect(fields?.[part]).toMatch(/.../);
    expect(bench.follower.status().some((file) => file.problem?.kind === kind)).toBe(true);
    expect(bench.lines).toEqual([]);
  };

  it('S1: a FIFO, without ever blocking', async () => {
    execFileSync('mkfifo', [bench.folder.at('a.log')]);
    bench.start(['a.log']);
    await refusal('not_regular');
  });

  it('S1: a directory', async () => {
    mkdirSync(bench.folder.at('logs'));
    bench.start(['logs']);
    await refusal('directory');
  });

  it('S1: a symbolic link', async () => {
    bench.folder.write('real.txt', 'one\n');
    symlinkSync('real.txt', bench.folder.at('a.log'));
    bench.start(['a.log']);
    await refusal('link');
  });

  it('S1: a file others may write to, until its mode is mended', async () => {
    bench.folder.write('a.log', 'one\n');
    chmodSync(bench.folder.at('a.log'), 0o666);
    bench.start(['a.log']);
    await refusal('untrusted');
    expect(String(bench.journal.find('file_refused')?.fields['why'])).toContain('mode 0666');
    chmodSync(bench.folder.at('a.log'), 0o644);
    await bench.expectLines(['one']);
    expect(bench.journal.count('file_refused')).toBe(1);
  });

  it('S1: a second name in a folder where everybody may make one, but not if anybody is trusted', async () => {
    bench.folder.write('a.log', 'one\n');
    linkSync(bench.folder.at('a.log'), bench.folder.at('b'));
    chmodSync(bench.folder.path, 0o1777);
    bench.start(['a.log']);
    await refusal('untrusted');
    await bench.stop();
    bench.start(['a.log'], { options: { trust: { kind: 'any' } } });
    await bench.expectLines(['one']);
  });

  it('a compressed file', async () => {
    bench.folder.write('a.log', Buffer.from([0x1f, 0x8b, 8, 0, 0, 0]));
    bench.start(['a.log']);
    await refusal('compressed');
  });

  it('what we write ourselves', async () => {
    mkdirSync(bench.folder.at('state'));
    writeFileSync(bench.folder.at('state/state.json'), '{}\n', { mode: 0o644 });
    bench.start(['**/*.json'], { exclude: [bench.folder.at('state')] });
    await refusal('own_output');
  });

  it.skipIf(process.geteuid?.() === 0)('S3: a file without permission, until it is given', async () => {
    bench.folder.write('a.log', 'one\n');
    chmodSync(bench.folder.at('a.log'), 0);
    bench.start(['a.log']);
    await refusal('no_permission');
    chmodSync(bench.folder.at('a.log'), 0o644);
    await bench.expectLines(['one']);
  });

  it.skipIf(process.geteuid?.() !== 0)('S1: a file of another user, unless he is named', async () => {
    bench.folder.write('a.log', 'one\n');
    execFileSync('chown', ['4711', bench.folder.at('a.log')]);
    bench.start(['a.log']);
    await refusal('untrusted');
    await bench.stop();
    bench.start(['a.log'], { options: { trust: { kind: 'owned', uids: [4711] } } });
    await bench.expectLines(['one']);
  });
});
