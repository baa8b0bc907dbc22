/** Metrics in a real Prometheus, rules that fire and resolve, and the daemon's own alerts in a real Alertmanager. */
import { chmodSync, existsSync, mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server as HttpServer } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MetricNames } from '../../src/metrics/exposition.ts';
import { tellerArgv } from '../support/commandrig.ts';
import { Random } from '../support/random.ts';
import { Receiver } from '../support/receiver.ts';
import { start, text } from '../support/uruncwriter.ts';
import { now } from './host.ts';
import { Daemon, until } from './program.ts';
import { Alertmanager, DEPLOY, missing, Prometheus, tool } from './prometheus.ts';
import { blocksOf, pageOf } from '../docs/page.ts';
import { Collector } from './collector.ts';
import { send, writeLog } from './imported.ts';
import { ask, freePorts, lacks, textOf } from './server.ts';
import { traceIdOf } from './spans.ts';

const HOST = 'alerting-host';
const RULES = join(DEPLOY, 'prometheus/shimtrace.rules.yml');
const LIMIT_MS = 20_000;

describe.skipIf(missing !== undefined)(`what is shipped for Prometheus and Alertmanager${missing === undefined ? '' : ` [${missing}]`}`, () => {
  test('rules pass every lint', () => {
    expect(tool('promtool', ['check', 'rules', '--lint=all', '--lint-fatal', RULES])).toMatchObject({ code: 0 });
  });

  test('rules pass their tests', () => {
    expect(tool('promtool', ['test', 'rules', join(DEPLOY, 'prometheus/shimtrace.test.yml')])).toMatchObject({ code: 0 });
  });

  test('the scrape configuration is one, but for the place of the rules', () => {
    const { said } = tool('promtool', ['check', 'config', '--syntax-only', join(DEPLOY, 'prometheus/scrape.yml')]);
    expect(said).toContain('SUCCESS');
  });

  test('the example of an Alertmanager is one', () => {
    expect(tool('amtool', ['check-config', join(DEPLOY, 'alertmanager/alertmanager.yml')])).toMatchObject({ code: 0 });
  });
});

