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

export function hasPassed(episode: OpenEpisode, { behind, atEnd }: Frontier, lateness: Duration, now: Steady): boolean {
  if (behind === 'nowhere' || (behind !== undefined && behind <= episode.due)) return false;
  if (atEnd === undefined || (atEnd !== 'nowhere' && atEnd > episode.due)) return true;
  return now + TIMER_MS >= dueAt(episode, lateness);
}

/** When a source at its end has passed the episode's due time, on the monotonic clock. */
export function dueAt(episode: OpenEpisode, lateness: Duration): Steady {
  const wait = between(episode.since, episode.due) + lateness;
  return steady((episode.written ?? 0) + wait / 1e6);
}
