/** A command that is followed: what it tells is on the disk before it is used, and whatever befalls it, it is started again. */
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import process from 'node:process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventsCommand, eventsObstacle } from '../../src/sources/command/containerd.ts';
import { nanos } from '../../src/model/time.ts';
import { CommandRig } from '../support/commandrig.ts';
import { clock, until } from '../support/files.ts';

let rig: CommandRig;

beforeEach(() => {
  rig = new CommandRig();
});

afterEach(async () => {
  await rig.dispose();
});

const gone = (pid: number): boolean => !existsSync(`/proc/${pid}`) || /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));

test('lines are used in order, and each is in the spool before', async () => {
  let early = 0;
  rig.start(undefined, { onRead: () => { if (!rig.spooled.startsWith(rig.intake.lines.map((line) => `${line}\n`).join(''))) early += 1; } });
  rig.tell('one', 'two');
  await rig.lines('one', 'two');
  rig.tell('three');
  await rig.lines('one', 'two', 'three');
  expect(early).toBe(0);
  expect(rig.source?.lines.map(({ offset }) => offset)).toEqual([0, 4, 8]);
  expect(rig.source?.info).toMatchObject({ key: 'command:teller', name: 'command teller', fresh: true, lateness: 250_000_000 });
  await until(() => rig.source?.state === 'end');
  expect(rig.follower.counters).toEqual({ lines: 3, restarts: 0, gaps: 0, lost: 0, unsafe: 0 });
});

test('what was not acknowledged comes again after a restart, byte for byte and at its place, and then what is new', async () => {
  rig.start();
  rig.tell('one', 'two', 'three');
  await rig.lines('one', 'two', 'three');
  if (rig.source !== undefined) rig.source.pin = 4;
  const record = rig.record();
  expect(record).toMatchObject({ from: 4, to: 14 });
  await rig.follower.stop();
  rig.start(record);
  await rig.lines('two', 'three');
  expect(rig.source?.lines.map(({ offset }) => offset)).toEqual([4, 8]);
  expect(rig.source?.info.fresh).toBe(false);
  rig.tell('four');
  await rig.lines('two', 'three', 'four');
  expect(rig.source?.lines.at(-1)?.offset).toBe(14);
});

test('lines that the state never heard of come again, too, also without any state', async () => {
  rig.start();
  rig.tell('one');
  await rig.lines('one');
  const early = rig.record();
  const later = clock.now();
  rig.tell('two', 'three');
  await rig.lines('one', 'two', 'three');
  await rig.follower.stop();
  rig.start(early);
  await rig.lines('two', 'three');
  rig.tell('four');
  await rig.lines('two', 'three', 'four');
  // The command was heard after the state was written, so the gap begins after that: a start that was sent whole stays as it was.
  expect(early.until).toBeLessThanOrEqual(later);
  expect(rig.source?.gaps[0]?.from).toBeGreaterThan(later);
  await rig.follower.stop();
  rig.start();
  await rig.lines('one', 'two', 'three', 'four');
});

test('what is acknowledged is deleted once the state says so', async () => {
  rig.start();
  rig.tell('!flood 3000');
  await until(() => rig.intake.lines.length === 3_000);
  const full = rig.follower.spoolBytes;
  expect(full).toBeGreaterThan(150_000);
  if (rig.source !== undefined) rig.source.pin = 140_000;
  rig.record();
  expect(rig.follower.spoolBytes).toBe(full);
  rig.follower.saved();
  expect(rig.follower.spoolBytes).toBeLessThan(full - 60_000);
  const record = rig.record();
  await rig.follower.stop();
  rig.start(record);
  await until(() => rig.intake.lines.length > 0 && rig.source?.state === 'end');
  expect(rig.source?.lines[0]?.offset).toBe(140_000);
  if (rig.source !== undefined) rig.source.pin = undefined;
  rig.record();
  rig.follower.saved();
  expect(rig.follower.spoolBytes).toBe(0);
});

