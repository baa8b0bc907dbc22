/** When an episode under way may be looked at: every source has passed the log time it waits for. */
import { between, steady } from '../model/time.ts';
import type { Duration, Nanos, Steady } from '../model/time.ts';
import type { OpenEpisode, Waiting } from './open.ts';
import type { AtEnd, Frontier, Sources } from './sources.ts';

/** Timers count whole milliseconds: what is due within the next one is due now. The wait itself is 500 of them. */
const TIMER_MS = 1;

/** After new lines: how far the episode reaches, and when the mark it waits from was written. */
export function look(episode: OpenEpisode, waiting: Waiting, wall: Nanos, now: Steady, sources: Sources): void {
  const { since } = episode;
  episode.evaluate(waiting);
  if (episode.written !== undefined && episode.since === since) return;
  // A line read late was written when it says; a clock that was set back since must not make it wait longer,
  const told = now - Math.max(0, between(episode.since, wall) / 1e6);
  // nor one that was set forward shorter: the line was not there when its source stood at its end.
  const latest = episode.events.at(-1);
  const absent = latest === undefined ? undefined : sources.absent(latest.source);
  episode.written = steady(Math.max(told, absent ?? told));
}

/** Whether every source that may hold lines of it has passed the episode. */
export const hasPassed = (episode: OpenEpisode, frontier: Frontier, now: Steady): boolean => passed(episode.due, waitFrom(episode), frontier, now);

/** When the last of the sources at their end has passed the episode's due time, on the monotonic clock; undefined: all have, by what they tell. */
export function dueAt(episode: OpenEpisode, { atEnd }: Pick<Frontier, 'atEnd'>): Steady | undefined {
  return passedAt(episode.due, waitFrom(episode), atEnd);
}

/** When a line of its due time would have been written. */
const waitFrom = ({ written, since, due }: OpenEpisode): Steady => steady((written ?? 0) + between(since, due) / 1e6);

/** When a line was written that was met just now: one that is read late, when it says. */
export const writtenAt = (time: Nanos, wall: Nanos, now: Steady): Steady => steady(now - Math.max(0, between(time, wall) / 1e6));

/** Whether nothing can come before a line of this time any more, which was written then. */
export const isPassed = (time: Nanos, written: Steady, frontier: Frontier, now: Steady): boolean => passed(time, written, frontier, now);

function passed(time: Nanos, written: Steady, { behind, atEnd }: Frontier, now: Steady): boolean {
  if (behind === 'nowhere' || (behind !== undefined && behind <= time)) return false;
  for (const [lateness, { told, until = now }] of atEnd) if (isOwed(time, told) && until + TIMER_MS < written + lateness / 1e6) return false;
  return true;
}

/** Whether sources that told this may still tell something of that moment. */
const isOwed = (moment: Nanos, told: AtEnd['told']): boolean => told === 'nowhere' || told <= moment;

/** When all sources at their ends have passed such a line, on the monotonic clock; undefined: they have, by what they tell. */
export function passedAt(time: Nanos, written: Steady, atEnd: Frontier['atEnd']): Steady | undefined {
  const latest = latestOf(time, atEnd);
  return latest === undefined ? undefined : steady(written + latest / 1e6);
}

/** How late the latest of those may be that have not passed this moment by what they tell. */
function latestOf(moment: Nanos, atEnd: Frontier['atEnd']): Duration | undefined {
  let latest: Duration | undefined;
  for (const [lateness, { told }] of atEnd) if (isOwed(moment, told) && (latest === undefined || lateness > latest)) latest = lateness;
  return latest;
}
