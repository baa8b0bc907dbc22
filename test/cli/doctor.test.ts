/** What doctor says of hosts that lie in a folder: real files, another root. */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createSocket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Tree, unitSetting } from '../../src/cli/doctor/check.ts';
import type { Check, Diagnosis, Patient, User } from '../../src/cli/doctor/check.ts';
import { commands, containerd } from '../../src/cli/doctor/commands.ts';
import { files, kata, privateTmp, urunc } from '../../src/cli/doctor/logs.ts';
import { journal } from '../../src/cli/doctor/journal.ts';
import { clock, disk, inotify, virtualization } from '../../src/cli/doctor/machine.ts';
import { prometheus, state } from '../../src/cli/doctor/service.ts';
import { daemonUser, groups } from '../../src/cli/doctor/user.ts';
import { defaultConfig } from '../../src/config/config.ts';
import type { Config } from '../../src/config/config.ts';
import { bytes } from '../../src/config/units.ts';
import { shimtraceAsync } from '../faults/program.ts';
import { Folder } from '../support/files.ts';
import { Receiver } from '../support/receiver.ts';

let root: Folder;

beforeEach(() => {
  root = new Folder();
  chmodSync(root.path, 0o755);
});
afterEach(() => root.dispose());

function put(path: string, text = '', mode = 0o644): void {
  mkdirSync(dirname(root.path + path), { recursive: true, mode: 0o755 });
  writeFileSync(root.path + path, text);
  chmodSync(root.path + path, mode);
}

const USER: User = { name: 'shimtrace', uid: 990, gids: [990] };
const GLOBS = ['/var/log/urunc/timestamps.log', '/tmp/urunc.zlog'];

async function look(check: Check, more: Partial<Patient> = {}): Promise<string[]> {
  const patient: Patient = { tree: new Tree(root.path), user: USER, config: defaultConfig, folder: '/var/lib/shimtrace', globs: GLOBS, journals: [], env: {}, ...more };
  return (await check.look(patient)).map((one: Diagnosis) => `${one.kind}: ${one.what}${one.kind === 'ok' ? '' : ` -> ${one.remedy}`}`);
}

const first = async (check: Check, more: Partial<Patient> = {}): Promise<string> => (await look(check, more))[0] ?? '';

describe('urunc', () => {
  test('is not there', async () => expect(await look(urunc)).toEqual(['ok: urunc is not installed']));

  test.each([
    ['off', '[timestamps]\nenabled = false\n', /^warning: off/],
    ['nothing said', '', /^warning: off/],
    ['no TOML', '[timestamps\n', /^problem: .*no TOML/],
    ['on, its folder missing', '[timestamps]\nenabled = true\n', /^problem: on, but \/var\/log\/urunc does not exist: every container .* -> mkdir -p \/var\/log\/urunc$/],
    ['on, elsewhere, its folder missing', '[timestamps]\nenabled = true\ndestination = "/srv/x/y.log"\n', /^problem: on, but \/srv\/x does not/],
    ['on, in a folder that is there', '[timestamps]\nenabled = true\ndestination = "/etc/urunc/t.log"\n', /^ok: on: \/etc\/urunc\/t.log$/],
    ['on, a folder', '[timestamps]\nenabled = true\ndestination = "/etc/urunc"\n', /^problem: .* is a folder/],
    ['a setting of the wrong kind', 'timestamps = 5\n', /^warning: off/],
  ])('%s', async (_, text, expected) => {
    put('/etc/urunc/config.toml', text);
    expect(await first(urunc)).toMatch(expected);
  });

  test('before 0.7 by a variable of containerd', async () => {
    put('/usr/local/bin/urunc');
    put('/etc/systemd/system/containerd.service.d/20-urunc.conf', '[Service]\nEnvironment=A=b URUNC_TIMESTAMPS=1\n');
    expect(await first(urunc)).toMatch(/^ok: on for urunc before 0.7/);
  });

  test.skipIf(process.getuid?.() !== 0)('an old log of another owner takes the host down (needs root)', async () => {
    put('/tmp/urunc.zlog');
    expect(await look(urunc)).toHaveLength(1);
    chownSync(`${root.path}/tmp/urunc.zlog`, 1000, 1000);
    expect((await look(urunc))[1]).toMatch(/^problem: \/tmp\/urunc.zlog belongs to user 1000/);
  });
});

