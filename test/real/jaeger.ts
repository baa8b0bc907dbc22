/** A real Jaeger, started for one test file on free loopback ports. `npm run test:servers` builds it. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempDisposableSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { portOf } from '../support/receiver.ts';
import { field, list, text } from './json.ts';
import { until } from './program.ts';
import { viewJson } from './spans.ts';
import type { SpanView } from './spans.ts';

const CACHE = process.env['SHIMTRACE_SERVERS'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'shimtrace-servers');
const BINARY = join(CACHE, 'jaeger');
const CONFIG = join(import.meta.dirname, '../servers/jaeger/config.yaml');

/** Why the tests that need it cannot run; undefined: they can. */
export const missing: string | undefined = existsSync(BINARY) ? undefined : `no Jaeger at ${BINARY}: npm run test:servers builds it`;

/** What the page would warn about. */
export interface Doubts {
  readonly warnings: readonly string[];
  /** Spans whose parent is not in the trace. */
  readonly orphans: readonly string[];
}

export class Jaeger implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #ports: readonly number[];
  readonly #folder = mkdtempDisposableSync(join(tmpdir(), 'shimtrace-jaeger-'));
  #said = '';

  private constructor(ports: readonly number[]) {
    this.#ports = ports;
    const [query, queryGrpc, otlp, health] = ports.map(String);
    this.#child = spawn(BINARY, ['--config', CONFIG], {
      cwd: this.#folder.path,
      env: { PATH: process.env['PATH'], HOME: this.#folder.path, QUERY_PORT: query, QUERY_GRPC_PORT: queryGrpc, OTLP_GRPC_PORT: otlp, HEALTH_PORT: health },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#said = `${this.#said}${chunk.toString()}`.slice(-4_000)));
  }

  static async start(): Promise<Jaeger> {
    const jaeger = new Jaeger(await freePorts(4));
    try {
      await until(30_000, () => jaeger.#ready(), () => `Jaeger is not ready: ${jaeger.#said}`);
    } catch (error) {
      await jaeger[Symbol.asyncDispose]();
      throw error;
    }
    return jaeger;
  }

  get otlp(): string {
    return `http://127.0.0.1:${this.#ports[2]}`;
  }

  /** All its spans with exact nanoseconds, as often as they are shown; empty: no such trace. */
  async trace(id: string): Promise<SpanView[]> {
    const answer = await this.#get(`/api/v3/traces/${id}`);
    return answer === undefined ? [] : results(answer);
  }

  /** All traces that began in between, by what the search finds. */
  async traces(service: string, from: bigint, to: bigint): Promise<SpanView[]> {
    const query = new URLSearchParams({
      'query.service_name': service, 'query.start_time_min': instant(from), 'query.start_time_max': instant(to), 'query.num_traces': '10000',
    });
    const answer = await this.#get(`/api/v3/traces?${query}`);
    return answer === undefined ? [] : results(answer);
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
    const answer = await fetch(`http://127.0.0.1:${this.#ports[0]}${path}`, { signal: AbortSignal.timeout(10_000) });
    const body = await answer.text();
    if (answer.status === 404) return undefined;
    if (!answer.ok) throw new Error(`Jaeger answers ${answer.status} to ${path}: ${body.slice(0, 500)}`);
    return body;
  }

  async #ready(): Promise<boolean> {
    if (this.#child.exitCode !== null) throw new Error(`Jaeger ended with ${this.#child.exitCode}: ${this.#said}`);
    try {
      return (await fetch(`http://127.0.0.1:${this.#ports[3]}/status`, { signal: AbortSignal.timeout(1_000) })).ok;
    } catch {
      return false;
    }
  }

  /** SIGTERM, two seconds, SIGKILL. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      const impatience = setTimeout(() => this.#child.kill('SIGKILL'), 2_000);
      await ended;
      clearTimeout(impatience);
    }
    this.#folder.remove();
  }
}

/** The search streams: one `{"result":..}` a line. */
const results = (body: string): SpanView[] =>
  body.split('\n').filter((line) => line.trim() !== '').flatMap((line) => viewJson(field(JSON.parse(line), 'result')));

const instant = (time: bigint): string => new Date(Number(time / 1_000_000n)).toISOString();

/** Ports that were free a moment ago. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map(portOf);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
