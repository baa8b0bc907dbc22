/** What the daemon tells systemd, and that it tells it in order and sparingly. */
import { chmodSync, existsSync, mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { expect, test } from 'vitest';
import { ServiceManager, beatMs, tellSystemd } from '../../src/cli/manager.ts';
import type { Tell } from '../../src/cli/manager.ts';
import { Daemon, until } from '../real/program.ts';

const quiet = (): void => undefined;

test('READY does not pass RELOADING, however long a message takes', async () => {
  const said: string[] = [];
  const answers: (() => void)[] = [];
  const tell: Tell = ([message = '']) =>
    new Promise((resolve) => {
      said.push(message);
      answers.push(() => resolve(undefined));
    });
  const manager = new ServiceManager(tell, quiet);
  manager.ready('up', undefined);
  await manager.reloading(() => Promise.resolve(void said.push('the reload')));
  manager.stopping();
  for (let index = 0; index < 4; index++) {
    await until(10_000, () => answers.length > index, () => said.join());
    answers[index]?.();
  }
  expect(said).toEqual(['the reload', 'READY=1', 'RELOADING=1', 'READY=1', 'STOPPING=1']);
});

test('who is told to stop in the middle of a reload is not ready again', async () => {
  const said: string[] = [];
  const manager = new ServiceManager(([message = '']) => Promise.resolve(void said.push(message)), quiet);
  manager.ready('up', undefined);
  await manager.reloading(() => Promise.resolve(manager.stopping()));
  await until(10_000, () => said.length === 3, () => said.join());
  expect(said).toEqual(['READY=1', 'RELOADING=1', 'STOPPING=1']);
});

test('a reload before it is ready makes it no sooner ready', async () => {
  const said: string[] = [];
  const manager = new ServiceManager(([message = '']) => Promise.resolve(void said.push(message)), quiet);
  void manager.reloading(() => Promise.resolve(void said.push('the reload')));
  manager.ready('up', undefined);
  await until(10_000, () => said.length === 2, () => said.join());
  expect(said).toEqual(['the reload', 'READY=1']);
});

test('a sign of life at half of what systemd allows, to whom it asked for it', () => {
  expect(beatMs({ WATCHDOG_USEC: '120000000', WATCHDOG_PID: '7' }, 7)).toBe(60_000);
  expect(beatMs({ WATCHDOG_USEC: '120000000' }, 7)).toBe(60_000);
  expect(beatMs({ WATCHDOG_USEC: '120000000', WATCHDOG_PID: '8' }, 7)).toBeUndefined();
  for (const odd of [undefined, '', '0', '-5', 'soon', '1e400']) expect(beatMs({ WATCHDOG_USEC: odd }, 7), odd).toBeUndefined();
});

test('a signal that hangs is not joined by others', async () => {
  let beats = 0;
  const manager = new ServiceManager(([message]) => (message === 'WATCHDOG=1' ? new Promise(() => void beats++) : Promise.resolve(undefined)), quiet);
  manager.ready('up', 1);
  await until(10_000, () => beats > 0, () => 'no sign of life');
  await new Promise((resolve) => setImmediate(resolve));
  manager.stopping();
  expect(beats).toBe(1);
});

test('a systemd-notify that is missing is said once', async () => {
  const said: unknown[] = [];
  const tell = tellSystemd({ NOTIFY_SOCKET: '/nowhere', PATH: '/nowhere' });
  const manager = new ServiceManager(tell, (_, event, fields) => said.push(event, fields?.['text']));
  manager.ready('up', undefined);
  await manager.reloading(() => Promise.resolve());
  await until(10_000, () => said.length >= 2, () => 'nothing was said');
  expect(await tell(['READY=1'])).toBeInstanceOf(Error);
  expect(said).toEqual(['systemd_not_told', expect.stringMatching(/^Cannot run systemd-notify \(it is not installed\).*Type=exec/)]);
});

test('run tells that it is ready, lives, reloads and stops; its address is passed on to nobody', { timeout: 30_000 }, async () => {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'shimtrace-manager-'));
  const told = join(folder.path, 'told');
  const fake = join(folder.path, 'systemd-notify');
  writeFileSync(fake, `#!/bin/sh\necho "$1" >> '${told}'\n`);
  chmodSync(fake, 0o755);
  const daemon = new Daemon(['--file', join(folder.path, 'none.log'), '--otlp', 'http://127.0.0.1:9', '--listen', 'off', '--state-dir', join(folder.path, 'state')], {
    PATH: `${folder.path}${delimiter}${process.env['PATH'] ?? ''}`, NOTIFY_SOCKET: '/nowhere', WATCHDOG_USEC: '400000',
  });
  const lines = (): string[] => (existsSync(told) ? readFileSync(told, 'utf8').split('\n').filter((line) => line !== '') : []);
  await until(10_000, () => lines().includes('WATCHDOG=1'), () => `${lines().join()}; ${daemon.said}`);
  daemon.signal('SIGHUP');
  await until(10_000, () => lines().filter((line) => line === 'READY=1').length === 2, () => `${lines().join()}; ${daemon.said}`);
  daemon.signal('SIGTERM');
  expect(await daemon.ended(10_000)).toEqual({ code: 0, signal: null });
  await until(10_000, () => lines().includes('STOPPING=1'), () => lines().join());
  expect(lines().filter((line) => line !== 'WATCHDOG=1')).toEqual(['READY=1', 'RELOADING=1', 'READY=1', 'STOPPING=1']);
});

test('without systemd nothing is ever run, and children cannot speak for us', async () => {
  expect(await tellSystemd({ PATH: '/nowhere' })(['READY=1'])).toBeUndefined();
  const env: NodeJS.ProcessEnv = { NOTIFY_SOCKET: '/run/systemd/notify' };
  tellSystemd(env);
  expect(env['NOTIFY_SOCKET']).toBeUndefined();
});
