/** otel-collector.yaml in the real Collector, between shimtrace and a real Jaeger and Tempo. */
import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Collector, validate } from './collector.ts';
import { now } from './host.ts';
import { IMPORT_HOST, send, spansOf, writeLog } from './imported.ts';
import type { Log } from './imported.ts';
import { Jaeger } from './jaeger.ts';
import { Daemon, until } from './program.ts';
import { lacks } from './server.ts';
import type { SpanView } from './spans.ts';
import { Tempo } from './tempo.ts';

const missing = lacks('jaeger', 'otelcol', 'tempo');
const BOTH = '[otlp_grpc/jaeger, otlp_grpc/tempo]';
/** Between the end of create and the call of start, ns: no two starts are about as long. */
const GAPS = [3_000_000, 3_500_000, 400_000_000, 1_600_000_000];

/** Starts that ended a moment ago. */
const write = (folder: string, seed: number, gaps: readonly number[]): Log => writeLog(folder, seed, now() - 20_000_000_000n, gaps.map((gap) => ({ gap })));

/** The value of a counter in a page for Prometheus, of the one series that has all these labels. */
function valueOf(page: string, name: string, ...labels: readonly string[]): number {
  const found = page.split('\n').filter((line) => line.startsWith(`${name}{`) && labels.every((label) => line.includes(label)));
  return found.length === 1 ? Number(/\} (\S+)/.exec(found[0] ?? '')?.[1]) : Number.NaN;
}

const ROOT = ['service_name="urunc"', 'span_name="container start"', 'span_kind="SPAN_KIND_SERVER"', 'status_code="STATUS_CODE_UNSET"', 'container_runtime_name="urunc"'];
const EXEMPLAR = /^traces_span_metrics_duration_seconds_bucket\{.*span_name="container start".*\} \d+ # \{.*trace_id="([0-9a-f]{32})"/gm;

interface Counted {
  readonly page: string;
  /** What the counter of starts was seen at. */
  readonly values: ReadonlySet<number>;
  readonly exemplars: ReadonlySet<string>;
}

/** Reads the span metrics until every start is counted. */
async function watch(collector: Collector): Promise<Counted> {
  const exemplars = new Set<string>();
  const values = new Set<number>();
  let page = '';
  await until(60_000, async () => {
    await pause(200);
    page = await collector.metrics();
    for (const [, trace = ''] of page.matchAll(EXEMPLAR)) exemplars.add(trace);
    const value = valueOf(page, 'traces_span_metrics_calls_total', ...ROOT);
    if (!Number.isNaN(value)) values.add(value);
    return value === GAPS.length;
  }, () => page.slice(0, 2_000));
  return { page, values, exemplars };
}

