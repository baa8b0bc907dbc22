/** What an episode's events amount to: complete, resting, or stopped on the way. Shared by settling and folding. */
import { after } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import type { CompiledEpisode, CompiledRuntime, Mark } from './compile.ts';
import type { Event } from './event.ts';
import { exchangesIn } from './exchanges.ts';
import { meaning } from './scheme.ts';
import type { Outcome } from '../model/trace.ts';

/** The first event that means `mark` in this one version. */
function first(events: readonly Event[], scheme: number, mark: Mark): Event | undefined {
  for (const event of events) if (event.spelling.meanings[scheme] === mark) return event;
  return undefined;
}

/** The event that completed the episode under one version: the latest of the first of each expected mark. */
export function completion(rule: CompiledEpisode, events: readonly Event[], scheme: number): Event | undefined {
  let latest: Event | undefined;
  for (const mark of rule.until) {
    const event = first(events, scheme, mark);
    if (event === undefined) return undefined;
    if (latest === undefined || event.time > latest.time) latest = event;
  }
  return latest;
}

/** One container's part of an episode: from its opener to what ended it, if that was seen. */
export interface Part {
  readonly container: string | undefined;
  readonly events: readonly Event[];
  readonly opened: Nanos;
  /** The mark that ended it, well or badly; undefined: it has not ended. */
  readonly end: Event | undefined;
  readonly failed: boolean;
}

/** The parts of an episode whose runtime names containers and sandboxes, by the time they opened. Sandbox lines are in none. */
export function partsOf(rule: CompiledEpisode, events: readonly Event[]): Part[] {
  const parts: { container: string | undefined; events: Event[]; opened: Nanos; end: Event | undefined; failed: boolean }[] = [];
  for (const event of events) {
    if (event.container === undefined) continue;
    let part = parts.findLast(({ container }) => container === event.container);
    const ended = part?.end !== undefined;
    if (part === undefined || (ended && event.spelling.opens === rule)) {
      part = { container: event.container, events: [], opened: event.time, end: undefined, failed: false };
      parts.push(part);
    }
    part.events.push(event);
    const mark = event.spelling.agreed;
    if (mark === undefined || (part.end !== undefined && !(rule.fatal.has(mark) && isInTime(rule, part.end, event)))) continue;
    part.failed ||= rule.fails.has(mark);
    if (part.failed || rule.until.includes(mark)) part.end = event;
  }
  return parts;
}

/** Whether a mark that makes a good end a bad one comes before the end has settled: later it would hang on who reads how fast. */
const isInTime = ({ rule: { settle } }: CompiledEpisode, end: Event, { time }: Event): boolean => settle === undefined || time <= after(end.time, settle);

/** When all containers that started within it had started or failed, and all that was asked for the whole of them was answered; undefined: one has not. */
export function reachOf(rule: CompiledEpisode, events: readonly Event[], settle: Duration): Nanos | undefined {
  const parts: Pick<Part, 'opened' | 'end'>[] = partsOf(rule, events);
  for (const { asked, answered } of exchangesIn(rule, events)) if (asked.container === undefined) parts.push({ opened: asked.time, end: answered });
  parts.sort((a, b) => (a.opened < b.opened ? -1 : a.opened > b.opened ? 1 : 0));
  let reach: Nanos | undefined;
  let waits = false;
  for (const part of parts) {
    if (!waits && reach !== undefined && part.opened > after(reach, settle)) break;
    if (part.end === undefined) waits = true;
    else if (reach === undefined || part.end.time > reach) reach = part.end.time;
  }
  return waits ? undefined : reach;
}

function rests(runtime: CompiledRuntime, { rests: rule }: CompiledEpisode, events: readonly Event[], scheme: number): boolean {
  const columns = runtime.columns[scheme];
  if (rule === undefined || columns === undefined) return false;
  const written = (mark: Mark): boolean => first(events, scheme, mark) !== undefined;
  if (rule.kind === 'marks') return written(rule.seen) && !written(rule.unseen);
  return (columns[rule.after] ?? []).every(written) && !(columns[rule.before] ?? []).some(written);
}

/**
 * Judges events that will not grow any more. An end counts only where every version that remains calls it one: an urunc
 * 0.4 whose hypervisor is missing stops one mark short and looks like a complete 0.6 (corpus/urunc-real, B fail-nohv).
 */
export function judge(runtime: CompiledRuntime, rule: CompiledEpisode, events: readonly Event[], schemes: readonly number[]): Outcome {
  if (runtime.keyed) return worst(runtime, rule, events);
  if (schemes.every((scheme) => completion(rule, events, scheme) !== undefined)) return 'ok';
  if (schemes.every((scheme) => rests(runtime, rule, events, scheme))) return 'created';
  return 'incomplete';
}

/** Of all containers: one that failed fails it all. */
function worst(runtime: CompiledRuntime, rule: CompiledEpisode, events: readonly Event[]): Outcome {
  const parts = partsOf(rule, events);
  if (parts.some(({ failed }) => failed)) return 'failed';
  const open = parts.filter(({ end }) => end === undefined);
  if (unanswered(rule, events).length > 0) return 'incomplete';
  if (rule.until.length === 0 || open.length === 0) return 'ok';
  return open.every((part) => rests(runtime, rule, part.events, 0)) ? 'created' : 'incomplete';
}

/** The answers that requests of its handles still wait for. */
export const unanswered = (rule: CompiledEpisode, events: readonly Event[]): Mark[] =>
  exchangesIn(rule, events).flatMap(({ rule: { answers: [answer] }, answered }) => (answered === undefined && answer !== undefined ? [answer] : []));

/** The name under which an episode that is none is counted (urunc: handed-to-runc); undefined: it is one. */
export function nothing({ nothing: rule, another, until }: CompiledEpisode, events: readonly Event[], schemes: readonly number[]): string | undefined {
  const shows = (mark: Mark): boolean => events.some((event) => meaning(event, schemes) === mark);
  if (another !== undefined && shows(another.shows) && !until.every(shows)) return another.name;
  if (rule === undefined) return undefined;
  const seen = new Set<Mark>();
  for (const event of events) {
    const mark = meaning(event, schemes);
    if (mark?.silent === true) continue;
    if (mark === undefined || !(mark.loose || rule.exactly.has(mark))) return undefined;
    if (!mark.loose) seen.add(mark);
  }
  return rule.some === true || seen.size === rule.exactly.size ? rule.name : undefined;
}

/** Whether what is there of it so far is none. */
export const isNothing = (episode: { readonly rule: CompiledEpisode; readonly events: readonly Event[]; decide(events: readonly Event[]): { readonly schemes: readonly number[] } }): boolean =>
  episode.rule.nothing !== undefined && nothing(episode.rule, episode.events, episode.decide(episode.events).schemes) !== undefined;
