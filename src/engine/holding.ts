/** Which lines must not be let go yet: the source's saved offset may not pass them. */
import type { SourceId } from '../model/source.ts';
import type { Event } from './event.ts';
import type { OpenEpisode } from './open.ts';

/** A line that is held, and all that follow it in its source. */
export interface Held {
  readonly source: SourceId;
  readonly offset: number;
}

/** Per source the first line that is held, and whether a start under way may still write to it. */
export type Holding = ReadonlyMap<SourceId, { readonly from: number; readonly awaited: boolean }>;

/** The first line in each source. */
export function firstLines(events: readonly Event[]): Held[] {
  const [one] = events;
  if (one !== undefined && events.every((event) => event.source === one.source)) {
    let { offset } = one;
    for (const event of events) if (event.offset < offset) offset = event.offset;
    return [{ source: one.source, offset }];
  }
  const first = new Map<SourceId, number>();
  for (const { source, offset } of events) {
    const known = first.get(source);
    if (known === undefined || offset < known) first.set(source, offset);
  }
  return [...first].map(([source, offset]) => ({ source, offset }));
}

/** @param flying first lines of what is sent and not acknowledged. */
export function holding(open: Iterable<OpenEpisode>, flying: Iterable<Held>): Holding {
  const held = new Map<SourceId, { from: number; awaited: boolean }>();
  const hold = ({ source, offset }: Held, awaited: boolean): void => {
    const known = held.get(source);
    if (known === undefined) held.set(source, { from: offset, awaited });
    else {
      known.from = Math.min(known.from, offset);
      known.awaited ||= awaited;
    }
  };
  for (const episode of open) for (const event of episode.events) hold(event, episode.kind !== 'stray');
  for (const at of flying) hold(at, false);
  return held;
}
