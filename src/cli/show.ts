import process from 'node:process';
import type { Ledger } from '../engine/ledger.ts';
import { startJson } from '../engine/render/json.ts';
import { summaryLine } from '../engine/render/line.ts';
import { otlpJson } from '../engine/render/otlpjson.ts';
import { waterfall } from '../engine/render/waterfall.ts';
import type { Trace } from '../model/trace.ts';
import type { Host } from './host.ts';
import { EXIT, Stop } from './exit.ts';
import { openLogs } from './logs.ts';
import type { LogFlags } from './logs.ts';
import { named } from './problem.ts';
import { paperFor } from './terminal.ts';
import { guess, summary, tally } from './tally.ts';

export type Format = 'text' | 'json' | 'otlp-json';

export interface ShowFlags extends LogFlags {
  readonly format: Format;
  readonly stateDir?: string;
}

/** How a trace is written in a format; text is drawn for the screen at hand. */
export function writerOf(format: Format, host: Pick<Host, 'attributes'>): (trace: Trace) => string {
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

/** More sandboxes than this are listed, one line each: a screen shows one well. */
const MOST_SHOWN = 12;

/** `shimtrace show [ID | FILE...]`: a start that the daemon kept, or the starts of logs. */
export async function show(given: readonly string[], flags: ShowFlags): Promise<void> {
  const { namesKept, showKept } = await import('./kept.ts');
  if (namesKept(given)) return showKept(given[0] ?? flags.container, flags);
  return showFiles(given, flags);
}

/** The starts of logs, on standard output. */
async function showFiles(files: readonly string[], flags: ShowFlags): Promise<void> {
  const { ledger, host, traces } = await openLogs(files, flags);
  const write = writerOf(flags.format, host);
  const shown = flags.format === 'text' && flags.container === undefined ? await showFew(traces(), write) : await showAll(traces(), write);
  if (flags.format === 'text' || shown === 0) for (const line of summary(ledger)) process.stderr.write(`${line}\n`);
  stopForNothing(ledger, files, shown, flags.container);
}

async function showAll(traces: AsyncIterable<Trace>, write: (trace: Trace) => string): Promise<number> {
  let shown = 0;
  for await (const trace of traces) {
    process.stdout.write(write(trace));
    shown++;
  }
  return shown;
}

/** A few in full; of many a list, from which one is chosen with --container. */
async function showFew(traces: AsyncIterable<Trace>, write: (trace: Trace) => string): Promise<number> {
  const held: Trace[] = [];
  const subjects = new Set<string>();
  let shown = 0;
  const list = (trace: Trace): void => void process.stdout.write(`${summaryLine(trace)}\n`);
  for await (const trace of traces) {
    shown++;
    for (const container of trace.containers) subjects.add(container);
    if (subjects.size <= MOST_SHOWN) held.push(trace);
    else {
      for (const one of held.splice(0)) list(one);
      list(trace);
    }
  }
  for (const trace of held) process.stdout.write(write(trace));
  if (subjects.size > MOST_SHOWN) process.stderr.write(`${subjects.size} containers: one of them in full with --container PREFIX\n`);
  return shown;
}

/** Exit codes of a reading that gave nothing, or whose pin was wrong. */
export function stopForNothing(ledger: Ledger, files: readonly string[], shown: number, container: string | undefined): void {
  const { events, examples, lines } = tally(ledger);
  const names = named(files);
  if (lines === 0) throw new Stop(EXIT.data, `${names}: no line in it: there is nothing to read yet.`);
  if (events === 0) {
    const idea = guess(examples);
    throw new Stop(EXIT.data, `${names}: no line that any runtime writes was recognised. ${idea ?? "Known are urunc's timestamp log, Kata's, containerd's and runc's logs, and what `ctr events` prints: docs/ has a page for each."}`);
  }
  const refused = ledger.counts.get('scheme_mismatch') ?? 0;
  if (refused > 0) {
    throw new Stop(EXIT.data, `The pinned version was refused for ${refused} ${refused === 1 ? 'start' : 'starts'}: it does not write these lines. Leave --scheme out to decide by the lines.`);
  }
  if (shown === 0 && container !== undefined) throw new Stop(EXIT.noInput, `No start of a container whose id begins with "${container}" in ${names}.`);
}