test('a command that ends is started again, and the time between is a gap', async () => {
  rig.start();
  rig.tell('one', '!say the daemon went away', '!exit 1');
  await until(() => rig.follower.problem !== undefined);
  expect(rig.follower.problem).toMatchObject({ kind: 'unreadable', where: 'command teller', why: 'the daemon went away' });
  expect(rig.follower.problem?.what).toContain('(exit status 1)');
  await until(() => rig.source?.state === 'end');
  rig.tell('two');
  await rig.lines('one', 'two');
  expect(rig.follower.problem).toBeUndefined();
  expect(rig.follower.counters).toMatchObject({ restarts: 1, gaps: 1 });
  expect(rig.source?.gaps).toMatchObject([{ name: 'not_running', missing: undefined }]);
  expect(rig.log.count('command_gap')).toBe(1);
  expect(rig.log.count('command_followed_again')).toBe(1);
});

test('one that ends at once, again and again, is one trouble and one gap', async () => {
  rig.start();
  rig.tell('one');
  await rig.lines('one');
  rig.tell('!exit 0', '!exit 0', '!exit 0');
  await until(() => rig.follower.counters.restarts >= 3);
  rig.tell('two');
  await rig.lines('one', 'two');
  expect(rig.follower.counters.gaps).toBe(1);
  expect(rig.log.entries.filter(({ level, event }) => event === 'source_problem' && level === 'warn')).toHaveLength(1);
});

test('the time between two runs is a gap from the last sign of the first', async () => {
  rig.start();
  rig.tell('one');
  await rig.lines('one');
  const record = rig.record();
  expect(record.until).toBeDefined();
  await rig.follower.stop();
  rig.start(record);
  rig.tell('two');
  await rig.lines('two');
  expect(rig.follower.counters.gaps).toBe(1);
  expect(rig.source?.gaps).toHaveLength(1);
  expect(rig.source?.gaps[0]?.from).toBeGreaterThanOrEqual(record.until ?? 0n);
  // Lines around it may be read a second time: it is told a second time, the same.
  if (rig.source !== undefined) rig.source.pin = 4;
  const [gaps, again] = [rig.source?.gaps, rig.record()];
  await rig.follower.stop();
  rig.start(again);
  expect(rig.source?.gaps).toEqual(gaps);
});

test.each([
  ['is not there', '/nonexistent/program', 'missing', 'there is no program'],
  ['may not be run', import.meta.filename, 'no_permission', 'may not be run'],
])('a program that %s is said once, and tried again', async (_, program, kind, words) => {
  rig.start(undefined, { command: { argv: [program] } });
  await until(() => rig.follower.counters.restarts >= 3);
  expect(rig.follower.problem?.kind).toBe(kind);
  expect(rig.follower.problem?.what).toContain(words);
  expect(rig.log.entries.filter(({ level }) => level === 'warn')).toHaveLength(1);
  expect(rig.follower.counters.gaps).toBe(0);
});

test('half lines wait for their end; the end of the command is one', async () => {
  const raw = (text: string): string => `!raw ${Buffer.from(text, 'latin1').toString('base64')}`;
  rig.start();
  rig.tell(raw('ha'));
  await until(() => rig.spooled === 'ha');
  rig.tell(raw('lf\nnul\0here\nunfini'));
  await rig.lines('half', 'nul\0here');
  rig.tell('!exit 0', 'next');
  await rig.lines('half', 'nul\0here', 'unfini', 'next');
});

test('a line that is too long is counted as one, and takes no more room than tells so', async () => {
  rig.start(undefined, { limit: 4 << 20 });
  rig.tell('one', `!raw ${Buffer.from(`${'y'.repeat(3_000_000)}\nafter\n`).toString('base64')}`);
  await rig.lines('one', 'after');
  expect(rig.source?.overlong).toHaveLength(1);
  expect(rig.spooled.length).toBeLessThan(1_100_000);
});

test('a flood is drained, kept and used to the last line', { timeout: 30_000 }, async () => {
  rig.start(undefined, { limit: 16 << 20 });
  rig.tell('!flood 100000', 'last');
  await until(() => rig.intake.lines.at(-1) === 'last', () => rig.intake.lines.length);
  expect(rig.intake.lines).toHaveLength(100_001);
  expect(rig.intake.lines[99_999]).toMatch(/^line 99999 /);
  expect(rig.follower.counters).toMatchObject({ lines: 100_001, lost: 0, unsafe: 0 });
});