/** What a webhook was sent, as text. */
async function hook(): Promise<{ readonly url: string; readonly got: string[]; readonly server: HttpServer }> {
  const got: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk)).on('end', () => {
      got.push(body);
      response.end();
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  return { url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}/hook`, got, server };
}

describe.skipIf(missing !== undefined)(`a daemon, Prometheus and Alertmanager${missing === undefined ? '' : ` [${missing}]`}`, { timeout: 90_000 }, () => {
  const used = new AsyncDisposableStack();
  let folder = '';
  let target = '';
  let daemon: Daemon;
  let prometheus: Prometheus;
  let alertmanager: Alertmanager;
  let hooked: Awaited<ReturnType<typeof hook>>;
  let received: Awaited<ReturnType<typeof hook>>;
  let seed = 0;

  const log = (): string => join(folder, 'timestamps.log');
  /** A start whose last line is of now. @returns its container, its trace, and when it ended. */
  const play = (options: { readonly slow?: boolean; readonly id?: string }): { readonly id: string; readonly trace: string; readonly ended: bigint } => {
    seed += 1;
    const id = options.id ?? new Random(seed).hex(64);
    const lines = start(new Random(seed), { generation: 'D', id, at: now() });
    // A slow one waits 2 s between the last two of its marks.
    const slow = lines.map((line, at) => (options.slow === true && at === lines.length - 1 ? { ...line, time: line.time + 2_000_000_000n, text: line.text.replace(String(line.time), String(line.time + 2_000_000_000n)) } : line));
    const length = (slow.at(-1)?.time ?? 0n) - (slow[0]?.time ?? 0n);
    const shifted = slow.map((line) => ({ ...line, time: line.time - length, text: line.text.replace(String(line.time), String(line.time - length)) }));
    writeFileSync(log(), text(shifted), { flag: 'a' });
    return { id, trace: traceIdOf(HOST, id, shifted[0]?.time ?? 0n), ended: shifted.at(-1)?.time ?? 0n };
  };

  beforeAll(async () => {
    folder = used.use(mkdtempDisposableSync(join(tmpdir(), 'shimtrace-alerting-'))).path;
    received = await hook();
    hooked = await hook();
    for (const { server } of [received, hooked]) used.defer(() => void server.close());
    const receiver = used.adopt(await Receiver.start(), (each) => each.stop());
    alertmanager = used.use(await Alertmanager.start(received.url, readFileSync(join(DEPLOY, 'alertmanager/alertmanager.yml'), 'utf8')));
    const command = join(folder, 'command');
    writeFileSync(command, `#!/bin/sh\ncat > "$1/new" && mv "$1/new" "$1/command.json"\n`);
    chmodSync(command, 0o755);
    writeFileSync(join(folder, 'quiet'), '');
    writeFileSync(join(folder, 'shimtrace.yaml'), `
commands:
  - {name: quiet, command: ${JSON.stringify(tellerArgv(join(folder, 'quiet')))}}
links: {jaeger: "http://jaeger.example:16686"}
alerts:
  - {name: slow-start, above: 1s, cooldown: 0s}
  - {name: broken, on: error, severity: critical}
notify:
  - {name: am, alertmanager: "${alertmanager.url}"}
  - {name: hook, webhook: "${hooked.url}"}
  - {name: command, command: ["${command}", "${folder}"]}
`);
    writeFileSync(log(), '', { mode: 0o644 });
    const [port = 0] = await freePorts(1);
    target = `127.0.0.1:${port}`;
    daemon = used.adopt(new Daemon(['--file', `urunc=${log()}`, '--state-dir', join(folder, 'state'), '--host-id', HOST, '--config', join(folder, 'shimtrace.yaml'), '--listen', target, '--otlp', receiver.url]), async (each) => {
      if (each.running) await each.kill();
    });
    await daemon.ready();
    prometheus = used.use(await Prometheus.start(target, alertmanager.url, [RULES]));
    await until(LIMIT_MS, async () => (await prometheus.value('sum(shimtrace_start_duration_seconds_count)')) === 0, () => prometheus.server.said);
  }, 90_000);

  afterAll(() => used.disposeAsync());

  test('promtool finds nothing to remark about what it scrapes', async () => {
    const page = await ask(`http://${target}/metrics`, 'text/plain');
    expect(tool('promtool', ['check', 'metrics'], textOf(page ?? new Uint8Array()))).toEqual({ code: 0, said: '' });
  });

  test('Prometheus takes it, and knows every metric before anything happens', async () => {
    expect(await prometheus.target()).toEqual({ health: 'up', error: '' });
    const names = new Set((await prometheus.query('count by (__name__) ({job="shimtrace"})')).map(({ labels }) => labels['__name__']?.replace(/_(?:bucket|sum|count)$/, '')));
    // What nobody can know of before it happens.
    const later = new Set(['shimtrace_findings_total', 'shimtrace_guest_clock_offset_seconds']);
    expect(MetricNames.filter((name) => !names.has(name) && !later.has(name))).toEqual([]);
    expect(await prometheus.value('sum(shimtrace_start_duration_seconds_count)')).toBe(0);
    // What it sees of urunc alone, and with what calls it.
    expect((await prometheus.query('count by (layer) (shimtrace_start_duration_seconds_bucket{runtime="urunc",le="1.0"})')).map(({ labels }) => labels['layer']).sort()).toEqual(['cri', 'runtime']);
  });

  test('a slow start: Alertmanager, webhook and command have it, with the link to the trace', async () => {
    const { id, trace, ended } = play({ slow: true });
    await until(LIMIT_MS, async () => (await alertmanager.alerts()).some(({ annotations }) => annotations['trace_id'] === trace), () => daemon.said);
    const after = Number(now() - ended) / 1e6;
    const alert = (await alertmanager.alerts()).find(({ annotations }) => annotations['trace_id'] === trace);
    expect(alert).toMatchObject({
      state: 'active', source: `http://jaeger.example:16686/trace/${trace}`,
      labels: { alertname: 'ContainerStartSlowly', rule: 'slow-start', severity: 'warning', runtime: 'urunc', phase: 'total', container: id },
      annotations: { jaeger: `http://jaeger.example:16686/trace/${trace}` },
    });
    expect(alert?.annotations['description']).toContain('Slowest: reexec: execve monitor (urunc-reexec)');
    await until(LIMIT_MS, () => hooked.got.length > 0 && existsSync(join(folder, 'command.json')), () => daemon.said);
    for (const json of [hooked.got[0] ?? '', readFileSync(join(folder, 'command.json'), 'utf8')]) expect(JSON.parse(json)).toMatchObject({ schema: 'shimtrace/alert@1', container: id, trace_id: trace, phase: 'total' });
    console.log(JSON.stringify({ alertmanager_after_ms: Math.round(after) }));
  });

  test('what Alertmanager sends on names the trace', async () => {
    await until(60_000, () => received.got.some((body) => body.includes('ContainerStartSlowly')), () => alertmanager.server.said);
    expect(received.got.find((body) => body.includes('ContainerStartSlowly'))).toContain('http://jaeger.example:16686/trace/');
  });

  test('Prometheus counts it, its own rule fires, and the exemplar is the trace', async () => {
    await until(LIMIT_MS, async () => (await prometheus.value('sum(shimtrace_start_duration_seconds_count{runtime="urunc"}) - sum(shimtrace_start_duration_seconds_bucket{runtime="urunc",le="1.0"})')) === 1, () => prometheus.server.said);
    await until(LIMIT_MS, async () => (await prometheus.alerts()).some(({ labels, state }) => labels['alertname'] === 'ContainerStartSlow' && state === 'firing'), () => prometheus.server.said);
    const alert = (await prometheus.alerts()).find(({ labels }) => labels['alertname'] === 'ContainerStartSlow');
    expect(alert?.annotations['summary']).toBe(`Slow urunc start on ${target}`);
    const [trace] = hooked.got.map((json) => String(Object(JSON.parse(json))['trace_id']));
    await until(LIMIT_MS, async () => (await prometheus.exemplars('shimtrace_start_duration_seconds_bucket{runtime="urunc"}')).includes(trace ?? ''), () => 'no exemplar');
    expect((await prometheus.alerts()).map(({ labels }) => labels['alertname'])).toEqual(['ContainerStartSlow']);
  });

  test('fast starts raise nothing more, and are counted', async () => {
    const before = hooked.got.length;
    for (let at = 0; at < 5; at++) play({});
    await until(LIMIT_MS, async () => (await prometheus.value('sum(shimtrace_starts_total{runtime="urunc",outcome="ok"})')) === 6, () => daemon.said);
    expect(hooked.got).toHaveLength(before);
    expect(await prometheus.value('shimtrace_alerts_total{rule="slow-start"}')).toBe(1);
    expect(await prometheus.value('sum(increase(shimtrace_starts_total{outcome="ok"}[1m]))')).toBeGreaterThan(0);
  });

  test('an id that is a command stays text', async () => {
    const before = hooked.got.length;
    for (const id of ['$(reboot)', '`reboot`;reboot', `$(touch ${folder}/pwned)`, '--help']) play({ slow: true, id });
    const { id: last } = play({ slow: true });
    await until(LIMIT_MS, () => hooked.got.slice(before).some((json) => json.includes(last)), () => daemon.said);
    await until(LIMIT_MS, () => readFileSync(join(folder, 'command.json'), 'utf8').includes(last), () => daemon.said);
    await until(LIMIT_MS, async () => (await prometheus.value('shimtrace_malformed_lines_total{reason="bad-container-id"}')) === 4 * 19, () => daemon.said);
    expect(existsSync(join(folder, 'pwned'))).toBe(false);
    expect(daemon.running).toBe(true);
  });

  test('Alertmanager away for a while: nothing is lost, traces go on', async () => {
    await alertmanager.server.stop('SIGKILL');
    const { trace } = play({ slow: true });
    await until(LIMIT_MS, () => daemon.said.includes('alert_not_delivered'), () => daemon.said);
    await until(LIMIT_MS, async () => (await prometheus.value('shimtrace_unacknowledged_traces')) === 0, () => daemon.said);
    await alertmanager.server.start();
    await until(LIMIT_MS, async () => (await alertmanager.alerts()).some(({ annotations }) => annotations['trace_id'] === trace), () => daemon.said);
    expect(await prometheus.value('sum(shimtrace_alert_losses_total)')).toBe(0);
  });

  test('a wrong configuration: the rule for it fires, and resolves with a right one', async () => {
    const right = readFileSync(join(folder, 'shimtrace.yaml'), 'utf8');
    const firing = async (): Promise<boolean> => (await prometheus.alerts()).some(({ labels, state }) => labels['alertname'] === 'ShimtraceConfigReloadFailed' && state === 'firing');
    writeFileSync(join(folder, 'shimtrace.yaml'), right.replace('above: 1s', 'above: 1'));
    daemon.signal('SIGHUP');
    await until(LIMIT_MS, firing, () => daemon.said);
    writeFileSync(join(folder, 'shimtrace.yaml'), right);
    daemon.signal('SIGHUP');
    await until(LIMIT_MS, async () => !(await firing()), () => daemon.said);
  });
});

