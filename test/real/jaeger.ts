/** A real Jaeger 2 with its traces in memory: what it has been sent is gone when it ends. */
import { join } from 'node:path';
import { field, list, text } from './json.ts';
import { Server, ask, freePorts, textOf } from './server.ts';
import { attributesJson, viewJson } from './spans.ts';
import type { SpanView } from './spans.ts';

const CONFIG = join(import.meta.dirname, '../servers/jaeger/config.yaml');

/** What the page would warn about. */
export interface Doubts {
  readonly warnings: readonly string[];
  /** Spans whose parent is not in the trace. */
  readonly orphans: readonly string[];
}

export class Jaeger implements AsyncDisposable {
  readonly server: Server;
  /** `host:port` of its OTLP/gRPC receiver. */
  readonly address: string;
  readonly #query: string;

  private constructor(server: Server, address: string, query: string) {
    this.server = server;
    this.address = address;
    this.#query = query;
  }

  static async start(): Promise<Jaeger> {
    const [query, queryGrpc, otlp, health] = (await freePorts(4)).map(String);
    const server = await Server.start(() => ({
      name: 'jaeger',
      args: ['--config', CONFIG],
      env: { QUERY_PORT: query ?? '', QUERY_GRPC_PORT: queryGrpc ?? '', OTLP_GRPC_PORT: otlp ?? '', HEALTH_PORT: health ?? '' },
      ready: `http://127.0.0.1:${health}/status`,
    }));
    return new Jaeger(server, `127.0.0.1:${otlp}`, `http://127.0.0.1:${query}`);
  }

  get otlp(): string {
    return `http://${this.address}`;
  }

  /** All its spans with exact nanoseconds, as often as they are shown; empty: no such trace. */
  async trace(id: string): Promise<SpanView[]> {
    const answer = await this.#get(`/api/v3/traces/${id}`);
    return answer === undefined ? [] : results(answer);
  }

  /** Attributes of a trace's spans as text, by span id. */
  async attributes(id: string): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
    const answer = (await this.#get(`/api/v3/traces/${id}`)) ?? '';
    return new Map(answer.split('\n').filter((line) => line.trim() !== '').flatMap((line) => [...attributesJson(field(JSON.parse(line), 'result'))]));
  }

  /** Names of all components that spans came of. */
  async services(): Promise<string[]> {
    return list(JSON.parse((await this.#get('/api/services')) ?? '{}'), 'data').map(String);
  }

  /** All traces that began in between, by what the search finds. */
  async traces(service: string, from: bigint, to: bigint): Promise<SpanView[]> {
    const query = new URLSearchParams({
      'query.service_name': service, 'query.start_time_min': instant(from), 'query.start_time_max': instant(to), 'query.num_traces': '10000',
    });
    const answer = await this.#get(`/api/v3/traces?${query}`);
    return answer === undefined ? [] : results(answer);
  }

  /** Ids of the traces that its page's search finds by tags of a span. */
  async tagged(service: string, tags: Readonly<{ [name: string]: string }>, from: bigint, to: bigint): Promise<string[]> {
    const query = new URLSearchParams({ service, tags: JSON.stringify(tags), start: String(from / 1_000n), end: String(to / 1_000n), limit: '1000' });
    return list(JSON.parse((await this.#get(`/api/traces?${query}`)) ?? '{}'), 'data').map((trace) => text(trace, 'traceID'));
  }

  async doubts(id: string): Promise<Doubts> {
    const answer: unknown = JSON.parse((await this.#get(`/api/traces/${id}`)) ?? '{}');
    const spans = list(answer, 'data').flatMap((trace) => list(trace, 'spans'));
    const known = new Set(spans.map((span) => text(span, 'spanID')));
    return {
      warnings: spans.flatMap((span) => list(span, 'warnings').map((warning) => `${text(span, 'operationName')}: ${String(warning)}`)),
      orphans: spans.filter((span) => list(span, 'references').some((each) => text(each, 'refType') === 'CHILD_OF' && !known.has(text(each, 'spanID'))))
        .map((span) => text(span, 'operationName')),
    };
  }

  async #get(path: string): Promise<string | undefined> {
    const body = await ask(`${this.#query}${path}`);
    return body === undefined ? undefined : textOf(body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}

/** The search streams: one `{"result":..}` a line. */
const results = (body: string): SpanView[] =>
  body.split('\n').filter((line) => line.trim() !== '').flatMap((line) => viewJson(field(JSON.parse(line), 'result')));

const instant = (time: bigint): string => new Date(Number(time / 1_000_000n)).toISOString();
