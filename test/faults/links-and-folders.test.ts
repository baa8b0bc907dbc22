/** What a name on the way to a log can be: a link that is flipped, a folder of somebody else, something that would block. */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, lchownSync, mkdirSync, renameSync, statSync, symlinkSync, unlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSafely } from '../../src/sources/opening.ts';
import { Bench, until } from '../support/files.ts';

const ROOT = process.geteuid?.() === 0;
const STRANGER = 4711;
/** So often each of two that are swapped is met. */
const ENOUGH = 1_000;

let bench: Bench;
beforeEach(() => { bench = new Bench(); });
afterEach(() => bench.dispose());

const follow = (glob: string, extra: object = {}) => [{ glob, links: 'follow', ...extra } as const];

function flip(to: string, how: 'unlink' | 'rename', name = 'current.log'): void {
  if (how === 'unlink') unlinkSync(bench.folder.at(name));
  symlinkSync(to, bench.folder.at(how === 'unlink' ? name : 'next'));
  if (how === 'rename') renameSync(bench.folder.at('next'), bench.folder.at(name));
}

/** Keeps putting the good and the evil folder by turns at the name `logs`. */
function swapping(folder: string): ChildProcess {
  // Told to end it waits for the one that it has begun.
  const script = 'cd "$0" || exit; trap exit TERM; while :; do ln -sfn good new; mv -T new logs; ln -sfn evil new; mv -T new logs; done';
  return spawn('sh', ['-c', script, folder], { stdio: 'ignore' });
}

describe('R7: a link that is pointed elsewhere', () => {
  it.each(['unlink', 'rename'] as const)('R7: both targets are read to their end, also what is written late (%s)', async (how) => {
    bench.folder.write('app-1.log', 'one\n');
    symlinkSync('app-1.log', bench.folder.at('current.log'));
    bench.start(follow('current.log', { runtime: 'urunc' }));
    await bench.expectLines(['one']);
    bench.follower.pause();
    bench.folder.append('app-1.log', 'unread\n');
    bench.folder.write('app-2.log', 'two\n');
    flip('app-2.log', how);
    bench.follower.resume();
    await bench.expectLines(['one', 'unread', 'two']);
    bench.folder.append('app-1.log', 'late\n');
    bench.folder.append('app-2.log', 'three\n');
    await bench.expectLines(['one', 'unread', 'late', 'two', 'three']);
    expect(bench.intake.sources.map(({ info }) => [info.rank, info.fresh, info.runtime])).toEqual([[0, true, 'urunc'], [1, false, 'urunc']]);
  });

  it.each(['unlink', 'rename'] as const)('R7: also while nobody looks, with the pins and the trust of the pattern (%s)', async (how) => {
    bench.folder.write('app-1.log', 'one\n');
    symlinkSync('app-1.log', bench.folder.at('current.log'));
    if (ROOT) for (const name of ['app-1.log', 'current.log']) lchownSync(bench.folder.at(name), STRANGER, STRANGER);
    const pattern = follow('current.log', { runtime: 'urunc', trust: { kind: 'owned', uids: [STRANGER] } });
    bench.start(pattern);
    await bench.expectLines(['one']);
    await bench.stop();
    bench.folder.append('app-1.log', 'unread\n');
    bench.folder.write('app-2.log', 'two\n');
    flip('app-2.log', how);
    bench.start(pattern);
    await bench.expectLines(['one', 'unread', 'two']);
    expect(bench.intake.sources.map(({ info }) => [info.rank, info.fresh, info.runtime])).toEqual([[0, false, 'urunc'], [1, false, 'urunc']]);
    expect(bench.follower.counters['lost']).toBe(0);
  });

  it('R7: a link whose target is rotated in its own folder, twice between two looks and while down', async () => {
    mkdirSync(bench.folder.at('pods'));
    mkdirSync(bench.folder.at('containers'));
    const target = (name: string, text: string): void => void bench.folder.write(`pods/${name}`, text);
    target('0.log', 'one\n');
    symlinkSync('../pods/0.log', bench.folder.at('containers/a.log'));
    bench.start(follow('containers/*.log'));
    await bench.expectLines(['one']);
    const rotate = (part: string): void => renameSync(bench.folder.at('pods/0.log'), bench.folder.at(`pods/0.log.${part}`));
    rotate('20261120-101010');
    target('0.log', 'two\n');
    await bench.expectLines(['one', 'two']);
    await bench.stop();
    bench.folder.append('pods/0.log', 'three\n');
    rotate('20261120-101011');
    target('0.log', 'four\n');
    bench.start(follow('containers/*.log'));
    await bench.expectLines(['one', 'two', 'three', 'four']);
  });

  it('R7: two links to one file, and its own name, are read once', async () => {
    bench.folder.write('a.log', 'one\n');
    symlinkSync('a.log', bench.folder.at('b.log'));
    symlinkSync('b.log', bench.folder.at('c.log'));
    bench.start(follow('*.log'));
    bench.folder.append('a.log', 'two\n');
    await bench.expectLines(['one', 'two']);
    expect(bench.intake.sources).toHaveLength(1);
  });

  it('R7: a link that points nowhere, to itself or round in circles is waited for', async () => {
    symlinkSync('self.log', bench.folder.at('self.log'));
    symlinkSync('there.log', bench.folder.at('nowhere.log'));
    bench.start(follow('*.log'));
    bench.folder.write('there.log', 'one\n');
    await bench.expectLines(['one']);
  });

  it.skipIf(!ROOT)('R7: a link that a stranger made is refused although its target is trusted (needs root)', async () => {
    bench.folder.write('a.txt', 'one\n');
    symlinkSync('a.txt', bench.folder.at('a.log'));
    lchownSync(bench.folder.at('a.log'), STRANGER, STRANGER);
    bench.start(follow('a.log'));
    await until(() => bench.journal.find('file_refused')?.fields['kind'] === 'untrusted_folder');
    lchownSync(bench.folder.at('a.log'), 0, 0);
    await bench.expectLines(['one']);
  });
});

