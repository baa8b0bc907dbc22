/** The daemon and those it talks to: its state folder, its socket, the back-end, Prometheus. */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Endpoint } from '../../delivery/endpoint.ts';
import { DEFAULT_URL } from '../../delivery/endpoint.ts';
import { defaultConfig } from '../../config/config.ts';
import { duration } from '../../model/time.ts';
import type { Nanos } from '../../model/time.ts';
import type { Trace } from '../../model/trace.ts';
import { askShow, Refusal } from '../../store/client.ts';
import { openForReading, storePath } from '../../store/file.ts';
import { codeOf, reasonOf } from '../../sources/report.ts';
import type { Host } from '../host.ts';
import { socketPaths } from '../keeping.ts';
import { allowed, ok, problem, warning } from './check.ts';
import type { Check, Diagnosis } from './check.ts';

export const state: Check = {
  name: 'state folder',
  look: ({ tree, folder, user, config }) => {
    const stat = tree.stat(folder);
    if (stat === undefined) return [ok(`${folder} is made when the daemon starts`)];
    if (!stat.isDirectory()) return [problem(`${folder} is no folder`, 'remove it, or name another one with state_dir')];
    if (!allowed(user, stat, 'write') || !allowed(user, stat, 'enter')) return [problem(`${user.name} may not write into ${folder}`, `chown -R ${user.name} ${folder}`)];
    const answers = [(stat.mode & 0o022) === 0 ? ok(`${folder} belongs to user ${stat.uid}`) : problem(`others may write into ${folder}`, `chmod go-w ${folder}`)];
    if (tree.exists(storePath(folder)) && config.store.enabled) answers.push(...storeOf(tree.at(storePath(folder)), folder));
    return answers;
  },
};

function storeOf(path: string, folder: string): Diagnosis[] {
  const opening = openForReading(path);
  switch (opening.kind) {
    case 'open':
      opening.database.close();
      return [];
    case 'newer':
      return [problem(`the store in ${folder} was written by a newer shimtrace`, 'use that one, or move the file away')];
    case 'damaged':
      return [problem(`the store in ${folder} is damaged: ${opening.why}`, 'start the daemon: it sets the file aside and begins a new one')];
    case 'failed':
      return [warning(`the store in ${folder} cannot be opened: ${opening.why}`, 'run doctor as the daemon\'s user or as root')];
    default:
      return opening satisfies never;
  }
}

export const daemon: Check = {
  name: 'daemon',
  look: async ({ tree, folder, env }) => {
    const refusals: string[] = [];
    for (const path of socketPaths(folder, env)) {
      try {
        await askShow(tree.at(path), undefined);
        return [ok(`runs, and answers at ${path}`)];
      } catch (error) {
        if (error instanceof Refusal) return [warning(`answers at ${path}: ${error.message}`, 'see the log of the daemon')];
        if (codeOf(error) === 'EACCES') refusals.push(path);
      }
    }
    const [refused] = refusals;
    if (refused !== undefined) return [warning(`${refused} may not be used by you`, 'usermod -aG shimtrace USER, then log in again')];
    return [warning('no daemon answers', 'systemctl start shimtrace, or shimtrace run')];
  },
};

/** A back-end answers a single small trace in milliseconds, and shows it within a second or two. */
const SEND_MS = 5_000;
const SHOWN_MS = 6_000;

export interface BackEndTest {
  /** Undefined: nobody named one, and nothing answers at the usual place. */
  readonly endpoint: Endpoint | undefined;
  readonly host: Host;
  readonly now: Nanos;
}

