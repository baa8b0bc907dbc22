/** Rows J1 to J7 of the fault matrix, against a real journald. */
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { NOTHING_YET } from '../../src/sources/journal/counters.ts';
import type { JournalRecord } from '../../src/sources/journal/record.ts';
import { Folder } from '../support/files.ts';
import { exported, haveJournald, haveRemote, Journald, toJournal } from '../support/journald.ts';
import { JournalRig, messageOf, NOBODY } from '../support/journalrig.ts';
import { until } from './program.ts';

const rigs: JournalRig[] = [];
afterEach(() => {
  for (const rig of rigs.splice(0)) rig.follower.stop();
});

function follow(...[selection, records, more]: ConstructorParameters<typeof JournalRig>): JournalRig {
  const rig = new JournalRig(selection, records, more);
  rigs.push(rig);
  return rig;
}

/** A journalctl that tells its process ids, and of which a test may ask for more. */
class Wrapper {
  readonly folder = new Folder();
  readonly command: string;

  /** @param script runs before it becomes journalctl. */
  constructor(script = '') {
    this.command = this.folder.write('journalctl', `#!/bin/sh\necho "$$ $*" >> ${this.folder.at('pids')}\n${script}\nexec journalctl "$@"\n`);
    chmodSync(this.command, 0o755);
  }

  /** Of those that follow, in the order they were begun: one may be begun of which this is not known yet. */
  get followers(): number[] {
    if (!existsSync(this.folder.at('pids'))) return [];
    const whole = readFileSync(this.folder.at('pids'), 'utf8').split('\n').slice(0, -1);
    return whole.filter((line) => line.includes('--follow')).map((line) => Number(line.split(' ')[0]));
  }

  /** @throws Error before any follows. */
  get follower(): number {
    const last = this.followers.at(-1);
    if (last === undefined) throw new Error('no journalctl follows');
    return last;
  }
}

const numbered = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, at) => `line ${from + at} ${'x'.repeat(120)}`);
const ours = (rig: JournalRig): string[] => rig.messages.filter((message) => message.startsWith('line '));
const said = (rig: JournalRig) => (): string => JSON.stringify([rig.messages.length, rig.messages.at(-1), rig.follower.counters, rig.log.entries.slice(-5)]);
/** Ends one and gives what it would have saved. */
function end(rig: JournalRig): JournalRecord[] {
  rig.follower.stop();
  return rig.records;
}