const noCollector = missing ?? lacks('otelcol');

test.skipIf(noCollector !== undefined)(`the query of docs/backends.md finds a slow start in the span metrics of a Collector${noCollector === undefined ? '' : ` [${noCollector}]`}`, { timeout: 120_000 }, async () => {
  await using used = new AsyncDisposableStack();
  const folder = used.use(mkdtempDisposableSync(join(tmpdir(), 'shimtrace-query-'))).path;
  const [query = ''] = blocksOf(pageOf('backends.md'), 'promql');
  const collector = used.use(await Collector.start({ JAEGER_OTLP: '127.0.0.1:1' }));
  const prometheus = used.use(await Prometheus.start(collector.scraped, undefined, []));
  const count = 'sum(traces_span_metrics_duration_seconds_count{span_name="container start"})';
  const counted = (starts: number): Promise<void> => until(60_000, async () => (await prometheus.value(count)) === starts, () => collector.server.said);
  const begun = (): bigint => now() - 20_000_000_000n;
  send(writeLog(folder, 1, begun(), [{ gap: 3_000_000 }]), collector.otlp);
  await counted(1);
  send(writeLog(folder, 2, begun(), [{ gap: 4_000_000 }]), collector.otlp);
  await counted(2);
  expect(await prometheus.query(query)).toEqual([]);
  send(writeLog(folder, 3, begun(), [{ gap: 1_600_000_000 }]), collector.otlp);
  await counted(3);
  await until(LIMIT_MS, async () => (await prometheus.query(query)).length === 1, () => collector.server.said);
});

