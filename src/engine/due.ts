/** When an episode under way may be looked at: every source has passed the log time it waits for. */
import { between, steady } from '../model/time.ts';
import type { Duration, Nanos, Steady } from '../model/time.ts';
import type { OpenEpisode, Waiting } from './open.ts';
import type { Frontier, Sources } from './sources.ts';

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
export function hasPassed(episode: OpenEpisode, { behind, atEnd }: Frontier, now: Steady): boolean {
  if (behind === 'nowhere' || (behind !== undefined && behind <= episode.due)) return false;
  const due = dueAt(episode, { atEnd });
  return due === undefined || now + TIMER_MS >= due;
}

/** When the last of the sources at their end has passed the episode's due time, on the monotonic clock; undefined: all have, by what they tell. */
export function dueAt(episode: OpenEpisode, { atEnd }: Pick<Frontier, 'atEnd'>): Steady | undefined {
  const latest = latestOf(episode.due, atEnd);
  return latest === undefined ? undefined : steady((episode.written ?? 0) + (between(episode.since, episode.due) + latest) / 1e6);
}

/** When a line was written that was met just now: one that is read late, when it says. */
export const writtenAt = (time: Nanos, wall: Nanos, now: Steady): Steady => steady(now - Math.max(0, between(time, wall) / 1e6));

/** Whether nothing can come before a line of this time any more, which was written then. */
export function isPassed(time: Nanos, written: Steady, { behind, atEnd }: Frontier, now: Steady): boolean {
  if (behind === 'nowhere' || (behind !== undefined && behind <= time)) return false;
  const due = passedAt(time, written, atEnd);
  return due === undefined || now + TIMER_MS >= due;
}

/** When all sources at their ends have passed such a line, on the monotonic clock; undefined: they have, by what they tell. */
export function passedAt(time: Nanos, written: Steady, atEnd: Frontier['atEnd']): Steady | undefined {
  const latest = latestOf(time, atEnd);
  return latest === undefined ? undefined : steady(written + latest / 1e6);
}

/** How late the latest of those may be that have not passed this moment by what they tell. */
function latestOf(moment: Nanos, atEnd: Frontier['atEnd']): Duration | undefined {
  let latest: Duration | undefined;
  for (const [lateness, told] of atEnd) if ((told === 'nowhere' || told <= moment) && (latest === undefined || lateness > latest)) latest = lateness;
  return latest;
}
