/** What a back-end, or something before it, can do below gRPC: relays of TCP, and HTTP/2 spoken by hand. Imports nothing from src. */
import { once } from 'node:events';
import { createServer as createHttp2, constants } from 'node:http2';
import type { Http2Server, Http2Session, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { portOf } from '../support/receiver.ts';

/** What a relay does with a connection that comes in: chosen when it comes. */
export type Passage =
  | 'pass'
  /** Takes the connection and says nothing. */
  | 'silent'
  /** One byte of the answer every few milliseconds. */
  | 'drip'
  /** Takes it and resets it at once. */
  | 'reset'
  /** Lets the request through, and resets the connection in the middle of the answer to it. */
  | 'reset-in-answer'
  /** Lets the request through, and then nothing any more, in either direction. */
  | 'freeze-after-request';

const DRIP_MS = 20;

/** A TCP relay before a receiver. */
export class Relay implements AsyncDisposable {
  passage: Passage;
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #to: number;

  private constructor(to: number, passage: Passage) {
    this.#to = to;
    this.passage = passage;
    this.#server = createServer((client) => this.#come(client));
  }

  static async before(to: number, passage: Passage): Promise<Relay> {
    const relay = new Relay(to, passage);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  get url(): string {
    return `http://127.0.0.1:${portOf(this.#server)}`;
  }

  #come(client: Socket): void {
    this.connections += 1;
    const { passage } = this;
    this.#keep(client);
    if (passage === 'silent') return void client.resume();
    if (passage === 'reset') return void client.resetAndDestroy();
    const server = connect(this.#to, '127.0.0.1');
    this.#keep(server);
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
    let asked = 0;
    client.on('data', (chunk: Buffer) => {
      asked += chunk.length;
      server.write(chunk);
    });
    // Preface and settings are below 200 bytes, a request is above.
    server.on('data', (chunk: Buffer) => this.#answer(passage, client, chunk, asked > 300));
  }

  #answer(passage: Passage, client: Socket, chunk: Buffer, answers: boolean): void {
    if (passage === 'drip') return this.#drip(client, chunk);
    if (!answers || passage === 'pass') return void client.write(chunk);
    if (passage === 'freeze-after-request') return;
    client.write(chunk.subarray(0, Math.ceil(chunk.length / 2)), () => client.resetAndDestroy());
  }

  #waiting = Promise.resolve();

  #drip(client: Socket, chunk: Buffer): void {
    for (const byte of chunk) {
      this.#waiting = this.#waiting.then(() => new Promise((resolve) => {
        setTimeout(() => {
          if (!client.destroyed) client.write(Buffer.of(byte));
          resolve();
        }, DRIP_MS).unref();
      }));
    }
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy()); // what a reset does to the other side
    socket.on('close', () => this.#sockets.delete(socket));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

/** Answers one request by hand. */
export type Hand = (stream: ServerHttp2Stream, session: Http2Session | undefined) => void;

const HEADERS = { ':status': 200, 'content-type': 'application/grpc' };

/** Status OK and an empty message. */
export const takes: Hand = (stream) => {
  stream.respond(HEADERS, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(Buffer.alloc(5));
};

/** Goes away and leaves the request unanswered. */
export const goesAway = (code: number): Hand => (stream, session) => {
  session?.goaway(code, 0);
  stream.close(constants.NGHTTP2_REFUSED_STREAM);
};

export const resets = (code: number): Hand => (stream) => stream.close(code);

/** Answers with HTTP, as a proxy does whose back-end is away. */
export const httpStatus = (code: number): Hand => (stream) => {
  stream.respond({ ':status': code, 'content-type': 'text/html' });
  stream.end('<html>no</html>');
};

/** Begins to answer, and ends without a status. */
export const noTrailers: Hand = (stream) => {
  stream.respond(HEADERS);
  stream.end(Buffer.alloc(5));
};

/** Announces a message of a gigabyte and sends no more. */
export const hugeAnswer: Hand = (stream) => {
  stream.respond(HEADERS, { waitForTrailers: true });
  stream.write(Buffer.from([0, 0x40, 0, 0, 0]));
};

/** Answers in pieces of one byte. */
export const byteByByte: Hand = (stream) => {
  stream.respond(HEADERS, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  for (let at = 0; at < 5; at++) stream.write(Buffer.of(0));
  stream.end();
};

/** A server that answers its requests by hand, in order; the last hand answers all that follow. */
export class HandServer implements AsyncDisposable {
  readonly requests: Buffer[] = [];
  readonly #server: Http2Server;
  readonly #sessions = new Set<ServerHttp2Session>();

  private constructor(hands: readonly Hand[]) {
    this.#server = createHttp2();
    this.#server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => session.destroy());
    });
    this.#server.on('stream', (stream) => {
      const chunks: Buffer[] = [];
      stream.on('error', () => stream.close());
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const hand = hands[Math.min(this.requests.length, hands.length - 1)];
        // Without gRPC's head of five bytes.
        this.requests.push(Buffer.concat(chunks).subarray(5));
        hand?.(stream, stream.session);
      });
    });
  }

  static async start(...hands: readonly Hand[]): Promise<HandServer> {
    const server = new HandServer(hands);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${portOf(this.#server)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const session of this.#sessions) session.destroy();
    await closed;
  }
}
