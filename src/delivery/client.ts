/**
 * One OTLP/gRPC channel. A client of ours because the stock exporter never retries, takes a partial success for a
 * success, and comes back up to 12 s after the back-end did (channel back-off of up to 120 s, not configurable there).
 */
import { Client, connectivityState, credentials, Metadata, status } from '@grpc/grpc-js';
import type { ChannelCredentials, ClientOptions, ClientUnaryCall, ServiceError } from '@grpc/grpc-js';
import { readRetryDelay } from './answer.ts';
import type { Endpoint, Tls } from './endpoint.ts';

/** How one call ended. Nothing here is judged yet: see outcome.ts. */
export type CallResult =
  /** gRPC status OK; the bytes of the response. */
  | { readonly kind: 'answer'; readonly bytes: Uint8Array }
  /** Any other status: the back-end's, or grpc-js's own when there is no connection. */
  | { readonly kind: 'status'; readonly code: number; readonly message: string; readonly retryDelay: number | undefined }
  /** No answer in `after` ms. The request may have been stored all the same. */
  | { readonly kind: 'deadline'; readonly after: number };

/** Path of TraceService/Export (opentelemetry-proto 1.9, collector/trace/v1/trace_service.proto). */
const EXPORT = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
/** compressionAlgorithms.gzip of grpc-js, which exports it as a const enum only. */
const GZIP = 2;
/**
 * A connection may die without a sign (a NAT entry, a pulled cable); calls then only ever run into their deadline.
 * Pings would show it sooner, but grpc-go servers answer pings more frequent than 5 min with GOAWAY.
 */
const DEADLINES_BEFORE_RECONNECT = 2;
/**
 * An honest answer is some bytes long. An odd number, because grpc-js tells an answer that is too large for us in the very
 * words in which a server of its own tells that our request is: only the limit tells them apart.
 */
const LARGEST_ANSWER = 1_048_573;

/** Sends requests to one endpoint. Every call settles within its deadline. */
export class OtlpClient {
  readonly #endpoint: Endpoint;
  readonly #options: ClientOptions;
  readonly #metadata: Metadata;
  readonly #calls = new Set<() => void>();
  #tls: Tls | undefined;
  #client: Client;
  #deadlines = 0;
  #watching = false;
  #closed = false;

