/** When an episode under way may be looked at: every source has passed the log time it waits for. */
import { between, steady } from '../model/time.ts';
import type { Nanos, Steady } from '../model/time.ts';
import type { OpenEpisode, Waiting } from './open.ts';
import type { AtEnd, Frontier, Sources } from './sources.ts';

/** Timers count whole milliseconds: what is due within the next one is due now. The wait itself is 500 of them. */
const TIMER_MS = 1;

/** When it was written that is not waited for again: whoever sent it before a restart had waited long enough, by a clock that may have been set back since. */
export const LONG_AGO = steady(-Infinity);

/** After new lines: how far the episode reaches, and when the mark it waits from was written. */
export function look(episode: OpenEpisode, waiting: Waiting, wall: Nanos, now: Steady, sources: Sources): void {
  const { since } = episode;
  episode.evaluate(waiting);
  if (episode.written === LONG_AGO || (episode.written !== undefined && episode.since === since)) return;
  // A line read late was written when it says; a clock that was set back since must not make it wait longer,
  const told = now - Math.max(0, between(episode.since, wall) / 1e6);
  // nor one that was set forward shorter: the line was not there when its source stood at its end.
  const latest = episode.events.at(-1);
  const absent = latest === undefined ? undefined : sources.absent(latest.source);
  episode.written = steady(Math.max(told, absent ?? told));
}

/** Whether every source that may hold lines of it has passed the episode. */
export const hasPassed = (episode: OpenEpisode, frontier: Frontier, now: Steady): boolean => passed(episode.due, waitFrom(episode), frontier, now);

/** As wakeAt. */
export const wakeFor = (episode: OpenEpisode, frontier: Frontier, now: Steady): Steady | undefined =>
  wakeAt(episode.due, episode.written === undefined ? undefined : waitFrom(episode), frontier, now);

/** When a line of its due time would have been written. */
const waitFrom = ({ written, since, due }: OpenEpisode): Steady => steady((written ?? 0) + between(since, due) / 1e6);

/** When a line was written that was met just now: one that is read late, when it says. */
export const writtenAt = (time: Nanos, wall: Nanos, now: Steady): Steady => steady(now - Math.max(0, between(time, wall) / 1e6));

/** Whether nothing can come before a line of this time any more, which was written then. */
export function passed(time: Nanos, written: Steady, { behind, atEnd }: Frontier, now: Steady): boolean {
  if (behind === 'nowhere' || (behind !== undefined && behind <= time)) return false;
  for (const [lateness, { told, until = now }] of atEnd) if (isOwed(time, told) && until + TIMER_MS < written + lateness / 1e6) return false;
  return true;
}

/**
 * When such a line may be passed without a further one, on the monotonic clock; undefined: whoever has read more calls.
 * @param written undefined: it was not looked at yet.
 */
export function wakeAt(time: Nanos, written: Steady | undefined, { behind, atEnd }: Frontier, now: Steady): Steady | undefined {
  if (behind !== undefined) return undefined;
  if (written === undefined) return now;
  let at = now;
  let stirred = false;
  for (const [lateness, { told, until }] of atEnd) {
    if (!isOwed(time, told)) continue;
    at = steady(Math.max(at, written + lateness / 1e6));
    stirred ||= until !== undefined;
  }
  // Its time has come: it waits for one that was written since it stood at its end.
  return stirred && at <= now ? undefined : at;
}

/** Whether sources that told this may still tell something of that moment. */
const isOwed = (moment: Nanos, told: AtEnd['told']): boolean => told === 'nowhere' || told <= moment;

/** Nobody can tell by its lines that it ended there. Of what is too much, too, but that cannot wait. */
export const isCutByWaiting = ({ complete, kind, cut }: OpenEpisode): boolean => !complete && kind !== 'stray' && cut === undefined;
