/**
 * What goes over the daemon's socket: one line of JSON asks, lines of JSON answer, and the connection ends.
 *
 *     {"ask":"ls","most":20,"runtime":"urunc"}   a `shimtrace/ls@1` line each, newest first, then {"end":true}
 *     {"ask":"show","id":"fa7d"}                 {"found":{"trace":"...","host":"..."}}, {"ambiguous":["...", ...]} or {"none":true}
 *     {"ask":"tail","last":5}                    the last ones, then each start as it finishes, until one side leaves
 *
 * A question that cannot be answered: {"problem":"..."}.
 */
import { duration, nanos } from '../model/time.ts';
import type { StartFilter, Finding } from './reader.ts';

export type Question =
  | { readonly ask: 'ls'; readonly filter: StartFilter; readonly most: number }
  | { readonly ask: 'show'; readonly id: string | undefined }
  | { readonly ask: 'tail'; readonly last: number };

/** Longest question: a container's id has at most 128 characters. */
export const LONGEST_QUESTION = 4_096;
/** Starts in one answer. Who may read the store's file gets more. */
export const MOST = 1_000;

export const SOCKET_FILE = 'shimtrace.sock';

export function questionText(question: Question): string {
  if (question.ask !== 'ls') return JSON.stringify(question);
  const { since, ...filter } = question.filter;
  return JSON.stringify({ ask: 'ls', most: question.most, ...filter, ...(since !== undefined && { since: since.toString() }) });
}

/** Undefined: it is none. What is beyond a limit is brought within it. */
export function questionOf(line: string): Question | undefined {
  const fields = fieldsOf(line);
  if (fields === undefined) return undefined;
  switch (fields.get('ask')) {
    case 'ls':
      return { ask: 'ls', most: within(fields.get('most')), filter: filterOf(fields) };
    case 'show':
      return { ask: 'show', id: textOf(fields.get('id')) };
    case 'tail':
      return { ask: 'tail', last: within(fields.get('last')) };
    default:
      return undefined;
  }
}

const filterOf = (fields: ReadonlyMap<string, unknown>): StartFilter => {
  const since = textOf(fields.get('since'));
  const slow = fields.get('slow');
  return {
    runtime: textOf(fields.get('runtime')), container: textOf(fields.get('container')),
    since: since !== undefined && /^-?\d{1,19}$/.test(since) ? nanos(BigInt(since)) : undefined,
    slow: typeof slow === 'number' && Number.isSafeInteger(slow) ? duration(slow) : undefined,
    failed: fields.get('failed') === true, all: fields.get('all') === true,
  };
};

/** The keys of a JSON object; undefined: it is none. */
export function fieldsOf(line: string): ReadonlyMap<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? new Map<string, unknown>(Object.entries(value)) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

const within = (value: unknown): number => (typeof value === 'number' && Number.isSafeInteger(value) ? Math.min(Math.max(value, 0), MOST) : 0);

export function findingText(finding: Finding): string {
  switch (finding.kind) {
    case 'found':
      return JSON.stringify({ found: finding.kept });
    case 'ambiguous':
      return JSON.stringify({ ambiguous: finding.names });
    case 'none':
      return JSON.stringify({ none: true });
    default:
      return finding satisfies never;
  }
}
