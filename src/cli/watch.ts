/** Those who look at finished starts and tell others: metrics for Prometheus, alerts for people. */
import { Alerts } from '../alerts/alerts.ts';
import { LOSSES } from '../alerts/queue.ts';
import { Underway } from '../alerts/underway.ts';
import type { Config } from '../config/config.ts';
import type { Ledger } from '../engine/ledger.ts';
import { boundsFor } from '../metrics/bounds.ts';
import type { MetricName, Point } from '../metrics/catalogue.ts';
import { render } from '../metrics/exposition.ts';
import type { Format, Shown } from '../metrics/exposition.ts';
import { MetricsServer } from '../metrics/server.ts';
import type { Address } from '../metrics/server.ts';
import { StartMetrics } from '../metrics/starts.ts';
import { storePath } from '../store/file.ts';
import { StoreHistory } from '../store/history.ts';
import { systemClock } from './clock.ts';
import { figures } from './figures.ts';
import type { FigureParts } from './figures.ts';
import type { Observer } from './finished.ts';
import type { Host } from './host.ts';
import type { Logger } from './logger.ts';
import type { KnownRuntime } from './runtimes.ts';
import { vocabularyOf } from './vocabulary.ts';
import { linksFor, words } from './words.ts';

export interface WatchParts {
  readonly config: Config;
  readonly runtimes: readonly KnownRuntime[];
  readonly ledger: Ledger;
  readonly host: Host;
  readonly log: Logger;
  /** Of the state, with the store in it. */
  readonly folder: string;
}

/** How long alerts may still be delivered when the daemon is told to stop. */
const FLUSH_MS = 1_000;

export class Watch {
  readonly #parts: WatchParts;
  readonly #starts: StartMetrics;
  readonly #alerts: Alerts;
  readonly #underway: Underway;
  #config: Config;
  #server: MetricsServer | undefined;
  #figures: FigureParts | undefined;
  #stopping = false;
  readonly #reloads = { ok: 0, failed: 0, last: true, at: systemClock.now() };