describe.skipIf(!haveJournald)('a journald (needs root and systemd)', () => {
  test('J1: 60,000 entries at full speed through rotation and vacuum, none missing', { timeout: 120_000 }, async () => {
    await using journald = await Journald.start(['SystemMaxUse=40M', 'SystemMaxFileSize=4M']);
    const rig = follow({ namespace: journald.namespace });
    await until(10_000, () => rig.follower.following, said(rig));
    const writer = await journald.writer('many');
    const all = numbered(0, 60_000);
    for (let at = 0; at < all.length; at += 500) {
      await writer.write(`${all.slice(at, at + 500).join('\n')}\n`);
      if (at % 20_000 === 0) journald.rotate();
    }
    await until(90_000, () => messageOf(rig.source?.lines.at(-1)?.text ?? '{}') === all.at(-1), said(rig));
    expect(ours(rig)).toEqual(all);
    expect([rig.count('gaps'), rig.count('restarts')]).toEqual([0, 0]);
  });

  test('J2: the reader is stopped while the journal is vacuumed: what was lost is counted, to the entry', { timeout: 60_000 }, async () => {
    await using journald = await Journald.start(['SystemMaxUse=16M', 'SystemMaxFileSize=2M']);
    const wrapper = new Wrapper();
    const rig = follow({ directory: journald.folder }, [], { command: wrapper.command });
    await until(10_000, () => rig.follower.following, said(rig));
    const writer = await journald.writer('many');
    await writer.write(`${numbered(0, 100).join('\n')}\n`);
    await until(10_000, () => ours(rig).length === 100, said(rig));
    process.kill(wrapper.follower, 'SIGSTOP');
    const all = numbered(100, 40_100);
    for (let at = 0; at < all.length; at += 500) await writer.write(`${all.slice(at, at + 500).join('\n')}\n`);
    await writer.end();
    process.kill(wrapper.follower, 'SIGCONT');
    await until(30_000, () => messageOf(rig.source?.lines.at(-1)?.text ?? '{}') === all.at(-1), said(rig));
    const missing = 40_100 - ours(rig).length;
    expect(missing).toBeGreaterThan(0);
    // journald's own entries about its files may be among what is gone.
    expect(rig.count('entries_missing')).toBeGreaterThanOrEqual(missing);
    expect(rig.count('entries_missing')).toBeLessThan(missing + 100);
    expect(rig.log.count('journal_gap')).toBeGreaterThan(0);
    expect(rig.source?.gaps.reduce((sum, gap) => sum + (gap.missing ?? 0), 0)).toBe(rig.count('entries_missing'));
    for (const { name, from, to } of rig.source?.gaps ?? []) expect([name, from < to]).toEqual(['vacuumed', true]);
  });

  test('J2: we are held up by a back-end while the journal is vacuumed: the gap is counted where entries are picked, too', { timeout: 60_000 }, async () => {
    await using journald = await Journald.start(['SystemMaxUse=16M', 'SystemMaxFileSize=2M']);
    const rig = follow({ directory: journald.folder, identifiers: ['many'] }, [], { timing: { patience: 50 } });
    await until(10_000, () => rig.follower.following, said(rig));
    const writer = await journald.writer('many');
    await writer.write(`${numbered(0, 10).join('\n')}\n`);
    await until(10_000, () => ours(rig).length === 10, said(rig));
    rig.follower.pause();
    await until(10_000, () => !rig.follower.following, said(rig));
    const all = numbered(10, 40_010);
    for (let at = 0; at < all.length; at += 500) await writer.write(`${all.slice(at, at + 500).join('\n')}\n`);
    await writer.end();
    rig.follower.resume();
    await until(30_000, () => messageOf(rig.source?.lines.at(-1)?.text ?? '{}') === all.at(-1), said(rig));
    expect([rig.count('gaps'), ours(rig).length < 40_010]).toEqual([1, true]);
    expect(rig.source?.gaps.map(({ name, from, to }) => [name, from < to])).toEqual([['vacuumed', true]]);
  });

  test('J5: journalctl is killed, hangs, or ends with an error: it is started again and nothing is missing or twice', { timeout: 120_000 }, async () => {
    await using journald = await Journald.start();
    const wrapper = new Wrapper();
    // Longer than a busy machine keeps entries back: only the one that is stopped is silent for so long.
    const rig = follow({ directory: journald.folder }, [], { command: wrapper.command, timing: { quiet: 2_000 } });
    await until(10_000, () => rig.follower.following, said(rig));
    const writer = await journald.writer('many');
    const faults = ['SIGKILL', 'SIGSTOP', 'SIGTERM', 'SIGKILL'] as const;
    // A journalctl that is ending may hand on a round's lines all the same: the next fault waits for the one after it.
    const recovered = (round: number) => (): boolean =>
      rig.count('restarts') >= round && rig.follower.following && wrapper.followers.length > round && ours(rig).length >= round * 10 + 10;
    for (const [round, fault] of faults.entries()) {
      await writer.write(`${numbered(round * 10, round * 10 + 10).join('\n')}\n`);
      await until(20_000, recovered(round), said(rig));
      expect(ours(rig)).toEqual(numbered(0, round * 10 + 10));
      process.kill(wrapper.follower, fault);
    }
    await writer.write(`${numbered(40, 50).join('\n')}\n`);
    await until(20_000, recovered(faults.length), said(rig));
    expect(ours(rig)).toEqual(numbered(0, 50));
    expect([rig.count('hangs'), rig.count('gaps'), rig.count('restarts'), wrapper.followers.length]).toEqual([1, 0, 4, 5]);
  });

  test('J6: bytes, NUL, escapes, a long line in pieces: each is one line', async () => {
    await using journald = await Journald.start(['LineMax=4K']);
    const rig = follow({ directory: journald.folder, identifiers: ['odd'] });
    await until(10_000, () => rig.follower.following, said(rig));
    const long = `line ${'y'.repeat(20_000)}`;
    const writer = await journald.writer('odd');
    await writer.write(Buffer.concat([Buffer.from('a\x1b[0mb\nline '), Buffer.from([0xff, 0xfe]), Buffer.from(`c\n${long}\nafter\n`)]));
    await until(10_000, () => rig.messages.at(-1) === 'after', said(rig));
    expect(rig.messages).toEqual(['a\x1b[0mb', 'line \ufffd\ufffdc', long, 'after']);
    expect(rig.count('line_pieces')).toBeGreaterThan(1);
  });

  test('our own entries are left out and counted', async () => {
    await using journald = await Journald.start();
    const writer = await journald.writer('own');
    await writer.write('mine\n');
    const rig = follow({ directory: journald.folder, identifiers: ['own', 'other'] }, [], { mine: { ...NOBODY, pid: String(process.pid) } });
    await until(10_000, () => rig.follower.following && rig.count('own') > 0, said(rig));
    expect(rig.messages).toEqual([]);
  });

  test('J7: a journald that is started again goes on without a false gap and without a line twice', async () => {
    await using journald = await Journald.start();
    const rig = follow({ directory: journald.folder });
    expect(rig.follower.counters).toEqual(NOTHING_YET);
    for (let round = 0; round < 3; round++) {
      const writer = await journald.writer('again');
      await writer.write(`${numbered(round * 10, round * 10 + 10).join('\n')}\n`);
      await until(10_000, () => ours(rig).length === round * 10 + 10, said(rig));
      await journald.stop();
      await journald.begin();
    }
    expect(ours(rig)).toEqual(numbered(0, 30));
    expect(rig.count('gaps')).toBe(0);
    expect(Object.keys(rig.follower.counters).sort()).toEqual(Object.keys(NOTHING_YET).sort());
  });
});

