/** The service from installation to removal, on a host with systemd as PID 1, against a real Jaeger (docs/install.md). */
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../support/random.ts';
import { start } from '../support/uruncwriter.ts';
import type { Generation } from '../support/uruncwriter.ts';
import { Host, now } from '../real/host.ts';
import { Jaeger } from '../real/jaeger.ts';
import { until } from '../real/program.ts';
import type { Outcome } from '../real/program.ts';
import { missing as noRecordings, played } from '../real/replay-kata.ts';
import { lacks } from '../real/server.ts';
import { byTrace, traceIdOf } from '../real/spans.ts';
import { CHECKOUT, Machine, NPM_PATH, lacksHost, npmScript } from './machine.ts';

const HOST = 'service-host';
const UNIT = 'shimtrace';
const CONFIG = '/etc/shimtrace/shimtrace.yaml';
const LOG = '/var/log/urunc/timestamps.log';
const missing = lacksHost() ?? lacks('jaeger');

describe.skipIf(missing !== undefined)(`the service on a host with systemd${missing === undefined ? '' : ` [${missing}]`}`, { timeout: 120_000 }, () => {
  const used = new AsyncDisposableStack();
  const random = new Random(20_261_122);
  let jaeger: Jaeger;
  let machine: Machine;
  let untouched: ReadonlyMap<string, string>;

  beforeAll(async () => {
    jaeger = used.use(await Jaeger.start());
    machine = used.use(await Machine.start());
    untouched = machine.written();
  }, 120_000);
  afterAll(() => used.disposeAsync());

  /** `npm run NAME`, in the checkout. */
  const npmRun = (name: string, ...around: readonly string[]): Promise<Outcome> =>
    machine.exec(...around, 'env', `PATH=${NPM_PATH}`, 'sh', '-c', `cd ${CHECKOUT} && ${npmScript(name)}`);
  const property = (name: string): Promise<string> => machine.says('systemctl', 'show', '-P', name, UNIT);
  const journal = (): Promise<string> => machine.says('journalctl', '-u', UNIT, '-o', 'cat', '--no-pager');
  const active = async (): Promise<boolean> => (await property('ActiveState')) === 'active';

  /** Writes starts as urunc does, at their time. @returns their traces' ids. */
  async function play(log: string, generation: Generation, count: number, everyMs: number, meanwhile?: (host: Host) => Promise<void>): Promise<string[]> {
    const host = used.adopt(new Host(machine.path(log)), (each) => each.dispose());
    const first = now() + 50_000_000n;
    const traces = Array.from({ length: count }, (_, index) => {
      const id = random.hex(64);
      const at = first + BigInt(Math.round(index * everyMs * 1e6));
      host.plan(generation, start(random, { generation, id, at }));
      return traceIdOf(HOST, id, at);
    });
    await Promise.all([host.play(), meanwhile?.(host)]);
    return traces;
  }

  async function arrive(traces: readonly string[]): Promise<void> {
    const absent = new Set(traces);
    await until(60_000, async () => {
      for (const id of absent) if ((await jaeger.trace(id)).some(({ parent }) => parent === '')) absent.delete(id);
      return absent.size === 0;
    }, () => `${absent.size} of ${traces.length} traces never came`);
  }

  test('install refuses, in a sentence, who is not root, where systemd is not, and what is not built', async () => {
    expect(await npmRun('install-service', 'setpriv', '--reuid', '65534')).toMatchObject({ code: 1, stderr: expect.stringMatching(/^shimtrace: This must be run by root/) });
    const hidden = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /run/systemd && exec "$@"', 'sh'];
    expect(await npmRun('install-service', ...hidden)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^shimtrace: This host was not started by systemd/) });
    const unbuilt = `cp -r ${CHECKOUT}/deploy ${CHECKOUT}/package.json /tmp/unbuilt/ && cd /tmp/unbuilt && exec node deploy/service/install.ts`;
    expect(await machine.exec('env', `PATH=${NPM_PATH}`, 'sh', '-c', `mkdir /tmp/unbuilt && ${unbuilt}`)).toMatchObject({ code: 1, stderr: expect.stringMatching(/^shimtrace: There is no built shimtrace in \/tmp\/unbuilt\..*npm ci/) });
    expect(machine.written()).toEqual(untouched);
  });

  test('one step installs it: active, ready, enabled, and it says what it did', async () => {
    const { code, stdout, stderr } = await npmRun('install-service');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const made of ['/opt/shimtrace', '/usr/local/lib/systemd/system/shimtrace.service', CONFIG, '/usr/local/bin/shimtrace']) expect(stdout).toContain(`+ ${made}`);
    expect(await machine.says('systemctl', 'is-active', UNIT)).toBe('active');
    expect(await machine.says('systemctl', 'is-enabled', UNIT)).toBe('enabled');
    expect(await property('StatusText')).toMatch(/^Watching \d+ places/);
    expect(await machine.says('shimtrace', 'version')).toContain('shimtrace');
    expect(await machine.says('stat', '-c', '%U %a', '/opt/shimtrace/dist/main.js', CONFIG, '/var/log/urunc', '/tmp/urunc.zlog')).toBe('root 755\nroot 644\nroot 755\nroot 644');
  });

  test('installed again, nothing changes and the daemon goes on', async () => {
    const pid = await property('MainPID');
    const { code, stdout } = await npmRun('install-service');
    expect({ code, changed: stdout.split('\n').filter((line) => /^[+~!] /.test(line)) }).toEqual({ code: 0, changed: [] });
    expect(await property('MainPID')).toBe(pid);
  });

  test('the places of urunc are made again at every boot, and are never tidied away', async () => {
    const rules = await machine.says('systemd-tmpfiles', '--cat-config', '--no-pager');
    for (const rule of ['d /var/log/urunc   0755 root root - -', 'f /tmp/urunc.zlog  0644 root root - -', 'x /tmp/urunc.zlog']) expect(rules.split('\n')).toContain(rule);
    await machine.says('rm', '/tmp/urunc.zlog');
    // What runs at boot, of this file only: the rest of the host's rules is not for a test to carry out.
    await machine.says('systemd-tmpfiles', '--create', '--boot', '--prefix=/tmp/urunc.zlog');
    expect(await machine.says('stat', '-c', '%U %a', '/tmp/urunc.zlog')).toBe('root 644');
  });

  test('an edited configuration is kept, and takes effect', async () => {
    const text = `otlp:\n  endpoint: ${jaeger.otlp}\nhost_id: ${HOST}\n`;
    writeFileSync(machine.path(CONFIG), text);
    expect(await npmRun('install-service')).toMatchObject({ code: 0, stdout: expect.stringContaining(`${CONFIG} is yours and stays as it is`) });
    expect(readFileSync(machine.path(CONFIG), 'utf8')).toBe(text);
    await machine.says('systemctl', 'restart', UNIT);
    expect(await journal()).toContain(`Sending to ${jaeger.otlp}`);
  });

  test('starts in both logs of urunc become traces, the one in /tmp included', async () => {
    await arrive((await Promise.all([play(LOG, 'D', 5, 20), play('/tmp/urunc.zlog', 'C', 5, 20)])).flat());
  });

  test('finished starts are shown to root and to members of the group, and to nobody else', async () => {
    const as = (group: string): Promise<Outcome> => machine.exec('setpriv', '--reuid', '65534', '--regid', '65534', '--groups', group, 'shimtrace', 'ls');
    for (const { code, stdout } of [await machine.exec('shimtrace', 'ls'), await as('shimtrace')]) {
      expect(code).toBe(0);
      expect(stdout.split('\n').filter((line) => line.includes('urunc')).length).toBeGreaterThanOrEqual(10);
    }
    expect(await as('65534')).not.toMatchObject({ code: 0 });
  });

  test('root may look while the daemon is down, and leaves nothing in the state that the daemon may not use', async () => {
    await machine.says('systemctl', 'stop', UNIT);
    expect(await machine.says('shimtrace', 'ls')).toContain('urunc');
    expect(await machine.says('find', '/var/lib/shimtrace', '-not', '-user', UNIT)).toBe('');
    await machine.says('systemctl', 'start', UNIT);
    expect(await machine.says('shimtrace', 'ls')).toContain('urunc');
  });

  test('its doctor finds the log, the daemon and the back-end', async () => {
    const { stdout } = await machine.exec('shimtrace', 'doctor');
    for (const well of [/^ok +logs +.*timestamps\.log/m, /^ok +daemon /m, /^ok +back-end /m]) expect(stdout).toMatch(well);
    expect(stdout).not.toMatch(/^problem/m);
  });

  test('a restart, a kill -9 and a rotation under way lose no start', async () => {
    const traces = await play(LOG, 'D', 60, 150, async (host) => {
      await until(30_000, () => host.written.length > 200, () => 'nothing is written');
      await machine.says('systemctl', 'restart', UNIT);
      host.rotate();
      await until(30_000, () => host.written.length > 600, () => 'nothing is written');
      await machine.says('systemctl', 'kill', '--kill-whom=main', '--signal=KILL', UNIT);
    });
    await until(30_000, active, () => 'it was not started again');
    expect(Number(await property('NRestarts'))).toBe(1);
    await arrive(traces);
  });

  test('a reload with a wrong configuration is told to who asked and in the log, and what was in effect stays', async () => {
    const pid = await property('MainPID');
    const right = readFileSync(machine.path(CONFIG), 'utf8');
    expect(await machine.exec('systemctl', 'reload', UNIT)).toMatchObject({ code: 0 });
    await until(10_000, async () => (await journal()).includes('"event":"reloaded"'), () => 'no word of the reload');
    writeFileSync(machine.path(CONFIG), `${right}nonsense: 3\n`);
    expect(await machine.exec('systemctl', 'reload', UNIT)).not.toMatchObject({ code: 0 });
    await until(10_000, async () => /"event":"reload_failed".*nonsense/.test(await journal()), () => 'no word of what is wrong');
    writeFileSync(machine.path(CONFIG), right);
    expect([await property('MainPID'), await active(), await property('SubState')]).toEqual([pid, true, 'running']);
    await arrive(await play(LOG, 'D', 1, 0));
  });

  test('as shipped it can write its state and its runtime folder, and nothing else', async () => {
    const within = ['nsenter', '--target', await property('MainPID'), '--mount', '--', 'setpriv', '--reuid', UNIT, '--regid', UNIT, '--groups', 'shimtrace,adm,systemd-journal', '--'];
    const { stdout } = await machine.exec(...within, 'find', '/', '-path', '/proc', '-prune', '-o', '-writable', '(', '-type', 'd', '-o', '-type', 'f', ')', '-print');
    const places = stdout.trim().split('\n');
    expect(places).toEqual(expect.arrayContaining(['/var/lib/shimtrace', '/run/shimtrace']));
    expect(places.filter((path) => !/^\/(?:var\/lib|run)\/shimtrace(?:\/|$)/.test(path))).toEqual([]);
    expect((await machine.exec(...within, 'cat', '/tmp/urunc.zlog')).stdout).toContain('TS18');
    expect(await machine.exec(...within, 'ls', '/root')).not.toMatchObject({ code: 0 });
    expect(await machine.says('systemd-analyze', 'security', '--threshold=20', '--no-pager', UNIT)).toContain('Overall exposure level');
    expect(await machine.exec('systemd-analyze', 'verify', '--man=no', '/usr/local/lib/systemd/system/shimtrace.service')).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test('it shows systemd that it lives; stopped, it is ended and started again, and what came meanwhile is read', async () => {
    const dropIn = machine.path('/run/systemd/system/shimtrace.service.d/test.conf');
    mkdirSync(dirname(dropIn), { recursive: true });
    writeFileSync(dropIn, '[Service]\nWatchdogSec=3s\nRestartSec=100ms\n');
    await machine.says('systemctl', 'daemon-reload');
    await machine.says('systemctl', 'restart', UNIT);
    const pid = await property('MainPID');
    const signs = new Set<string>();
    await until(30_000, async () => signs.add(await property('WatchdogTimestampMonotonic')).size >= 4, () => 'no signs of life');
    expect([await property('MainPID'), await property('NRestarts')]).toEqual([pid, '0']);
    await machine.says('systemctl', 'kill', '--kill-whom=main', '--signal=STOP', UNIT);
    const traces = await play(LOG, 'D', 2, 10);
    await until(60_000, async () => (await property('NRestarts')) !== '0' && (await active()), () => 'it was left as it was');
    expect(await property('MainPID')).not.toBe(pid);
    expect(await journal()).toContain('Watchdog timeout');
    await arrive(traces);
  });

  test('uninstall leaves the state, /var/log/urunc and its log, and nothing else', async () => {
    const { code, stdout, stderr } = await npmRun('uninstall-service');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/What stays: \/var\/lib\/shimtrace .*, \/var\/log\/urunc and urunc's log\./);
    const after = machine.written();
    const changed = [...after].filter(([path, print]) => untouched.get(path) !== print).map(([path]) => path);
    // Copies that user management keeps of its own files.
    const left = (path: string): boolean => /^\/var\/(?:lib\/shimtrace|log\/urunc)(?:\/|$)/.test(path);
    const usual = /^\/etc\/(?:passwd|group|shadow|gshadow|subuid|subgid)-$|^\/etc\/\.(?:pwd|updated)/;
    expect(changed.filter((path) => !left(path) && !usual.test(path))).toEqual([]);
    expect([...untouched.keys()].filter((path) => !after.has(path) && !left(path))).toEqual([]);
    expect(await machine.says('cat', '/var/lib/shimtrace/shimtrace.yaml.kept')).toContain(jaeger.otlp);
    expect(await machine.says('find', '/var/lib/shimtrace', '-not', '-uid', '0')).toBe('');
    expect(await machine.says('ls', '/var/log/urunc')).toContain('timestamps.log');
    expect(await machine.says('ls', '-l', '/tmp/urunc.zlog')).toContain('root root');
    for (const [database, name] of [['passwd', UNIT], ['group', UNIT]] as const) expect(await machine.exec('getent', database, name)).not.toMatchObject({ code: 0 });
    expect(await machine.says('systemctl', 'list-unit-files', '--no-legend', 'shimtrace*', '--no-pager').catch(() => '')).toBe('');
  });

  test('uninstalled twice is no error, and installed again it takes up its state', async () => {
    expect(await npmRun('uninstall-service')).toMatchObject({ code: 0, stderr: '' });
    expect(await npmRun('install-service')).toMatchObject({ code: 0, stderr: '' });
    expect(await active()).toBe(true);
    expect((await machine.says('shimtrace', 'ls')).split('\n').length).toBeGreaterThan(10);
  });
});

