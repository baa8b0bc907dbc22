import { configOf } from './config.ts';
import type { Chosen } from './config.ts';
import type { Complaint } from './complaint.ts';
import type { Loaded } from './load.ts';
import { headerFault, readText } from './read.ts';
import { settingAt } from './schema.ts';
import type { Environment } from './substitute.ts';
import type { Header, Origin, Value } from './values.ts';

/** Options of the command line that override settings, as they were typed. */
export interface Flags {
  /** `[RUNTIME=]GLOB`, each a source; they stand instead of the sources of the file. */
  readonly file?: readonly string[] | undefined;
  readonly otlp?: string | undefined;
  readonly stateDir?: string | undefined;
  readonly hostId?: string | undefined;
  readonly from?: string | undefined;
  readonly logLevel?: string | undefined;
}

/** Where the configuration is read when nobody says otherwise, if it exists. */
export const DEFAULT_CONFIG_FILE = '/etc/shimtrace/shimtrace.yaml';

/** The file that flag or environment name; undefined: `DEFAULT_CONFIG_FILE`, which need not exist. */
export const configFile = (flag: string | undefined, env: Environment): string | undefined => flag ?? set(env['SHIMTRACE_CONFIG']);

interface Variable {
  readonly name: string;
  readonly path: string;
  /** Another way to write the same, made into ours. */
  readonly spell?: (text: string) => string;
}

/** Later ones win: the variable for traces is more special than the one for all signals (OTLP exporter specification 1.x). */
const VARIABLES: readonly Variable[] = [
  { name: 'OTEL_EXPORTER_OTLP_ENDPOINT', path: 'otlp.endpoint' },
  { name: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', path: 'otlp.endpoint' },
  { name: 'OTEL_EXPORTER_OTLP_HEADERS', path: 'otlp.headers' },
  { name: 'OTEL_EXPORTER_OTLP_TRACES_HEADERS', path: 'otlp.headers' },
  { name: 'OTEL_EXPORTER_OTLP_TIMEOUT', path: 'otlp.timeout', spell: (text) => `${text}ms` },
  { name: 'OTEL_EXPORTER_OTLP_TRACES_TIMEOUT', path: 'otlp.timeout', spell: (text) => `${text}ms` },
  { name: 'OTEL_EXPORTER_OTLP_COMPRESSION', path: 'otlp.compression' },
  { name: 'OTEL_EXPORTER_OTLP_TRACES_COMPRESSION', path: 'otlp.compression' },
  { name: 'OTEL_EXPORTER_OTLP_CERTIFICATE', path: 'otlp.tls.ca' },
  { name: 'OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE', path: 'otlp.tls.cert' },
  { name: 'OTEL_EXPORTER_OTLP_CLIENT_KEY', path: 'otlp.tls.key' },
  { name: 'SHIMTRACE_STATE_DIR', path: 'state_dir' },
  { name: 'SHIMTRACE_HOST_ID', path: 'host_id' },
  { name: 'SHIMTRACE_LOG_LEVEL', path: 'log.level' },
];

/**
 * Flags over environment over what was loaded (file over default). A value that is wrong changes nothing and is
 * complained about: as a warning where it is one of OTEL_*, which other programs share, else as an error.
 */
export function mergeFlags(loaded: Loaded, flags: Flags, env: Environment): Loaded {
  const settings = new Map<string, Chosen>(loaded.settings);
  const complaints = [...loaded.complaints];
  for (const { name, path, spell } of VARIABLES) {
    const text = set(env[name]);
    if (text !== undefined) put(settings, complaints, path, spell?.(text) ?? text, { kind: 'environment', name });
  }
  const options: readonly (readonly [string, string, string | undefined])[] = [
    ['--otlp', 'otlp.endpoint', flags.otlp], ['--state-dir', 'state_dir', flags.stateDir], ['--host-id', 'host_id', flags.hostId],
    ['--from', 'from', flags.from], ['--log-level', 'log.level', flags.logLevel],
  ];
  for (const [name, path, text] of options) if (text !== undefined) put(settings, complaints, path, text, { kind: 'flag', name });
  if (flags.file !== undefined && flags.file.length > 0) putFiles(settings, complaints, flags.file);
  return { config: configOf(settings), settings, complaints };
}

/** An empty variable is as good as none (OpenTelemetry's rule, and ours). */
const set = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

function put(settings: Map<string, Chosen>, complaints: Complaint[], path: string, text: string, origin: Origin): void {
  const reading = path === 'otlp.headers' ? readHeaders(text) : readText(settingAt(path).type, text);
  const severity = origin.kind === 'environment' && origin.name.startsWith('OTEL_') ? 'warning' : 'error';
  const name = origin.kind === 'flag' ? '' : path;
  if (reading.kind === 'bad') {
    const ignored = severity === 'warning' ? ' It is ignored.' : '';
    complaints.push({ severity, origin, path: name, what: reading.what + ignored, excerpt: undefined });
    return;
  }
  if (reading.warning !== undefined) complaints.push({ severity: 'warning', origin, path: name, what: reading.warning, excerpt: undefined });
  settings.set(path, { value: reading.value, origin });
}

function putFiles(settings: Map<string, Chosen>, complaints: Complaint[], files: readonly string[]): void {
  const origin: Origin = { kind: 'flag', name: '--file' };
  const items = files.flatMap((text) => {
    const [, runtime, rest] = /^([a-z][a-z0-9_-]*)=(.*)$/s.exec(text) ?? [];
    const file = rest ?? text;
    if (file === '' || file.includes('\0')) {
      complaints.push({ severity: 'error', origin, path: '', what: `"${text}" names no file. Write --file GLOB or --file RUNTIME=GLOB.`, excerpt: undefined });
      return [];
    }
    const item = new Map<string, Value>([['file', { kind: 'texts', value: [file] }], ['trust', { kind: 'text', value: 'owner' }]]);
    if (runtime !== undefined) item.set('runtime', { kind: 'text', value: runtime });
    return [item];
  });
  settings.set('sources', { value: { kind: 'list', value: items }, origin });
}

type HeaderReading = { readonly kind: 'value'; readonly value: Value; readonly warning?: string } | { readonly kind: 'bad'; readonly what: string };

/** `name=value,name2=value2`, values percent-encoded (W3C Baggage, as OTEL_EXPORTER_OTLP_HEADERS has it). Never quotes a value. */
function readHeaders(text: string): HeaderReading {
  const headers = new Map<string, Header>();
  for (const part of text.split(',')) {
    if (part.trim() === '') continue;
    const equals = part.indexOf('=');
    const name = part.slice(0, Math.max(0, equals)).trim().toLowerCase();
    const header: Header = [name, decode(part.slice(equals + 1).trim())];
    const fault = equals < 0 ? 'has no "=".' : headerFault(header);
    if (fault !== undefined) return { kind: 'bad', what: `header ${headers.size + 1} ${fault}` };
    headers.set(name, header);
  }
  return { kind: 'value', value: { kind: 'headers', value: [...headers.values()] } };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

