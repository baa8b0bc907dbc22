/** Which lines must not be let go yet: the source's saved offset may not pass them. */
import type { SourceId } from '../model/source.ts';
import type { Event } from './event.ts';
import type { OpenEpisode } from './open.ts';

/** The first line that is held in a source, and all that follow it; undefined: what is held of it stands in the state file. */
export interface Held {
  readonly source: SourceId;
  readonly offset: number | undefined;
}

/** Per source the first line that is held (undefined as above), and whether a start under way may still write to it. */
export type Holding = ReadonlyMap<SourceId, { readonly from: number | undefined; readonly awaited: boolean }>;

/** The first line in each source. */
export function firstLines(events: readonly Event[]): Held[] {
  const [one] = events;
  if (one !== undefined && events.every((event) => event.source === one.source && !event.kept)) {
    let { offset } = one;
    for (const event of events) if (event.offset < offset) offset = event.offset;
    return [{ source: one.source, offset }];
  }
  const first = new Map<SourceId, number | undefined>();
  for (const { source, offset, kept } of events) {
    const known = first.get(source);
    if (kept ? !first.has(source) : known === undefined || offset < known) first.set(source, kept ? undefined : offset);
  }
  return [...first].map(([source, offset]) => ({ source, offset }));
}

/**
 * @param flying first lines of what is sent and not acknowledged.
 * @param waiting lines of which it is not known yet whose they are.
 */
export function holding(open: Iterable<OpenEpisode>, flying: Iterable<Held>, waiting: Iterable<Event>): Holding {
  const held = new Map<SourceId, { from: number | undefined; awaited: boolean }>();
  const hold = (source: SourceId, offset: number | undefined, awaited: boolean): void => {
    const known = held.get(source);
    if (known === undefined) held.set(source, { from: offset, awaited });
    else {
      if (offset !== undefined && (known.from === undefined || offset < known.from)) known.from = offset;
      known.awaited ||= awaited;
    }
  };
  for (const episode of open) {
    for (const { source, offset, kept } of episode.events) hold(source, kept ? undefined : offset, episode.kind !== 'stray');
  }
  for (const { source, offset } of flying) hold(source, offset, false);
  for (const { source, offset, kept } of waiting) hold(source, kept ? undefined : offset, true);
  return held;
}
