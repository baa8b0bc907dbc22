import type { Certainty, LooseReason, Outcome, Trace } from '../../model/trace.ts';
import type { Ink } from './pen.ts';
import { rfc3339 } from '../../model/time.ts';
import type { Nanos } from '../../model/time.ts';

/** The sign before a length of time. */
export function mark(certainty: Certainty): '' | '<' | '~' {
  switch (certainty) {
    case 'exact':
      return '';
    case 'bounded':
      return '<';
    case 'inferred':
      return '~';
    default:
      return certainty satisfies never;
  }
}

export function outcomeInk(outcome: Outcome): Ink {
  switch (outcome) {
    case 'ok':
      return 'green';
    case 'created':
      return 'yellow';
    case 'incomplete':
    case 'failed':
      return 'red';
    default:
      return outcome satisfies never;
  }
}

export function reasonWords(reason: LooseReason): string {
  switch (reason) {
    case 'by-design':
      return 'marks no beginning or end';
    case 'repeated':
      return 'repeated: seen before at another time';
    case 'undecided':
      return 'undecided: its meaning depends on the version';
    case 'unplaced':
      return 'no phase of this start uses it';
    default:
      return reason satisfies never;
  }
}

/** The version of the log in words; undefined when the runtime has no versions. */
export function schemeWords(trace: Trace): string | undefined {
  const [first, ...rest] = trace.schemes;
  if (first === undefined) return trace.schemeBy === 'none' ? undefined : 'no version fits';
  if (rest.length > 0) return `version undecided: ${rest.length > 1 ? [first, ...rest.slice(0, -1)].join(', ') : first} or ${rest.at(-1)}`;
  return trace.schemeBy === 'pin' ? `scheme ${first} pinned` : `scheme ${first}`;
}

/** `2026-11-20 23:14:05.789Z`, cut at the millisecond. */
export function clock(moment: Nanos): { readonly date: string; readonly time: string } {
  const text = rfc3339(moment);
  const [date, time] = text.split('T');
  if (date === undefined || time === undefined) return { date: '', time: text };
  return { date, time: `${time.slice(0, 12)}Z` };
}
