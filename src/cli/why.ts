import process from 'node:process';
import type { Ledger } from '../engine/ledger.ts';
import type { SourceId } from '../model/source.ts';
import type { Trace } from '../model/trace.ts';
import { whyJson, whyText } from '../engine/render/why.ts';
import { openLogs } from './logs.ts';
import type { LogFlags } from './logs.ts';
import { stopForNothing } from './show.ts';
import { summary } from './tally.ts';
import { paperFor } from './terminal.ts';

export interface WhyFlags extends LogFlags {
  readonly format: 'text' | 'json';
  readonly stateDir?: string;
}

/** `shimtrace why [ID | FILE...]`: the findings of a kept start or of logs, each with its proof. Starts without one are counted, not shown. */
export async function why(given: readonly string[], flags: WhyFlags): Promise<void> {
  const { namesKept, theOne } = await import('./kept.ts');
  if (!namesKept(given)) return whyFiles(given, flags);
  const { lookingConfig, openStarts } = await import('./starts.ts');
  const starts = openStarts(await lookingConfig({ stateDir: flags.stateDir }));
  try {
    const { trace, nameOf } = await theOne(starts, given[0] ?? flags.container);
    process.stdout.write(`${written(trace, flags.format, (source) => nameOf(source) ?? GONE)}\n`);
    if (trace.findings.length === 0) process.stderr.write('No finding.\n');
  } finally {
    starts.close();
  }
}

/** A name that nobody knows any more. */
const GONE = 'a file that is gone';

const written = (trace: Trace, format: WhyFlags['format'], nameOf: (source: SourceId) => string): string =>
  format === 'json' ? whyJson(trace, nameOf) : whyText(trace, paperFor(process.stdout, process.env), nameOf);

async function whyFiles(files: readonly string[], flags: WhyFlags): Promise<void> {
  const { ledger, traces } = await openLogs(files, flags);
  const nameOf = namesOf(ledger);
  let seen = 0;
  let without = 0;
  for await (const trace of traces()) {
    seen++;
    if (trace.findings.length === 0) without++;
    if (flags.format === 'json' || trace.findings.length > 0) process.stdout.write(`${written(trace, flags.format, nameOf)}\n`);
  }
  if (flags.format === 'text') {
    if (without > 0) process.stderr.write(`${without} of ${seen} without a finding\n`);
    for (const line of summary(ledger)) process.stderr.write(`${line}\n`);
  }
  stopForNothing(ledger, files, seen, flags.container);
}

/** Names of sources for people. */
function namesOf(ledger: Ledger): (source: SourceId) => string {
  return (source) => ledger.nameOf(source) ?? GONE;
}