describe.skipIf((missing ?? noRecordings) !== undefined)(`recordings of Kata 1.x on a host with systemd${(missing ?? noRecordings) === undefined ? '' : ` [${missing ?? noRecordings}]`}`, { timeout: 120_000 }, () => {
  test('become traces in Jaeger', async () => {
    await using jaeger = await Jaeger.start();
    await using machine = await Machine.start();
    const { code, stderr } = await machine.exec('env', `PATH=${NPM_PATH}`, 'sh', '-c', `mkdir -p /var/log/kata /etc/default && echo OTEL_EXPORTER_OTLP_ENDPOINT=${jaeger.otlp} > /etc/default/shimtrace && cd ${CHECKOUT} && ${npmScript('install-service')}`);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const begun = now();
    const log = machine.path('/var/log/kata/kata.log');
    for (const { time, text } of played('kata-1.12-real/start-stop/journal.log', begun)) {
      for (let wait = Number(time - now()) / 1e6; wait > 0; wait = Number(time - now()) / 1e6) await pause(wait);
      appendFileSync(log, `${text}\n`, { mode: 0o644 });
    }
    const names = async (): Promise<string[]> => [...byTrace(await jaeger.traces('kata', begun, now() + 60_000_000_000n)).values()].flatMap((spans) => spans.filter(({ parent }) => parent === '').map(({ name }) => name)).sort();
    await until(60_000, async () => (await names()).length === 2, () => 'the traces never came');
    expect(await names()).toEqual(['container start', 'container stop']);
  });
});
