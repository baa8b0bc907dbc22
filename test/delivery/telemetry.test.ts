import { afterAll, expect, test } from 'vitest';
import { startTelemetry, telemetryWanted } from '../../src/delivery/telemetry.ts';
import { spansOf } from '../support/otlp.ts';
import { Receiver } from '../support/receiver.ts';

const before = { ...process.env };
afterAll(() => {
  process.env = before;
});

test.each([
  [{}, false, false],
  [{}, true, true],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, false, true],
  [{ OTEL_METRICS_EXPORTER: 'none, console' }, false, true],
  [{ OTEL_TRACES_EXPORTER: 'none' }, false, false],
  [{ OTEL_TRACES_EXPORTER: 'otlp', OTEL_SDK_DISABLED: 'True' }, true, false],
])('%j, configured %s: %s', (env, configured, wanted) => {
  expect(telemetryWanted(env, configured)).toBe(wanted);
});

test('spans and metrics of the daemon arrive by OTLP/gRPC', async () => {
  const receiver = await Receiver.start();
  for (const name of Object.keys(process.env)) if (name.startsWith('OTEL_')) delete process.env[name];
  const failures: unknown[] = [];
  const telemetry = await startTelemetry({
    version: '1.2.3',
    instanceId: 'i-1',
    snapshot: () => ({ lines_total: 4_711, waiting_bytes: 12 }),
    url: receiver.url,
    env: process.env,
    onError: (error) => failures.push(error),
  });
  telemetry?.span('export batch', performance.now() - 50, { traces: 3 });
  await telemetry?.stop();
  expect(failures).toEqual([]);
  const [span] = receiver.requests.flatMap((request) => spansOf(request.bytes));
  expect(span).toMatchObject({ service: 'shimtrace', name: 'export batch', attributes: [['traces', 3n]] });
  expect(Number((span?.end ?? 0n) - (span?.start ?? 0n))).toBeGreaterThanOrEqual(49_000_000);
  const sent = Buffer.concat(receiver.metrics).toString('latin1');
  expect(sent).toContain('shimtrace.lines_total');
  expect(sent).toContain('shimtrace.waiting_bytes');
  await receiver.stop();
});
