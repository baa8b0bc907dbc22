import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { Config } from '../config/config.ts';

/** Where the state lies: the user's word, else systemd's, else root's folder or the user's own (XDG base directories). */
export function stateFolder(config: Config, env: Readonly<Record<string, string | undefined>>): string {
  if (config.stateDir !== undefined) return config.stateDir;
  const systemd = env['STATE_DIRECTORY']?.split(':')[0];
  if (systemd !== undefined && systemd !== '') return systemd;
  if (process.getuid?.() === 0) return '/var/lib/shimtrace';
  return join(env['XDG_STATE_HOME'] || join(env['HOME'] || homedir(), '.local', 'state'), 'shimtrace');
}
