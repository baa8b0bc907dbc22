/** The daemon's socket, with strangers at the other end. */
import { once } from 'node:events';
import { existsSync, lstatSync, statSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { brief } from '../../src/engine/render/line.ts';
import { duration } from '../../src/model/time.ts';
import { askList, askShow, askTail, Refusal } from '../../src/store/client.ts';
import { storePath } from '../../src/store/file.ts';
import { LONGEST_QUESTION, MOST, questionOf, questionText } from '../../src/store/protocol.ts';
import { StoreServer } from '../../src/store/server.ts';
import { Store } from '../../src/store/store.ts';
import { clock, Folder, Journal, until } from '../support/files.ts';
import { copies, nameOf, written } from './traces.ts';

let folder: Folder;
let journal: Journal;
let store: Store;
let server: StoreServer;
const sockets: Socket[] = [];
const traces = written(30);

const make = (path: string, groups = '/etc/group'): StoreServer =>
  new StoreServer({ path, store: storePath(folder.path), flush: () => store.flush(), brief, log: journal.log, groups });

beforeEach(async () => {
  folder = new Folder();
  journal = new Journal();
  store = new Store({ path: storePath(folder.path), keep: duration(86_400e9), max: 2 ** 30, host: [], brief, nameOf, log: journal.log, now: () => clock.now() });
  for (const trace of traces) store.add({ trace, live: true });
  server = make(folder.at('s.sock'));
  await server.listen();
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server.close();
  store.close();
  folder.dispose();
});

/** A connection that says what it is told, and what became of it. */
function connect(said?: string | Buffer): { socket: Socket; heard: () => string; ended: () => boolean } {
  const socket = createConnection({ path: folder.at('s.sock') });
  sockets.push(socket);
  let heard = '', ended = false;
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
  socket.on('error', () => undefined);
  socket.on('close', () => (ended = true));
  if (said !== undefined) socket.write(said);
  return { socket, heard: () => heard, ended: () => ended };
}

const listed = (most = 100): Promise<number> => askList(folder.at('s.sock'), { ask: 'ls', filter: { all: true }, most }).then((rows) => rows.length);

test('answers what waits to be written, too', async () => {
  expect(store.counters.waiting).toBe(30);
  expect(await listed()).toBe(30);
  const [first] = traces;
  expect((await askShow(folder.at('s.sock'), first?.id)).kind).toBe('found');
  expect(await askShow(folder.at('s.sock'), 'nobody')).toEqual({ kind: 'none' });
});

test.each([
  ['nothing but a line end', '\n'],
  ['no JSON', 'GET / HTTP/1.1\r\n\r\n'],
  ['another question', '{"ask":"rm"}\n'],
  ['bytes', Buffer.from([0xff, 0xfe, 0x00, 0x0a])],
  ['a list', '[]\n'],
  ['deep nesting', `${'['.repeat(2_000)}\n`],
])('%s is refused and ends', async (_, said) => {
  const client = connect(said);
  await until(client.ended, client.heard);
  expect(client.heard()).toMatch(/^\{"problem":"[^"]+"\}\n$/);
  expect(await listed()).toBe(30);
});

test('a question without an end is cut off, and so is one that goes on', async () => {
  const long = connect('x'.repeat(LONGEST_QUESTION + 1));
  const more = connect('{"ask":"tail","last":0}\n');
  more.socket.write('y'.repeat(LONGEST_QUESTION));
  await until(() => long.ended() && more.ended());
  expect(long.heard()).toBe('');
  expect(await listed()).toBe(30);
});

test('values of the wrong kind are as if they were not there, and no answer is longer than the limit', () => {
  expect(questionOf('{"ask":"ls","most":1e9,"runtime":5,"since":"; DROP","slow":"x","failed":"yes"}')).toEqual({
    ask: 'ls', most: MOST, filter: { runtime: undefined, container: undefined, since: undefined, slow: undefined, failed: false, all: false },
  });
  expect(questionOf('{"ask":"tail","last":-5}')).toEqual({ ask: 'tail', last: 0 });
  const question = { ask: 'ls', most: 7, filter: { runtime: 'u', container: '%', since: clock.now(), slow: duration(5), failed: true, all: true } } as const;
  expect(questionOf(questionText(question))).toEqual(question);
});

test('those who connect and say nothing take no place for long: sixteen at once, and others are turned away', async () => {
  const silent = Array.from({ length: 16 }, () => connect());
  await Promise.all(silent.map(({ socket }) => once(socket, 'connect')));
  const late = connect('{"ask":"show"}\n');
  await until(late.ended);
  expect(late.heard()).toBe('');
  for (const { socket } of silent.slice(0, 8)) socket.destroy();
  let count = 0;
  const ask = async (): Promise<void> => {
    count = await listed().catch(() => 0);
    if (count === 0) await ask();
  };
  await ask();
  expect(count).toBe(30);
  await Promise.all(silent.slice(8).map(({ socket }) => once(socket, 'close')));
}, 15_000);

test('eight may listen, and one who does not read is let go', async () => {
  const deaf = connect('{"ask":"tail","last":1}\n');
  await until(() => deaf.heard().includes('\n'));
  deaf.socket.pause();
  const others = Array.from({ length: 8 }, () => connect('{"ask":"tail","last":1}\n'));
  await until(() => others.every(({ heard }) => heard().includes('\n')));
  expect(others.filter(({ heard }) => heard().includes('problem'))).toHaveLength(1);
  const [sample] = traces;
  if (sample === undefined) throw new Error('no trace');
  // More than a socket and our own limit hold: whoever reads gets all of it.
  let told = 0;
  for (const trace of copies(sample, 6_000)) {
    server.see({ trace, live: true });
    if (++told % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const reading = others.filter(({ heard }) => !heard().includes('problem'));
  await until(() => reading.every(({ heard }) => heard().split('\n').length === 6_002), () => reading.map(({ heard }) => heard().split('\n').length));
  deaf.socket.resume();
  await until(deaf.ended);
  expect(deaf.heard().split('\n').length).toBeLessThan(6_000);
});

test('what a killed daemon left is replaced; what is no socket is not', async () => {
  server.close();
  const left = createServer().listen({ path: folder.at('left.sock') });
  await once(left, 'listening');
  const again = make(folder.at('left.sock'));
  await again.listen();
  expect(await askShow(folder.at('left.sock'), undefined)).toMatchObject({ kind: 'found' });
  again.close();
  left.close();
  folder.write('file', 'mine');
  const other = make(folder.at('file'));
  await other.listen();
  expect(statSync(folder.at('file')).size).toBe(4);
  expect(journal.entries.map(({ event }) => event)).toEqual(['socket_unusable']);
  other.close();
});

test('a path that is too long, and a folder that is not there, are said', async () => {
  for (const path of [folder.at('x'.repeat(200)), '/no/such/folder/s.sock']) {
    const other = make(path);
    await other.listen();
    other.close();
  }
  expect(journal.count('socket_unusable')).toBe(2);
});

test('belongs to the group, where there is one', async () => {
  folder.write('group', 'root:x:0:\nshimtrace:x:54321:\n');
  const other = make(folder.at('g.sock'), folder.at('group'));
  await other.listen();
  const { gid, mode } = lstatSync(folder.at('g.sock'));
  if (process.getuid?.() === 0) expect(gid).toBe(54321);
  else expect(journal.count('socket_group')).toBe(1);
  expect(mode & 0o777).toBe(0o660);
  other.close();
  expect(existsSync(folder.at('g.sock'))).toBe(false);
});

test('one who asks is told when there is no answer', async () => {
  const other = createServer((socket) => void socket.end('SSH-2.0-OpenSSH\n')).listen({ path: folder.at('other.sock') });
  await once(other, 'listening');
  await expect(askShow(folder.at('other.sock'), undefined)).rejects.toThrow(Refusal);
  await expect(askList(folder.at('none.sock'), { ask: 'ls', filter: {}, most: 1 })).rejects.toMatchObject({ code: 'ENOENT' });
  const tail = askTail(folder.at('s.sock'), 3);
  expect((await tail.next()).done).toBe(false);
  await tail.return(undefined);
  other.close();
});