describe.skipIf(missing !== undefined)(`otel-collector.yaml${missing === undefined ? '' : ` [${missing}]`}`, { timeout: 60_000 }, () => {
  const used = new AsyncDisposableStack();
  const shown = new Map<string, SpanView[]>();
  let folder = '';
  let jaeger: Jaeger;
  let tempo: Tempo;
  let collector: Collector;
  let imported: Log;
  let expected: Map<string, SpanView[]>;
  /** From the beginning on: what is seen in one interval is gone in the next. */
  let counted: Promise<Counted>;

  const backends = (): Record<string, string> => ({ JAEGER_OTLP: jaeger.address, TEMPO_OTLP: tempo.address });

  beforeAll(async () => {
    folder = used.use(mkdtempDisposableSync(join(tmpdir(), 'shimtrace-collector-'))).path;
    jaeger = used.use(await Jaeger.start());
    tempo = used.use(await Tempo.start());
    collector = used.use(await Collector.start({ ...backends(), BACKENDS: BOTH }));
    imported = write(folder, 1, GAPS);
    expected = spansOf(imported);
    send(imported, collector.otlp);
    counted = watch(collector);
    counted.catch(() => undefined); // it is the test's
    await until(15_000, async () => {
      for (const trace of imported.traces) if (!shown.has(trace)) await look(trace);
      return imported.traces.every((trace) => shown.has(trace));
    }, () => `${shown.size} of ${imported.traces.length} traces came; the Collector said:\n${collector.server.said}`);
  }, 60_000);

  const look = async (trace: string): Promise<void> => {
    const spans = await tempo.trace(trace);
    if (spans.length > 0) shown.set(trace, spans);
  };

  afterAll(() => used.disposeAsync());

  test.each([{}, { SAMPLING: '[tail_sampling]' }, { BACKENDS: BOTH }, { BACKENDS: '[otlp_grpc/tempo]', SAMPLING: '[tail_sampling]' }])('validates with %o', (switches) => {
    expect(validate(switches)).toBe('');
  });

  test('a back-end that is not in the file is refused', () => {
    expect(validate({ BACKENDS: '[otlp_grpc/zipkin]' })).toContain('otlp_grpc/zipkin');
  });

  test('uses no name that is going out of use', () => {
    expect(collector.server.said).not.toMatch(/deprecat/i);
  });

  test('Tempo has every start, complete and exact to the nanosecond', () => {
    expect([...shown.keys()].toSorted()).toEqual([...expected.keys()].toSorted());
    for (const trace of imported.traces) expect(shown.get(trace)).toEqual(expected.get(trace));
  });

  test('Jaeger has the same, and warns of nothing', async () => {
    for (const trace of imported.traces) {
      await until(10_000, async () => (await jaeger.trace(trace)).length > 0, () => `${trace} never came to Jaeger`);
      expect(await jaeger.trace(trace)).toEqual(expected.get(trace));
      expect(await jaeger.doubts(trace)).toEqual({ warnings: [], orphans: [] });
    }
  });

  test.each([
    ['{ name = "container start" && duration > 1s }', 3],
    ['{ name = "container start" && duration > 300ms && duration < 1s }', 2],
    ['{ trace:rootName = "container start" && trace:duration > 1s }', 3],
    ['{ resource.service.name = "caller" && span:duration > 1s }', 3],
  ])('Tempo finds by %s', async (query, index) => {
    const wanted = { trace: imported.traces[index], rootService: 'urunc', rootName: 'container start' };
    await until(15_000, async () => (await tempo.search(query)).length > 0, () => `nothing was found by ${query}`);
    expect(await tempo.search(query)).toEqual([wanted]);
  });

  test('without Tempo: the file as it is sends to Jaeger alone', async () => {
    await using alone = await Collector.start({ JAEGER_OTLP: jaeger.address });
    const some = write(folder, 2, [4_000_000, 5_000_000]);
    send(some, alone.otlp);
    for (const trace of some.traces) {
      await until(10_000, async () => (await jaeger.trace(trace)).length > 0, () => `${trace} never came to Jaeger; ${alone.server.said}`);
      expect(await tempo.trace(trace)).toEqual([]);
    }
    expect(alone.server.said).not.toContain('tempo');
  });

  test('a back-end that is away holds the other one up in nothing, and has all when it comes back', async () => {
    await using late = await Jaeger.start();
    await using between = await Collector.start({ JAEGER_OTLP: late.address, TEMPO_OTLP: tempo.address, BACKENDS: BOTH });
    await late.server.stop('SIGKILL');
    const some = write(folder, 3, [4_000_000, 5_000_000, 6_000_000]);
    send(some, between.otlp);
    for (const trace of some.traces) await until(10_000, async () => (await tempo.trace(trace)).length > 0, () => `${trace} never came to Tempo; ${between.server.said}`);
    expect(await between.waiting('otlp_grpc/jaeger')).toBeGreaterThan(0);
    await between.server.stop('SIGKILL');
    await between.server.start();
    await late.server.start();
    for (const trace of some.traces) {
      await until(20_000, async () => (await late.trace(trace)).length > 0, () => `${trace} never came to Jaeger; ${between.server.said}`);
      expect(await late.trace(trace)).toEqual(await tempo.trace(trace));
    }
    await until(10_000, async () => (await between.waiting('otlp_grpc/jaeger')) === 0, () => between.server.said);
  });

  test('a queue that is full makes shimtrace wait, and nothing is lost', async () => {
    await using late = await Jaeger.start();
    await using between = await Collector.start({ JAEGER_OTLP: late.address, QUEUE_BYTES: '6000000' });
    await late.server.stop('SIGKILL');
    const many = write(folder, 4, Array.from({ length: 1_000 }, (_, index) => 3_000_000 + index));
    const daemon = new Daemon(['--file', many.path, '--otlp', between.otlp, '--state-dir', join(folder, 'state'), '--host-id', IMPORT_HOST]);
    await using stopped = new AsyncDisposableStack();
    stopped.defer(async () => void (await daemon.kill()));
    await until(30_000, () => /no answer within/.test(daemon.said), () => daemon.said);
    const held = await between.waiting('otlp_grpc/jaeger');
    expect(held).toBeGreaterThan(1_000_000);
    expect(held).toBeLessThanOrEqual(6_000_000);
    await late.server.start();
    const left = new Set(many.traces);
    await until(40_000, async () => {
      for (const trace of left) {
        if ((await late.trace(trace)).length === 0) return false;
        left.delete(trace);
      }
      return true;
    }, () => `${left.size} never came; ${daemon.said}`);
  });

  test('the Collector counted every start and every phase, in buckets that tell them apart', async () => {
    const { page, values, exemplars } = await counted;
    // It begins at 0 for one flush, so that an increase is seen from the first start on.
    expect([...values]).toEqual([0, GAPS.length]);
    expect(valueOf(page, 'traces_span_metrics_duration_seconds_count', ...ROOT)).toBe(GAPS.length);
    const below = (bound: string): number => valueOf(page, 'traces_span_metrics_duration_seconds_bucket', ...ROOT, `le="${bound}"`);
    expect([below('0.2'), below('0.5'), below('1.5'), below('2.0'), below('+Inf')]).toEqual([2, 3, 3, 4, 4]);
    for (const [name, service] of [['create: wait for pids', 'urunc-create'], ['reexec: execve monitor', 'urunc-reexec']]) {
      expect(valueOf(page, 'traces_span_metrics_calls_total', `service_name="${service}"`, `span_name="${name}"`)).toBe(GAPS.length);
    }
    // One is shown for each bucket, until the next flush.
    expect([...exemplars].filter((trace) => !imported.traces.includes(trace))).toEqual([]);
    expect(exemplars).toContain(imported.traces[3]);
  });
});
