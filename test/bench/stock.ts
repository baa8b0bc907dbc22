/**
 * The peer of the import benchmark: the stock exporter, handed the very same spans ready-made (plain ReadableSpan objects,
 * one Resource object per service, as its serializer wants them), 1,024 spans a batch, two batches in flight.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { HrTime } from '@opentelemetry/api';
import type { Attributes, Trace } from '../../src/model/trace.ts';
import { built } from './support.ts';

const { Ledger, LEDGER_DEFAULTS }: typeof import('../../src/engine/ledger.ts') = await built('engine/ledger');
const { compile }: typeof import('../../src/engine/compile.ts') = await built('engine/compile');
const { runtime }: typeof import('../../src/runtimes/urunc.ts') = await built('runtimes/urunc');
const { after, nanos, steady }: typeof import('../../src/model/time.ts') = await built('model/time');
const { SPAN_KIND, resourceAttributes, scopeName, spanAttributes }: typeof import('../../src/model/attributes.ts') = await built('model/attributes');
const { sourceKey }: typeof import('../../src/model/source.ts') = await built('model/source');
const { describeHost }: typeof import('../../src/cli/host.ts') = await built('cli/host');

const [path = '', url = '', total = '500000', sample = '100000'] = process.argv.slice(2);
const host = describeHost('bench', []).attributes;
const resources = new Map<string, ReadableSpan['resource']>();

const values = (attributes: Attributes): ReadableSpan['attributes'] =>
  Object.fromEntries(attributes.map(([name, value]) => [name, typeof value === 'object' ? [...value] : value]));
const hr = (time: bigint): HrTime => [Number(time / 1_000_000_000n), Number(time % 1_000_000_000n)];

function resourceOf(service: string): ReadableSpan['resource'] {
  const known = resources.get(service) ?? resourceFromAttributes(values(resourceAttributes(service, host)));
  resources.set(service, known);
  return known;
}

function readable(trace: Trace): ReadableSpan[] {
  return trace.spans.map((span): ReadableSpan => {
    const context = { traceId: trace.id, spanId: span.id, traceFlags: 1 };
    const parent = span.parent === undefined ? {} : { parentSpanContext: { traceId: trace.id, spanId: span.parent, traceFlags: 1 } };
    return {
      name: span.name,
      kind: SPAN_KIND[span.kind] - 1,
      spanContext: () => context,
      ...parent,
      startTime: hr(after(trace.at, span.start)),
      endTime: hr(after(trace.at, span.end)),
      duration: [0, 0],
      status: { code: 0 },
      attributes: values(spanAttributes(trace, span)),
      links: span.links.map((link) => ({ context: { ...link, traceFlags: 1 }, attributes: values(link.attributes) })),
      events: span.events.map((event) => ({ name: event.name, time: hr(after(trace.at, event.offset)), attributes: values(event.attributes) })),
      ended: true,
      resource: resourceOf(span.service),
      instrumentationScope: { name: scopeName(trace) },
      droppedAttributesCount: 0,
      droppedEventsCount: 0,
      droppedLinksCount: 0,
    };
  });
}

function readyMade(): ReadableSpan[] {
  const ledger = new Ledger([compile(runtime)], { ...LEDGER_DEFAULTS, hostId: 'bench' });
  const source = ledger.begin({ key: sourceKey('bench'), name: 'bench', fresh: true, rank: 0 });
  const clock = { now: () => nanos(1_800_000_000_000_000_000n), steady: () => steady(0) };
  const fd = openSync(path, 'r');
  const buffer = Buffer.alloc(65_536);
  const spans: ReadableSpan[] = [];
  let offset = 0;
  while (spans.length < Number(sample)) {
    const length = readSync(fd, buffer, 0, buffer.length, offset);
    if (length === 0) break;
    offset += ledger.read(source, buffer, length, offset);
    for (const { trace } of ledger.settle(clock)) spans.push(...readable(trace));
  }
  closeSync(fd);
  return spans;
}

const BATCH = 1_024;
const spans = readyMade();
const batches = Array.from({ length: Math.ceil(spans.length / BATCH) }, (_, at) => spans.slice(at * BATCH, (at + 1) * BATCH));
const exporter = new OTLPTraceExporter({ url });
const send = (batch: ReadableSpan[]): Promise<void> =>
  new Promise((resolve, reject) => exporter.export(batch, (result) => (result.code === 0 ? resolve() : reject(result.error ?? new Error('refused')))));
await send(batches[0] ?? []);

let sent = 0;
let next = 0;
const began = performance.now();
const before = process.cpuUsage();
const lane = async (): Promise<void> => {
  while (sent < Number(total)) {
    const batch = batches[next++ % batches.length] ?? [];
    sent += batch.length;
    await send(batch);
  }
};
await Promise.all([lane(), lane()]);
const { user, system } = process.cpuUsage(before);
process.stdout.write(`${JSON.stringify({ spans: sent, cpu: (user + system) / 1e6, wall: (performance.now() - began) / 1e3 })}\n`);
await exporter.shutdown();
