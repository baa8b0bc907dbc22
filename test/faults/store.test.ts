/** Nothing is missing in the store: not after kills, and not for long after its disk was full. */
import { statSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { canMount, SmallDisk } from './namespace.ts';
import { Daemon, shimtraceAsync, until } from './program.ts';
import { Folder } from '../support/files.ts';
import { traceIdsOf } from '../support/otlp.ts';
import { Random } from '../support/random.ts';
import { Receiver } from '../support/receiver.ts';
import { start } from '../support/uruncwriter.ts';

const AT = 1_795_216_504_234_688_158n;

/** Containers of a store, each as often as it is there. */
function containers(state: string): string[] {
  const database = new DatabaseSync(`${state}/starts.db`, { readOnly: true });
  const found = database.prepare('SELECT container FROM start ORDER BY container').all().map(({ container }) => String(container));
  expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
  database.close();
  return found;
}

test('killed at any moment, again and again: every start is there, once', async () => {
  const folder = new Folder();
  const random = new Random(77);
  const receiver = await Receiver.start();
  const state = folder.at('state');
  const written: string[] = [];
  folder.write('timestamps.log', '');
  const append = (): void => {
    const id = written.length.toString(16).padStart(64, 'c');
    folder.append('timestamps.log', start(random, { generation: 'D', id, at: AT + BigInt(written.length) * 50_000_000n }).map(({ text }) => `${text}\n`).join(''));
    written.push(id);
  };
  for (let round = 0; round < 12; round++) {
    const daemon = new Daemon(['--file', folder.at('timestamps.log'), '--state-dir', state, '--otlp', receiver.url]);
    await daemon.ready();
    for (let burst = 0; burst < 8; burst++) {
      append();
      await pause(random.whole(0, 60));
    }
    await daemon.kill();
    append();
  }
  const last = new Daemon(['--file', folder.at('timestamps.log'), '--state-dir', state, '--otlp', receiver.url]);
  await until(30_000, () => {
    try {
      return containers(state).length >= written.length;
    } catch (error) {
      // The daemon may be putting it right after the kill.
      if (error instanceof Error && 'errcode' in error) return false;
      throw error;
    }
  }, () => last.said);
  last.signal('SIGTERM');
  await last.ended(10_000);
  expect(containers(state)).toEqual(written.sort());
  await receiver.stop();
  folder.dispose();
}, 120_000);

test.skipIf(!canMount)('its disk is full: said once, traces are sent, and it goes on when there is room (needs root and unshare)', async () => {
  const folder = new Folder();
  const receiver = await Receiver.start();
  using disk = await SmallDisk.mount(folder.at('disk'), '3m');
  const state = disk.path;
  const daemon = new Daemon(['--file', folder.at('timestamps.log'), '--state-dir', folder.at('disk'), '--otlp', receiver.url], {}, disk.within);
  try {
    const write = (from: number, count: number): void => {
      for (let n = from; n < from + count; n++) {
        folder.append('timestamps.log', start(new Random(n), { generation: 'D', id: n.toString(16).padStart(64, 'd'), at: AT + BigInt(n) * 50_000_000n }).map(({ text }) => `${text}\n`).join(''));
      }
    };
    const sent = (count: number): Promise<void> => until(20_000, () => new Set(receiver.requests.flatMap(({ bytes }) => traceIdsOf(bytes))).size >= count, () => daemon.said);
    await daemon.ready();
    write(0, 10);
    await sent(10);
    writeFileSync(`${state}/filler`, Buffer.alloc(1));
    for (let room = 2 ** 20; room >= 512; room /= 2) {
      try {
        for (;;) writeFileSync(`${state}/filler`, Buffer.alloc(room), { flag: 'a' });
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
      }
    }
    write(10, 200);
    await sent(210);
    await until(10_000, () => daemon.said.includes('store_unwritable'), () => daemon.said);
    writeFileSync(`${state}/filler`, '');
    write(210, 1);
    await until(20_000, () => daemon.said.includes('store_writable'), () => daemon.said);
    expect(daemon.said.match(/"event":"store_unwritable"/g)).toHaveLength(1);
    const listed = await shimtraceAsync('ls', '-n', '1000', '--format', 'json', '--state-dir', state);
    expect(listed.stdout.split('\n')).toHaveLength(212);
    daemon.signal('SIGTERM');
    await daemon.ended(10_000);
    expect(statSync(`${state}/starts.db`).size).toBeGreaterThan(10_000);
  } finally {
    if (daemon.running) await daemon.kill();
    await receiver.stop();
    folder.dispose();
  }
}, 90_000);
