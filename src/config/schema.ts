import { OCCASIONS, SEVERITIES, TOTAL } from '../model/alert.ts';
import { duration, MILLISECOND, MINUTE, SECOND } from '../model/time.ts';
import type { Duration } from '../model/time.ts';
import { bytes } from './units.ts';
import type { Bytes } from './units.ts';
import type { Value } from './values.ts';

/** What may be written for a setting. Both ends of a range are allowed. */
export type SettingType =
  | { readonly kind: 'text' }
  /** A word for rules and sinks: it becomes a label of metrics. */
  | { readonly kind: 'name' }
  | { readonly kind: 'path' }
  /** `grpc`: scheme, host and port only. `web`: a path, too. `hook`: and a query. */
  | { readonly kind: 'url'; readonly use: 'grpc' | 'web' | 'hook' }
  /** `HOST:PORT`, or `off`. */
  | { readonly kind: 'listen' }
  /** `1s`, or `1.5x p95 of 7d`. */
  | { readonly kind: 'threshold' }
  | { readonly kind: 'choice'; readonly of: readonly string[] }
  /** One of these, or a duration before now: `-1h`. */
  | { readonly kind: 'place'; readonly of: readonly string[] }
  | { readonly kind: 'duration'; readonly min: Duration; readonly max: Duration }
  | { readonly kind: 'size'; readonly min: Bytes; readonly max: Bytes }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  /** One text or a list of texts. */
  | { readonly kind: 'texts' }
  | { readonly kind: 'headers' }
  | { readonly kind: 'attributes' }
  | { readonly kind: 'list'; readonly of: readonly Setting[] };

export interface Setting {
  /** Dots are nested mappings. */
  readonly path: string;
  readonly type: SettingType;
  /** Undefined: nothing, and that has a meaning of its own (said in `doc`). */
  readonly default: Value | undefined;
  /** one of: of these of a list's item one must be written. */
  readonly required: boolean | 'one of';
  /** One sentence, for people. */
  readonly doc: string;
}

/** Keeps the literals, so that the type of the configuration follows from the list. */
const choices = <const T extends readonly string[]>(...of: T): T => of;

export const FROM = choices('beginning', 'end');
export const TRUST = choices('owner', 'any');
export const LINKS = choices('refuse', 'follow');
export const COMPRESSION = choices('none', 'gzip');
export const LOG_LEVEL = choices('trace', 'debug', 'info', 'warn', 'error');
export const LOG_FORMAT = choices('auto', 'json', 'text');

const ZERO = duration(0);
const HOUR = duration(60 * MINUTE);
const DAY = duration(24 * HOUR);
const MIB = 2 ** 20;

const text = (value: string): Value => ({ kind: 'text', value });
const time = (min: Duration, max: Duration): SettingType => ({ kind: 'duration', min, max });
const size = (min: number): SettingType => ({ kind: 'size', min: bytes(min), max: bytes(2 ** 40) });
const length = (value: Duration): Value => ({ kind: 'duration', value });
const room = (value: number): Value => ({ kind: 'size', value: bytes(value) });

const setting = (path: string, type: SettingType, preset: Value | undefined, doc: string, required: Setting['required'] = false): Setting =>
  ({ path, type, default: preset, required, doc });

const SOURCE: readonly Setting[] = [
  setting('file', { kind: 'texts' }, undefined, 'Files to follow: a path or glob pattern, or a list of them; or journal.', 'one of'),
  setting('journal', { kind: 'texts' }, undefined, 'Entries of the systemd journal to follow: all, a unit, an identifier, a match, a folder or a namespace.', 'one of'),
  setting('runtime', { kind: 'text' }, undefined, 'The runtime that writes them; without it each line is tried by what it says.'),
  setting('scheme', { kind: 'text' }, undefined, 'The version of the log, where lines alone do not tell.'),
  setting('trust', { kind: 'choice', of: TRUST }, text('owner'), 'Whose files are read: those of the owner, or any.'),
  setting('owner', { kind: 'integer', min: 0, max: 2 ** 32 - 2 }, undefined, 'One more user id whose files are read, beside root and the user of the daemon.'),
  setting('links', { kind: 'choice', of: LINKS }, text('refuse'), 'What becomes of a name that is a symbolic link.'),
];