describe('S1: what stands at a name', () => {
  it.each([{ kind: 'owned', uids: [] }, { kind: 'any' }] as const)('S1: a link to a FIFO or a device neither blocks nor is read, whoever is trusted (%s)', (trust) => {
    execFileSync('mkfifo', [bench.folder.at('fifo')]);
    symlinkSync('fifo', bench.folder.at('a.log'));
    symlinkSync('/dev/zero', bench.folder.at('b.log'));
    for (const name of ['a.log', 'b.log']) {
      const opening = openSafely(bench.folder.at(name), trust, 'follow');
      expect(opening).toMatchObject({ kind: 'refused', problem: { kind: 'not_regular' } });
    }
  });

  it('S1: links to folders on the way are followed if they are ours', async () => {
    mkdirSync(bench.folder.at('real/deep'), { recursive: true });
    symlinkSync(bench.folder.at('real'), bench.folder.at('absolute'));
    symlinkSync('deep/../deep', bench.folder.at('real/relative'));
    bench.folder.write('real/deep/a.log', 'one\n');
    bench.start(['absolute/relative/a.log']);
    await bench.expectLines(['one']);
  });

  it('S1: a folder to which everybody may write is refused, and said, until it is mended', async () => {
    mkdirSync(bench.folder.at('logs/deep'), { recursive: true });
    bench.folder.write('logs/deep/a.log', 'one\n');
    chmodSync(bench.folder.at('logs'), 0o777);
    bench.start(['logs/deep/a.log']);
    await until(() => bench.journal.find('file_refused')?.fields['kind'] === 'untrusted_folder');
    expect(String(bench.journal.find('file_refused')?.fields['why'])).toContain('mode 0777');
    chmodSync(bench.folder.at('logs'), 0o1777);
    await bench.expectLines(['one']);
    expect(bench.journal.count('file_refused')).toBe(1);
  });

  it.skipIf(!ROOT)('S1: a folder of a stranger is refused unless he is named, and so is his link (needs root)', async () => {
    mkdirSync(bench.folder.at('logs'));
    bench.folder.write('logs/a.log', 'one\n');
    symlinkSync('logs', bench.folder.at('link'));
    lchownSync(bench.folder.at('link'), STRANGER, STRANGER);
    const stranger = { kind: 'owned', uids: [STRANGER] } as const;
    const nobody = { kind: 'owned', uids: [] } as const;
    const kindOf = (path: string, trust: typeof stranger | typeof nobody): string => {
      const opening = openSafely(bench.folder.at(path), trust);
      return opening.kind === 'refused' ? opening.problem.kind : opening.kind;
    };
    expect(kindOf('logs/a.log', nobody)).toBe('opened');
    expect(kindOf('link/a.log', nobody)).toBe('untrusted_folder');
    expect(kindOf('link/a.log', stranger)).toBe('opened');
    chownSync(bench.folder.at('logs'), STRANGER, STRANGER);
    expect(kindOf('logs/a.log', nobody)).toBe('untrusted_folder');
    expect(kindOf('logs/a.log', stranger)).toBe('opened');
  });

  it('S1: a folder that is swapped for a link all the time: never is the other file read', async () => {
    mkdirSync(bench.folder.at('good'));
    mkdirSync(bench.folder.at('evil'));
    bench.folder.write('good/a.log', 'good\n');
    const evil = statSync(bench.folder.write('evil/a.log', 'evil\n'));
    if (ROOT) chownSync(bench.folder.at('evil'), STRANGER, STRANGER);
    else chmodSync(bench.folder.at('evil'), 0o777);
    const swaps = swapping(bench.folder.path);
    const seen = { opened: 0, other: 0 };
    try {
      // Until both were met often: who swaps them may be slow to begin.
      for (const end = performance.now() + 20_000; Math.min(seen.opened, seen.other) < ENOUGH && performance.now() < end;) {
        const opening = openSafely(bench.folder.at('logs/a.log'), { kind: 'owned', uids: [] });
        if (opening.kind !== 'opened') seen.other += 1;
        else {
          seen.opened += 1;
          expect(opening.file.id.ino).not.toBe(String(evil.ino));
        }
      }
    } finally {
      swaps.kill();
      await once(swaps, 'exit');
    }
    expect(Math.min(seen.opened, seen.other)).toBe(ENOUGH);
  });
});
