/** Finished logs as traces: what `show` and `why` share. */
import process from 'node:process';
import { Ledger } from '../engine/ledger.ts';
import type { Config } from '../config/config.ts';
import type { Trace } from '../model/trace.ts';
import { describeHost, environmentResource } from './host.ts';
import type { Host } from './host.ts';
import { EXIT } from './exit.ts';
import { openFiles, readArchives } from './read.ts';
import { problemText } from './problem.ts';
import { loadRuntimes } from './runtimes.ts';
import { checkPins, ledgerOptions, settingsOrStop } from './settings.ts';

export interface LogFlags {
  readonly config?: string;
  readonly container?: string;
  readonly hostId?: string;
  readonly runtime?: string;
  readonly scheme?: string;
  readonly rawClock?: boolean;
}

export interface Logs {
  readonly ledger: Ledger;
  readonly host: Host;
  readonly config: Config;
  /** As they settle, those that were asked for. Problems go to standard error. */
  traces(): AsyncGenerator<Trace>;
}

/** Whether one of its containers, or its sandbox, is the one that was asked for, by its first characters. */
export const wanted = ({ containers, spans: [root] }: Trace, prefix: string | undefined): boolean =>
  prefix === undefined || containers.some((container) => container.startsWith(prefix)) ||
  root?.attributes.some(([name, value]) => name === 'shimtrace.sandbox' && String(value).startsWith(prefix)) === true;

export async function openLogs(files: readonly string[], flags: LogFlags): Promise<Logs> {
  const runtimes = await loadRuntimes();
  checkPins(runtimes, flags.runtime, flags.scheme, EXIT.usage);
  // The same settings as the daemon's: what is shown here has the ids of what was sent.
  const config = await settingsOrStop({ config: flags.config, hostId: flags.hostId }, runtimes);
  const host = describeHost(config.hostId, [...config.resource, ...environmentResource(process.env['OTEL_RESOURCE_ATTRIBUTES'])]);
  const ledger = new Ledger(runtimes.map(({ compiled }) => compiled), { ...ledgerOptions(config, host), rawClock: flags.rawClock === true });
  const archives = openFiles(files);
  return { ledger, host, config, traces: () => tracesOf(archives, ledger, flags) };
}

async function* tracesOf(archives: ReturnType<typeof openFiles>, ledger: Ledger, flags: LogFlags): AsyncGenerator<Trace> {
  const reading = readArchives(archives, ledger, { runtime: flags.runtime, scheme: flags.scheme }, () => undefined);
  for (let step = await reading.next(); ; step = await reading.next()) {
    if (step.done === true) {
      for (const problem of step.value) process.stderr.write(`shimtrace: ${problemText(problem)}\n`);
      return;
    }
    for (const { trace } of step.value) {
      ledger.acknowledged(trace.id);
      if (wanted(trace, flags.container)) yield trace;
    }
  }
}