test('while nobody reads, the command is drained into the spool, and what has no room there is lost in whole lines and counted', { timeout: 30_000 }, async () => {
  rig.start();
  rig.tell('first');
  await rig.lines('first');
  rig.follower.pause();
  rig.tell('!flood 40000', 'told');
  await until(() => rig.follower.counters.lines === 40_002, () => rig.follower.counters);
  const { lost } = rig.follower.counters;
  expect(lost).toBeGreaterThan(1_000);
  expect(rig.follower.spoolBytes).toBeLessThan((1 << 20) + 1_000);
  expect(rig.intake.lines).toEqual(['first']);
  expect(rig.log.count('command_lost')).toBe(1);
  rig.follower.resume();
  await until(() => rig.source?.state === 'end');
  expect(rig.intake.lines.length).toBe(40_002 - lost);
  expect(rig.intake.lines.slice(1).every((line, at) => line === `line ${at} ${'x'.repeat(40)}`)).toBe(true);
  rig.record();
  rig.follower.saved();
  rig.tell('room again');
  await until(() => rig.intake.lines.at(-1) === 'room again');
  expect(rig.log.find('command_gap')?.fields['missing']).toBe(lost);
  expect(rig.follower.counters).toMatchObject({ lost, gaps: 1 });
  expect(rig.source?.gaps).toMatchObject([{ name: 'no_room', missing: lost }]);
});

test('where the disk takes nothing the lines go on, said once and counted, until it does again', async () => {
  writeFileSync(rig.spool, 'in the way');
  rig.start();
  rig.tell('one', 'two');
  await rig.lines('one', 'two');
  expect(rig.log.count('command_spool_unwritable')).toBe(1);
  expect(rig.follower.counters.unsafe).toBe(2);
  rmSync(rig.spool);
  rig.tell('three');
  await rig.lines('one', 'two', 'three');
  rig.ahead += 6_000;
  rig.tell('four');
  await rig.lines('one', 'two', 'three', 'four');
  expect(rig.log.count('command_spool_writable_again')).toBe(1);
  expect(rig.spooled).toBe('four\n');
  expect(rig.follower.counters).toMatchObject({ lines: 4, unsafe: 3, lost: 0 });
  if (rig.source !== undefined) rig.source.pin = 0;
  const record = rig.record();
  await rig.follower.stop();
  rig.start(record);
  rig.tell('five');
  await rig.lines('four', 'five');
  // The three that were nowhere.
  expect(rig.log.find('command_hole')?.fields).toMatchObject({ from: 0, to: 14 });
  expect(rig.follower.counters.gaps).toBe(2);
});

test('a hanging command stops neither those that wait for its source nor the end', async () => {
  rig.start();
  rig.tell('one', '!hang');
  await rig.lines('one');
  await until(() => rig.source?.state === 'end');
  expect(rig.follower.running).toBe(true);
  await rig.follower.stop();
  expect(rig.follower.running).toBe(false);
});

test('what a command leaves behind ends with it', async () => {
  rig.start();
  rig.tell('one', '!leave');
  await until(() => rig.follower.counters.restarts === 1, () => rig.log.entries);
  const left = Number(readFileSync(`${rig.script}.left`, 'utf8'));
  await until(() => gone(left));
  rig.tell('two');
  await rig.lines('one', 'two');
});

test('one that nobody asked for and that is not there is no trouble; it is followed once it is there', async () => {
  let there = false;
  const problem = { kind: 'missing', what: 'it is not there', where: 'here', why: 'why', todo: 'wait' } as const;
  rig.start(undefined, { command: { offered: true, obstacle: () => (there ? undefined : problem) } });
  await until(() => rig.log.count('source_problem') >= 3);
  expect(rig.log.entries.every(({ level }) => level === 'debug')).toBe(true);
  expect(rig.follower.absent).toBe(true);
  expect(rig.intake.sources).toEqual([]);
  expect(rig.follower.record()).toBeUndefined();
  there = true;
  rig.tell('one');
  await rig.lines('one');
  expect(rig.follower.absent).toBe(false);
  expect(rig.follower.counters).toMatchObject({ restarts: 0, gaps: 0 });
});

