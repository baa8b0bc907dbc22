import { join } from 'node:path';
import type { Config } from '../config/config.ts';
import type { Endpoint } from '../delivery/endpoint.ts';
import type { Attempt } from '../delivery/exporting.ts';
import type { Outbox, OutboxStats } from '../delivery/outbox.ts';
import type { Spool } from '../delivery/spool.ts';
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
  #outbox: Outbox | undefined;
  #endpoint: Endpoint | undefined;
  #look: NodeJS.Timeout | undefined;
  /** What was being looked for when it stopped comes too late, and must not keep the process. */
  #stopped = false;
  /** For the daemon's own telemetry. */
  onAttempt: ((attempt: Attempt) => void) | undefined;

  constructor(parts: BackEndParts) {
    this.#parts = parts;
  }

  get stats(): OutboxStats | undefined {
    return this.#outbox?.stats;
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
      const found = (endpoint: Endpoint | undefined): void | Promise<void> => (this.#stopped ? undefined : endpoint === undefined ? this.#lookLater() : this.#connect(endpoint));
      defaultEndpoint(this.#parts.config, () => undefined).then(found).catch(failed);
    }, LOOK_MS);
  }

  readonly #warn = (text: string): void => this.#parts.log('warn', 'endpoint', { text });

  async #connect(endpoint: Endpoint): Promise<void> {
    const { log, host, folder, config, onDrain, onReady } = this.#parts;
    const { Outbox: Loop } = await import('../delivery/outbox.ts');
    const { TraceEncoder } = await import('../delivery/encode.ts');
    const { DeadLetterFile } = await import('../delivery/deadletter.ts');
    const spool = await this.#spool();
    if (this.#stopped) return;
    const outbox = new Loop({
      endpoint,
      log,
      spool,
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
    this.#outbox = outbox;
    this.#endpoint = endpoint;
    onReady({
      get full() {
        return outbox.full;
      },
      take: (trace, done) => outbox.offer(encoder.encode(trace), done),
    });
    if (wasPrinting) log('info', 'sending', { text: `${endpoint.url} answers: sending to it from now on.` });
  }

  /** Without its folder there is memory only, and the logs. */
  async #spool(): Promise<Spool | undefined> {
    const { folder, log, config } = this.#parts;
    const { Spool: Disk } = await import('../delivery/spool.ts');
    const path = join(folder, 'spool');
    if (config.queue.spool === 0) return undefined;
    try {
      const spool = new Disk({ folder: path, limit: config.queue.spool, log });
      if (spool.traces > 0) log('info', 'spool_found', { text: `${spool.traces} traces wait in ${path} since an earlier run; they are sent first.` });
      return spool;
    } catch (error) {
      const text = `No spool at ${path}: ${String(error)}. Traces wait in memory and then in their logs; make the folder writable and start again.`;
      log('error', 'spool_unwritable', { path, why: String(error), text });
      return undefined;
    }
  }

  /** Sends what waits, for at most so long; the rest goes to disk. */
  async stop(withinMs: number): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#look);
    if (this.#outbox === undefined) return;
    const done = await this.#outbox.flush(withinMs);
    if (!done) this.#parts.log('warn', 'not_flushed', { text: `${this.#endpoint?.url ?? ''} did not take everything in time; the rest is sent at the next start.` });
    this.#outbox.close();
  }
}
