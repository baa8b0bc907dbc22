/** Whether the endpoint works, when it may be tried again, and what the log hears of it. */
import type { Log } from '../model/delivery.ts';
import type { SendOutcome } from './outcome.ts';

export type Failure = Extract<SendOutcome, { kind: 'retry' | 'hold' }>;

const FIRST_PAUSE = 250;
/**
 * Longest pauses in ms. With the first and the channel's own 1.2 s a back-end that comes back is reached within 3 s;
 * one attempt in that time is no load, as only one request is made while the endpoint fails.
 */
const LONGEST: Readonly<Record<Failure['kind'], number>> = { retry: 2_500, hold: 30_000 };
/** A single failure may be one request's bad luck; the second in a row is news. */
const NEWS_AFTER = 2;

/** Pause before attempt number `failures` + 1, in ms: exponential with full jitter, never less than a tenth of a second. */
export function backOff(kind: Failure['kind'], failures: number, random: () => number): number {
  const ceiling = Math.min(LONGEST[kind], FIRST_PAUSE * 2 ** Math.min(failures - 1, 16));
  return 100 + random() * (ceiling - 100);
}

/** State of one endpoint. All times are readings of performance.now(). */
export class Health {
  readonly #url: string;
  readonly #log: Log;
  readonly #random: () => number;
  #failures = 0;
  #told: Failure['kind'] | undefined;
  #lastFailure = 0;
  /** Set by the back-end itself (RetryInfo); nothing may shorten it. */
  #orderedUntil = 0;
  #openAt = 0;
  #failingSince: number | undefined;
  #lastError: string | undefined;

  constructor(url: string, log: Log, random: () => number) {
    this.#url = url;
    this.#log = log;
    this.#random = random;
  }

  /** While it fails, one request at a time is enough to find out when it no longer does. */
  get failing(): boolean {
    return this.#failures > 0;
  }

  /** No request before this moment. */
  get openAt(): number {
    return Math.max(this.#openAt, this.#orderedUntil);
  }

  /** Since when no request got through; undefined while they do. */
  get failingSince(): number | undefined {
    return this.#failingSince;
  }

  /** Why the last failed request failed; kept after recovery. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  failed(failure: Failure, now: number): void {
    this.#failures += 1;
    this.#failingSince ??= now;
    this.#lastFailure = now;
    this.#lastError = failure.why;
    this.#openAt = now + backOff(failure.kind, this.#failures, this.#random);
    if (failure.kind === 'retry' && failure.after !== undefined) this.#orderedUntil = now + failure.after;
    if (this.#failures < NEWS_AFTER || this.#told === failure.kind) return;
    this.#told = failure.kind;
    this.#tell(failure);
  }

  /** The endpoint answered about the data: it works. True when it had been reported as failing. */
  answered(now: number): boolean {
    const recovered = this.#told !== undefined;
    if (recovered) {
      const seconds = Math.round((now - (this.#failingSince ?? now)) / 100) / 10;
      this.#log('info', 'endpoint_reachable', {
        endpoint: this.#url,
        after_seconds: seconds,
        text: `${this.#url} takes traces again after ${seconds} s.`,
      });
    }
    this.#failures = 0;
    this.#told = undefined;
    this.#failingSince = undefined;
    this.#openAt = 0;
    return recovered;
  }

  /** There is reason to hope (a new connection, the user waits): try soon, unless the back-end itself named a time. */
  hurry(): void {
    this.#openAt = Math.min(this.#openAt, this.#lastFailure + FIRST_PAUSE);
  }

  #tell(failure: Failure): void {
    const fields = { endpoint: this.#url, why: failure.why, advice: failure.advice };
    switch (failure.kind) {
      case 'retry':
        this.#log('warn', 'endpoint_unreachable', {
          ...fields,
          text: `Cannot send to ${this.#url}: ${failure.why}. ${failure.advice} Traces wait and are sent when it is back.`,
        });
        return;
      case 'hold':
        this.#log('error', 'endpoint_refuses', {
          ...fields,
          text: `${this.#url} refuses: ${failure.why}. ${failure.advice} Traces wait; shimtrace tries again every 30 s or sooner.`,
        });
        return;
      default:
        failure satisfies never;
    }
  }
}
