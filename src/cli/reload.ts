/** SIGHUP: the configuration is read again, and takes effect only when all of it is right. */
import type { Config, Settings } from '../config/config.ts';
import { formatComplaint } from '../config/message.ts';
import { SCHEMA } from '../config/schema.ts';
import { Stop } from './exit.ts';
import type { OwnLog } from './logger.ts';
import type { KnownRuntime } from './runtimes.ts';
import { checkSources, loadSettings, withRules } from './settings.ts';
import type { ConfigFlags } from './settings.ts';
import type { Watch } from './watch.ts';

/** What takes effect without a restart, by the beginning of its name. */
export const RELOADABLE = ['alerts', 'notify', 'links.', 'metrics.', 'log.level'];

export interface ReloadParts {
  readonly flags: ConfigFlags;
  readonly runtimes: readonly KnownRuntime[];
  readonly own: OwnLog;
  readonly watch: Pick<Watch, 'reloaded' | 'reloadFailed'>;
}

export class Reload {
  readonly #parts: ReloadParts;
  #settings: Settings;

  constructor(parts: ReloadParts, settings: Settings) {
    this.#parts = parts;
    this.#settings = settings;
  }

  /** Never throws for what the file holds, or that there is none. */
  async now(): Promise<void> {
    const { own: { log, setLevel }, watch } = this.#parts;
    const read = await this.#read();
    if (read.kind === 'wrong') {
      watch.reloadFailed();
      log('error', 'reload_failed', { text: `The configuration was not reloaded, and the one in effect stays. ${read.why}` });
      return;
    }
    const changed = SCHEMA.map(({ path }) => path).filter((path) => !sameValue(this.#settings, read.settings, path));
    const now = changed.filter((path) => RELOADABLE.some((name) => path.startsWith(name)));
    const later = changed.filter((path) => !now.includes(path));
    for (const path of now) this.#settings = new Map([...this.#settings, [path, read.settings.get(path) ?? { value: undefined, origin: { kind: 'default' } }]]);
    setLevel(read.config.log.level);
    watch.reloaded(read.config);
    log('info', 'reloaded', { changed: now, text: now.length === 0 ? 'Reloaded: nothing that takes effect without a restart has changed.' : `Reloaded: ${now.join(', ')}.` });
    if (later.length > 0) log('warn', 'reload_needs_restart', { settings: later, text: `Changed, and in effect only after a restart: ${later.join(', ')}.` });
  }

  async #read(): Promise<{ readonly kind: 'right'; readonly config: Config; readonly settings: Settings } | { readonly kind: 'wrong'; readonly why: string }> {
    try {
      const { flags, runtimes, own } = this.#parts;
      const loaded = withRules(await loadSettings(flags), runtimes);
      const errors = loaded.complaints.filter(({ severity }) => severity === 'error');
      if (errors.length > 0) return { kind: 'wrong', why: errors.map(oneLine).join('; ') };
      checkSources(loaded.config, runtimes);
      for (const warning of loaded.complaints) own.log('warn', 'config_warning', { text: oneLine(warning) });
      return { kind: 'right', config: loaded.config, settings: loaded.settings };
    } catch (error) {
      if (error instanceof Stop) return { kind: 'wrong', why: error.message };
      throw error;
    }
  }
}

const oneLine = (complaint: Parameters<typeof formatComplaint>[0]): string => (formatComplaint(complaint).split('\n')[0] ?? '').replaceAll(/ {2,}/g, ' ');

const plain = (settings: Settings, path: string): string =>
  JSON.stringify(settings.get(path)?.value, (_, value: unknown) => (value instanceof Map ? [...value].toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)) : value)) ?? '';

const sameValue = (one: Settings, other: Settings, path: string): boolean => plain(one, path) === plain(other, path);
