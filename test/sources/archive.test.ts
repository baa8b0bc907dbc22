import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sourceKey } from '../../src/model/source.ts';
import { openArchive } from '../../src/sources/archive.ts';
import type { Archive } from '../../src/sources/archive.ts';
import { LineFeeder } from '../../src/sources/lines.ts';
import { FakeIntake, Folder } from '../support/files.ts';

let folder: Folder;
beforeEach(() => { folder = new Folder(); });
afterEach(() => folder.dispose());

function open(path: string, input?: AsyncIterable<Buffer>): Archive {
  const opening = openArchive(path, input);
  if (opening.kind !== 'opened') throw new Error(JSON.stringify(opening.problem));
  return opening.archive;
}

async function linesOf(archive: Archive): Promise<string[]> {
  const intake = new FakeIntake();
  const feeder = new LineFeeder(intake, intake.begin({ key: sourceKey('k'), name: archive.name, fresh: true, rank: 0 }));
  for await (const chunk of archive.chunks()) feeder.push(chunk);
  feeder.finish();
  return intake.lines;
}

const lines = Array.from({ length: 50_000 }, (_, index) => `line ${index} ${'x'.repeat(index % 97)}`);
const whole = Buffer.from(lines.join('\n'));
const half = Buffer.from(lines.slice(0, 1000).map((line) => `${line}\n`).join(''));
const rest = Buffer.from(lines.slice(1000).join('\n'));

function frames(bytes: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0, size = 1; at < bytes.length; at += size, size = size * 2 + 1) {
    const params = { [constants.ZSTD_c_checksumFlag]: size % 4 === 3 ? 1 : 0 };
    parts.push(zstdCompressSync(bytes.subarray(at, at + size), { params }));
    if (parts.length === 3) parts.push(Buffer.from([0x53, 0x2a, 0x4d, 0x18, 5, 0, 0, 0, 1, 2, 3, 4, 5]));
  }
  return parts;
}

describe('archive', () => {
  it.each([
    ['plain', whole, 'none'],
    ['gzip', gzipSync(whole), 'gzip'],
    ['gzip of two members', Buffer.concat([gzipSync(half), gzipSync(rest)]), 'gzip'],
    ['zstd', zstdCompressSync(whole), 'zstd'],
    ['zstd of two frames', Buffer.concat([zstdCompressSync(half), zstdCompressSync(rest)]), 'zstd'],
    ['zstd of many small frames, checksums and a skippable one', Buffer.concat(frames(whole)), 'zstd'],
  ] as const)('reads %s, whatever its name, with the last line that has no end', async (_, bytes, compression) => {
    const archive = open(folder.write('log.txt', bytes));
    const got = await linesOf(archive);
    expect(archive.problem()).toBeUndefined();
    expect(got.length).toBe(lines.length);
    expect(got.join('\n') === lines.join('\n')).toBe(true);
    expect([archive.compression(), archive.bytesRead(), archive.total]).toEqual([compression, bytes.length, bytes.length]);
  });

  it.each([['plain', whole], ['gzip', gzipSync(whole)]] as const)('reads %s from standard input in any pieces', async (_, bytes) => {
    async function* pieces(): AsyncGenerator<Buffer> {
      for (let at = 0; at < 10; at++) yield bytes.subarray(at, at + 1);
      for (let at = 10; at < bytes.length; at += 4099) yield bytes.subarray(at, at + 4099);
    }
    const archive = open('-', pieces());
    expect((await linesOf(archive)).join('\n') === lines.join('\n')).toBe(true);
    expect(archive.total).toBeUndefined();
  });

  it.each([['gzip', gzipSync(whole)], ['zstd', zstdCompressSync(whole)]] as const)('gives what comes before the damage (%s), and then says it', async (_, bytes) => {
    const archive = open(folder.write('a.packed', bytes.subarray(0, bytes.length * 0.9)));
    const got = await linesOf(archive);
    expect(got.slice(0, 100)).toEqual(lines.slice(0, 100));
    expect(archive.problem()).toMatchObject({ kind: 'damaged' });
  });

  it('reads empty files and follows a link the user named', async () => {
    folder.write('empty', '');
    symlinkSync('empty', folder.at('link'));
    expect(await linesOf(open(folder.at('link')))).toEqual([]);
  });

  it('names what cannot be read, and never blocks', () => {
    mkdirSync(folder.at('dir'));
    execFileSync('mkfifo', [folder.at('fifo')]);
    const kindOf = (name: string): string => {
      const opening = openArchive(folder.at(name));
      return opening.kind === 'refused' ? opening.problem.kind : opening.kind;
    };
    expect(['none', 'dir', 'fifo'].map(kindOf)).toEqual(['missing', 'directory', 'not_regular']);
    const device = openArchive('/dev/null');
    expect(device).toMatchObject({ kind: 'refused', problem: { kind: 'not_regular' } });
  });

  it.skipIf(process.geteuid?.() === 0)('says that it may not', () => {
    chmodSync(folder.write('secret', ''), 0);
    expect(openArchive(folder.at('secret'))).toMatchObject({ problem: { kind: 'no_permission' } });
  });

  it('keeps nothing but the head of a line that is too long', async () => {
    const intake = new FakeIntake();
    const feeder = new LineFeeder(intake, intake.begin({ key: sourceKey('k'), name: '-', fresh: true, rank: 0 }));
    feeder.push(Buffer.from('a\n'));
    const piece = Buffer.alloc(256 << 10, 'x');
    for (let count = 0; count < 400; count++) feeder.push(piece);
    feeder.push(Buffer.from('\nb\n'));
    expect(intake.lines).toEqual(['a', 'b']);
    expect(intake.sources[0]?.overlong).toEqual([{ head: 64 << 10, offset: 2, length: 100 << 20 }]);
    expect(feeder.offset).toBe(2 + (100 << 20) + 1 + 2);
  });
});
