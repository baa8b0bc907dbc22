/** What a configuration file says, and that it may not be there: apart from the reader of YAML, which costs 40 ms to load. */
import { defaultConfig, defaultSettings } from './config.ts';
import type { Config, Settings } from './config.ts';
import type { Complaint } from './complaint.ts';
import type { Origin } from './values.ts';

export interface Loaded {
  /** Defaults with everything on top that is right. */
  readonly config: Config;
  /** The same as `config` by path, with where each value comes from. */
  readonly settings: Settings;
  readonly complaints: readonly Complaint[];
  /** Where each value of the file stands, those of lists too (`alerts[0].phase`). */
  readonly origins: ReadonlyMap<string, Origin>;
}

/** Without a file. */
export const defaults: Loaded = { config: defaultConfig, settings: defaultSettings, complaints: [], origins: new Map() };
