import { OCCASIONS, SEVERITIES } from '../model/alert.ts';
import type { Rule, SinkSpec } from '../model/alert.ts';
import type { Duration } from '../model/time.ts';
import type { Attributes } from '../model/trace.ts';
import { COMPRESSION, FROM, LINKS, LOG_FORMAT, LOG_LEVEL, SCHEMA, TRUST } from './schema.ts';
import { parseAgo } from './units.ts';
import type { Bytes } from './units.ts';
import type { Header, Origin, Value, Values } from './values.ts';

/** The effective configuration. What each setting means, its default and its limits stand in schema.ts. */
export interface Config {
  /** Empty: what is found on the host. */
  readonly sources: readonly SourceConfig[];
  /** Namespaces of containerd whose events are followed. Undefined: all, where containerd is found and no sources are named. */
  readonly events: readonly string[] | undefined;
  readonly containerdSocket: string;
  readonly commands: readonly CommandConfig[];
  readonly from: (typeof FROM)[number] | { readonly ago: Duration };
  readonly otlp: {
    /** Undefined: http://localhost:4317 when that answers. */
    readonly endpoint: string | undefined;
    /** Names in lower case. */
    readonly headers: readonly Header[];
    readonly timeout: Duration;
    readonly compression: (typeof COMPRESSION)[number];
    readonly tls: { readonly ca: string | undefined; readonly cert: string | undefined; readonly key: string | undefined };
  };
  /** Undefined: the caller's choice (systemd's STATE_DIRECTORY, the user's state folder). */
  readonly stateDir: string | undefined;
  /** Undefined: made from the machine id. */
  readonly hostId: string | undefined;
  readonly settle: Duration;
  readonly exitWithin: Duration;
  readonly patience: Duration;
  readonly lateness: { readonly file: Duration; readonly journal: Duration; readonly command: Duration };
  readonly rotateGrace: Duration;
  readonly sweep: Duration;
  readonly limits: { readonly heldDeleted: Bytes; readonly commandSpool: Bytes };
  readonly queue: { readonly memory: Bytes; readonly spool: Bytes };
  readonly deadLetter: { readonly max: Bytes };
  readonly store: { readonly enabled: boolean; readonly keep: Duration; readonly max: Bytes };
  readonly links: { readonly jaeger: string; readonly grafana: string | undefined; readonly grafanaSource: string };
  readonly metrics: {
    /** `HOST:PORT`, or `off`. */
    readonly listen: string;
  };
  readonly alerts: readonly Rule[];
  readonly notify: readonly SinkSpec[];
  /** In canonical order. */
  readonly resource: Attributes;
  readonly telemetry: boolean;
  readonly log: { readonly level: (typeof LOG_LEVEL)[number]; readonly format: (typeof LOG_FORMAT)[number] };
}

export interface SourceConfig {
  /** Paths and glob patterns. Files, or a journal, or both. */
  readonly files: readonly string[];
  /** Parts of one selection of the journal; undefined: no journal. */
  readonly journal: readonly string[] | undefined;
  readonly runtime: string | undefined;
  readonly scheme: string | undefined;
  readonly trust: (typeof TRUST)[number];
  /** User id. */
  readonly owner: number | undefined;
  readonly links: (typeof LINKS)[number];
}

export interface CommandConfig {
  readonly name: string;
  readonly argv: readonly string[];
  readonly runtime: string | undefined;
  readonly scheme: string | undefined;
}

/** What a setting is, and who said so. */
export interface Chosen {
  readonly value: Value | undefined;
  readonly origin: Origin;
}

/** Every setting of the schema, by path. */
export type Settings = ReadonlyMap<string, Chosen>;

export const defaultSettings: Settings = new Map(SCHEMA.map((each) => [each.path, { value: each.default, origin: { kind: 'default' } }]));

