/** What the daemon can tell of itself at this moment, as metrics. Worked out when somebody asks, not before. */
import { matchesGlob } from 'node:path';
import process from 'node:process';
import type { OutboxStats } from '../delivery/outbox.ts';
import type { Ledger } from '../engine/ledger.ts';
import type { MetricName, Point } from '../metrics/catalogue.ts';
import type { Refusal } from '../model/entry.ts';
import { between } from '../model/time.ts';
import type { Nanos } from '../model/time.ts';
import type { Store } from '../store/store.ts';
import type { CommandStatus } from './commands.ts';
import type { FileStatus } from '../sources/status.ts';
import type { JournalStatus } from './journals.ts';

export interface FigureParts {
  readonly ledger: Ledger;
  readonly follower: { readonly counters: Readonly<Record<string, number>>; status(): readonly FileStatus[] };
  readonly journals: { readonly counters: Readonly<Record<string, number>>; status(): readonly JournalStatus[] };
  readonly commands: { status(): readonly CommandStatus[] };
  /** What is followed, as the user or the runtime names it. */
  readonly patterns: readonly { readonly glob: string }[];
  /** Undefined: no back-end yet. */
  readonly stats: () => OutboxStats | undefined;
  readonly queueLimit: number;
  readonly stateWritable: () => boolean;
  /** Undefined: switched off. */
  readonly store: Pick<Store, 'counters' | 'failing'> | undefined;
  readonly now: () => Nanos;
  /** Of performance.now(). */
  readonly steady: () => number;
  readonly version: string;
}

/** All of them, so that each is there at 0. A reason that is new has no place here until it is named: the compiler says so. */
const REFUSALS: Readonly<Record<Refusal, true>> = {
  'not-json': true, 'json-broken': true, 'json-too-deep': true, 'not-logfmt': true, 'logfmt-broken': true, 'line-cut': true, 'records-pasted': true,
  'record-torn': true, 'escapes-lost': true, 'too-many-fields': true, 'field-twice': true, 'no-time': true, 'no-message': true,
  'time-not-nanoseconds': true, 'time-not-readable': true, 'time-out-of-range': true, 'bad-container-id': true, 'line-too-long': true, 'not-utf8': true,
};

/** Of the ledger. Names that are not here are shown from their first event on. */
const LOSSES = [
  'after_end', 'answer_without_request', 'copies', 'duplicate', 'gap_no_room', 'gap_not_running', 'gap_rate_limited', 'gap_vacuumed', 'handed-to-runc', 'lines_missing', 'late', 'log_begins_inside', 'loose_without_start', 'replayed', 'scheme_mismatch', 'sent_before', 'too_many_events',
  'of_no_start', 'of_several_starts', 'too_many_open', 'touched_by_gap', 'two_sandboxes', 'unattributed', 'unnamed',
];
const SETTLED = ['ok', 'created', 'incomplete', 'failed', 'stop', 'exec'];
/** States of the follower, not events. */
const STATES: ReadonlySet<string> = new Set(['files_followed', 'files_open', 'files_parked', 'files_waiting', 'held_deleted_bytes', 'watch_degraded']);
/** As above, of journals; bytes are those of lines as we write them. */
const JOURNAL_STATES: ReadonlySet<string> = new Set(['unreadable', 'bytes']);

const one = (value: number): Point[] => [[[], value]];

export function figures(parts: FigureParts): [MetricName, Point[]][] {
  const { ledger } = parts;
  return [
    ['shimtrace_open_starts', one(ledger.openEpisodes)],
    ['shimtrace_unacknowledged_traces', one(ledger.flying)],
    ['shimtrace_state_writable', one(Number(parts.stateWritable()))],
    ['shimtrace_store_starts_total', storeFigures(parts)],
    ['shimtrace_store_writable', one(Number(parts.store?.failing !== true))],
    ...ledgerFigures(ledger),
    ...sourceFigures(parts),
    ...commandFigures(parts),
    ...exportFigures(parts),
    ...processFigures(parts),
  ];
}

function storeFigures({ store }: FigureParts): Point[] {
  const { written = 0, lost = 0, pruned = 0 } = store?.counters ?? {};
  return [[['written'], written], [['lost'], lost], [['pruned'], pruned]];
}

function ledgerFigures(ledger: Ledger): [MetricName, Point[]][] {
  const { events, ignored, unknown, malformed } = ledger.verdicts();
  const sum = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((total, count) => total + count, 0);
  const losses = new Map<string, number>(LOSSES.map((name) => [name, 0]));
  const settled = new Map<string, number>(SETTLED.map((name) => [name, 0]));
  for (const [name, count] of ledger.counts) {
    const outcome = /^settled_(.+)$/.exec(name)?.[1];
    if (outcome === undefined) losses.set(name, count);
    else settled.set(outcome, count);
  }
  const refused = new Map<string, number>(Object.keys(REFUSALS).map((name) => [name, 0]));
  for (const [reason, count] of malformed) refused.set(reason, count);
  return [
    ['shimtrace_lines_total', [[['event'], events], [['ignored'], sum(ignored)], [['unknown'], unknown], [['malformed'], sum(malformed)]]],
    ['shimtrace_malformed_lines_total', points(refused)],
    ['shimtrace_losses_total', points(losses)],
    ['shimtrace_settled_total', points(settled)],
  ];
}

