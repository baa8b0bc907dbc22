/** Real Prometheus and Alertmanager, as Debian packages them. */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { field, list, text } from './json.ts';
import { ask, freePorts, lacksPackage, programOf, Server, textOf } from './server.ts';

export const DEPLOY = join(import.meta.dirname, '../../deploy');

/** Why what needs them cannot run; undefined: it can. */
export const missing = lacksPackage({ prometheus: ['prometheus', 'promtool'], 'prometheus-alertmanager': ['prometheus-alertmanager', 'amtool'] });

/** What a tool says and how it ends. */
export function tool(name: string, args: readonly string[], input = ''): { readonly code: number | null; readonly said: string } {
  const { status, stdout, stderr } = spawnSync(programOf(name) ?? name, args, { encoding: 'utf8', input, timeout: 60_000 });
  return { code: status, said: `${stdout}${stderr}` };
}

async function get(url: string): Promise<unknown> {
  const body = await ask(url);
  return body === undefined ? undefined : JSON.parse(textOf(body));
}

/** An alert as either of the two tells of it. */
export interface Told {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: string;
  /** Of Alertmanager: where it came from. */
  readonly source: string;
}

const textsOf = (value: unknown): Record<string, string> => Object.fromEntries(Object.entries(Object(value)).map(([name, each]) => [name, String(each)]));

export class Alertmanager implements AsyncDisposable {
  readonly server: Server;
  readonly url: string;

  private constructor(server: Server, url: string) {
    this.server = server;
    this.url = url;
  }

  /** With deploy/alertmanager/alertmanager.yml, whose webhook is `hook`. */
  static async start(hook: string, config: string): Promise<Alertmanager> {
    const [port = 0] = await freePorts(1);
    const server = await Server.start((folder) => {
      writeFileSync(join(folder, 'am.yml'), config.replace(/http:\/\/127\.0\.0\.1:9999\/hook/, hook));
      return {
        name: 'prometheus-alertmanager', path: programOf('prometheus-alertmanager') ?? '', env: {}, ready: `http://127.0.0.1:${port}/-/ready`,
        args: ['--config.file=am.yml', '--storage.path=am', `--web.listen-address=127.0.0.1:${port}`, '--cluster.listen-address='],
      };
    });
    return new Alertmanager(server, `http://127.0.0.1:${port}`);
  }

  async alerts(): Promise<Told[]> {
    const answer = await get(`${this.url}/api/v2/alerts`);
    return (Array.isArray(answer) ? answer : []).map((alert: unknown) => ({
      labels: textsOf(field(alert, 'labels')), annotations: textsOf(field(alert, 'annotations')), state: text(field(alert, 'status'), 'state'), source: text(alert, 'generatorURL'),
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}

export class Prometheus implements AsyncDisposable {
  readonly server: Server;
  readonly url: string;

  private constructor(server: Server, url: string) {
    this.server = server;
    this.url = url;
  }

  /** Scrapes `target` each second under the job `shimtrace` and evaluates these rule files as often, with exemplars kept. */
  static async start(target: string, alertmanager: string | undefined, rules: readonly string[], job = 'shimtrace'): Promise<Prometheus> {
    const [port = 0] = await freePorts(1);
    const server = await Server.start((folder) => {
      for (const [at, rule] of rules.entries()) copyFileSync(rule, join(folder, `${at}.rules.yml`));
      writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify({
        global: { scrape_interval: '1s', evaluation_interval: '1s' },
        scrape_configs: [{ job_name: job, static_configs: [{ targets: [target] }] }],
        rule_files: ['*.rules.yml'],
        ...(alertmanager !== undefined && { alerting: { alertmanagers: [{ static_configs: [{ targets: [alertmanager.replace('http://', '')] }] }] } }),
      }));
      return {
        name: 'prometheus', path: programOf('prometheus') ?? '', env: {}, ready: `http://127.0.0.1:${port}/-/ready`,
        args: ['--config.file=prometheus.yml', '--storage.tsdb.path=data', `--web.listen-address=127.0.0.1:${port}`, '--enable-feature=exemplar-storage'],
      };
    });
    return new Prometheus(server, `http://127.0.0.1:${port}`);
  }

  /** The values of an instant query, by the labels that are asked for. */
  async query(promql: string): Promise<{ readonly labels: Readonly<Record<string, string>>; readonly value: number }[]> {
    const answer = await get(`${this.url}/api/v1/query?query=${encodeURIComponent(promql)}`);
    return list(field(answer, 'data'), 'result').map((series) => ({ labels: textsOf(field(series, 'metric')), value: Number(list(series, 'value')[1]) }));
  }

  /** The one value; NaN: none, or several. */
  async value(promql: string): Promise<number> {
    const found = await this.query(promql);
    return found.length === 1 ? (found[0]?.value ?? Number.NaN) : Number.NaN;
  }

  async alerts(): Promise<Told[]> {
    const answer = await get(`${this.url}/api/v1/alerts`);
    return list(field(answer, 'data'), 'alerts').map((alert) => ({ labels: textsOf(field(alert, 'labels')), annotations: textsOf(field(alert, 'annotations')), state: text(alert, 'state'), source: '' }));
  }

  /** Trace ids of the exemplars of these series within the last hour. */
  async exemplars(series: string): Promise<string[]> {
    const answer = await get(`${this.url}/api/v1/query_exemplars?${new URLSearchParams({ query: series, start: String(Date.now() / 1_000 - 3_600), end: String(Date.now() / 1_000 + 60) })}`);
    return list(answer, 'data').flatMap((each) => list(each, 'exemplars')).map((exemplar) => text(field(exemplar, 'labels'), 'trace_id'));
  }

  /** How the scrape went last: `up`, and why not. */
  async target(): Promise<{ readonly health: string; readonly error: string }> {
    const [target] = list(field(await get(`${this.url}/api/v1/targets`), 'data'), 'activeTargets');
    return { health: text(target, 'health'), error: text(target, 'lastError') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}
