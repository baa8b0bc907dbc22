/** An exporter with ears: what it logged, dead-lettered and decided. */
import { readFileSync } from 'node:fs';
import { TraceEncoder } from '../../src/delivery/encode.ts';
import { resolveEndpoint } from '../../src/delivery/endpoint.ts';
import type { Endpoint } from '../../src/delivery/endpoint.ts';
import { Exporter } from '../../src/delivery/exporter.ts';
import type { ExporterOptions } from '../../src/delivery/exporting.ts';
import type { DeadLetter, Parcel, ParcelFate } from '../../src/model/delivery.ts';
import type { Trace } from '../../src/model/trace.ts';
import { start } from './traces.ts';

export interface Logged {
  level: string;
  event: string;
  text: string;
}

export class Harness implements AsyncDisposable {
  readonly exporter: Exporter;
  readonly logged: Logged[] = [];
  readonly letters: DeadLetter[] = [];
  readonly fates = new Map<string, ParcelFate>();
  readonly #waiters = new Set<() => void>();

  constructor(url: string, over: Partial<ExporterOptions> = {}, env: Record<string, string> = {}) {
    this.exporter = new Exporter({
      endpoint: endpoint(url, env),
      log: (level, event, fields) => {
        this.logged.push({ level, event, text: String(fields['text']) });
        this.#wake();
      },
      deadLetters: { write: (letter) => this.letters.push(letter) },
      ...over,
      onAttempt: (attempt) => {
        over.onAttempt?.(attempt);
        this.#wake();
      },
    });
  }

  send(parcel: Parcel): void {
    this.exporter.offer(parcel, (fate) => {
      if (this.fates.has(parcel.traceId)) throw new Error(`two fates for ${parcel.traceId}`);
      this.fates.set(parcel.traceId, fate);
      this.#wake();
    });
  }

  /** Looked at after every log line, every attempt and every fate. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiters.add(resolve));
  }

  has(event: string): boolean {
    return this.logged.some((line) => line.event === event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.exporter.close();
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter();
    this.#waiters.clear();
  }
}

export function endpoint(url: string, env: Record<string, string> = {}): Endpoint {
  const resolution = resolveEndpoint({ option: url, env, readFile: (path) => readFileSync(path) });
  if (resolution.kind !== 'endpoint') throw new Error(JSON.stringify(resolution));
  return resolution.endpoint;
}

const encoder = new TraceEncoder([['host.id', 'h']]);

export const encoded = (trace: Trace): Parcel => encoder.encode(trace);

/** Trace number `n`, encoded. */
export const parcel = (n: number, spans = 3): Parcel => encoder.encode(start(n, spans));
