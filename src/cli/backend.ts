import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Endpoint } from '../delivery/endpoint.ts';
import type { Attempt, Exporter } from '../delivery/exporter.ts';
import { systemClock } from './clock.ts';
import { chooseEndpoint, defaultEndpoint } from './endpoint.ts';
import type { Outlet } from './daemon.ts';
import type { Host } from './host.ts';
import type { Logger } from './logger.ts';

export interface BackEndParts {
  readonly config: Config;
  readonly flag: string | undefined;
  readonly host: Host;
  readonly folder: string;
  readonly log: Logger;
  /** There is room again. */
  readonly onDrain: () => void;
  /** From now on traces go here. */
  readonly onReady: (outlet: Outlet) => void;
}

/** Nobody named an endpoint: so often somebody looks whether the default one answers. */
const LOOK_MS = 10_000;

/** The back-end of a daemon: the one that is named, or the default one from the moment it answers. */
export class BackEnd {
  readonly #parts: BackEndParts;
  #exporter: Exporter | undefined;
  #endpoint: Endpoint | undefined;
  #look: NodeJS.Timeout | undefined;
  /** For the daemon's own telemetry. */
  onAttempt: ((attempt: Attempt) => void) | undefined;

  constructor(parts: BackEndParts) {
    this.#parts = parts;
  }

  get stats(): Exporter['stats'] | undefined {
    return this.#exporter?.stats;
  }

  get url(): string | undefined {
    return this.#endpoint?.url;
  }

  async start(): Promise<void> {
    const { flag, config } = this.#parts;
    const endpoint = chooseEndpoint(flag, config, this.#warn) ?? (await defaultEndpoint(config, this.#warn));
    if (endpoint === undefined) this.#lookLater();
    else await this.#connect(endpoint);
  }

  /** Where traces go, for people. */
  words(usual: string): string {
    if (this.#endpoint !== undefined) return `Sending to ${this.#endpoint.url}`;
    return `No back-end: none is named and nothing answers at ${usual}. Starts are printed here, and sent from the moment one answers.`;
  }

  #lookLater(): void {
    this.#look = setTimeout(() => {
      const failed = (error: unknown): void => this.#parts.log('error', 'endpoint', { text: `Cannot use the default endpoint: ${String(error)}` });
      const found = (endpoint: Endpoint | undefined): void | Promise<void> => (endpoint === undefined ? this.#lookLater() : this.#connect(endpoint));
      defaultEndpoint(this.#parts.config, () => undefined).then(found).catch(failed);
    }, LOOK_MS);
  }

  readonly #warn = (text: string): void => this.#parts.log('warn', 'endpoint', { text });

  async #connect(endpoint: Endpoint): Promise<void> {
    const { log, host, folder, config, onDrain, onReady } = this.#parts;
    const { Exporter: Loop } = await import('../delivery/exporter.ts');
    const { TraceEncoder } = await import('../delivery/encode.ts');
    const { DeadLetterFile } = await import('../delivery/deadletter.ts');
    const exporter = new Loop({
      endpoint,
      log,
      deadLetters: new DeadLetterFile({ path: join(folder, 'dead-letters.jsonl'), log, now: () => systemClock.now(), limit: config.deadLetter.max }),
      maxWaitingBytes: config.queue.memory,
      onDrain,
      onAttempt: (attempt) => {
        log('debug', 'batch', { outcome: attempt.outcome, traces: attempt.traces, spans: attempt.spans, bytes: attempt.bytes });
        this.onAttempt?.(attempt);
      },
    });
    const encoder = new TraceEncoder(host.attributes);
    const wasPrinting = this.#look !== undefined;
    this.#exporter = exporter;
    this.#endpoint = endpoint;
    onReady({
      get full() {
        return exporter.full;
      },
      take: (trace, done) => exporter.offer(encoder.encode(trace), done),
    });
    if (wasPrinting) log('info', 'sending', { text: `${endpoint.url} answers: sending to it from now on.` });
  }

  /** Sends what waits, for at most so long. */
  async stop(withinMs: number): Promise<void> {
    clearTimeout(this.#look);
    if (this.#exporter === undefined) return;
    const done = await this.#exporter.flush(withinMs);
    if (!done) this.#parts.log('warn', 'not_flushed', { text: `${this.#endpoint?.url ?? ''} did not take everything in time; the rest is sent at the next start.` });
    this.#exporter.close();
  }
}