describe.skipIf(!haveRemote)('journals made from entries (needs systemd-journal-remote)', () => {
  const BOOTS = ['1'.repeat(32), '2'.repeat(32)];
  const entry = (number: number, boot: number, message: string | Buffer = `line ${number}`): Buffer => exported([
    ['__REALTIME_TIMESTAMP', String(1_795_186_580_000_000 + boot * 1_000_000_000 + number * 1_000)], ['__MONOTONIC_TIMESTAMP', String(1_000_000 + number * 1_000)],
    ['_BOOT_ID', BOOTS[boot] ?? ''], ['_MACHINE_ID', 'f'.repeat(32)], ['SYSLOG_IDENTIFIER', 'kata'], ['MESSAGE', message],
  ]);
  const some = (from: number, to: number, boot: number): Buffer => Buffer.concat(Array.from({ length: to - from }, (_, at) => entry(from + at, boot)));

  test('J3: two boots, the place in the first: its rest and the first entry of the second come', async () => {
    const folder = new Folder();
    toJournal(folder.at('a.journal'), some(0, 10, 0));
    const first = follow({ directory: folder.path });
    await until(10_000, () => first.follower.following, said(first));
    const records = end(first);
    expect(first.messages.length).toBe(10);
    toJournal(folder.at('a.journal'), some(10, 20, 0));
    toJournal(folder.at('a.journal'), some(20, 40, 1));
    const rig = follow({ directory: folder.path }, records);
    await until(10_000, () => rig.messages.length >= 30 && rig.follower.following, said(rig));
    expect(rig.messages).toEqual(Array.from({ length: 30 }, (_, at) => `line ${at + 10}`));
    expect(rig.count('gaps')).toBe(0);
    folder.dispose();
  });

  test('J4: the place is vacuumed, garbage, empty or of another journal: no entry is skipped, the gap is counted', async () => {
    const folder = new Folder();
    toJournal(folder.at('a.journal'), some(0, 10, 0));
    const first = follow({ directory: folder.path });
    await until(10_000, () => first.follower.following, said(first));
    const [record] = end(first);
    if (record === undefined) throw new Error('nothing was saved');
    const whole = Array.from({ length: 20 }, (_, at) => `line ${at + 10}`);

    rmSync(folder.at('a.journal'));
    toJournal(folder.at('b.journal'), some(10, 30, 0));
    const vacuumed = follow({ directory: folder.path }, [record]);
    await until(10_000, () => vacuumed.follower.following, said(vacuumed));
    expect([vacuumed.messages, vacuumed.count('gaps')]).toEqual([whole, 1]);

    for (const cursor of ['garbage', '', `s=${'a'.repeat(32)};i=1;b=${'b'.repeat(32)};m=1;t=7ffffffffffff;x=1`]) {
      const rig = follow({ directory: folder.path }, [{ ...record, mark: { at: record.mark.at, cursor } }]);
      await until(10_000, () => rig.follower.following, said(rig));
      expect([cursor, rig.messages, rig.count('gaps')]).toEqual([cursor, whole, 1]);
    }
    folder.dispose();
  });
});
