import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sourceKey } from '../../src/model/source.ts';
import { nanos } from '../../src/model/time.ts';
import { LOCK_FILE, lockFolder } from '../../src/sources/lock.ts';
import type { FileRecord } from '../../src/sources/record.ts';
import { StateFile } from '../../src/sources/state.ts';
import { Folder, Journal, until } from '../support/files.ts';

let folder: Folder;
let journal: Journal;
beforeEach(() => { folder = new Folder(); journal = new Journal(); });
afterEach(() => folder.dispose());

const record: FileRecord = {
  key: sourceKey('1:2:3'), id: { dev: '1', ino: '18446744073709551615', birth: '1795186580000000001' },
  head: { length: 5, hash: 'ab' }, guard: { at: 9, length: 9, hash: 'cd' },
  offset: 7, path: '/l/a.log', size: 9, mtime: 1795186580000000003n, rank: 2, ended: false,
};
const state = (): StateFile => new StateFile(folder.path, journal.log);

describe('state', () => {
  it('gives back what was saved, exactly', () => {
    expect(state().load()).toEqual({ kind: 'none', lost: false });
    const file = state();
    expect(file.save([record], { acked: ['a'] })).toBe(true);
    expect(file.save([record, { ...record, key: sourceKey('x'), left: 1n, born: 1795186580000000004n, notBefore: nanos(2n), via: '/l/link' }], { acked: ['b'] })).toBe(true);
    const loaded = state().load();
    expect(loaded).toEqual({ kind: 'loaded', from: 'current', looked: statSync(folder.at('state.json'), { bigint: true }).mtimeNs, state: { generation: 2, lookedAgo: 0, files: [record, { ...record, key: 'x', left: 1n, born: 1795186580000000004n, notBefore: 2n, via: '/l/link' }], journals: [], commands: [], memory: { acked: ['b'] } } });
    expect(statSync(folder.at('state.json')).mode & 0o777).toBe(0o600);
    expect(existsSync(folder.at('state.json.tmp'))).toBe(false);
  });

  it.each([
    ['torn', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    ['zeroed', (bytes: Buffer) => Buffer.alloc(bytes.length)],
    ['empty', () => Buffer.alloc(0)],
    ['changed', (bytes: Buffer) => Buffer.from(bytes.toString().replace('/l/a', '/l/b'))],
  ] as const)('F5: uses the previous generation when the current one is %s, and nothing when both are', (_, damage) => {
    const file = state();
    file.save([record], 1);
    file.save([], 2);
    writeFileSync(folder.at('state.json'), damage(readFileSync(folder.at('state.json'))));
    if (_ !== 'changed') {
      expect(state().load()).toMatchObject({ kind: 'loaded', from: 'previous', state: { generation: 1, memory: 1 } });
      expect(journal.count('state_damaged')).toBe(1);
    }
    writeFileSync(folder.at('state.json'), 'junk');
    writeFileSync(folder.at('state.prev.json'), damage(readFileSync(folder.at('state.prev.json'))));
    expect(state().load()).toEqual({ kind: 'none', lost: true });
    expect(journal.count('state_lost')).toBe(1);
  });

  it('F3: survives a kill between any two steps of a save', () => {
    const file = state();
    file.save([record], 1);
    file.save([record], 2);
    rmSync(folder.at('state.prev.json'));
    expect(state().load()).toMatchObject({ from: 'current' });
    writeFileSync(folder.at('state.json.tmp'), 'half');
    expect(state().load()).toMatchObject({ from: 'current' });
    expect(state().save([], 3)).toBe(true);
    rmSync(folder.at('state.json'));
    expect(state().load()).toMatchObject({ from: 'previous' });
  });

  it('U1: refuses a newer format in a sentence', () => {
    const body = JSON.stringify({ version: 3, generation: 1 });
    writeFileSync(folder.at('state.json'), `${body}\nsha256:${hash('sha256', body)}\n`);
    expect(state().load()).toMatchObject({ kind: 'refused', problem: { kind: 'state_newer' } });
  });

  it('F6: keeps the old state when a new one cannot be written, says so once, and recovers', () => {
    const file = state();
    file.save([record], 1);
    // A folder in the place of the temporary file fails for root, too.
    mkdirSync(folder.at('state.json.tmp'));
    expect(file.save([], 2)).toBe(false);
    expect(file.save([], 2)).toBe(false);
    expect(file.failing).toMatchObject({ kind: 'state_unwritable' });
    expect(journal.count('state_unwritable')).toBe(1);
    expect(state().load()).toMatchObject({ state: { memory: 1 } });
    rmSync(folder.at('state.json.tmp'), { recursive: true });
    expect(file.save([], 3)).toBe(true);
    expect(file.failing).toBeUndefined();
    expect(journal.count('state_writable_again')).toBe(1);
  });

  const mounted = canMount();
  it.skipIf(!mounted)('F6, F7: keeps the old state on a full disk and on a read-only one', () => {
    mkdirSync(folder.at('disk'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', folder.at('disk')]);
    try {
      const file = new StateFile(folder.at('disk'), journal.log);
      expect(file.save([record], 1)).toBe(true);
      expect(file.save([record], 'x'.repeat(100_000))).toBe(false);
      expect(existsSync(folder.at('disk/state.json.tmp'))).toBe(false);
      expect(file.load()).toMatchObject({ from: 'current', state: { memory: 1 } });
      execFileSync('mount', ['-o', 'remount,ro', folder.at('disk')]);
      expect(file.save([record], 2)).toBe(false);
      expect(lockFolder(folder.at('disk'))).toMatchObject({ kind: 'refused', problem: { kind: 'state_unwritable' } });
      execFileSync('mount', ['-o', 'remount,rw', folder.at('disk')]);
      expect(file.save([record], 3)).toBe(true);
    } finally {
      execFileSync('umount', [folder.at('disk')]);
    }
  });
});

describe('lock', () => {
  it('U2: makes the folder for us alone and lets one in', () => {
    const path = folder.at('new/state');
    const first = lockFolder(path);
    expect(first.kind).toBe('held');
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(lockFolder(path)).toMatchObject({ kind: 'refused', problem: { kind: 'state_locked', where: path } });
    if (first.kind === 'held') first.release();
    const again = lockFolder(path);
    expect(again.kind).toBe('held');
    if (again.kind === 'held') again.release();
  });

  it('U2: is freed by kill -9', async () => {
    const script = `new (require('node:sqlite').DatabaseSync)(${JSON.stringify(folder.at(LOCK_FILE))}).exec('BEGIN EXCLUSIVE'); console.log('held'); setInterval(() => {}, 1000)`;
    const other = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
    let held = false;
    other.stdout.on('data', () => { held = true; });
    await until(() => held);
    expect(lockFolder(folder.path).kind).toBe('refused');
    other.kill('SIGKILL');
    await until(() => other.signalCode !== null);
    const mine = lockFolder(folder.path);
    expect(mine.kind).toBe('held');
    if (mine.kind === 'held') mine.release();
  });

  it('F7: says why a folder cannot be used', () => {
    folder.write('file', '');
    chmodSync(folder.at('file'), 0o600);
    expect(lockFolder(folder.at('file/state'))).toMatchObject({ kind: 'refused', problem: { kind: 'state_unwritable' } });
    expect(lockFolder(folder.at('file'))).toMatchObject({ kind: 'refused', problem: { kind: 'state_unwritable', why: expect.stringContaining('EEXIST') } });
    // Its parent is there and takes no folder.
    expect(lockFolder('/proc/1/shimtrace')).toMatchObject({ kind: 'refused', problem: { kind: 'state_unwritable', why: expect.stringContaining('ENOENT') } });
  });
});

function canMount(): boolean {
  const probe = new Folder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'none', probe.path], { stdio: 'ignore' });
    execFileSync('umount', [probe.path], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  } finally {
    probe.dispose();
  }
}
