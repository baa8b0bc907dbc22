import process from 'node:process';
import { Ledger } from '../engine/ledger.ts';
import { startJson } from '../engine/render/json.ts';
import { otlpJson } from '../engine/render/otlpjson.ts';
import { waterfall } from '../engine/render/waterfall.ts';
import type { Trace } from '../model/trace.ts';
import { describeHost, environmentResource } from './host.ts';
import type { Host } from './host.ts';
import { EXIT, Stop } from './exit.ts';
import { openFiles, readArchives } from './read.ts';
import { named, problemText } from './problem.ts';
import { loadRuntimes } from './runtimes.ts';
import { checkPins, ledgerOptions, settingsOrStop } from './settings.ts';
import { paperFor } from './terminal.ts';
import { guess, summary, tally } from './tally.ts';

export type Format = 'text' | 'json' | 'otlp-json';

export interface ShowFlags {
  readonly container?: string;
  readonly format: Format;
  readonly hostId?: string;
  readonly runtime?: string;
  readonly scheme?: string;
}

/** How a trace is written in a format; text is drawn for the screen at hand. */
export function writerOf(format: Format, host: Host): (trace: Trace) => string {
  switch (format) {
    case 'text': {
      const paper = paperFor(process.stdout, process.env);
      return (trace) => `${waterfall(trace, paper)}\n`;
    }
    case 'json':
      return (trace) => `${startJson(trace, host.attributes)}\n`;
    case 'otlp-json':
      return (trace) => `${otlpJson(trace, host.attributes)}\n`;
    default:
      return format satisfies never;
  }
}

/** Whether the container is the one that was asked for, by its first characters. */
export const wanted = (trace: Trace, prefix: string | undefined): boolean => prefix === undefined || trace.container.startsWith(prefix);

/** `shimtrace show FILE...`: the starts of logs, on standard output. */
export async function show(files: readonly string[], flags: ShowFlags): Promise<void> {
  const runtimes = await loadRuntimes();
  checkPins(runtimes, flags.runtime, flags.scheme, EXIT.usage);
  // The same settings as the daemon's: what is shown here has the ids of what was sent.
  const config = settingsOrStop({ hostId: flags.hostId }, runtimes);
  const host = describeHost(config.hostId, [...config.resource, ...environmentResource(process.env['OTEL_RESOURCE_ATTRIBUTES'])]);
  const ledger = new Ledger(runtimes.map(({ compiled }) => compiled), ledgerOptions(config, host));
  const write = writerOf(flags.format, host);
  let shown = 0;
  const reading = readArchives(openFiles(files), ledger, { runtime: flags.runtime, scheme: flags.scheme }, () => undefined);
  for (let step = await reading.next(); ; step = await reading.next()) {
    if (step.done === true) {
      for (const problem of step.value) process.stderr.write(`shimtrace: ${problemText(problem)}\n`);
      break;
    }
    for (const { trace } of step.value) {
      ledger.acknowledged(trace.id);
      if (!wanted(trace, flags.container)) continue;
      process.stdout.write(write(trace));
      shown++;
    }
  }
  if (flags.format === 'text' || shown === 0) for (const line of summary(ledger)) process.stderr.write(`${line}\n`);
  stopForNothing(ledger, files, shown, flags.container);
}

/** Exit codes of a reading that gave nothing, or whose pin was wrong. */
export function stopForNothing(ledger: Ledger, files: readonly string[], shown: number, container: string | undefined): void {
  const { events, examples, lines } = tally(ledger);
  const names = named(files);
  if (lines === 0) throw new Stop(EXIT.data, `${names}: no line in it: there is nothing to read yet.`);
  if (events === 0) {
    const idea = guess(examples);
    throw new Stop(EXIT.data, `${names}: no line that any runtime writes was recognised. ${idea ?? "Known: urunc's timestamp log (see docs/urunc.md)."}`);
  }
  const refused = ledger.counts.get('scheme_mismatch') ?? 0;
  if (refused > 0) {
    throw new Stop(EXIT.data, `The pinned version was refused for ${refused} ${refused === 1 ? 'start' : 'starts'}: it does not write these lines. Leave --scheme out to decide by the lines.`);
  }
  if (shown === 0 && container !== undefined) throw new Stop(EXIT.noInput, `No start of a container whose id begins with "${container}" in ${names}.`);
}