const COMMAND: readonly Setting[] = [
  setting('name', { kind: 'name' }, undefined, 'What the command is called here.', true),
  setting('command', { kind: 'texts' }, undefined, 'A program and its arguments, a list; each line that it writes is read.', true),
  setting('runtime', { kind: 'text' }, undefined, 'The runtime that writes these lines; without it each line is tried by what it says.'),
  setting('scheme', { kind: 'text' }, undefined, 'The version of the log, where lines alone do not tell.'),
];

const RULE: readonly Setting[] = [
  setting('name', { kind: 'name' }, undefined, 'What the alert is called.', true),
  setting('on', { kind: 'choice', of: OCCASIONS }, text('slow'), 'What is told: starts that were slow, or that failed or were never finished.'),
  setting('runtime', { kind: 'text' }, undefined, 'Only starts of this runtime.'),
  setting('phase', { kind: 'text' }, text(TOTAL), 'What is measured: total (less the gaps of the caller), the name of a phase, or "*" for any.'),
  setting('above', { kind: 'threshold' }, undefined, 'What is too long: a duration, or a factor over what was usual, as 1.5x p95 of 7d.'),
  setting('min_samples', { kind: 'integer', min: 2, max: 1_000_000 }, { kind: 'integer', value: 50 }, 'So many starts make what is usual; with fewer such a rule says nothing.'),
  setting('open', { kind: 'boolean' }, { kind: 'boolean', value: false }, 'Tell it of a start under way as soon as it has taken too long.'),
  setting('severity', { kind: 'choice', of: SEVERITIES }, text('warning'), 'Goes into the message, and becomes a label in Alertmanager.'),
  setting('cooldown', time(ZERO, duration(24 * HOUR)), length(duration(10 * MINUTE)), 'After an alert, how long the next of the same kind is held back and counted.'),
  setting('notify', { kind: 'texts' }, undefined, 'Names of the sinks that are told; without it all, and the journal where there is none.'),
];

const SINK: readonly Setting[] = [
  setting('name', { kind: 'name' }, undefined, 'What rules call it.', true),
  setting('alertmanager', { kind: 'url', use: 'web' }, undefined, 'Address of an Alertmanager, without /api/v2/alerts.'),
  setting('webhook', { kind: 'url', use: 'hook' }, undefined, 'Address that is sent a POST with JSON.'),
  setting('headers', { kind: 'headers' }, { kind: 'headers', value: [] }, 'Headers of these requests, such as an access token.'),
  setting('command', { kind: 'texts' }, undefined, 'A program and its arguments, a list; it gets the JSON on standard input.'),
  setting('journal', { kind: 'boolean' }, { kind: 'boolean', value: false }, "A line in the daemon's own log."),
];

/** What holds for a source of which nothing is said. */
export const SOURCE_DEFAULTS = SOURCE.flatMap(({ path, default: preset }): [string, Value][] => (preset === undefined ? [] : [[path, preset]]));