describe('Kata', () => {
  const config = (on: boolean): string => `[runtime]\nenable_debug = true\n[hypervisor.qemu]\nenable_debug = ${on}\n[agent.kata]\nenable_debug = true\n`;

  test('is not there', async () => expect(await look(kata)).toEqual(['ok: Kata is not installed']));
  test('debug on, off, and in the file that counts', async () => {
    put('/usr/share/defaults/kata-containers/configuration.toml', config(false));
    expect(await first(kata)).toMatch(/^warning: .*off in \[hypervisor.qemu\]/);
    put('/etc/kata-containers/configuration-qemu.toml', config(true));
    expect(await look(kata)).toEqual([expect.stringMatching(/^ok: \/etc\/kata-containers\/configuration-qemu.toml: on/)]);
    put('/etc/kata-containers/configuration-qemu.toml', 'x');
    expect(await first(kata)).toMatch(/^problem: .*no TOML/);
  });
});

describe('logs', () => {
  test('none', async () => expect(await first(files)).toMatch(/^warning: none of the followed files/));
  test('readable, closed, and behind a closed folder', async () => {
    put('/var/log/urunc/timestamps.log', 'x'.repeat(7));
    expect(await look(files)).toEqual(['ok: /var/log/urunc/timestamps.log can be read (7 bytes)']);
    chmodSync(`${root.path}/var/log/urunc/timestamps.log`, 0o600);
    expect(await first(files)).toMatch(/^problem: shimtrace may not read \/var\/log\/urunc\/timestamps.log -> chmod/);
    expect(await first(files, { user: { name: 'root', uid: 0, gids: [0] } })).toMatch(/^ok/);
    chmodSync(`${root.path}/var/log/urunc`, 0o700);
    expect(await first(files)).toMatch(/^problem: shimtrace may not enter \/var\/log\/urunc/);
  });
  test('patterns', async () => {
    put('/srv/a.log');
    put('/srv/b.log');
    expect(await look(files, { globs: ['/srv/*.log'] })).toEqual(['ok: /srv/a.log can be read (0 bytes)', 'ok: /srv/b.log can be read (0 bytes)']);
  });
});

describe('PrivateTmp', () => {
  test('of our unit, of containerd, and not', async () => {
    expect(await first(privateTmp)).toMatch(/^ok: no unit hides/);
    put('/usr/lib/systemd/system/containerd.service', '[Service]\nPrivateTmp=yes\n');
    put('/etc/systemd/system/shimtrace.service', '[Service]\nPrivateTmp = true\n');
    expect((await look(privateTmp)).map((line) => line.slice(0, 25))).toEqual(['problem: shimtrace.servic', 'problem: containerd.servi']);
    put('/etc/systemd/system/shimtrace.service.d/override.conf', '[Service]\nPrivateTmp=no\n');
    put('/run/systemd/system/containerd.service.d/z.conf', '[Service]\nPrivateTmp=off\n');
    expect(await first(privateTmp)).toMatch(/^ok/);
    expect(await first(privateTmp, { globs: ['/var/log/x'] })).toBe('ok: no followed file lies in /tmp');
  });
  test('a file in /etc stands instead of the one in /usr', () => {
    put('/usr/lib/systemd/system/a.service', '[Service]\nUser=one\nUser=two\n');
    expect(unitSetting(new Tree(root.path), 'a.service', 'User')).toBe('two');
    put('/etc/systemd/system/a.service', '[Service]\n');
    expect(unitSetting(new Tree(root.path), 'a.service', 'User')).toBeUndefined();
  });
});

describe('groups', () => {
  test('whose the daemon is', () => {
    expect(daemonUser(new Tree(root.path)).uid).toBe(process.getuid?.());
    put('/etc/systemd/system/shimtrace.service', '[Service]\nUser=shimtrace\nSupplementaryGroups=adm systemd-journal\n');
    put('/etc/passwd', 'root:x:0:0::/:/bin/sh\nshimtrace:x:990:991::/:/bin/false\n');
    put('/etc/group', 'adm:x:4:\nsystemd-journal:x:101:\nkvm:x:36:qemu,shimtrace\n');
    expect(daemonUser(new Tree(root.path))).toEqual({ name: 'shimtrace', uid: 990, gids: [991, 4, 101, 36] });
  });
  test('ours', async () => {
    put('/etc/group', 'systemd-journal:x:101:\n');
    expect(await look(groups)).toEqual([expect.stringMatching(/^warning: there is no group shimtrace/)]);
    put('/etc/group', 'shimtrace:x:990:ann,ben\nsystemd-journal:x:101:\n');
    expect(await look(groups)).toEqual(['ok: members of shimtrace may look at starts: ann, ben']);
  });
});

