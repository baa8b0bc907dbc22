/** What a sink is told: the facts once, as words for people and as JSON for programs. */
import { TOTAL, largestFinding } from '../model/alert.ts';
import type { Rule } from '../model/alert.ts';
import { tame } from '../model/json.ts';
import { after, rfc3339 } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import type { Finding, Span, Trace } from '../model/trace.ts';
import type { Breach } from './judge.ts';

/** How things are said to people; the renderers know how. All of it is safe to print, whatever a log holds. */
export interface Words {
  readonly length: (length: Duration) => string;
  readonly container: (id: string) => string;
  /** In at most so many columns, on one line. */
  readonly text: (text: string, most: number) => string;
  /** The span with the most time of its own. */
  readonly slowest: (trace: Trace) => { readonly span: Span; readonly own: Duration } | undefined;
}

export interface Links {
  readonly jaeger: string;
  readonly grafana: string | undefined;
}

export interface Occasion {
  readonly rule: Rule;
  readonly trace: Trace;
  /** Empty for a start that failed. */
  readonly breaches: readonly Breach[];
  /** open: still under way; the trace is what is known of it. */
  readonly status: 'finished' | 'open';
  /** Somebody tries the rule. */
  readonly test: boolean;
  readonly host: { readonly id: string; readonly name: string };
  readonly links: Links;
  /** Alerts of the same kind that were not sent since the last one. */
  readonly heldBack: number;
  /** When it was raised. */
  readonly now: Nanos;
}

export interface Notice extends Occasion {
  readonly summary: string;
  readonly description: string;
  readonly finding: Finding | undefined;
  /** Lines of the log that show it, safe to print. */
  readonly lines: readonly string[];
  /** One line, `shimtrace/alert@1`: docs/alerts.md lists its keys. */
  readonly json: string;
}

const MOST_LINES = 6;
const LINE = 300;

export function noticeOf(occasion: Occasion, words: Words): Notice {
  const finding = largestFinding(occasion.trace.findings);
  const lines = linesOf(occasion, finding, words).map((line) => words.text(line, LINE));
  const summary = summaryOf(occasion, words);
  const description = describe(occasion, finding, lines, words);
  return { ...occasion, finding, lines, summary, description, json: jsonOf(occasion, { finding, lines, summary, description }, words) };
}

function summaryOf({ rule, trace, breaches, status, test }: Occasion, words: Words): string {
  const who = `${words.text(trace.runtime, 40)} container ${words.container(trace.container)}`;
  const [first] = breaches;
  const prefix = test ? 'test: ' : '';
  if (first === undefined) return `${prefix}${rule.on === 'error' ? 'failed' : ''} start of ${who}: ${words.text(errorOf(trace), 200)}`.replace('  ', ' ');
  const what = first.phase === TOTAL ? 'start' : words.text(first.phase, 80);
  const verb = status === 'open' ? 'is still under way after' : 'took';
  return `${prefix}${who}: ${what} ${verb} ${words.length(first.took)}, ${limitWords(first, words)}`;
}

function limitWords({ limit, usual }: Breach, words: Words): string {
  if (usual === undefined) return `the limit is ${words.length(limit)}`;
  return `the limit is ${words.length(limit)}: ${usual.factor} x p${usual.percentile} ${words.length(usual.value)} of ${usual.samples} starts`;
}

const errorOf = (trace: Trace): string => trace.spans[0]?.error ?? trace.errorType ?? trace.outcome;

