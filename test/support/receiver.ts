/**
 * A real OTLP/gRPC trace receiver (grpc-js server) on 127.0.0.1 whose answers a test scripts request by request.
 * Imports nothing from src.
 */
import { Metadata, Server, ServerCredentials, status } from '@grpc/grpc-js';
import type { sendUnaryData, ServerUnaryCall } from '@grpc/grpc-js';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Server as TcpServer, Socket } from 'node:net';

/** What the receiver does with one request. */
export type Behaviour =
  | { kind: 'ok' }
  | { kind: 'status'; code: number; message: string; /** ms, sent as RetryInfo */ retryAfter?: number }
  | { kind: 'partial'; rejected: number; message: string }
  /** An answer with status OK whose body is these bytes. */
  | { kind: 'raw'; bytes: Buffer }
  /** Never answers. */
  | { kind: 'hang' }
  /** Answers OK after `ms`. */
  | { kind: 'slow'; ms: number }
  /** Keeps the request and cuts the TCP connection instead of answering. */
  | { kind: 'store-and-drop' };

export interface Received {
  bytes: Buffer;
  metadata: Map<string, string | Buffer>;
  /** performance.now() at arrival. */
  at: number;
  behaviour: Behaviour;
}

export interface ReceiverOptions {
  /** 0: any free port. */
  port?: number;
  /** Decides for each request; default: all ok. `index` counts from 0. */
  script?: (index: number, bytes: Buffer) => Behaviour;
  tls?: { key: Buffer; cert: Buffer };
  /** Only clients whose certificate this one signed. */
  clientCa?: Buffer;
  /** Largest message taken, in bytes; the server refuses others with RESOURCE_EXHAUSTED by itself. */
  maxMessage?: number;
}

const TRACES = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
const METRICS = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export';

export class Receiver {
  readonly requests: Received[] = [];
  /** Requests to the metrics service, always taken. */
  readonly metrics: Buffer[] = [];
  script: (index: number, bytes: Buffer) => Behaviour;
  readonly #server: Server;
  readonly #proxy: TcpServer;
  readonly #sockets = new Set<Socket>();
  readonly #waiters = new Set<() => void>();
  #port = 0;

  private constructor(options: ReceiverOptions) {
    this.script = options.script ?? (() => ({ kind: 'ok' }));
    this.#server = new Server({ 'grpc.max_receive_message_length': options.maxMessage ?? -1 });
    this.#server.addService(service(TRACES), {
      Export: (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => this.#export(call, reply),
    });
    this.#server.addService(service(METRICS), {
      Export: (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => {
        this.metrics.push(Buffer.from(call.request));
        reply(null, Buffer.alloc(0));
      },
    });
    // grpc-js gives no way to cut a connection, so a plain TCP relay stands in front of it.
    this.#proxy = createServer((client) => this.#relay(client));
  }

  static async start(options: ReceiverOptions = {}): Promise<Receiver> {
    const receiver = new Receiver(options);
    const credentials = options.tls
      ? ServerCredentials.createSsl(options.clientCa ?? null, [{ private_key: options.tls.key, cert_chain: options.tls.cert }], options.clientCa !== undefined)
      : ServerCredentials.createInsecure();
    receiver.#port = await new Promise<number>((resolve, reject) => {
      receiver.#server.bindAsync('127.0.0.1:0', credentials, (error, port) => (error ? reject(error) : resolve(port)));
    });
    receiver.#proxy.listen(options.port ?? 0, '127.0.0.1');
    await once(receiver.#proxy, 'listening');
    return receiver;
  }

  get port(): number {
    return portOf(this.#proxy);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Resolves when `condition` holds; looked at after every request. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiters.add(resolve));
  }

  /** Closes the port and all connections, without grace. */
  async stop(): Promise<void> {
    this.#server.forceShutdown();
    const closed = once(this.#proxy, 'close');
    this.#proxy.close();
    this.cut();
    await closed;
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #relay(client: Socket): void {
    const server = connect(this.#port, '127.0.0.1');
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      // A cut connection reports an error on the far side; that is what the cut is for.
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    client.pipe(server).pipe(client);
  }

  #export(call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>): void {
    const bytes = Buffer.from(call.request);
    const behaviour = this.script(this.requests.length, bytes);
    const metadata = new Map(Object.entries(call.metadata.getMap()));
    this.requests.push({ bytes, metadata, at: performance.now(), behaviour });
    this.#answer(behaviour, reply);
    for (const waiter of this.#waiters) waiter();
    this.#waiters.clear();
  }

  #answer(behaviour: Behaviour, reply: sendUnaryData<Buffer>): void {
    switch (behaviour.kind) {
      case 'ok':
        reply(null, Buffer.alloc(0));
        return;
      case 'status': {
        const metadata = new Metadata();
        if (behaviour.retryAfter !== undefined) metadata.set('grpc-status-details-bin', retryInfo(behaviour.code, behaviour.retryAfter));
        reply({ code: behaviour.code, details: behaviour.message, metadata });
        return;
      }
      case 'partial': {
        const inner = Buffer.concat([Buffer.from([0x08]), varint(behaviour.rejected), field(2, Buffer.from(behaviour.message))]);
        reply(null, field(1, inner));
        return;
      }
      case 'raw':
        reply(null, behaviour.bytes);
        return;
      case 'hang':
        return;
      case 'slow':
        setTimeout(() => reply(null, Buffer.alloc(0)), behaviour.ms);
        return;
      case 'store-and-drop':
        this.cut();
        return;
      default:
        throw new Error(`unknown behaviour ${JSON.stringify(behaviour satisfies never)}`);
    }
  }
}

export { status };

/** The TCP port a listening server got. */
export function portOf(server: TcpServer): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('listens on no TCP port');
  return address.port;
}

const pass = (bytes: Buffer): Buffer => bytes;
const service = (path: string) => ({
  Export: { path, requestStream: false, responseStream: false, requestSerialize: pass, requestDeserialize: pass, responseSerialize: pass, responseDeserialize: pass },
});

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

const field = (number: number, bytes: Buffer): Buffer => Buffer.concat([Buffer.from([(number << 3) | 2]), varint(bytes.length), bytes]);

/** google.rpc.Status with one RetryInfo. */
function retryInfo(code: number, ms: number): Buffer {
  const seconds = Math.floor(ms / 1_000);
  const duration = Buffer.concat([Buffer.from([0x08]), varint(seconds), Buffer.from([0x10]), varint((ms - seconds * 1_000) * 1_000_000)]);
  const any = Buffer.concat([field(1, Buffer.from('type.googleapis.com/google.rpc.RetryInfo')), field(2, field(1, duration))]);
  return Buffer.concat([Buffer.from([0x08]), varint(code), field(2, Buffer.from('slow down')), field(3, any)]);
}
