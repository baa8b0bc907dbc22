import { readFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import type { Config } from '../config/config.ts';
import type { Trust } from '../sources/walk.ts';
import type { FollowPattern } from '../sources/pattern.ts';
import { codeOf, reasonOf } from '../sources/report.ts';
import type { Logger } from './logger.ts';
import type { KnownRuntime } from './runtimes.ts';

/** What to follow: the user's list, else what each runtime writes by default and what its own configuration says. */
export function places(config: Config, runtimes: readonly KnownRuntime[], log: Logger): FollowPattern[] {
  if (config.sources.length > 0) {
    return config.sources.flatMap(({ files, runtime, scheme, trust, owner, links }) => {
      const whose: Trust = trust === 'any' ? { kind: 'any' } : { kind: 'owned', uids: owner === undefined ? [] : [owner] };
      return files.map((glob) => ({ glob, trust: whose, links, ...(runtime !== undefined && { runtime }), ...(scheme !== undefined && { scheme }) }));
    });
  }
  const found = new Map<string, FollowPattern>();
  for (const { rule } of runtimes) {
    for (const source of rule.sources) {
      const configured = source.configured && configuredPlace(source.configured, log);
      for (const glob of [...(configured === undefined ? [] : [configured]), ...source.files]) {
        if (!found.has(glob)) found.set(glob, { glob, runtime: rule.name });
      }
    }
  }
  return [...found.values()];
}

function configuredPlace({ file, table, key }: { file: string; table: string; key: string }, log: Logger): string | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') log('warn', 'runtime_config_unreadable', { text: `Cannot read ${file}: ${reasonOf(error)}. If ${key} is set there, name the file with --file.` });
    return undefined;
  }
  try {
    const section = parse(text)[table];
    const value: unknown = typeof section === 'object' && section !== null && key in section ? Reflect.get(section, key) : undefined;
    return typeof value === 'string' && value.startsWith('/') ? value : undefined;
  } catch (error) {
    log('warn', 'runtime_config_broken', { text: `${file} is not TOML: ${reasonOf(error).split('\n')[0] ?? ''}. The default places are followed.` });
    return undefined;
  }
}