function describe(occasion: Occasion, finding: Finding | undefined, lines: readonly string[], words: Words): string {
  const { trace, breaches, host, links, heldBack, status } = occasion;
  const slow = words.slowest(trace);
  const ended = status === 'open' ? `under way, last mark: ${words.text(trace.lastMark, 80)}` : `${trace.outcome}, ${words.length(trace.active)} active, ${words.length(trace.wall)} with the gaps of the caller`;
  const parts = [
    `Container ${words.text(trace.container, 128)} on ${words.text(host.name, 80)}, ${rfc3339(trace.at)}: ${ended}.`,
    trace.errorType !== undefined && status === 'finished' && `Error: ${words.text(errorOf(trace), 300)}`,
    ...breaches.slice(1, 4).map((each) => `Too long as well: ${words.text(each.phase, 80)} ${words.length(each.took)}, ${limitWords(each, words)}.`),
    slow !== undefined && `Slowest: ${words.text(slow.span.name, 80)} (${words.text(slow.span.service, 40)}), ${words.length(slow.own)} of its own.`,
    finding !== undefined && `Finding: ${words.text(finding.text, 400)}${finding.loss === undefined ? '' : ` (${words.length(finding.loss)})`}${finding.remedy === undefined ? '' : `; ${words.text(finding.remedy, 200)}`}`,
    `Trace: ${links.jaeger}`,
    links.grafana !== undefined && `Grafana: ${links.grafana}`,
    lines.length > 0 && `Lines:\n${lines.map((line) => `  ${line}`).join('\n')}`,
    heldBack > 0 && `${heldBack} more of the kind ${heldBack === 1 ? 'was' : 'were'} held back since the last alert.`,
  ];
  return parts.filter((part) => part !== false).join('\n');
}

/** What proves the finding, else what was logged during the phase that was slow: the first lines and the last. */
function linesOf({ trace, breaches }: Occasion, finding: Finding | undefined, words: Words): string[] {
  if (finding !== undefined && finding.evidence.length > 0) return finding.evidence.slice(0, MOST_LINES).map(({ line }) => line);
  const span = breaches[0]?.span ?? words.slowest(trace)?.span ?? trace.spans[0];
  if (span === undefined) return [];
  const events = trace.spans.flatMap((each) => each.events).filter(({ offset }) => offset >= span.start && offset <= span.end).toSorted((a, b) => a.offset - b.offset);
  const lines = events.flatMap(({ attributes }) => attributes.find(([name]) => name === 'log.record.original')?.[1] ?? []).filter((value) => typeof value === 'string');
  const half = MOST_LINES / 2;
  return lines.length <= MOST_LINES ? lines : [...lines.slice(0, half), ...lines.slice(-half)];
}

interface Said {
  readonly finding: Finding | undefined;
  readonly lines: readonly string[];
  readonly summary: string;
  readonly description: string;
}

function jsonOf({ rule, trace, breaches, status, test, host, links, heldBack, now }: Occasion, said: Said, words: Words): string {
  const [first] = breaches;
  const slow = words.slowest(trace);
  const { finding } = said;
  return tame(JSON.stringify({
    schema: 'shimtrace/alert@1',
    rule: rule.name,
    on: rule.on,
    severity: rule.severity,
    status,
    test,
    time: rfc3339(now),
    summary: said.summary,
    description: said.description,
    host: { id: host.id, name: host.name },
    runtime: trace.runtime,
    container: trace.container,
    containers: trace.containers,
    trace_id: trace.id,
    outcome: status === 'open' ? null : trace.outcome,
    error_type: status === 'open' ? null : trace.errorType ?? null,
    error: status === 'open' || trace.errorType === undefined ? null : errorOf(trace),
    start_time_ns: String(trace.at),
    end_time_ns: status === 'open' ? null : String(after(trace.at, trace.wall)),
    active_ns: trace.active,
    wall_ns: trace.wall,
    phase: first?.phase ?? null,
    took_ns: first?.took ?? null,
    limit_ns: first?.limit ?? null,
    breaches: breaches.slice(0, 20).map(breachJson),
    slowest: slow === undefined ? null : { phase: slow.span.name, service: slow.span.service, self_ns: slow.own },
    finding: finding === undefined ? null : { id: finding.id, text: finding.text, confidence: finding.confidence, loss_ns: finding.loss ?? null, remedy: finding.remedy ?? null },
    links: { jaeger: links.jaeger, grafana: links.grafana ?? null },
    lines: said.lines,
    held_back: heldBack,
  }));
}

const breachJson = ({ phase, took, limit, usual }: Breach): object => ({
  phase,
  took_ns: took,
  limit_ns: limit,
  usual: usual === undefined ? null : { factor: usual.factor, percentile: usual.percentile, window_ns: usual.window, value_ns: usual.value, samples: usual.samples },
});
