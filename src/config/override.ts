import { eventsFault } from './events.ts';
import { configOf } from './config.ts';
import type { Chosen } from './config.ts';
import type { Complaint } from './complaint.ts';
import type { Loaded } from './loaded.ts';
import { readText } from './read.ts';
import { settingAt, SOURCE_DEFAULTS } from './schema.ts';
import type { Environment } from './substitute.ts';
import type { Origin, Value } from './values.ts';

/** Options of the command line that override settings, as they were typed. Not `--otlp`: delivery/endpoint.ts weighs it. */
export interface Flags {
  /** `[RUNTIME=]GLOB`, each a source; they stand instead of the sources of the file. */
  readonly file?: readonly string[] | undefined;
  /** Selections of the journal, each a source like those of `file`. */
  readonly journal?: readonly string[] | undefined;
  /** Namespaces of containerd, `all` or `off`. */
  readonly events?: readonly string[] | undefined;
  readonly stateDir?: string | undefined;
  readonly hostId?: string | undefined;
  readonly from?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly listen?: string | undefined;
}

/** Where the configuration is read when nobody says otherwise, if it exists. */
export const DEFAULT_CONFIG_FILE = '/etc/shimtrace/shimtrace.yaml';

/** The file that flag or environment name; undefined: `DEFAULT_CONFIG_FILE`, which need not exist. */
export const configFile = (flag: string | undefined, env: Environment): string | undefined => flag ?? set(env['SHIMTRACE_CONFIG']);

/** The OTEL_EXPORTER_OTLP_* variables are none of these: they are read in delivery/endpoint.ts, which alone knows their rules. */
const VARIABLES: readonly { readonly name: string; readonly path: string }[] = [
  { name: 'SHIMTRACE_STATE_DIR', path: 'state_dir' },
  { name: 'SHIMTRACE_HOST_ID', path: 'host_id' },
  { name: 'SHIMTRACE_LOG_LEVEL', path: 'log.level' },
];

/** Flags over environment over what was loaded (file over default). A value that is wrong changes nothing and is complained about. */
export function mergeFlags(loaded: Loaded, flags: Flags, env: Environment): Loaded {
  const settings = new Map<string, Chosen>(loaded.settings);
  const complaints = [...loaded.complaints];
  for (const { name, path } of VARIABLES) {
    const text = set(env[name]);
    if (text !== undefined) put(settings, complaints, path, text, { kind: 'environment', name });
  }
  const options: readonly (readonly [string, string, string | undefined])[] = [
    ['--state-dir', 'state_dir', flags.stateDir], ['--host-id', 'host_id', flags.hostId],
    ['--from', 'from', flags.from], ['--log-level', 'log.level', flags.logLevel],
    ['--listen', 'metrics.listen', flags.listen],
  ];
  for (const [name, path, text] of options) if (text !== undefined) put(settings, complaints, path, text, { kind: 'flag', name });
  if (flags.events !== undefined) putEvents(settings, complaints, flags.events);
  const items = [...fileItems(complaints, flags.file ?? []), ...(flags.journal ?? []).map(journalItem)];
  if ((flags.file?.length ?? 0) + (flags.journal?.length ?? 0) > 0) {
    settings.set('sources', { value: { kind: 'list', value: items }, origin: { kind: 'flag', name: flags.file === undefined ? '--journal' : '--file' } });
  }
  return { config: configOf(settings), settings, complaints, origins: loaded.origins };
}

/** An empty variable is as good as none (OpenTelemetry's rule, and ours). */
const set = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

function put(settings: Map<string, Chosen>, complaints: Complaint[], path: string, text: string, origin: Origin): void {
  const reading = readText(settingAt(path).type, text);
  const name = origin.kind === 'flag' ? '' : path;
  if (reading.kind === 'bad') {
    complaints.push({ severity: 'error', origin, path: name, what: reading.what, excerpt: undefined });
    return;
  }
  if (reading.warning !== undefined) complaints.push({ severity: 'warning', origin, path: name, what: reading.warning, excerpt: undefined });
  settings.set(path, { value: reading.value, origin });
}

function putEvents(settings: Map<string, Chosen>, complaints: Complaint[], names: readonly string[]): void {
  const origin: Origin = { kind: 'flag', name: '--events' };
  const wrong = eventsFault(names);
  if (wrong === undefined) settings.set('events', { value: { kind: 'texts', value: names }, origin });
  else complaints.push({ severity: 'error', origin, path: '', what: wrong, excerpt: undefined });
}

const journalItem = (selection: string): Map<string, Value> =>
  new Map<string, Value>([...SOURCE_DEFAULTS, ['journal', { kind: 'texts', value: [selection] }]]);

function fileItems(complaints: Complaint[], files: readonly string[]): Map<string, Value>[] {
  const origin: Origin = { kind: 'flag', name: '--file' };
  return files.flatMap((text) => {
    const [, runtime, rest] = /^([a-z][a-z0-9_-]*)=(.*)$/s.exec(text) ?? [];
    const file = rest ?? text;
    if (file === '' || file.includes('\0')) {
      complaints.push({ severity: 'error', origin, path: '', what: `"${text}" names no file. Write --file GLOB or --file RUNTIME=GLOB.`, excerpt: undefined });
      return [];
    }
    const item = new Map<string, Value>([...SOURCE_DEFAULTS, ['file', { kind: 'texts', value: [file] }]]);
    if (runtime !== undefined) item.set('runtime', { kind: 'text', value: runtime });
    return [item];
  });
}