export const backEnd = ({ endpoint, host, now }: BackEndTest): Check => ({
  name: 'back-end',
  look: async ({ config }) => {
    if (endpoint === undefined) return [warning(`none is named, and nothing answers at ${DEFAULT_URL}: starts are kept here only`, 'start Jaeger or a Collector there, or set otlp.endpoint')];
    const trace = testTrace(now);
    const failed = await send(endpoint, host, trace);
    if (failed !== undefined) return [problem(`${endpoint.url} took no test trace: ${failed}`, 'check the address, the certificates and the back-end\'s own log')];
    const { jaeger } = config.links;
    const shown = await readBack(jaeger, trace.id);
    const taken = ok(`${endpoint.url} took a test trace (service shimtrace)`);
    if (shown === undefined) return [taken, ok(`and ${jaeger} shows it`)];
    if (jaeger === defaultConfig.links.jaeger) return [taken];
    return [taken, warning(`${jaeger} does not show it: ${shown}`, 'see that links.jaeger is the page of this back-end, and look for sampling in between')];
  },
});

/** One span of a microsecond that says what it is. */
function testTrace(now: Nanos): Trace {
  const id = randomBytes(16).toString('hex');
  const length = duration(1_000);
  return {
    id, runtime: 'shimtrace', episode: 'test', container: 'doctor', containers: [], outcome: 'ok', errorType: undefined, schemes: [], schemeBy: 'none', rootLayer: 'runtime',
    at: now, wall: length, active: length, lastMark: 'end', loose: [], findings: [],
    spans: [{
      id: randomBytes(8).toString('hex'), parent: undefined, service: 'shimtrace', name: 'doctor: test trace', kind: 'internal', start: duration(0), end: length,
      certainty: 'exact', credit: 'idle', waits: false, incomplete: false, attributes: [], events: [], droppedEvents: 0, links: [], error: undefined,
    }],
  };
}

/** @returns why it was not taken; undefined: it was. */
async function send(endpoint: Endpoint, host: Host, trace: Trace): Promise<string | undefined> {
  const { Exporter } = await import('../../delivery/exporter.ts');
  const { TraceEncoder } = await import('../../delivery/encode.ts');
  let refused: string | undefined;
  const exporter = new Exporter({ endpoint, log: () => undefined });
  exporter.offer(new TraceEncoder(host.attributes).encode(trace), (fate) => {
    if (fate.kind === 'refused') refused = fate.reason;
  });
  const taken = await exporter.flush(SEND_MS);
  const why = exporter.stats.lastError;
  exporter.close();
  return taken ? refused : (why ?? `no answer within ${SEND_MS / 1000} s`);
}

/** @returns why the trace was not seen; undefined: it was. */
async function readBack(jaeger: string, id: string): Promise<string | undefined> {
  let why = 'no answer';
  for (const end = performance.now() + SHOWN_MS; performance.now() < end; await pause(250)) {
    try {
      const answer = await fetch(`${jaeger.replace(/\/+$/, '')}/api/v3/traces/${id}`, { signal: AbortSignal.timeout(2_000), redirect: 'error' });
      const text = await answer.text();
      if (answer.ok && text.includes('doctor: test trace')) return undefined;
      why = answer.ok ? 'it answers, without this trace' : `status ${answer.status}`;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return error.cause === undefined ? error.message : reasonOf(error.cause);
    }
  }
  return why;
}

const PROMETHEUS = '/etc/prometheus/prometheus.yml';

/** Whether somebody else's server scrapes the daemon cannot be seen from here. */
export const prometheus: Check = {
  name: 'Prometheus',
  look: ({ tree, config }) => {
    const { listen } = config.metrics;
    const text = tree.read(PROMETHEUS);
    if (listen === 'off') return [ok('metrics are switched off')];
    if (text === undefined) return [ok(`none is seen on this host; another one may scrape ${listen}`)];
    const port = listen.slice(listen.lastIndexOf(':'));
    const active = text.split('\n').filter((line) => !/^\s*#/.test(line)).join('\n');
    if (active.includes('shimtrace') || new RegExp(`${port}\\b`).test(active)) return [ok(`scrapes the daemon (${PROMETHEUS})`)];
    return [warning(`${PROMETHEUS} names no shimtrace`, `add a job with the target ${listen} to scrape_configs`)];
  },
};