  /** Throws only for certificates that resolveEndpoint would have refused. Connects at once: what is sent first need not wait for it. */
  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    this.#tls = endpoint.tls;
    this.#options = channelOptions(endpoint);
    this.#metadata = new Metadata();
    for (const [name, value] of endpoint.headers) this.#metadata.set(name, value);
    this.#client = this.#connect();
    this.#client.getChannel().getConnectivityState(true);
  }

  /** Sends the request whose bytes are `parts` in a row. Never rejects. `deadline` in ms. */
  send(parts: readonly Uint8Array[], deadline: number): Promise<CallResult> {
    return new Promise((resolve) => {
      let call: ClientUnaryCall | undefined;
      let settled = false;
      const request = together(parts);
      const settle = (result: CallResult): void => {
        if (settled) return; // a cancelled call reports once more
        settled = true;
        clearTimeout(timer);
        this.#calls.delete(cancel);
        this.#count(result);
        // gRPC has made its own copy long before an answer. Given back at once, as requests would pile up until they are collected.
        if (result.kind === 'answer') request.buffer.transfer(0);
        resolve(result);
      };
      const expire = (): void => {
        // An answer that waits in the socket because we were busy is better than sending all again: let it in first.
        setImmediate(() => {
          settle({ kind: 'deadline', after: deadline });
          call?.cancel();
        });
      };
      const cancel = (): void => {
        call?.cancel();
        settle(statusResult(status.CANCELLED, 'closed by us', undefined));
      };
      // gRPC's own deadline is a wall clock time and is not relied on.
      const timer = setTimeout(expire, deadline);
      this.#calls.add(cancel);
      call = this.#call(request, settle);
    });
  }

  /** If there is no connection now, calls back once when there is. One waiter at a time; others are not called. */
  whenReconnected(listener: () => void): void {
    if (this.#watching || this.#closed) return;
    if (this.#client.getChannel().getConnectivityState(false) === connectivityState.READY) return;
    this.#watching = true;
    this.#watch(listener);
  }

  /** Ends all calls and the connection. */
  close(): void {
    this.#closed = true;
    for (const cancel of [...this.#calls]) cancel();
    this.#client.close();
  }

  #call(request: Buffer, settle: (result: CallResult) => void): ClientUnaryCall {
    return this.#client.makeUnaryRequest(
      EXPORT,
      same,
      same,
      request,
      this.#metadata,
      {},
      (error: ServiceError | null, response?: Buffer) => {
        if (error !== null) settle(statusResult(error.code, error.details, error.metadata));
        else settle({ kind: 'answer', bytes: response ?? new Uint8Array() });
      },
    );
  }

  #watch(listener: () => void): void {
    const channel = this.#client.getChannel();
    const state = channel.getConnectivityState(true);
    if (state === connectivityState.READY) {
      this.#watching = false;
      listener();
      return;
    }
    channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, () => {
      if (this.#client.getChannel() === channel && !this.#closed) this.#watch(listener);
    });
  }

  #count(result: CallResult): void {
    this.#deadlines = result.kind === 'deadline' ? this.#deadlines + 1 : 0;
    if (this.#closed) return;
    const renewed = result.kind === 'status' && result.code === status.UNAVAILABLE && this.#renew();
    if (renewed || this.#deadlines >= DEADLINES_BEFORE_RECONNECT) this.#reconnect();
  }

  /** A connection that fails may do so for its certificates, which somebody may have renewed. True: there are others now. */
  #renew(): boolean {
    const tls = this.#endpoint.renewed?.();
    if (tls === undefined || sameTls(tls, this.#tls)) return false;
    this.#tls = tls;
    return true;
  }

  #reconnect(): void {
    this.#deadlines = 0;
    const old = this.#client;
    this.#client = this.#connect();
    this.#watching = false;
    old.close();
  }

  #connect(): Client {
    return new Client(this.#endpoint.address, credentialsOf(this.#tls), this.#options);
  }
}

/** In a buffer that nothing else shares. */
function together(parts: readonly Uint8Array[]): Buffer<ArrayBuffer> {
  const bytes = Buffer.allocUnsafeSlow(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const same = (bytes: Buffer): Buffer => bytes;

function statusResult(code: number, message: string, metadata: Metadata | undefined): CallResult {
  // Says nothing about our data, so nothing may be refused for it.
  if (message.endsWith(` vs ${LARGEST_ANSWER})`)) {
    return { kind: 'status', code: status.INTERNAL, message: `it answers with more than ${LARGEST_ANSWER} bytes`, retryDelay: undefined };
  }
  const details = metadata?.get('grpc-status-details-bin')[0];
  const retryDelay = details instanceof Buffer ? readRetryDelay(details) : undefined;
  return { kind: 'status', code, message, retryDelay };
}

const sameBytes = (one: Buffer | undefined, other: Buffer | undefined): boolean =>
  one === undefined || other === undefined ? one === other : one.equals(other);

const sameTls = (one: Tls, other: Tls | undefined): boolean =>
  sameBytes(one.ca, other?.ca) && sameBytes(one.cert, other?.cert) && sameBytes(one.key, other?.key);

function credentialsOf(tls: Tls | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  return credentials.createSsl(tls.ca ?? null, tls.key ?? null, tls.cert ?? null);
}

function channelOptions(endpoint: Endpoint): ClientOptions {
  const options: ClientOptions = {
    'grpc.primary_user_agent': 'shimtrace',
    // With these a channel tries again at most 1.2 s (20 % jitter) after its last attempt.
    'grpc.initial_reconnect_backoff_ms': 250,
    'grpc.max_reconnect_backoff_ms': 1_000,
    'grpc.keepalive_time_ms': 300_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.max_send_message_length': -1,
    'grpc.max_receive_message_length': LARGEST_ANSWER,
    // Retries are ours: grpc-js would keep a second copy of every request for its own.
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    // A client made anew must open a new connection, not find the dead one in the pool of the process.
    'grpc.use_local_subchannel_pool': 1,
  };
  if (endpoint.gzip) options['grpc.default_compression_algorithm'] = GZIP;
  // HTTP_PROXY is for the world outside; a proxy cannot reach our own loopback.
  if (/^(localhost|127\.|\[::1\])/.test(endpoint.address)) options['grpc.enable_http_proxy'] = 0;
  return options;
}
