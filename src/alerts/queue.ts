/** What waits for one sink. A sink that is down costs memory for a bounded number of alerts, and nothing else. */
import type { Log } from '../model/delivery.ts';
import type { Delivery } from './delivery.ts';
import type { Notice } from './notice.ts';
import type { Deliver } from './sinks.ts';

/** Why a sink never got an alert. */
export const LOSSES = ['overflow', 'expired', 'refused', 'stopped'] as const;
export type Loss = (typeof LOSSES)[number];

export interface SinkQueueOptions {
  readonly name: string;
  readonly deliver: Deliver;
  readonly log: Log;
  /** A monotonic clock, ms. */
  readonly steady: () => number;
  /** Pause after so many failures in a row, ms. */
  readonly pause?: (failures: number) => number;
  /** How many wait at most. */
  readonly most?: number;
  /** How long one alert is tried, ms. */
  readonly patience?: number;
}

const MOST = 100;
const PATIENCE_MS = 3_600_000;

/** 1 s, 2 s, 4 s ... 60 s, and up to half of it more, so that a host's daemons do not come all at once. */
const pauseOf = (failures: number): number => Math.min(60_000, 1_000 * 2 ** Math.min(failures - 1, 10)) * (1 + Math.random() / 2);

interface Waiting {
  readonly notice: Notice;
  readonly since: number;
}

export class SinkQueue {
  readonly #options: SinkQueueOptions;
  readonly #stop = new AbortController();
  readonly delivered = { delivered: 0, failed: 0 };
  readonly lost: Record<Loss, number> = { overflow: 0, expired: 0, refused: 0, stopped: 0 };
  #waiting: Waiting[] = [];
  #busy = false;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #idle: (() => void)[] = [];

  constructor(options: SinkQueueOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Takes an alert at once, in any state of the sink. The oldest goes when too many wait: the newest tells most. */
  offer(notice: Notice): void {
    if (this.#stop.signal.aborted) return this.#lose('stopped', 1);
    this.#waiting.push({ notice, since: this.#options.steady() });
    // The first may be under way.
    if (this.#waiting.length > (this.#options.most ?? MOST)) {
      this.#waiting.splice(this.#busy ? 1 : 0, 1);
      this.#lose('overflow', 1);
    }
    if (this.#timer === undefined) void this.#work();
  }

  /** Stops after at most so many ms; sooner when nothing waits, or while the sink fails. @returns what was not delivered. */
  async stop(within: number): Promise<readonly Notice[]> {
    if (this.#waiting.length > 0 && this.#failures === 0) await Promise.race([new Promise<void>((resolve) => this.#idle.push(resolve)), new Promise((resolve) => setTimeout(resolve, within).unref())]);
    this.#stop.abort();
    clearTimeout(this.#timer);
    const left = this.#waiting.map(({ notice }) => notice);
    this.#waiting = [];
    return left;
  }

  /** Alerts that nobody will try any more. */
  lose(loss: Loss, count: number): void {
    this.#lose(loss, count);
  }

  #lose(loss: Loss, count: number): void {
    this.lost[loss] += count;
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    for (;;) {
      const next = this.#waiting[0];
      if (next === undefined || this.#stop.signal.aborted) break;
      const delivery = await this.#options.deliver(next.notice, this.#stop.signal);
      if (this.#stop.signal.aborted) break;
      if (!this.#conclude(next, delivery)) break;
    }
    this.#busy = false;
    if (this.#waiting.length === 0) for (const idle of this.#idle.splice(0)) idle();
  }

  /** False: not before the pause is over. */
  #conclude(next: Waiting, delivery: Delivery): boolean {
    switch (delivery.kind) {
      case 'delivered':
        this.delivered.delivered += 1;
        this.#recovered();
        this.#waiting.shift();
        return true;
      case 'refused':
        this.delivered.failed += 1;
        this.#waiting.shift();
        this.#lose('refused', 1);
        this.#tell('error', 'alert_refused', `The sink "${this.#options.name}" refuses an alert: ${delivery.why}. It is not tried again.`, delivery.why);
        return true;
      case 'failed':
        this.delivered.failed += 1;
        this.#failed(next, delivery);
        return false;
      default:
        return delivery satisfies never;
    }
  }

  #failed(next: Waiting, { why, after }: Delivery & { readonly kind: 'failed' }): void {
    const { steady, patience = PATIENCE_MS, pause = pauseOf, name } = this.#options;
    this.#failures += 1;
    if (this.#failures === 1) this.#tell('warn', 'alert_not_delivered', `The sink "${name}" does not take an alert: ${why}. It is tried again for an hour; traces are not held up.`, why);
    if (steady() - next.since >= patience) {
      this.#waiting.shift();
      this.#lose('expired', 1);
    }
    if (this.#waiting.length === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#work();
    }, Math.max(pause(this.#failures), after ?? 0)).unref();
  }

  #recovered(): void {
    if (this.#failures > 0) this.#tell('info', 'alert_sink_works', `The sink "${this.#options.name}" takes alerts again.`, '');
    this.#failures = 0;
  }

  #tell(level: 'info' | 'warn' | 'error', event: string, text: string, why: string): void {
    this.#options.log(level, event, { sink: this.#options.name, text, ...(why !== '' && { why }) });
  }
}