/** The typed configuration of complete settings. Throws only where schema and types disagree: a bug of ours, which a test finds. */
export function configOf(settings: Settings): Config {
  const values: Values = new Map([...settings].flatMap(([path, { value }]) => (value === undefined ? [] : [[path, value]])));
  return {
    sources: need(values, 'sources', 'list').map(sourceOf),
    events: get(values, 'events', 'texts'),
    containerdSocket: need(values, 'containerd_socket', 'text'),
    commands: need(values, 'commands', 'list').map(commandOf),
    from: fromOf(values),
    otlp: {
      endpoint: text(values, 'otlp.endpoint'),
      headers: need(values, 'otlp.headers', 'headers'),
      timeout: need(values, 'otlp.timeout', 'duration'),
      compression: choice(values, 'otlp.compression', COMPRESSION),
      tls: { ca: text(values, 'otlp.tls.ca'), cert: text(values, 'otlp.tls.cert'), key: text(values, 'otlp.tls.key') },
    },
    stateDir: text(values, 'state_dir'),
    hostId: text(values, 'host_id'),
    settle: need(values, 'settle', 'duration'),
    exitWithin: need(values, 'exit_within', 'duration'),
    patience: need(values, 'patience', 'duration'),
    lateness: { file: need(values, 'lateness.file', 'duration'), journal: need(values, 'lateness.journal', 'duration'), command: need(values, 'lateness.command', 'duration') },
    rotateGrace: need(values, 'rotate_grace', 'duration'),
    sweep: need(values, 'sweep', 'duration'),
    limits: { heldDeleted: need(values, 'limits.held_deleted', 'size'), commandSpool: need(values, 'limits.command_spool', 'size') },
    queue: { memory: need(values, 'queue.memory', 'size'), spool: need(values, 'queue.spool', 'size') },
    deadLetter: { max: need(values, 'dead_letter.max', 'size') },
    store: { enabled: need(values, 'store.enabled', 'boolean'), keep: need(values, 'store.keep', 'duration'), max: need(values, 'store.max', 'size') },
    links: { jaeger: need(values, 'links.jaeger', 'text'), grafana: text(values, 'links.grafana'), grafanaSource: need(values, 'links.grafana_source', 'text') },
    metrics: { listen: need(values, 'metrics.listen', 'text') },
    alerts: need(values, 'alerts', 'list').map(ruleOf),
    notify: need(values, 'notify', 'list').flatMap(sinkOf),
    resource: need(values, 'resource', 'attributes'),
    telemetry: need(values, 'telemetry', 'boolean'),
    log: { level: choice(values, 'log.level', LOG_LEVEL), format: choice(values, 'log.format', LOG_FORMAT) },
  };
}

function fromOf(values: Values): Config['from'] {
  const ago = parseAgo(need(values, 'from', 'text'));
  return ago === undefined ? choice(values, 'from', FROM) : { ago };
}

function sourceOf(values: Values): SourceConfig {
  return {
    files: get(values, 'file', 'texts') ?? [],
    journal: get(values, 'journal', 'texts'),
    runtime: text(values, 'runtime'),
    scheme: text(values, 'scheme'),
    trust: choice(values, 'trust', TRUST),
    owner: get(values, 'owner', 'integer'),
    links: choice(values, 'links', LINKS),
  };
}

const commandOf = (values: Values): CommandConfig =>
  ({ name: need(values, 'name', 'text'), argv: need(values, 'command', 'texts'), runtime: text(values, 'runtime'), scheme: text(values, 'scheme') });

function ruleOf(values: Values): Rule {
  return {
    name: need(values, 'name', 'text'),
    on: choice(values, 'on', OCCASIONS),
    runtime: text(values, 'runtime'),
    phase: need(values, 'phase', 'text'),
    above: get(values, 'above', 'threshold'),
    minSamples: need(values, 'min_samples', 'integer'),
    open: need(values, 'open', 'boolean'),
    severity: choice(values, 'severity', SEVERITIES),
    cooldown: need(values, 'cooldown', 'duration'),
    notify: get(values, 'notify', 'texts'),
  };
}

/** None when it does not say what it is: complained about by then. */
function sinkOf(values: Values): SinkSpec[] {
  const name = need(values, 'name', 'text');
  const headers = need(values, 'headers', 'headers');
  const alertmanager = text(values, 'alertmanager');
  if (alertmanager !== undefined) return [{ name, kind: 'alertmanager', url: alertmanager, headers }];
  const webhook = text(values, 'webhook');
  if (webhook !== undefined) return [{ name, kind: 'webhook', url: webhook, headers }];
  const argv = get(values, 'command', 'texts');
  if (argv !== undefined) return [{ name, kind: 'command', argv }];
  return need(values, 'journal', 'boolean') ? [{ name, kind: 'journal' }] : [];
}

/** What each kind of value holds. */
type Held = { readonly [V in Value as V['kind']]: V['value'] };

function isKind<K extends keyof Held>(value: { readonly kind: string; readonly value: unknown }, kind: K): value is { readonly kind: K; readonly value: Held[K] } {
  return value.kind === kind;
}

function get<K extends keyof Held>(values: Values, path: string, kind: K): Held[K] | undefined {
  const value: { readonly kind: string; readonly value: unknown } | undefined = values.get(path);
  if (value === undefined) return undefined;
  if (!isKind(value, kind)) throw new Error(`setting ${path} is ${value.kind}, not ${kind}`);
  return value.value;
}

function need<K extends keyof Held>(values: Values, path: string, kind: K): Held[K] {
  const value = get(values, path, kind);
  if (value === undefined) throw new Error(`setting ${path} has neither value nor default`);
  return value;
}

const text = (values: Values, path: string): string | undefined => get(values, path, 'text');

function choice<const T extends string>(values: Values, path: string, of: readonly T[]): T {
  const written = need(values, path, 'text');
  const found = of.find((each) => each === written);
  if (found === undefined) throw new Error(`setting ${path} is "${written}", none of ${of.join(', ')}`);
  return found;
}

/** The configuration when nothing is said anywhere. */
export const defaultConfig: Config = configOf(defaultSettings);
