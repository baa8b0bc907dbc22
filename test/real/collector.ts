/** A real Collector with the otel-collector.yaml that is shipped: only addresses and switches come from here. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Server, ask, binaryOf, freePorts, textOf } from './server.ts';

const CONFIG = join(import.meta.dirname, '../../otel-collector.yaml');

/** Variables of otel-collector.yaml. */
export type Switches = Readonly<Record<string, string>>;

/** What `otelcol validate` says against the configuration; empty: nothing. */
export function validate(switches: Switches): string {
  const { status, stderr, error } = spawnSync(binaryOf('otelcol'), ['validate', '--config', CONFIG], { env: { ...switches }, encoding: 'utf8', timeout: 20_000 });
  if (error !== undefined) throw error;
  return status === 0 ? stderr : `${status}: ${stderr}`;
}

export class Collector implements AsyncDisposable {
  readonly server: Server;
  readonly otlp: string;
  /** `host:port` of its span metrics. */
  readonly scraped: string;
  readonly #metrics: string;
  readonly #own: string;

  private constructor(server: Server, ports: readonly string[]) {
    this.server = server;
    this.otlp = `http://127.0.0.1:${ports[0]}`;
    this.scraped = `127.0.0.1:${ports[1]}`;
    this.#metrics = `http://${this.scraped}/metrics`;
    this.#own = `http://127.0.0.1:${ports[3]}/metrics`;
  }

  static async start(switches: Switches): Promise<Collector> {
    const ports = (await freePorts(4)).map(String);
    const [otlp, metrics, health, own] = ports;
    const server = await Server.start((folder) => ({
      name: 'otelcol',
      args: ['--config', CONFIG],
      env: {
        OTLP_LISTEN: `127.0.0.1:${otlp}`, SPAN_METRICS_LISTEN: `127.0.0.1:${metrics}`, HEALTH_LISTEN: `127.0.0.1:${health}`, TELEMETRY_PORT: own ?? '',
        QUEUE_DIR: join(folder, 'queue'), ...switches,
      },
      ready: `http://127.0.0.1:${health}/`,
    }));
    return new Collector(server, ports);
  }

  /** Span metrics as Prometheus reads them. */
  async metrics(): Promise<string> {
    return textOf((await ask(this.#metrics, 'application/openmetrics-text')) ?? new Uint8Array());
  }

  /** Spans that wait for a back-end, in bytes by the Collector's own metrics. */
  async waiting(exporter: string): Promise<number> {
    const page = textOf((await ask(this.#own, 'text/plain')) ?? new Uint8Array());
    const line = page.split('\n').find((each) => each.startsWith('otelcol_exporter_queue_size{') && each.includes(`exporter="${exporter}"`));
    if (line === undefined) throw new Error(`the Collector has no queue of ${exporter}`);
    return Number(line.slice(line.lastIndexOf(' ') + 1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}
