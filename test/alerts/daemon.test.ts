/** The daemon as a process: it raises alerts, is asked for its metrics, and takes a new configuration, right or wrong. */
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { beforeAll, afterAll, describe, expect, test } from 'vitest';
import { CATALOGUE } from '../../src/metrics/catalogue.ts';
import { MetricNames } from '../../src/metrics/exposition.ts';
import { Daemon, until } from '../real/program.ts';
import { Folder } from '../support/files.ts';
import { Random } from '../support/random.ts';
import { log, start, text } from '../support/uruncwriter.ts';

const HOST = 'alert-host';
const LIMIT_MS = 10_000;
const now = (): bigint => BigInt(Date.now()) * 1_000_000n;

/** A webhook that keeps what it gets. */
class Hook {
  readonly got: Record<string, unknown>[] = [];
  readonly server: Server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk)).on('end', () => {
      const alert: unknown = JSON.parse(body);
      if (typeof alert === 'object' && alert !== null) this.got.push({ ...alert });
      response.end();
    });
  });

  async url(): Promise<string> {
    if (!this.server.listening) await once(this.server.listen(0, '127.0.0.1'), 'listening');
    const address = this.server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/hook`;
  }
}

describe('a daemon with rules', { timeout: 60_000 }, () => {
  const folder = new Folder();
  const hook = new Hook();
  let daemon: Daemon;
  let metrics = '';
  let seed = 0;

  const configure = async (rules: string): Promise<void> => {
    folder.write('shimtrace.yaml', `links: {jaeger: "http://jaeger:16686"}\nalerts:\n${rules}\nnotify:\n  - {name: hook, webhook: "${await hook.url()}"}\n  - {name: journal, journal: true}\n`);
  };
  const page = async (accept = 'text/plain'): Promise<string> => (await fetch(`${metrics}/metrics`, { headers: { accept }, signal: AbortSignal.timeout(5_000) })).text();
  const value = async (series: string): Promise<number> => Number((await page()).split('\n').find((line) => line.startsWith(`${series} `))?.slice(series.length));
  /** A start that ended a moment ago, its caller's gap included. */
  const oneStart = (more: { readonly gap?: number; readonly fate?: 'complete' | 'failed' } = {}): string => {
    const id = new Random(++seed).hex(64);
    folder.append('timestamps.log', text(start(new Random(seed), { generation: 'D', id, at: now() - 2_000_000_000n, ...more })));
    return id;
  };

  beforeAll(async () => {
    await configure('  - {name: slow, above: 1ms, cooldown: 0s, notify: hook}\n  - {name: fast, above: 10s}');
    folder.write('timestamps.log', '');
    daemon = new Daemon(['--file', `urunc=${folder.at('timestamps.log')}`, '--state-dir', folder.at('state'), '--host-id', HOST, '--config', folder.at('shimtrace.yaml'), '--listen', '127.0.0.1:0', '--otlp', 'http://127.0.0.1:1']);
    await until(LIMIT_MS, () => /"metrics","where":"[^"]+"/.test(daemon.said), () => daemon.said);
    metrics = `http://${/"metrics","where":"([^"]+)"/.exec(daemon.said)?.[1] ?? ''}`;
    await daemon.ready();
  }, 30_000);

  afterAll(async () => {
    if (daemon.running) await daemon.kill();
    hook.server.close();
    folder.dispose();
  });

  test('every metric of the catalogue is there before anything happens, counters at 0', async () => {
    const lines = (await page()).split('\n');
    // What nobody can know of before it happens.
    const later = new Set(['shimtrace_findings_total', 'shimtrace_guest_clock_offset_seconds', ...MetricNames.filter((name) => name.startsWith('shimtrace_command_'))]);
    for (const name of MetricNames) {
      expect(lines, name).toContain(`# TYPE ${name} ${CATALOGUE[name].type}`);
      expect(later.has(name) || lines.some((line) => line.startsWith(name)), name).toBe(true);
    }
    for (const series of ['shimtrace_start_duration_seconds_bucket{runtime="urunc",layer="runtime",le="1.0"}', 'shimtrace_start_duration_seconds_count{runtime="kata-1",layer="runtime"}',
      'shimtrace_phase_duration_seconds_count{runtime="urunc",layer="runtime",phase="create: wait for pids"}', 'shimtrace_starts_total{runtime="urunc",layer="runtime",outcome="incomplete"}',
      'shimtrace_malformed_lines_total{reason="json-broken"}', 'shimtrace_losses_total{name="late"}', 'shimtrace_alerts_total{rule="fast"}', 'shimtrace_alert_losses_total{sink="hook",reason="overflow"}',
      'shimtrace_losses_total{name="gap_rate_limited"}', 'shimtrace_losses_total{name="lines_missing"}', 'shimtrace_journal_events_total{event="entries_missing"}', 'shimtrace_journal_events_total{event="restarts"}',
      'shimtrace_config_reloads_total{result="failed"}']) expect(lines).toContain(`${series} 0`);
    expect(lines).toContain('shimtrace_config_last_reload_successful 1');
  });

  test('the limits of rules are bounds', async () => {
    expect(await page()).toContain('shimtrace_start_duration_seconds_bucket{runtime="urunc",layer="runtime",le="0.001"}');
    expect(await page()).toContain('le="10.0"');
  });

  test('one alert for a slow start, though the back-end is away; the id of its trace stands beside its bucket', async () => {
    const container = oneStart();
    await until(LIMIT_MS, () => hook.got.length === 1, () => daemon.said);
    const [alert] = hook.got;
    expect(alert).toMatchObject({ schema: 'shimtrace/alert@1', rule: 'slow', container, status: 'finished', phase: 'total', limit_ns: 1_000_000, host: { id: HOST } });
    expect(alert?.['links']).toMatchObject({ jaeger: `http://jaeger:16686/trace/${String(alert?.['trace_id'])}` });
    expect(await page('application/openmetrics-text')).toContain(`# {trace_id="${String(alert?.['trace_id'])}"}`);
    expect(await value('shimtrace_alerts_total{rule="slow"}')).toBe(1);
    expect(await value('shimtrace_starts_total{runtime="urunc",layer="runtime",outcome="ok"}')).toBe(1);
    expect(await value('shimtrace_alert_deliveries_total{sink="hook",result="delivered"}')).toBe(1);
  });

  test('old lines raise nothing and change no histogram', async () => {
    const before = await value('shimtrace_settled_total{outcome="ok"}');
    folder.append('timestamps.log', text(log(new Random(1_000), { generation: 'D', starts: 5, at: now() - 3_600_000_000_000n, every: 1_000_000 })));
    oneStart();
    await until(LIMIT_MS, async () => (await value('shimtrace_settled_total{outcome="ok"}')) === before + 6, () => daemon.said);
    expect(await value('shimtrace_alerts_total{rule="slow"}')).toBe(2);
    await until(LIMIT_MS, () => hook.got.length === 2, () => daemon.said);
    expect(await value('shimtrace_start_duration_seconds_count{runtime="urunc",layer="runtime"}')).toBe(2);
  });

  test('a wrong configuration changes nothing, and is said by line and column', async () => {
    await configure('  - {name: slow, above: 1, cooldown: 0s}');
    daemon.signal('SIGHUP');
    await until(LIMIT_MS, async () => (await value('shimtrace_config_reloads_total{result="failed"}')) === 1, () => daemon.said);
    await until(LIMIT_MS, () => daemon.said.includes('The configuration was not reloaded'), () => daemon.said);
    expect(daemon.said).toMatch(/The configuration was not reloaded, and the one in effect stays\. .*shimtrace\.yaml:3:25 error alerts\[0\]\.above: \\"1\\" has no unit/);
    expect(await value('shimtrace_config_last_reload_successful')).toBe(0);
    oneStart();
    await until(LIMIT_MS, () => hook.got.length === 3, () => daemon.said);
  });

  test('so does none at all', async () => {
    const text = readFileSync(folder.at('shimtrace.yaml'));
    const { renameSync } = await import('node:fs');
    renameSync(folder.at('shimtrace.yaml'), folder.at('away.yaml'));
    daemon.signal('SIGHUP');
    await until(LIMIT_MS, async () => (await value('shimtrace_config_reloads_total{result="failed"}')) === 2, () => daemon.said);
    folder.write('shimtrace.yaml', text);
  });

  test('a right one takes effect: rules, links, bounds; what needs a restart is named', async () => {
    await configure('  - {name: never, above: 77s}\n  - {name: bad, on: error, notify: hook}\nsettle: 300ms\nsweep: 1s');
    daemon.signal('SIGHUP');
    await until(LIMIT_MS, async () => (await value('shimtrace_config_reloads_total{result="ok"}')) === 1, () => daemon.said);
    for (const text of ['Reloaded: alerts.', 'Changed, and in effect only after a restart: settle, sweep.']) await until(LIMIT_MS, () => daemon.said.includes(text), () => daemon.said);
    expect(await value('shimtrace_config_last_reload_successful')).toBe(1);
    expect(await value('shimtrace_start_duration_seconds_bucket{runtime="urunc",layer="runtime",le="77.0"}')).toBe(0);
    const before = hook.got.length;
    oneStart();
    await until(LIMIT_MS, async () => (await value('shimtrace_start_duration_seconds_bucket{runtime="urunc",layer="runtime",le="77.0"}')) === 1, () => daemon.said);
    expect(hook.got).toHaveLength(before);
  });

  test('stops at once', async () => {
    daemon.signal('SIGTERM');
    expect(await daemon.ended(8_000)).toEqual({ code: 0, signal: null });
  });
});