const points = (counts: ReadonlyMap<string, number>): Point[] => [...counts].map(([name, count]) => [[name], count]);

interface Source {
  readonly name: string;
  files: number;
  problems: number;
  bytes: number;
  seconds: number;
}

function sourceFigures({ follower, journals, patterns, ledger, now }: FigureParts): [MetricName, Point[]][] {
  const sources: Source[] = patterns.map(({ glob }) => ({ name: glob, files: 0, problems: 0, bytes: 0, seconds: 0 }));
  const reached = new Map(ledger.readings().map(({ info, lastTime }) => [info.name, lastTime]));
  for (const file of follower.status()) {
    const source = sources.find(({ name }) => isOf(name, file.path));
    if (source === undefined) continue;
    if (file.problem !== undefined) source.problems += 1;
    else source.files += 1;
    if (file.atEnd || file.problem !== undefined) continue;
    source.bytes += Math.max(0, file.size - file.offset);
    const last = reached.get(file.path);
    if (file.size > file.offset && last !== undefined) source.seconds = Math.max(source.seconds, between(last, now()) / 1e9);
  }
  return [
    ['shimtrace_source_up', [...sources.map(({ name, files, problems }): Point => [[name], Number(files > 0 && problems === 0)]), ...journals.status().map(({ name, reading }): Point => [[name], Number(reading)])]],
    ['shimtrace_source_files', sources.map(({ name, files }) => [[name], files])],
    ['shimtrace_source_lag_bytes', sources.map(({ name, bytes }) => [[name], bytes])],
    ['shimtrace_source_lag_seconds', sources.map(({ name, seconds }) => [[name], seconds])],
    ['shimtrace_file_events_total', Object.entries(follower.counters).filter(([name]) => !STATES.has(name)).map(([name, count]) => [[name], count])],
    ['shimtrace_journal_events_total', Object.entries(journals.counters).filter(([name]) => !JOURNAL_STATES.has(name)).map(([name, count]) => [[name], count])],
  ];
}

function commandFigures({ commands }: FigureParts): [MetricName, Point[]][] {
  const all = commands.status();
  const each = (event: 'restarts' | 'gaps' | 'lost' | 'unsafe'): Point[] => all.map(({ name, counters }) => [[name, event], counters[event]]);
  return [
    ['shimtrace_command_up', all.map(({ name, running, problem }) => [[name], Number(running && problem === undefined)])],
    ['shimtrace_command_lines_total', all.map(({ name, counters }) => [[name], counters.lines])],
    ['shimtrace_command_events_total', [...each('restarts'), ...each('gaps'), ...each('lost'), ...each('unsafe')]],
    ['shimtrace_command_spool_bytes', all.map(({ name, spoolBytes }) => [[name], spoolBytes])],
  ];
}

/** A rotated file is still one of its pattern. */
function isOf(glob: string, path: string): boolean {
  if (path === glob || path.startsWith(`${glob}.`)) return true;
  return /[*?[]/.test(glob) && (matchesGlob(path, glob) || matchesGlob(path.replace(/\.\d+$/, ''), glob));
}

function exportFigures({ stats, queueLimit, steady }: FigureParts): [MetricName, Point[]][] {
  const now = stats();
  const failing = now?.failingSince === undefined ? 0 : Math.max(0, steady() - now.failingSince) / 1_000;
  return [
    ['shimtrace_export_up', one(Number(now?.failingSince === undefined))],
    ['shimtrace_export_failing_seconds', one(failing)],
    ['shimtrace_export_requests_total', one(now?.attempts ?? 0)],
    ['shimtrace_export_retries_total', one(now?.retries ?? 0)],
    ['shimtrace_export_traces_total', [[['acknowledged'], now?.acknowledgedTraces ?? 0], [['refused'], now?.refusedTraces ?? 0], [['lost'], now?.spoolLostTraces ?? 0]]],
    ['shimtrace_export_spans_total', [[['acknowledged'], now?.acknowledgedSpans ?? 0], [['refused'], now?.refusedSpans ?? 0], [['rejected'], now?.rejectedSpans ?? 0]]],
    ['shimtrace_export_queue_traces', one(now?.waitingTraces ?? 0)],
    ['shimtrace_export_queue_bytes', one(now?.waitingBytes ?? 0)],
    ['shimtrace_export_queue_limit_bytes', one(queueLimit)],
    ['shimtrace_export_spool_traces', one(now?.spooledTraces ?? 0)],
    ['shimtrace_export_spool_bytes', one(now?.spoolBytes ?? 0)],
  ];
}

function processFigures({ version, now }: FigureParts): [MetricName, Point[]][] {
  const { user, system } = process.cpuUsage();
  return [
    ['shimtrace_build_info', [[[version, process.versions.node], 1]]],
    ['process_start_time_seconds', one(Math.round(Number(now() / 1_000_000n) / 1_000 - process.uptime()))],
    ['process_cpu_seconds_total', one((user + system) / 1e6)],
    ['process_resident_memory_bytes', one(process.memoryUsage.rss())],
  ];
}