test.skipIf(missing !== undefined)(`the rule for slow starts resolves when they are over${missing === undefined ? '' : ` [${missing}]`}`, { timeout: 60_000 }, async () => {
  await using used = new AsyncDisposableStack();
  const folder = used.use(mkdtempDisposableSync(join(tmpdir(), 'shimtrace-resolve-'))).path;
  // As shipped, with windows of seconds: what took ten minutes must not take them here.
  writeFileSync(join(folder, 'short.yml'), readFileSync(RULES, 'utf8').replaceAll(/\[(?:5m|10m|15m|1h|6h)\]/g, '[8s]'));
  let slow = 0;
  const page = createServer((_, response) => {
    const series = (suffix: string, le: string, value: number): string => `shimtrace_start_duration_seconds_${suffix}{runtime="urunc",layer="runtime"${le}} ${value}\n`;
    response.setHeader('content-type', 'text/plain; version=0.0.4').end(series('bucket', ',le="1.0"', 0) + series('bucket', ',le="+Inf"', slow) + series('count', '', slow));
  });
  await once(page.listen(0, '127.0.0.1'), 'listening');
  used.defer(() => void page.close());
  const address = page.address();
  const prometheus = used.use(await Prometheus.start(`127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`, undefined, [join(folder, 'short.yml')]));
  const firing = async (): Promise<boolean> => (await prometheus.alerts()).some(({ labels }) => labels['alertname'] === 'ContainerStartSlow');
  await until(LIMIT_MS, async () => (await prometheus.value('count_over_time(shimtrace_start_duration_seconds_count[8s])')) >= 3, () => prometheus.server.said);
  slow = 1;
  await until(LIMIT_MS, firing, () => prometheus.server.said);
  await until(LIMIT_MS, async () => !(await firing()), () => prometheus.server.said);
});
