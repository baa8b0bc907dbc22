/** The daemon's little page for Prometheus and for those who ask whether it is well. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import process from 'node:process';
import { CONTENT_TYPE, formatFor } from './exposition.ts';
import type { Format } from './exposition.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Pages {
  readonly metrics: (format: Format) => string;
  /** Why the daemon is not ready, a sentence each; empty: it is. */
  readonly unready: () => readonly string[];
}

export interface MetricsServerParts extends Pages {
  readonly address: Address;
  readonly onProblem: (problem: { readonly where: string; readonly code: string; readonly why: string }) => void;
  readonly onListening?: (where: string) => void;
}

/** By an `import` Node loads all that this module could hand out, a browser's fetch among it: 50 ms of each start. */
const { createServer } = process.getBuiltinModule('node:http');

/** A port that is taken may be that of the daemon before us, which is about to end. */
const AGAIN_MS = 30_000;
/** Nobody needs more; a scrape takes milliseconds. */
const MOST_CONNECTIONS = 32;
const SLOWEST_MS = 10_000;

export const whereOf = ({ host, port }: Address): string => `${host.includes(':') ? `[${host}]` : host}:${port}`;

/** Listens until closed. What keeps it from listening is told, and tried again; it never stops the daemon. */
export class MetricsServer {
  readonly #parts: MetricsServerParts;
  readonly #server: Server;
  #again: NodeJS.Timeout | undefined;
  #told = '';

  constructor(parts: MetricsServerParts) {
    this.#parts = parts;
    this.#server = createServer({ requestTimeout: SLOWEST_MS, headersTimeout: SLOWEST_MS, keepAliveTimeout: 60_000 }, (request, response) => this.#answer(request, response));
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#server.on('error', (error) => this.#failed(error));
    this.#server.on('listening', () => this.#listening());
  }

  /** Where it listens; undefined: not yet, or not any more. */
  get where(): string | undefined {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? whereOf({ host: address.address, port: address.port }) : undefined;
  }

  open(): void {
    this.#server.listen({ ...this.#parts.address, exclusive: true });
  }

  close(): void {
    clearTimeout(this.#again);
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #listening(): void {
    this.#told = '';
    if (this.where !== undefined) this.#parts.onListening?.(this.where);
  }

  #failed(error: Error): void {
    const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
    this.#again = setTimeout(() => this.open(), AGAIN_MS).unref();
    if (this.#told === code) return;
    this.#told = code;
    this.#parts.onProblem({ where: whereOf(this.#parts.address), code, why: error.message });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    if (request.method !== 'GET' && request.method !== 'HEAD') return void reply(response, 405, 'only GET\n', { allow: 'GET, HEAD' });
    const path = (request.url ?? '').split('?')[0];
    switch (path) {
      case '/metrics': {
        const format = formatFor(request.headers.accept);
        return reply(response, 200, this.#parts.metrics(format), { 'content-type': CONTENT_TYPE[format] });
      }
      case '/healthz':
        return reply(response, 200, 'ok\n');
      case '/readyz': {
        const reasons = this.#parts.unready();
        return reasons.length === 0 ? reply(response, 200, 'ready\n') : reply(response, 503, `${reasons.join('\n')}\n`);
      }
      case '/':
        return reply(response, 200, 'shimtrace: /metrics /healthz /readyz\n');
      default:
        return reply(response, 404, 'not found: /metrics /healthz /readyz\n');
    }
  }
}

function reply(response: ServerResponse, status: number, body: string, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', ...headers });
  response.end(response.req.method === 'HEAD' ? undefined : body);
}