test('a spool file that is none of ours is left out and said, and what it should hold is a gap', async () => {
  rig.start();
  rig.tell('one');
  await rig.lines('one');
  await rig.follower.stop();
  const [path, elsewhere] = [`${rig.spool}/0000000000000000.lines`, rig.folder.write('elsewhere', 'bad\n')];
  rmSync(path);
  symlinkSync(elsewhere, path);
  rig.start({ name: 'teller', from: 0, to: 4, until: undefined, gaps: [] });
  rig.tell('two');
  await rig.lines('two');
  expect(rig.log.count('command_spool_unreadable')).toBe(1);
  expect(rig.log.find('command_hole')?.fields).toMatchObject({ from: 0, to: 4 });
});

test.each([
  ['saved last', -1_000_000_000n, 0n],
  ['told something last', 1_000_000_000n, 1_010_000_000n],
])('of a command that is followed no more, what it told and nobody has acknowledged is read; it was listened to until it %s', async (_, written, listened) => {
  rig.start();
  rig.tell('one', 'two');
  await rig.lines('one', 'two');
  if (rig.source !== undefined) rig.source.pin = 4;
  const record = rig.record();
  await rig.follower.stop();
  // When the spool was written last says so, too, as exactly as the ticks of the kernel's clock for files.
  const { until: saved } = record;
  if (saved === undefined) throw new Error('it was listened to');
  rig.spooledAt(nanos(saved + written));
  rig.start(record, { command: { argv: [] } });
  await rig.lines('two');
  await until(() => rig.source?.state === 'end');
  expect([rig.follower.running, rig.follower.absent, rig.follower.counters.restarts]).toEqual([false, true, 0]);
  expect(rig.record()).toEqual({ ...record, from: 8, until: saved + listened });
});

test('what keeps containerd\'s events from being listened to', async () => {
  const socket = rig.folder.at('c.sock');
  mkdirSync(rig.folder.at('bin'));
  const path = `${rig.folder.at('none')}:${rig.folder.at('bin')}`;
  expect(eventsObstacle('events', socket, path)).toMatchObject({ kind: 'missing', what: 'containerd does not run' });
  writeFileSync(socket, '');
  expect(eventsObstacle('events', socket, path)).toMatchObject({ kind: 'missing', why: `${socket} is no socket` });
  rmSync(socket);
  const server = createServer();
  server.listen(socket);
  await once(server, 'listening');
  expect(eventsObstacle('events', socket, path)).toMatchObject({ kind: 'missing', what: 'there is no program ctr' });
  mkdirSync(rig.folder.at('bin/ctr'));
  expect(eventsObstacle('events', socket, path)).toMatchObject({ kind: 'missing', what: 'there is no program ctr' });
  rmSync(rig.folder.at('bin/ctr'), { recursive: true });
  writeFileSync(rig.folder.at('bin/ctr'), '', { mode: 0o755 });
  expect(eventsObstacle('events', socket, path)).toBeUndefined();
  server.close();
  expect(eventsCommand('/s', ['k8s.io'])).toEqual(['ctr', '--address', '/s', 'events', 'namespace=="k8s.io"']);
});

test.skipIf(process.getuid?.() === 0)('a socket that may not be used is said, with what to do (needs another user than root)', async () => {
  const socket = rig.folder.at('c.sock');
  const server = createServer();
  server.listen(socket);
  await once(server, 'listening');
  chmodSync(socket, 0);
  expect(eventsObstacle('events', socket, '')).toMatchObject({ kind: 'no_permission', what: 'containerd\'s socket may not be used' });
  server.close();
});

test('the socket of a daemon that restarts is looked for often', async () => {
  const problem = { kind: 'missing', what: 'it is not there', where: 'here', why: 'why', todo: 'wait' } as const;
  let there = true;
  rig.start(undefined, { command: { offered: true, obstacle: () => (there ? undefined : problem) }, timing: { again: 20, longest: 1e9, look: 5 } });
  rig.tell('one');
  await rig.lines('one');
  there = false;
  rig.tell('!exit 1');
  await until(() => rig.log.entries.filter(({ event, fields }) => event === 'source_problem' && fields['why'] === 'why').length > 20);
  expect(rig.follower.problem).toMatchObject({ why: 'why' });
  there = true;
  rig.tell('two');
  await rig.lines('one', 'two');
  expect(rig.follower.counters).toMatchObject({ restarts: 1, gaps: 1 });
});