  constructor(parts: WatchParts) {
    const { config, runtimes, ledger, host, log, folder } = parts;
    this.#parts = parts;
    this.#config = config;
    this.#starts = new StartMetrics(runtimes.map(({ rule }) => vocabularyOf(rule)));
    const steady = (): number => performance.now();
    const named = host.attributes.find(([name]) => name === 'host.name')?.[1];
    this.#alerts = new Alerts({
      log: (level, event, fields) => log(level, event, fields),
      journal: (fields) => log('warn', 'alert', fields),
      now: () => systemClock.now(),
      steady, words,
      links: (trace) => linksFor(this.#config.links, trace),
      host: { id: host.id, name: typeof named === 'string' ? named : host.id },
      history: config.store.enabled ? new StoreHistory({ path: storePath(folder), now: () => systemClock.now(), steady }) : undefined,
    });
    this.#underway = new Underway({ some: () => ledger.openEpisodes > 0, open: () => ledger.underway(), now: () => systemClock.now(), overdue: (trace, took) => this.#alerts.overdue(trace, took) });
    this.#configure(config);
  }

  get observers(): readonly Observer[] {
    return [{ name: 'metrics', see: (start) => this.#starts.see(start) }, { name: 'alerts', see: (start) => this.#alerts.see(start) }];
  }

  /** From now on somebody may ask. */
  start(parts: FigureParts): void {
    this.#figures = parts;
    this.#listen(this.#config.metrics.listen);
  }

  /** Bytes were read: a start may have begun. */
  read(): void {
    this.#underway.stirred();
  }

  /** The configuration was read again and is right. */
  reloaded(config: Config): void {
    this.#reloads.ok += 1;
    this.#reloads.last = true;
    this.#reloads.at = systemClock.now();
    const listened = this.#config.metrics.listen;
    this.#configure(config);
    // Before the start nobody listens yet.
    if (config.metrics.listen === listened || this.#figures === undefined) return;
    this.#server?.close();
    this.#listen(config.metrics.listen);
  }

  /** It was read again and is wrong: what was in effect stays. */
  reloadFailed(): void {
    this.#reloads.failed += 1;
    this.#reloads.last = false;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#underway.stop();
    await this.#alerts.stop(FLUSH_MS);
    this.#server?.close();
  }

  #configure(config: Config): void {
    this.#config = config;
    this.#alerts.configure(config.alerts, config.notify);
    this.#starts.bounds = boundsFor(config.alerts.flatMap(({ above }) => (above?.kind === 'fixed' ? [above.limit] : [])));
    this.#underway.limit = this.#alerts.openLimit;
  }

  #listen(listen: string): void {
    const address = addressOf(listen);
    this.#server = undefined;
    if (address === undefined) return;
    const { log } = this.#parts;
    this.#server = new MetricsServer({
      address,
      metrics: (format) => this.#page(format),
      unready: () => this.#unready(),
      onListening: (where) => log('info', 'metrics', { where, text: `Metrics at http://${where}/metrics` }),
      onProblem: ({ where, code, why }) => log('warn', 'metrics_unavailable', { where, code, text: problemWords(where, code, why) }),
    });
    this.#server.open();
  }

  #page(format: Format): string {
    if (this.#figures === undefined) return '';
    const shown = new Map<MetricName, Shown>(this.#starts.shown());
    for (const [name, points] of [...figures(this.#figures), ...this.#own()]) shown.set(name, { kind: 'points', points });
    return render(shown, format);
  }

  #own(): [MetricName, Point[]][] {
    const { raised, heldBack, sinks } = this.#alerts;
    const each = (tell: (name: string, queue: { readonly delivered: Readonly<Record<string, number>>; readonly lost: Readonly<Record<string, number>>; readonly size: number }) => Point[]): Point[] =>
      [...sinks].flatMap(([name, { queue }]) => tell(name, queue));
    const { ok, failed, last, at } = this.#reloads;
    return [
      ['shimtrace_alerts_total', [...raised].map(([rule, count]) => [[rule], count])],
      ['shimtrace_alerts_held_back_total', [...heldBack].map(([rule, count]) => [[rule], count])],
      ['shimtrace_alert_deliveries_total', each((name, { delivered }) => Object.entries(delivered).map(([result, count]) => [[name, result], count]))],
      ['shimtrace_alert_losses_total', each((name, { lost }) => LOSSES.map((reason) => [[name, reason], lost[reason] ?? 0]))],
      ['shimtrace_alert_queue', each((name, { size }) => [[[name], size]])],
      ['shimtrace_config_reloads_total', [[['ok'], ok], [['failed'], failed]]],
      ['shimtrace_config_last_reload_successful', [[[], Number(last)]]],
      ['shimtrace_config_last_reload_success_timestamp_seconds', [[[], Number(at / 1_000_000n) / 1_000]]],
    ];
  }

  #unready(): string[] {
    const reasons: string[] = [];
    if (this.#stopping) reasons.push('stopping');
    if (this.#figures?.stateWritable() === false) reasons.push('the state cannot be saved');
    return reasons;
  }
}

/** Undefined: off. The configuration has checked its form. */
function addressOf(listen: string): Address | undefined {
  if (listen === 'off') return undefined;
  const colon = listen.lastIndexOf(':');
  return { host: listen.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(listen.slice(colon + 1)) };
}

function problemWords(where: string, code: string, why: string): string {
  const todo = 'Free it, choose another one with --listen HOST:PORT (metrics.listen), or switch metrics off with --listen off. It is tried again every 30 s; everything else works.';
  return code === 'EADDRINUSE' ? `No metrics: another program listens on ${where}. ${todo}` : `No metrics: cannot listen on ${where} (${why}). ${todo}`;
}
