/** Why a trace is an error, in words. */
import type { Episode } from './part.ts';
import { nameOf } from './part.ts';
import type { Placed, Resolved } from './groups.ts';
import { completion, unanswered } from './judge.ts';
import { failureOf, firstReason } from './processes.ts';
import { meaning } from './scheme.ts';

/** What the runtime itself says that went wrong; of several processes the first. */
export function reasonOf({ outcome, rule }: Episode, { groups }: Resolved): string | undefined {
  if (outcome !== 'failed') return undefined;
  for (const { items } of groups) {
    const reason = firstReason(rule.because, items);
    if (reason !== undefined) return reason;
  }
  for (const group of groups) {
    const reason = failureOf(rule, group);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

export function failureText(episode: Episode, last: Placed, reason: string | undefined): string | undefined {
  if (episode.outcome === 'failed') return reason ?? 'failed';
  if (episode.outcome !== 'incomplete') return undefined;
  const where = `the last mark is "${nameOf(last)}" (${last.event.spelling.text}${last.mark === undefined ? '' : ` of ${last.mark.service}`})`;
  switch (episode.fault) {
    case undefined:
      return `incomplete: ${where}; ${missing(episode)}`;
    case 'log_begins_inside':
      return `the log begins inside this start: its beginning was never seen; ${where}`;
    default:
      return `cut off (${episode.fault}): ${where}`;
  }
}

function missing({ runtime, rule, whole, decision }: Episode): string {
  const complete = runtime.keyed ? [] : decision.schemes.filter((scheme) => completion(rule, whole, scheme) !== undefined);
  if (complete.length > 0) {
    const names = complete.map((scheme) => runtime.schemes[scheme]).join(' or ');
    return `as a log of ${runtime.name} ${names} it would be complete: pin the version with --scheme`;
  }
  const seen = new Set(whole.map((event) => meaning(event, decision.schemes)));
  const awaited = [...rule.until.filter((mark) => !seen.has(mark)), ...unanswered(rule, whole)];
  const names = [...new Set(awaited)].map((mark) => `"${mark.name}"`);
  // Each came for one of its containers, and not for another.
  return names.length > 0 ? `${names.join(' and ')} never came` : `"${rule.until[0]?.name ?? ''}" of one of its containers never came`;
}
