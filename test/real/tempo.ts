/** A real Tempo: what it has acknowledged can be read at once, and is found by a search within a second or so. */
import { join } from 'node:path';
import { readRequest } from '../support/otlp.ts';
import type { ResourceMessage } from '../support/otlp.ts';
import { list, text } from './json.ts';
import { Server, ask, freePorts, textOf } from './server.ts';
import { viewWire } from './spans.ts';
import type { SpanView } from './spans.ts';

const CONFIG = join(import.meta.dirname, '../servers/tempo/config.yaml');

/** A trace as a search tells of it. */
export interface Found {
  readonly trace: string;
  readonly rootService: string;
  readonly rootName: string;
}

export class Tempo implements AsyncDisposable {
  readonly server: Server;
  /** `host:port` of its OTLP/gRPC receiver. */
  readonly address: string;
  readonly #http: string;

  private constructor(server: Server, address: string, http: string) {
    this.server = server;
    this.address = address;
    this.#http = http;
  }

  static async start(): Promise<Tempo> {
    const [http, grpc, gossip, otlp] = (await freePorts(4)).map(String);
    const server = await Server.start((folder) => ({
      name: 'tempo',
      args: [`-config.file=${CONFIG}`, '-config.expand-env=true'],
      env: { HTTP_PORT: http ?? '', GRPC_PORT: grpc ?? '', GOSSIP_PORT: gossip ?? '', OTLP_GRPC_PORT: otlp ?? '', DATA_DIR: folder },
      ready: `http://127.0.0.1:${http}/ready`,
    }));
    return new Tempo(server, `127.0.0.1:${otlp}`, `http://127.0.0.1:${http}`);
  }

  /** All its spans with exact nanoseconds; empty: no such trace. */
  async trace(id: string): Promise<SpanView[]> {
    return viewWire(await this.#bytes(id));
  }

  /** The same with every attribute. */
  async content(id: string): Promise<ResourceMessage[]> {
    return readRequest(await this.#bytes(id));
  }

  /** Tempo's own message is a list of ResourceSpans in field 1, as a request to export is. */
  async #bytes(id: string): Promise<Uint8Array> {
    return (await ask(`${this.#http}/api/traces/${id}`, 'application/protobuf')) ?? new Uint8Array();
  }

  /** What a TraceQL query finds, in no order. */
  async search(query: string): Promise<Found[]> {
    const body = await ask(`${this.#http}/api/search?${new URLSearchParams({ q: query, limit: '1000' })}`);
    const answer: unknown = body === undefined ? {} : JSON.parse(textOf(body));
    return list(answer, 'traces').map((trace) => ({
      // The search leaves out zeros in front.
      trace: text(trace, 'traceID').padStart(32, '0'),
      rootService: text(trace, 'rootServiceName'),
      rootName: text(trace, 'rootTraceName'),
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}
