import process from 'node:process';
import type { Ledger } from '../engine/ledger.ts';
import { whyJson, whyText } from '../engine/render/why.ts';
import { openLogs } from './logs.ts';
import type { LogFlags } from './logs.ts';
import { stopForNothing } from './show.ts';
import { summary } from './tally.ts';
import { paperFor } from './terminal.ts';

export interface WhyFlags extends LogFlags {
  readonly format: 'text' | 'json';
}

/** `shimtrace why FILE...`: the findings of logs, each with its proof. Starts without one are counted, not shown. */
export async function why(files: readonly string[], flags: WhyFlags): Promise<void> {
  const { ledger, traces } = await openLogs(files, flags);
  const paper = paperFor(process.stdout, process.env);
  const nameOf = namesOf(ledger);
  let seen = 0;
  let without = 0;
  for await (const trace of traces()) {
    seen++;
    if (trace.findings.length === 0) without++;
    if (flags.format === 'json') process.stdout.write(`${whyJson(trace, nameOf)}\n`);
    else if (trace.findings.length > 0) process.stdout.write(`${whyText(trace, paper, nameOf)}\n`);
  }
  if (flags.format === 'text') {
    if (without > 0) process.stderr.write(`${without} of ${seen} without a finding\n`);
    for (const line of summary(ledger)) process.stderr.write(`${line}\n`);
  }
  stopForNothing(ledger, files, seen, flags.container);
}

/** Names of sources for people, remembered: a source is asked for by every line that proves something. */
function namesOf(ledger: Ledger): (source: Parameters<Ledger['nameOf']>[0]) => string {
  return (source) => ledger.nameOf(source) ?? 'a file that is gone';
}