describe('the journal', () => {
  const wanted = (offered: boolean, directory?: string): Partial<Patient> =>
    ({ journals: [{ selection: { units: [], identifiers: [], matches: [], ...(directory !== undefined && { directory }) }, offered }] });
  const [MINE, OTHER] = ['a'.repeat(32), 'b'.repeat(32)];
  const host = (machine = MINE, place = '/var/log/journal'): void => {
    put('/usr/bin/journalctl');
    put('/etc/machine-id', `${MINE}\n`);
    put('/etc/group', 'adm:x:4:\nsystemd-journal:x:101:\n');
    put(`${place}/${machine}/system.journal`, '', 0o640);
  };
  const may: Partial<Patient> = { user: { ...USER, gids: [990, 101] } };

  test('is not followed, or nobody asked for it and it is not there', async () => {
    expect(await look(journal)).toEqual(['ok: not followed']);
    expect(await look(journal, wanted(true))).toEqual(['ok: there is no journalctl on this host']);
    put('/usr/bin/journalctl');
    expect(await look(journal, wanted(true))).toEqual(['ok: there is no journal on this host']);
  });
  test('was asked for and is not there', async () => {
    expect(await first(journal, wanted(false))).toMatch(/^problem: there is no journalctl to read journal with -> install systemd/);
    put('/usr/bin/journalctl');
    expect(await first(journal, wanted(false))).toMatch(/^problem: there is no journal: journal -> see that systemd-journald runs/);
    expect(await first(journal, wanted(false, '/srv/j'))).toMatch(/^problem: there is no journal: \/srv\/j/);
  });
  test('may be read by the group, and by nobody else', async () => {
    host();
    expect(await look(journal, { ...wanted(false), ...may })).toEqual(['ok: shimtrace may read journal']);
    expect(await look(journal, { ...wanted(false), user: { ...USER, gids: [990, 4] } })).toEqual(['ok: shimtrace may read journal']);
    expect(await look(journal, wanted(false))).toEqual(['problem: shimtrace may not read journal -> usermod -aG systemd-journal shimtrace, then restart the daemon']);
    expect(await first(journal, wanted(true))).toMatch(/^warning: shimtrace may not read journal/);
  });
  test('lies in memory only', async () => {
    host(MINE, '/run/log/journal');
    expect(await look(journal, { ...wanted(false), ...may })).toEqual([expect.stringMatching(/^warning: journal is kept in memory only: .* -> Storage=persistent/), 'ok: shimtrace may read journal']);
  });
  test('is another machine\'s', async () => {
    host(OTHER);
    expect(await first(journal, { ...wanted(false), ...may })).toBe(`problem: journal has journals of other machines only (${OTHER}), none of this one (${MINE}): they are not read -> name their folder: --journal /var/log/journal/MACHINE`);
    expect(await first(journal, { ...wanted(false, '/var/log/journal'), ...may })).toMatch(/^warning: \/var\/log\/journal has journals of other machines only/);
  });
  test('a folder of files is read by whoever may read them', async () => {
    host();
    put('/srv/j/a.journal', '', 0o644);
    expect(await look(journal, wanted(false, '/srv/j'))).toEqual(['ok: shimtrace may read /srv/j']);
    chmodSync(`${root.path}/srv/j/a.journal`, 0o600);
    expect(await first(journal, wanted(false, '/srv/j'))).toMatch(/^problem: shimtrace may not read \/srv\/j/);
  });
});

