/** A finished start in short as JSON: what `ls --format json` prints and what goes through the socket. */
import { after, duration, nanos, rfc3339 } from '../model/time.ts';
import { tame } from '../model/json.ts';
import type { Brief } from '../model/brief.ts';

/** Schema `shimtrace/ls@1`. What is not known is null. Characters that a terminal obeys are escaped. */
export const rowJson = (row: Brief): string =>
  tame(JSON.stringify({
    schema: 'shimtrace/ls@1',
    trace_id: row.traceId,
    runtime: row.runtime,
    episode: row.episode,
    container: row.container,
    outcome: row.outcome,
    error_type: row.errorType ?? null,
    last_mark: row.lastMark,
    schemes: row.schemes,
    start_time: rfc3339(row.at),
    start_time_ns: row.at.toString(),
    end_time_ns: after(row.at, row.wall).toString(),
    wall_ns: row.wall,
    active_ns: row.active,
    slowest_phase: row.slowest?.phase ?? null,
    slowest_self_ns: row.slowest?.own ?? null,
    findings: row.findings,
  }));

/** What `rowJson` wrote; undefined: it is something else. */
export function rowFromJson(value: unknown): Brief | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = new Map<string, unknown>(Object.entries(value));
  const text = (name: string): string => String(fields.get(name) ?? '');
  const number = (name: string): number => Number(fields.get(name) ?? 0);
  if (fields.get('schema') !== 'shimtrace/ls@1' || !/^-?\d{1,40}$/.test(text('start_time_ns'))) return undefined;
  const phase = fields.get('slowest_phase');
  const error = fields.get('error_type');
  return {
    traceId: text('trace_id'), runtime: text('runtime'), episode: text('episode'), container: text('container'), outcome: text('outcome'),
    errorType: typeof error === 'string' ? error : undefined,
    at: nanos(BigInt(text('start_time_ns'))), wall: duration(number('wall_ns')), active: duration(number('active_ns')),
    schemes: texts(fields.get('schemes')), lastMark: text('last_mark'),
    slowest: typeof phase === 'string' ? { phase, own: duration(number('slowest_self_ns')) } : undefined,
    findings: texts(fields.get('findings')),
  };
}

/** A list of texts; anything else is an empty one. */
export const texts = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((each) => typeof each === 'string') : []);

/** The same of a column that holds JSON. */
export function textsOf(value: unknown): readonly string[] {
  if (typeof value !== 'string') return [];
  try {
    return texts(JSON.parse(value));
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}
