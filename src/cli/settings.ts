import { readFileSync } from 'node:fs';
import process from 'node:process';
import type { Config } from '../config/config.ts';
import { defaults } from '../config/loaded.ts';
import type { Loaded } from '../config/loaded.ts';
import { formatComplaints } from '../config/message.ts';
import { DEFAULT_CONFIG_FILE, configFile, mergeFlags } from '../config/override.ts';
import type { Flags } from '../config/override.ts';
import { didYouMean } from '../config/suggest.ts';
import { codeOf, reasonOf } from '../sources/report.ts';
import { LEDGER_DEFAULTS } from '../engine/ledger.ts';
import type { LedgerOptions } from '../engine/ledger.ts';
import { EXIT, Stop } from './exit.ts';
import type { Host } from './host.ts';
import { ruleComplaints } from './rules.ts';
import type { KnownRuntime } from './runtimes.ts';

export interface ConfigFlags extends Flags {
  readonly config?: string | undefined;
}

/** The effective configuration with all its complaints, errors among them. Stops only where there is no text to read. */
export async function loadSettings(flags: ConfigFlags): Promise<Loaded & { readonly file: string | undefined }> {
  const named = configFile(flags.config, process.env);
  const file = named ?? DEFAULT_CONFIG_FILE;
  const text = readText(file, named !== undefined);
  const loaded = text === undefined ? defaults : (await import('../config/load.ts')).parseConfig(text, file, process.env);
  return { ...mergeFlags(loaded, flags, process.env), file: text === undefined ? undefined : file };
}

/** With what its rules say of runtimes, which the configuration itself does not know. */
export const withRules = <L extends Loaded>(loaded: L, runtimes: readonly KnownRuntime[]): L =>
  ({ ...loaded, complaints: [...loaded.complaints, ...ruleComplaints(loaded, runtimes)] });

/** Stops for a source whose runtime or version does not exist. */
export function checkSources({ sources, commands }: Config, runtimes: readonly KnownRuntime[]): void {
  for (const source of [...sources, ...commands]) checkPins(runtimes, source.runtime, source.scheme, EXIT.config);
}

/** The configuration, or the end: a wrong one is never half used. */
export const settingsOrStop = async (flags: ConfigFlags, runtimes: readonly KnownRuntime[]): Promise<Config> => (await loadedOrStop(flags, runtimes)).config;

/** As settingsOrStop, with where each value comes from. */
export async function loadedOrStop(flags: ConfigFlags, runtimes: readonly KnownRuntime[]): Promise<Loaded> {
  const loaded = withRules(await loadSettings(flags), runtimes);
  const { complaints } = loaded;
  if (complaints.some((complaint) => complaint.severity === 'error')) throw new Stop(EXIT.config, formatComplaints(complaints));
  if (complaints.length > 0) process.stderr.write(`${formatComplaints(complaints)}\n`);
  checkSources(loaded.config, runtimes);
  return loaded;
}

/** The engine's part of the configuration. */
export const ledgerOptions = (config: Config, host: Host): LedgerOptions => ({
  ...LEDGER_DEFAULTS,
  hostId: host.id,
  settle: config.settle,
  exitWithin: config.exitWithin,
  patience: config.patience,
  lateness: config.lateness.file,
});

/** Stops for a runtime or version that does not exist, with what does. */
export function checkPins(
  runtimes: readonly KnownRuntime[],
  runtime: string | undefined,
  scheme: string | undefined,
  code: typeof EXIT.config | typeof EXIT.usage,
): void {
  const names = runtimes.map(({ rule }) => rule.name);
  if (runtime !== undefined && !names.includes(runtime)) {
    throw new Stop(code, `There is no runtime "${runtime}".${didYouMean(runtime, names)} Known: ${names.join(', ')}.`);
  }
  const schemes = runtimes.filter(({ rule }) => runtime === undefined || rule.name === runtime).flatMap(({ rule }) => rule.schemes);
  if (scheme !== undefined && !schemes.includes(scheme)) {
    throw new Stop(code, `There is no version "${scheme}"${runtime === undefined ? '' : ` of ${runtime}'s log`}.${didYouMean(scheme, schemes)} Known: ${schemes.join(', ')}.`);
  }
}

function readText(file: string, named: boolean): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (!named && codeOf(error) === 'ENOENT') return undefined;
    throw new Stop(EXIT.config, `Cannot read the configuration ${file}: ${reasonOf(error)}. Correct the path, or leave it out: every setting has a default.`);
  }
}