describe('the machine', () => {
  test('clock', async () => {
    expect(await first(clock)).toMatch(/^warning: nobody/);
    put('/run/systemd/timesync/synchronized');
    put('/sys/devices/system/clocksource/clocksource0/current_clocksource', 'hpet\n');
    expect(await look(clock)).toEqual(['ok: kept by systemd-timesyncd', expect.stringMatching(/^warning: .*hpet/)]);
    put('/sys/devices/system/clocksource/clocksource0/current_clocksource', 'tsc\n');
    expect(await look(clock)).toHaveLength(1);
  });
  test('inotify', async () => {
    put('/proc/sys/fs/inotify/max_user_instances', '128\n');
    put('/proc/sys/fs/inotify/max_user_watches', '65536\n');
    expect(await look(inotify)).toEqual(['ok: 128 instances, 65536 watches']);
    put('/proc/sys/fs/inotify/max_user_instances', '1\n');
    expect(await first(inotify)).toMatch(/^warning: fs.inotify.max_user_instances is 1: .*sysctl -w/);
  });
  test('virtualization', async () => {
    put('/proc/cpuinfo', 'processor : 0\nflags\t\t: fpu vme\n');
    expect(await look(virtualization)).toEqual(['ok: no runtime with virtual machines is installed']);
    put('/etc/kata-containers/configuration.toml');
    expect((await look(virtualization)).map((line) => line.split(/ ->|:/)[1]?.trim())).toEqual([
      'the CPU shows no virtualization (neither vmx nor svm)', 'there is no /dev/kvm', 'there is no /dev/vhost-vsock',
    ]);
    put('/proc/cpuinfo', 'flags\t\t: fpu svm vme\n');
    put('/dev/kvm');
    put('/dev/vhost-vsock');
    expect(await first(virtualization)).toMatch(/^ok: the CPU virtualizes, \/dev\/kvm and \/dev\/vhost-vsock are there/);
  });
  test('disk', async () => {
    const config: Config = { ...defaultConfig, store: { ...defaultConfig.store, max: bytes(2 ** 60) } };
    expect(await first(disk)).toMatch(/^(?:ok|warning): \d+[GM]iB free/);
    expect(await first(disk, { config })).toMatch(/^warning: .*store and spool may grow/);
  });
});

describe('the service', () => {
  test('state folder', async () => {
    expect(await first(state)).toMatch(/^ok: .* is made when/);
    mkdirSync(`${root.path}/var/lib/shimtrace`, { recursive: true, mode: 0o755 });
    expect(await first(state)).toMatch(/^problem: shimtrace may not write into/);
    expect(await first(state, { user: { name: 'root', uid: 0, gids: [] } })).toMatch(/^ok/);
    chmodSync(`${root.path}/var/lib/shimtrace`, 0o777);
    expect(await first(state)).toMatch(/^problem: others may write/);
    put('/var/lib/shimtrace/starts.db', 'x'.repeat(5_000));
    expect((await look(state))[1]).toMatch(/^problem: the store .* is damaged/);
  });
  test('Prometheus', async () => {
    expect(await first(prometheus)).toMatch(/^ok: none is seen/);
    put('/etc/prometheus/prometheus.yml', 'scrape_configs:\n# - job_name: shimtrace\n');
    expect(await first(prometheus)).toMatch(/^warning/);
    put('/etc/prometheus/prometheus.yml', 'scrape_configs:\n  - job_name: shimtrace\n');
    expect(await first(prometheus)).toMatch(/^ok: scrapes/);
  });
});

describe('the command', () => {
  test('sends a test trace, reads it back, and ends with 0 or 1', async () => {
    const receiver = await Receiver.start();
    const shown = createServer((request, answer) => void answer.end(request.url?.startsWith('/api/v3/traces/') === true ? '{"name":"doctor: test trace"}' : '')).listen(0, '127.0.0.1');
    await new Promise((resolve) => shown.once('listening', resolve));
    const { port } = shown.address() as AddressInfo;
    put('/etc/urunc/config.toml', '[timestamps]\nenabled = true\n');
    const config = root.write('c.yaml', `links: {jaeger: "http://127.0.0.1:${port}"}\n`);
    const args = ['doctor', '--root', root.path, '--config', config, '--state-dir', '/state', '--otlp', receiver.url];
    const bad = await shimtraceAsync(...args, '--format', 'json');
    expect(bad).toMatchObject({ code: 1, stderr: '' });
    const lines = bad.stdout.trimEnd().split('\n').map((line): unknown => JSON.parse(line));
    expect(lines).toContainEqual(expect.objectContaining({ schema: 'shimtrace/doctor@1', check: 'urunc timestamps', result: 'problem' }));
    expect(lines.filter((line) => typeof line === 'object' && line !== null && 'check' in line && line.check === 'back-end')).toEqual([
      expect.objectContaining({ result: 'ok', remedy: null }), expect.objectContaining({ result: 'ok', what: `and http://127.0.0.1:${port} shows it` }),
    ]);
    put('/var/log/urunc/timestamps.log');
    put('/dev/kvm');
    put('/proc/cpuinfo', 'flags : vmx\n');
    const good = await shimtraceAsync(...args);
    expect(good).toMatchObject({ code: 0, stderr: '' });
    expect(good.stdout).toMatch(/^ok +logs +\/var\/log\/urunc\/timestamps.log can be read \(0 bytes\)\n/);
    shown.close();
    const gone = await shimtraceAsync(...args);
    expect(gone.stdout).toMatch(/warning {2}back-end +http:\/\/127.0.0.1:\d+ does not show it: .*ECONNREFUSED/);
    await receiver.stop();
    const nobody = await shimtraceAsync(...args);
    expect(nobody.code).toBe(1);
    expect(nobody.stdout).toMatch(/problem {2}back-end .* took no test trace: /);
  }, 60_000);
});

