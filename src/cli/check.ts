import process from 'node:process';
import { describe } from '../config/describe.ts';
import { formatComplaints } from '../config/message.ts';
import { chooseEndpoint } from './endpoint.ts';
import { EXIT, Stop } from './exit.ts';
import { harmless, named } from './problem.ts';
import { loadRuntimes } from './runtimes.ts';
import { checkSources, loadSettings, withRules } from './settings.ts';
import { DEFAULT_URL } from '../delivery/endpoint.ts';

/** `shimtrace check [FILE]`: the configuration in effect and where each value comes from; touches nothing. */
export async function check(file: string | undefined): Promise<void> {
  const runtimes = await loadRuntimes();
  const { config, settings, complaints, file: read } = withRules(await loadSettings({ config: file }), runtimes);
  if (complaints.length > 0) process.stderr.write(`${formatComplaints(complaints)}\n`);
  if (complaints.some((complaint) => complaint.severity === 'error')) throw new Stop(EXIT.config, '');
  checkSources(config, runtimes);
  const endpoint = chooseEndpoint(undefined, config, (text) => process.stderr.write(`warning: ${harmless(text)}\n`));
  process.stdout.write(`${describe(settings)}\n`);
  process.stdout.write(`sends to: ${endpoint?.url ?? `${DEFAULT_URL}, when something answers there`}\n`);
  process.stdout.write(`${read === undefined ? 'No configuration file: defaults.' : `${named([read])} is right.`}\n`);
}
