/** Requests of an episode and what answered them. */
import { after, duration } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import type { CompiledEpisode, Mark } from './compile.ts';
import type { Event } from './event.ts';

/** A request with what answers it, and how long that is waited for; undefined: as long as for anything. */
export interface Answer {
  readonly request: Mark;
  readonly answers: readonly Mark[];
  readonly patience: Duration | undefined;
}

export interface Exchange {
  readonly rule: Answer;
  readonly asked: Event;
  answered: Event | undefined;
}

const NONE: readonly Exchange[] = [];

/** @param events in order. An answer belongs to the first request of its handle that is open. */
export function exchangesIn({ answers }: CompiledEpisode, events: readonly Event[]): readonly Exchange[] {
  if (answers.length === 0) return NONE;
  const found: Exchange[] = [];
  for (const event of events) {
    const mark = event.spelling.agreed;
    if (mark === undefined) continue;
    const rule = answers.find(({ request }) => request === mark);
    if (rule !== undefined) found.push({ rule, asked: event, answered: undefined });
    else for (const one of found) if (one.rule.answers.includes(mark) && one.answered === undefined && one.asked.handle === event.handle) {
      one.answered = event;
      break;
    }
  }
  return found;
}

/** How long the longest of these is waited for; 0: none asks for more than usual. */
export const patienceOf = (exchanges: readonly Exchange[]): Duration => duration(Math.max(0, ...exchanges.map(({ rule }) => rule.patience ?? 0)));

/** Whether one that asks for patience goes on at this moment. */
const goesOn = (exchanges: readonly Exchange[], moment: Nanos): Exchange[] =>
  exchanges.filter(({ rule, asked, answered }) => rule.patience !== undefined && asked.time <= moment && (answered === undefined || answered.time > moment));

/**
 * An episode without an end of its own is over when its processes fell silent for `settle`, or for as long as an open request may take.
 * @returns its last line, and when it is over.
 */
export function quiet(events: readonly Event[], opened: Nanos, settle: Duration, exchanges: readonly Exchange[]): { readonly last: Nanos; readonly over: Nanos } {
  let last = opened;
  const until = (): Nanos => after(last, duration(Math.max(settle, patienceOf(goesOn(exchanges, last)))));
  for (const event of events) {
    if (event.handle === undefined && event.time > opened) continue;
    if (event.time > until()) break;
    if (event.time > last) last = event.time;
  }
  return { last, over: until() };
}