describe('containerd events', () => {
  const ROOT: User = { name: 'root', uid: 0, gids: [0] };
  const SOCKET = '/run/containerd/containerd.sock';
  async function listen(): Promise<() => void> {
    mkdirSync(dirname(root.path + SOCKET), { recursive: true, mode: 0o755 });
    const server = createSocket();
    server.listen(root.path + SOCKET);
    await once(server, 'listening');
    chmodSync(root.path + SOCKET, 0o660);
    return () => server.close();
  }

  test('no containerd', async () => {
    expect(await first(containerd)).toBe(`ok: containerd does not run (no socket ${SOCKET})`);
    expect(await first(containerd, { config: { ...defaultConfig, events: ['off'] } })).toBe('ok: not followed: events is off');
    expect(await first(containerd, { config: { ...defaultConfig, events: ['all'] } })).toMatch(/^problem: events are asked for, and containerd does not run/);
    put(SOCKET);
    expect(await first(containerd)).toMatch(/^ok: containerd does not run/);
  });

  test('its socket, its program, and who may use them', async () => {
    const close = await listen();
    expect(await first(containerd)).toMatch(/^warning: containerd runs, and there is no program ctr .* -> install it/);
    put('/usr/bin/ctr', '', 0o755);
    expect(await first(containerd)).toMatch(/^warning: shimtrace may not use \/run\/containerd\/containerd.sock: .* -> have a unit of root's write .*whoever may use the socket rules the host/);
    expect(await first(containerd, { config: { ...defaultConfig, events: ['k8s.io'] } })).toMatch(/^problem: shimtrace may not use/);
    expect(await first(containerd, { user: ROOT })).toBe(`ok: followed: root may use ${SOCKET}`);
    const named: Config = { ...defaultConfig, sources: [{ files: ['/x'], journal: undefined, runtime: undefined, scheme: undefined, trust: 'owner', owner: undefined, links: 'refuse' }] };
    expect(await first(containerd, { config: named })).toMatch(/^ok: not followed, as sources are named/);
    chmodSync(root.path + SOCKET, 0o666);
    expect(await first(containerd)).toBe(`ok: followed: shimtrace may use ${SOCKET}`);
    chmodSync(dirname(root.path + SOCKET), 0o700);
    expect(await first(containerd)).toMatch(/^warning: shimtrace may not use/);
    close();
  });
});

describe('commands', () => {
  test('nobody answers, and what the daemon tells', async () => {
    const at = (listen: string): Partial<Patient> => ({ config: { ...defaultConfig, metrics: { listen } } });
    expect(await look(commands, at('127.0.0.1:1'))).toEqual([]);
    const one = { name: 'x', argv: ['x'], runtime: undefined, scheme: undefined };
    expect(await look(commands, { config: { ...defaultConfig, metrics: { listen: 'off' }, commands: [one] } })).toEqual([expect.stringMatching(/^ok: 1 configured; no metrics/)]);
    const figures = (name: string, up: number, lost: number): string =>
      `shimtrace_command_up{command="${name}"} ${up}\nshimtrace_command_lines_total{command="${name}"} 120\nshimtrace_command_events_total{command="${name}",event="gaps"} 2\nshimtrace_command_events_total{command="${name}",event="lost"} ${lost}\n`;
    const server = createServer((_, response) => response.end(`# HELP x\n${figures('containerd-events', 1, 0)}${figures('mine', 1, 7)}${figures('gone', 0, 0)}`));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    expect(await look(commands, at(`127.0.0.1:${port}`))).toEqual([
      'ok: containerd-events: 120 lines, started again 0 times, 2 gaps, 0 lines lost, 0 unsafe, 0 bytes wait',
      expect.stringMatching(/^warning: mine: .*7 lines lost.* -> raise limits.command_spool/),
      expect.stringMatching(/^problem: gone: .*it does not run -> the log of the daemon/),
    ]);
    server.close();
  });
});
