import { tame } from '../../model/json.ts';
import type { SourceId } from '../../model/source.ts';
import type { Evidence, Finding, Trace } from '../../model/trace.ts';
import { human } from './duration.ts';
import { clean, paragraph, paint } from './pen.ts';
import type { Paper } from './pen.ts';
import { shortId } from './safe.ts';
import { clock } from './words.ts';

type NameOf = (source: SourceId) => string;

/**
 * The findings of one start, for a terminal: what, how sure, what it cost; below it the lines that prove it, with file and line
 * number, and what to do.
 */
export function whyText(trace: Trace, paper: Paper, nameOf: NameOf): string {
  const { date, time } = clock(trace.at);
  const title = `${clean(paper, trace.spans[0]?.name ?? trace.episode, 40)} ${shortId(trace.container, paper.ascii)} ${clean(paper, trace.runtime, 24)} ${trace.outcome}`;
  const head = `${title}  ${date} ${time}  ${clean(paper, human(trace.wall), 16)} wall`;
  return [head, ...trace.findings.flatMap((finding) => block(finding, paper, nameOf))].map((line) => `${line.trimEnd()}\n`).join('');
}

function block(finding: Finding, paper: Paper, nameOf: NameOf): string[] {
  const cost = finding.loss === undefined ? '' : `  ${clean(paper, human(finding.loss), 16)}${finding.share === undefined ? '' : ` (${(finding.share * 100).toFixed(1)} %)`}`;
  const head = `! ${clean(paper, finding.id, 40)}  ${finding.confidence}${cost}`;
  const narrow = { ...paper, width: paper.width - 4 };
  const indented = (text: string): string[] => paragraph(narrow, text, '').map((line) => `    ${line}`);
  const body = indented(finding.text);
  const proof = finding.evidence.flatMap((one) => lineOf(one, paper, nameOf));
  const fix = finding.remedy === undefined ? [] : indented(`fix: ${finding.remedy}`);
  return [paint(paper, 'yellow', head), ...body, ...proof, ...fix];
}

/** `kata.log:12  16:38:11.477600864  New client ...`: the record, cut to the paper. */
function lineOf({ row, source, time, line }: Evidence, paper: Paper, nameOf: NameOf): string[] {
  const place = `      ${clean(paper, nameOf(source), 60)}${row === 0 ? '' : `:${row}`}  ${nanosOfDay(time)}  `;
  return [`${place}${clean(paper, shorter(line), Math.max(20, paper.width - place.length))}`];
}

const nanosOfDay = (time: bigint): string => {
  const day = ((time % 86_400_000_000_000n) + 86_400_000_000_000n) % 86_400_000_000_000n;
  const two = (value: bigint): string => String(value).padStart(2, '0');
  return `${two(day / 3_600_000_000_000n)}:${two((day / 60_000_000_000n) % 60n)}:${two((day / 1_000_000_000n) % 60n)}.${String(day % 1_000_000_000n).padStart(9, '0')}`;
};

/** What the line says, without the time that stands before it already. */
const shorter = (line: string): string => line.replace(/^.*?\btime="?[^" ]*"? (?:level=)?/, '');

/** As whyText, one line of JSON, schema `shimtrace/why@1`. */
export const whyJson = (trace: Trace, nameOf: NameOf): string =>
  tame(JSON.stringify({
    schema: 'shimtrace/why@1',
    trace_id: trace.id,
    runtime: trace.runtime,
    episode: trace.episode,
    container: trace.container,
    containers: trace.containers,
    outcome: trace.outcome,
    start_time_ns: trace.at.toString(),
    wall_ns: trace.wall,
    findings: trace.findings.map((finding) => ({
      id: finding.id,
      text: finding.text,
      confidence: finding.confidence,
      loss_ns: finding.loss ?? null,
      share: finding.share ?? null,
      remedy: finding.remedy ?? null,
      evidence: finding.evidence.map(({ source, row, time, line }) => ({ file: nameOf(source), line: row === 0 ? null : row, time_ns: time.toString(), text: line })),
    })),
  }));