test('a start that hangs is told of while it is under way, and again when it is given up', { timeout: 30_000 }, async () => {
  await using used = new AsyncDisposableStack();
  const folder = used.adopt(new Folder(), (each) => each.dispose());
  const hook = used.adopt(new Hook(), (each) => void each.server.close());
  folder.write('c.yaml', `patience: 3s\nalerts: [{name: hung, above: 500ms, open: true}, {name: bad, on: error}]\nnotify: [{name: hook, webhook: "${await hook.url()}"}]\n`);
  folder.write('timestamps.log', '');
  const daemon = used.adopt(new Daemon(['--file', `urunc=${folder.at('timestamps.log')}`, '--state-dir', folder.at('state'), '--host-id', HOST, '--config', folder.at('c.yaml')]), async (each) => {
    if (each.running) await each.kill();
  });
  await daemon.ready();
  const id = new Random(9).hex(64);
  const lines = start(new Random(9), { generation: 'D', id, at: now(), fate: 'failed' });
  // Its create process dies in its hooks, a start that hangs; beside it one that was created and rests.
  const rests = new Random(10).hex(64);
  folder.append('timestamps.log', text(lines.slice(0, 5)) + text(start(new Random(10), { generation: 'D', id: rests, at: now(), fate: 'created' })));
  await until(LIMIT_MS, () => hook.got.length >= 1, () => daemon.said);
  expect(hook.got[0]).toMatchObject({ rule: 'hung', status: 'open', container: id, outcome: null, end_time_ns: null, limit_ns: 500_000_000 });
  await until(15_000, () => hook.got.length >= 2, () => daemon.said);
  expect(hook.got.slice(1)).toMatchObject([{ rule: 'bad', status: 'finished', container: id, outcome: 'incomplete', trace_id: hook.got[0]?.['trace_id'] }]);
});

test('a port that is taken is told, and the daemon goes on', { timeout: 30_000 }, async () => {
  await using used = new AsyncDisposableStack();
  const folder = used.adopt(new Folder(), (each) => each.dispose());
  const other = used.adopt(createServer(), (each) => void each.close());
  await once(other.listen(0, '127.0.0.1'), 'listening');
  const address = other.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  folder.write('timestamps.log', '');
  const daemon = used.adopt(new Daemon(['--file', `urunc=${folder.at('timestamps.log')}`, '--state-dir', folder.at('state'), '--listen', `127.0.0.1:${port}`, '--otlp', 'http://127.0.0.1:1']), async (each) => {
    if (each.running) await each.kill();
  });
  await until(LIMIT_MS, () => daemon.said.includes(`No metrics: another program listens on 127.0.0.1:${port}. Free it, choose another one with --listen HOST:PORT (metrics.listen), or switch metrics off with --listen off.`), () => daemon.said);
  daemon.signal('SIGTERM');
  expect(await daemon.ended(8_000)).toEqual({ code: 0, signal: null });
});