/** Every setting there is, in the order in which people meet them. */
export const SCHEMA: readonly Setting[] = [
  setting('sources', { kind: 'list', of: SOURCE }, { kind: 'list', value: [] }, 'What is read; nothing here means what is found on the host.'),
  setting('events', { kind: 'texts' }, undefined, 'Events of containerd to follow: all, off, or its namespaces; without it all where there is a containerd.'),
  setting('containerd_socket', { kind: 'path' }, text('/run/containerd/containerd.sock'), 'Where containerd answers.'),
  setting('commands', { kind: 'list', of: COMMAND }, { kind: 'list', value: [] }, 'Commands whose output is read.'),
  setting('from', { kind: 'place', of: FROM }, text('beginning'), 'Where a file that was never seen before is read from.'),
  setting('otlp.endpoint', { kind: 'url', use: 'grpc' }, undefined, 'OTLP/gRPC back-end; without it http://localhost:4317 when that answers.'),
  setting('otlp.headers', { kind: 'headers' }, { kind: 'headers', value: [] }, 'Headers of every request, such as an access token.'),
  setting('otlp.timeout', time(MILLISECOND, HOUR), length(duration(10 * SECOND)), 'How long one request may take.'),
  setting('otlp.compression', { kind: 'choice', of: COMPRESSION }, text('none'), 'Compression of requests.'),
  setting('otlp.tls.ca', { kind: 'path' }, undefined, 'File with the certificates to trust instead of the system\'s (PEM).'),
  setting('otlp.tls.cert', { kind: 'path' }, undefined, 'Certificate to show to the back-end (PEM); needs key.'),
  setting('otlp.tls.key', { kind: 'path' }, undefined, 'Key of that certificate (PEM).'),
  setting('state_dir', { kind: 'path' }, undefined, 'Where the daemon keeps what it must not forget.'),
  setting('host_id', { kind: 'text' }, undefined, 'Name of this host in trace ids; without it a hash of the machine id.'),
  setting('settle', time(ZERO, MINUTE), length(duration(250 * MILLISECOND)), 'Quiet time after the last expected line of a start.'),
  setting('exit_within', time(ZERO, MINUTE), length(duration(250 * MILLISECOND)), 'A task that exits with another code than 0 so soon after its start has failed it.'),
  setting('patience', time(SECOND, HOUR), length(MINUTE), 'How long an open phase is waited for, by log time.'),
  setting('lateness.file', time(ZERO, MINUTE), length(duration(250 * MILLISECOND)), 'How late a line may come into a file.'),
  setting('lateness.journal', time(ZERO, MINUTE), length(duration(400 * MILLISECOND)), 'How late an entry may come out of the journal.'),
  setting('lateness.command', time(ZERO, MINUTE), length(duration(250 * MILLISECOND)), 'How late a line may come out of a command.'),
  setting('rotate_grace', time(ZERO, HOUR), length(MINUTE), 'How long a rotated file is still read.'),
  setting('sweep', time(duration(50 * MILLISECOND), HOUR), length(duration(2 * SECOND)), 'How often files are looked at even without a notice of the kernel.'),
  setting('limits.held_deleted', size(MIB), room(2 ** 30), 'Disk space of deleted files that are held open to be read.'),
  setting('limits.command_spool', size(MIB), room(64 * MIB), 'Disk space of each command\'s lines until they are acknowledged; beyond it new ones are lost.'),
  setting('queue.memory', size(MIB), room(32 * MIB), 'Encoded traces that wait in memory while the back-end is away.'),
  setting('queue.spool', size(0), room(256 * MIB), 'Traces that wait on disk after that, compressed; beyond, reading stops.'),
  setting('dead_letter.max', size(64 * 1024), room(16 * MIB), 'Size of the file that keeps what a back-end refused.'),
  setting('store.enabled', { kind: 'boolean' }, { kind: 'boolean', value: true }, 'Keep finished starts for ls, show, tail, link and statistics.'),
  setting('store.keep', time(HOUR, duration(90 * DAY)), length(duration(14 * DAY)), 'How long finished starts are kept.'),
  setting('store.max', size(MIB), room(1024 * MIB), 'Size of the store of finished starts; beyond it the oldest go.'),
  setting('links.jaeger', { kind: 'url', use: 'web' }, text('http://localhost:16686'), 'Jaeger\'s page, for links.'),
  setting('links.grafana', { kind: 'url', use: 'web' }, undefined, 'Grafana\'s page, for links.'),
  setting('links.grafana_source', { kind: 'text' }, text('tempo'), 'The uid of the Tempo data source in Grafana.'),
  setting('resource', { kind: 'attributes' }, { kind: 'attributes', value: [] }, 'More resource attributes of every component.'),
  setting('telemetry', { kind: 'boolean' }, { kind: 'boolean', value: false }, 'Send the daemon\'s own metrics and traces too.'),
  setting('metrics.listen', { kind: 'listen' }, text('127.0.0.1:9464'), 'Where Prometheus finds the daemon\'s metrics: HOST:PORT, or off.'),
  setting('alerts', { kind: 'list', of: RULE }, { kind: 'list', value: [] }, 'What somebody is told of.'),
  setting('notify', { kind: 'list', of: SINK }, { kind: 'list', value: [] }, 'Where alerts go.'),
  setting('log.level', { kind: 'choice', of: LOG_LEVEL }, text('info'), 'What the daemon says of itself.'),
  setting('log.format', { kind: 'choice', of: LOG_FORMAT }, text('auto'), 'auto: text on a terminal, else JSON.'),
];

/** The setting at this path of the whole schema. Throws for a path that does not exist: that is a bug of ours. */
export function settingAt(path: string): Setting {
  const found = SCHEMA.find((each) => each.path === path);
  if (found === undefined) throw new Error(`no setting ${path}`);
  return found;
}
