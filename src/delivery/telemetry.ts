/**
 * Telemetry of the daemon itself, by the stock SDK and exporter. Loaded only when asked for: it costs 100 ms and 20 MB.
 * Container starts never go this way, as the SDK's processors drop silently.
 */
import type { Attributes, Meter } from '@opentelemetry/api';

/** What the daemon knows of its telemetry. */
export interface Telemetry {
  /** A span that began at `began` (performance.now()) and ends now. */
  span(name: string, began: number, attributes: Readonly<Record<string, string | number | boolean>>): void;
  /** Sends what is left, for at most as long as the SDK's own timeouts. */
  stop(): Promise<void>;
}

export interface TelemetryOptions {
  readonly version: string;
  /** Of one process; tells restarts apart. */
  readonly instanceId: string;
  /** Read at each collection. Names ending in `_total` are counters, all others gauges; the names must not change. */
  readonly snapshot: () => Readonly<Record<string, number>>;
  /** Used where OTEL_EXPORTER_OTLP_ENDPOINT is not set. */
  readonly url: string | undefined;
  /** The process's own environment: NodeSDK reads that one, so defaults are put there. */
  readonly env: Record<string, string | undefined>;
  /** A failed start or stop of the SDK. */
  readonly onError: (error: unknown) => void;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Whether to start telemetry: configured, or a traces or metrics exporter is named in `env`. OTEL_SDK_DISABLED wins. */
export function telemetryWanted(env: Env, configured: boolean): boolean {
  if (env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true') return false;
  return configured || names(env, 'OTEL_TRACES_EXPORTER') || names(env, 'OTEL_METRICS_EXPORTER');
}

/**
 * Starts traces and metrics. Each follows its OTEL_*_EXPORTER variable; when neither is set (telemetry was asked for in
 * the configuration), both go by OTLP/gRPC. Undefined when the SDK could not start: the daemon runs on without.
 */
export async function startTelemetry(options: TelemetryOptions): Promise<Telemetry | undefined> {
  try {
    return await start(options);
  } catch (error) {
    options.onError(error);
    return undefined;
  }
}

async function start(options: TelemetryOptions): Promise<Telemetry> {
  const wanted = applyDefaults(options);
  const [{ NodeSDK }, { OTLPTraceExporter }, { BatchSpanProcessor, ConsoleSpanExporter }, { resourceFromAttributes }, api] =
    await Promise.all([
      import('@opentelemetry/sdk-node'),
      import('@opentelemetry/exporter-trace-otlp-grpc'),
      import('@opentelemetry/sdk-trace'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/api'),
    ]);
  const exporter = wanted.traces === 'console' ? new ConsoleSpanExporter() : new OTLPTraceExporter();
  const sdk = new NodeSDK({
    resource: resourceFromAttributes({
      'service.name': 'shimtrace',
      'service.version': options.version,
      'service.instance.id': options.instanceId,
    }),
    autoDetectResources: false,
    textMapPropagator: null,
    spanProcessors: wanted.traces === undefined ? [] : [new BatchSpanProcessor({ exporter })],
    // Left out, NodeSDK would export metrics as OTEL_METRICS_EXPORTER says (wanted here) and logs by OTLP (never).
    ...(wanted.metrics ? {} : { metricReaders: [] }),
    logRecordProcessors: [],
  });
  sdk.start();
  observe(api.metrics.getMeter('shimtrace', options.version), options.snapshot);
  const tracer = api.trace.getTracer('shimtrace', options.version);
  return {
    span(name, began, attributes: Attributes) {
      // performance.now() values below timeOrigin are taken by the SDK as readings of that clock.
      tracer.startSpan(name, { startTime: began, root: true, attributes }, api.ROOT_CONTEXT).end(performance.now());
    },
    stop: () => sdk.shutdown().catch(options.onError),
  };
}

/** Fills in what the SDK would otherwise take from its own defaults (http/protobuf, localhost). */
function applyDefaults({ env, url }: TelemetryOptions): { traces: 'otlp' | 'console' | undefined; metrics: boolean } {
  if (env['OTEL_EXPORTER_OTLP_PROTOCOL'] === undefined) env['OTEL_EXPORTER_OTLP_METRICS_PROTOCOL'] ??= 'grpc';
  if (url !== undefined) env['OTEL_EXPORTER_OTLP_ENDPOINT'] ??= url;
  const unset = env['OTEL_TRACES_EXPORTER'] === undefined && env['OTEL_METRICS_EXPORTER'] === undefined;
  if (unset) env['OTEL_METRICS_EXPORTER'] = 'otlp';
  const list = unset ? 'otlp' : (env['OTEL_TRACES_EXPORTER'] ?? '');
  const traces = list.includes('otlp') ? 'otlp' : list.includes('console') ? 'console' : undefined;
  return { traces, metrics: names(env, 'OTEL_METRICS_EXPORTER') };
}

const names = (env: Env, variable: string): boolean =>
  (env[variable] ?? '').split(',').some((name) => name.trim() === 'otlp' || name.trim() === 'console');

function observe(meter: Meter, snapshot: TelemetryOptions['snapshot']): void {
  const instruments = Object.keys(snapshot()).map((key) => {
    const name = `shimtrace.${key}`;
    return { key, observable: key.endsWith('_total') ? meter.createObservableCounter(name) : meter.createObservableGauge(name) };
  });
  meter.addBatchObservableCallback(
    (result) => {
      const values = snapshot();
      for (const { key, observable } of instruments) result.observe(observable, values[key] ?? 0);
    },
    instruments.map(({ observable }) => observable),
  );
}
