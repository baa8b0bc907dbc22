/** What an episode's events amount to: complete, resting, or stopped on the way. Shared by settling and folding. */
import type { CompiledRuntime, Mark } from './compile.ts';
import type { Event } from './event.ts';
import { meaning } from './scheme.ts';
import type { Outcome } from '../model/trace.ts';

/** The first event that means `mark` in this one version. */
function first(events: readonly Event[], scheme: number, mark: Mark): Event | undefined {
  for (const event of events) if (event.spelling.meanings[scheme] === mark) return event;
  return undefined;
}

/** The event that completed the episode under one version: the latest of the first of each expected mark. */
export function completion(runtime: CompiledRuntime, events: readonly Event[], scheme: number): Event | undefined {
  let latest: Event | undefined;
  for (const mark of runtime.start.until) {
    const event = first(events, scheme, mark);
    if (event === undefined) return undefined;
    if (latest === undefined || event.time > latest.time) latest = event;
  }
  return latest;
}

function rests(runtime: CompiledRuntime, events: readonly Event[], scheme: number): boolean {
  const rule = runtime.start.rests;
  const columns = runtime.columns[scheme];
  if (rule === undefined || columns === undefined) return false;
  const written = (mark: Mark): boolean => first(events, scheme, mark) !== undefined;
  return (columns[rule.after] ?? []).every(written) && !(columns[rule.before] ?? []).some(written);
}

/**
 * Judges events that will not grow any more. An end counts only where every version that remains calls it one: an urunc
 * 0.4 whose hypervisor is missing stops one mark short and looks like a complete 0.6 (corpus/urunc-real, B fail-nohv).
 */
export function judge(runtime: CompiledRuntime, events: readonly Event[], schemes: readonly number[]): Outcome {
  if (schemes.every((scheme) => completion(runtime, events, scheme) !== undefined)) return 'ok';
  if (schemes.every((scheme) => rests(runtime, events, scheme))) return 'created';
  return 'incomplete';
}

/** The name under which an episode that is none is counted (urunc: handed-to-runc); undefined: it is one. */
export function nothing(runtime: CompiledRuntime, events: readonly Event[], schemes: readonly number[]): string | undefined {
  const rule = runtime.start.nothing;
  if (rule === undefined) return undefined;
  const seen = new Set<Mark>();
  for (const event of events) {
    const mark = meaning(event, schemes);
    if (mark === undefined || !(mark.loose || rule.exactly.has(mark))) return undefined;
    if (!mark.loose) seen.add(mark);
  }
  return seen.size === rule.exactly.size ? rule.name : undefined;
}
