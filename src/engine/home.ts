/** Which of a life's open episodes a line belongs to, where lines name processes, containers and sandboxes. */
import { between } from '../model/time.ts';
import type { CompiledEpisode, CompiledRuntime } from './compile.ts';
import { mayBeSameBoot } from './event.ts';
import type { Event } from './event.ts';
import { partsOf } from './judge.ts';
import type { OpenEpisode } from './open.ts';

/** Has opened by then, give or take what the line's writer rounds away. */
const hadOpened = (episode: OpenEpisode, { time, step }: Event): boolean => episode.opened < time + BigInt(step) || episode.opened === time;

/** Whether the line is what opened the episode: at the same time, or the same process' written more coarsely. */
export function sameOpener(episode: OpenEpisode, event: Event, container: string): boolean {
  if (episode.container !== container) return false;
  if (episode.opened === event.time) return true;
  if (event.handle === undefined || !episode.has(event.handle, event.boot)) return false;
  const first = episode.events.find((other) => other.spelling === event.spelling && other.handle === event.handle);
  if (first === undefined) return false;
  const apart = first.time < event.time ? between(first.time, event.time) : between(event.time, first.time);
  return apart < Math.max(first.step, event.step) && first.step !== event.step;
}

/** The episode under way that an opener goes on with: the same stop, or the start of the sandbox that its container starts in. */
export function goesOn(open: readonly OpenEpisode[], rule: CompiledEpisode, event: Event, container: string): OpenEpisode | undefined {
  const mine = open.filter((episode) => episode.rule === rule && episode.kind !== 'stray');
  const lost = event.handle === undefined ? undefined : mine.find((episode) => episode.kind === 'inside' && event.handle !== undefined && episode.has(event.handle, event.boot));
  if (lost !== undefined) {
    if (event.time < lost.opened) lost.kind = 'start';
    return lost;
  }
  const begun = event.spelling.standsIn !== undefined ? mine.findLast((episode) => hadOpened(episode, event) && hasOpenPart(episode, container)) : undefined;
  if (begun !== undefined) return begun;
  if (rule.rule.joins === true) return mine.findLast((episode) => episode.container === container);
  if (rule.rule.pod === undefined) return undefined;
  return mine.findLast((episode) => episode.container === episode.subject && episode.container !== container && hadOpened(episode, event));
}

/** Whether this container is on its way in it: what stands in for its opener is then no beginning. */
const hasOpenPart = (episode: OpenEpisode, container: string): boolean => {
  const part = partsOf(episode.rule, episode.events).findLast((one) => one.container === container);
  return part !== undefined && part.end === undefined;
};

/**
 * A line that opens nothing. A process' line belongs where its process is; a line that names a container, to that container's
 * latest; one that knows only the sandbox, to the episode that asked for what it answers, else to the latest.
 */
export function homeOf(runtime: CompiledRuntime, open: readonly OpenEpisode[], event: Event): OpenEpisode | undefined {
  const { container, handle, boot } = event;
  const [only] = open;
  if (open.length === 1 && only !== undefined && handle !== undefined && only.has(handle, boot) && hadOpened(only, event)) return only;
  if (handle !== undefined && !begunBefore(open, event)) {
    const own = open.findLast((episode) => episode.has(handle, boot) && (episode.kind === 'inside' || hadOpened(episode, event)));
    if (own !== undefined) return own;
  }
  const there = open.filter((episode) => episode.kind !== 'stray' && hadOpened(episode, event));
  const command = event.command === undefined ? undefined : ruleOf(runtime, event.command);
  const candidates = command === undefined ? there : there.filter((episode) => episode.rule === command);
  if (container !== undefined) {
    const own = candidates.findLast((episode) => episode.container === container || holds(episode, container));
    if (own !== undefined) return own;
    if (handle !== undefined && event.command !== undefined) return undefined;
  }
  if (candidates.length < 2) return candidates[0];
  return candidates.findLast((episode) => awaits(episode, event)) ?? candidates[candidates.length - 1];
}

/** A use of the handle that was seen to begin earlier: this line begins another one, of which no episode knows yet. */
const begunBefore = (open: readonly OpenEpisode[], { spelling, handle, boot, time }: Event): boolean =>
  spelling.renews && open.some((episode) => episode.events.some((other) => other.spelling === spelling && other.handle === handle && mayBeSameBoot(other.boot, boot) && other.time < time));

/** The rule whose processes do this; undefined: a command that measures nothing of its own (state) goes wherever its container is. */
function ruleOf({ episodes }: CompiledRuntime, command: string): CompiledEpisode | undefined {
  return episodes.find(({ rule }) => rule.commands?.includes(command) === true);
}

const holds = (episode: OpenEpisode, container: string): boolean => episode.events.some((event) => event.container === container);

/** Whether one of its processes asked for what this line of the guest answers. */
function awaits(episode: OpenEpisode, event: Event): boolean {
  const mark = event.spelling.agreed;
  for (const rule of episode.rule.spans) {
    if (rule.kind !== 'rpc' || (rule.server.mark !== mark && rule.server.asked !== mark)) continue;
    const wanted = event.holes?.[rule.like];
    return episode.events.some((asked) => asked.spelling.agreed === rule.client.mark && asked.holes?.[rule.like] === wanted && asked.time <= event.time);
  }
  return false;
}

/** The episode that such a line must be of although nothing opened it: its process does nothing else. */
export function beginningMissing(runtime: CompiledRuntime, event: Event): CompiledEpisode | undefined {
  if (event.command === undefined || event.container === undefined) return undefined;
  const { command } = event;
  return runtime.episodes.find((episode) => episode.rule.commands?.includes(command) === true);
}

/** Whether its process goes on with a start that was created and rested. */
export const continues = (runtime: CompiledRuntime, { command }: Event): boolean =>
  command !== undefined && runtime.start.rule.continues?.includes(command) === true;
