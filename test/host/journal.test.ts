/** The service and the journal of a host with systemd as PID 1: read by its own user, from before its first start on and across its restarts. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { session } from '../support/katawriter.ts';
import type { KataLine, KataSession } from '../support/katawriter.ts';
import { Random } from '../support/random.ts';
import { now } from '../real/host.ts';
import { Jaeger } from '../real/jaeger.ts';
import { until } from '../real/program.ts';
import { freePorts, lacks } from '../real/server.ts';
import { byTrace } from '../real/spans.ts';
import { CHECKOUT, Machine, NPM_PATH, lacksHost, npmScript } from './machine.ts';

const UNIT = 'shimtrace';
const DROP_IN = '/run/systemd/system/shimtrace.service.d/groups.conf';
const missing = lacksHost() ?? lacks('jaeger');

describe.skipIf(missing !== undefined)(`the journal on a host with systemd${missing === undefined ? '' : ` [${missing}]`}`, { timeout: 120_000 }, () => {
  const used = new AsyncDisposableStack();
  const random = new Random(20_261_121);
  const begun = now();
  let jaeger: Jaeger;
  let machine: Machine;
  /** Hosts of other tests share the network: another daemon may listen on the usual one. */
  let metrics = 0;
  let pid = 10_000;

  beforeAll(async () => {
    jaeger = used.use(await Jaeger.start());
    machine = used.use(await Machine.start());
    [metrics = 0] = await freePorts(1);
  }, 120_000);
  afterAll(() => used.disposeAsync());

  /** A sandbox of Kata 1.x, as its programs send it to the journal: its times are of just now. */
  async function log(): Promise<KataSession> {
    const one = session(random, { version: '1.12.1', at: now() - 8_000_000_000n, kind: 'cold', behind: 0n, pid: () => ++pid });
    for (const writer of ['kata-runtime', 'kata-proxy', 'kata-shim'] as const) {
      writeFileSync(machine.path(`/tmp/${writer}.log`), one.lines.filter((line: KataLine) => line.writer === writer).map(({ text }) => `${text}\n`).join(''));
      await machine.says('sh', '-c', `systemd-cat -t ${writer} < /tmp/${writer}.log`);
    }
    return one;
  }

  const starts = async (): Promise<string[]> =>
    [...byTrace(await jaeger.traces('kata', begun - 60_000_000_000n, now() + 60_000_000_000n)).values()].flatMap((spans) => spans.filter(({ parent, name }) => parent === '' && name === 'container start').map(({ container }) => container));
  const arrives = ({ sandbox }: KataSession): Promise<void> =>
    until(60_000, async () => (await starts()).includes(sandbox), () => `no trace of ${sandbox.slice(0, 12)}`);
  const said = (): Promise<string> => machine.says('journalctl', '-u', UNIT, '-o', 'cat', '--no-pager');
  const doctor = async (): Promise<string> => (await machine.exec('shimtrace', 'doctor')).stdout;

  test('what was there before the service was installed becomes traces, read by its own user', async () => {
    const before = await log();
    mkdirSync(machine.path('/etc/shimtrace'));
    writeFileSync(machine.path('/etc/shimtrace/shimtrace.yaml'), `metrics:\n  listen: 127.0.0.1:${metrics}\n`);
    const installed = await machine.exec('env', `PATH=${NPM_PATH}`, 'sh', '-c', `mkdir -p /etc/default && echo OTEL_EXPORTER_OTLP_ENDPOINT=${jaeger.otlp} > /etc/default/shimtrace && cd ${CHECKOUT} && ${npmScript('install-service')}`);
    expect(installed).toMatchObject({ code: 0, stderr: '' });
    await arrives(before);
    expect(await machine.says('ps', '-o', 'user=', '-p', await machine.says('systemctl', 'show', '-P', 'MainPID', UNIT))).toBe(UNIT);
    expect(await said()).toMatch(/"event":"journal_reader","version":"\d+/);
    expect(await doctor()).toMatch(/^ok +journal +shimtrace may read journal/m);
    expect(await doctor()).toMatch(/^warning +journal +journal \(.*\) is kept in memory only/m);
    expect(await doctor()).toMatch(/^ok +journal +[\d,]+ entries read since the daemon began/m);
  });

  test('across a restart and a kill -9 none is missing and none comes twice', async () => {
    await machine.says('systemctl', 'stop', UNIT);
    const down = await log();
    await machine.says('systemctl', 'start', UNIT);
    await arrives(down);
    await machine.says('systemctl', 'kill', '--kill-whom=main', '--signal=KILL', UNIT);
    const killed = await log();
    await arrives(killed);
    const all = await starts();
    expect(all.toSorted()).toEqual([...new Set(all)].toSorted());
  });

  test('out of the group it says so, and so does its doctor; back in it, what came meanwhile is read', async () => {
    mkdirSync(dirname(machine.path(DROP_IN)), { recursive: true });
    writeFileSync(machine.path(DROP_IN), '[Service]\nSupplementaryGroups=\n');
    await machine.says('sh', '-c', `gpasswd -d ${UNIT} systemd-journal && gpasswd -d ${UNIT} adm && systemctl daemon-reload && systemctl restart ${UNIT}`);
    let last = '';
    await until(20_000, async () => /no permission to read the journal|only this user's own entries can be read|sees only some of its entries/.test((last = await said())), () => last.slice(-3_000));
    expect(await doctor()).toMatch(/^warning +journal +shimtrace may not read journal[^\n]*\n +-> usermod -aG systemd-journal shimtrace/m);
    const unseen = await log();
    rmSync(machine.path(DROP_IN));
    await machine.says('sh', '-c', `systemctl daemon-reload && systemctl restart ${UNIT}`);
    await arrives(unseen);
  });

  test('what journald leaves out of a unit is counted, by its own words', async () => {
    const words = '-p SyslogIdentifier=kata-runtime -p LogRateLimitIntervalSec=1s -p LogRateLimitBurst=20';
    await machine.says('sh', '-c', `systemd-run --wait --collect ${words} sh -c 'seq 500; sleep 1.5; echo again'`);
    let marker = '';
    // The unit may be over before journald has read all that it wrote.
    await until(45_000, async () => (marker = await machine.says('journalctl', '-o', 'json', '--no-pager', 'MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e')) !== '', () => 'journald left nothing out');
    const told: unknown = JSON.parse(marker.split('\n').at(-1) ?? '');
    expect(told).toMatchObject({ _TRANSPORT: 'driver', MESSAGE: expect.stringMatching(/^Suppressed \d+ messages from run-\S+\.service$/), N_DROPPED: expect.stringMatching(/^\d+$/) });
    const figure = async (series: string): Promise<number> => Number((await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()).split('\n').find((line) => line.startsWith(series))?.slice(series.length));
    await until(45_000, async () => (await figure('shimtrace_journal_events_total{event="suppressed_markers"} ')) === 1, () => 'no marker was counted');
    expect(await figure('shimtrace_journal_events_total{event="suppressed"} ')).toBeGreaterThan(100);
    expect(await figure('shimtrace_losses_total{name="gap_rate_limited"} ')).toBe(1);
    expect(await doctor()).toMatch(/^warning +journal +0 gaps with 0 entries gone before they were read, \d+ messages left out by journald/m);
  });
});
