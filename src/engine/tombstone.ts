/**
 * What is remembered of a settled episode: enough to tell a late line from a new start, to know a replayed line after a
 * restart, and to continue a start that had rested.
 */
import type { SourceId, SourceKey } from '../model/source.ts';
import { nanos } from '../model/time.ts';
import type { Nanos } from '../model/time.ts';
import type { Outcome } from '../model/trace.ts';
import type { Event } from './event.ts';

/** First and last line of an episode in one source, by offset. */
export interface Extent {
  readonly source: SourceKey;
  readonly from: number;
  readonly to: number;
  /** Its lines that name no process, by offset, where another episode of the life was under way beside it: which were its own. */
  readonly lines?: readonly number[];
}

export interface Tombstone {
  readonly runtime: string;
  readonly container: string;
  /** The life it was part of, where that has another name: the sandbox. */
  readonly subject?: string;
  /** All containers whose lines it has, where it is a runtime's whose lines name more than one. */
  readonly containers?: readonly string[];
  /** Its processes, as above. */
  readonly handles?: readonly string[];
  /** The kind of episode; undefined: a start. */
  readonly episode?: string;
  readonly traceId: string;
  readonly opened: Nanos;
  /** Id of its trace's root, where it may go on: another trace may link to it. */
  readonly root?: string;
  /** Lines up to this log time belong to it. */
  readonly until: Nanos;
  /** nothing: it was no episode (handed-to-runc). */
  readonly outcome: Outcome | 'nothing';
  /** Spellings seen, in order: only kept where the start may go on. */
  readonly seen: readonly string[];
  readonly extents: readonly Extent[];
  /** Settled by waiting, not by its last mark: written down before it is sent, so that a replay cuts at the same place. */
  readonly waited: boolean;
  readonly capped: boolean;
}

/** Whether more lines of the same start open a trace of their own. */
export const mayContinue = (tombstone: Tombstone): boolean =>
  !tombstone.capped && (tombstone.outcome === 'created' || tombstone.outcome === 'incomplete');

export function extentsOf(events: readonly Event[], keyOf: (source: SourceId) => SourceKey): Extent[] {
  const [first] = events;
  if (first !== undefined && events.every((event) => event.source === first.source)) {
    let { offset: from, offset: to } = first;
    for (const { offset } of events) {
      if (offset < from) from = offset;
      else if (offset > to) to = offset;
    }
    return [{ source: keyOf(first.source), from, to }];
  }
  const extents = new Map<SourceId, { from: number; to: number }>();
  for (const { source, offset } of events) {
    const known = extents.get(source);
    if (known === undefined) extents.set(source, { from: offset, to: offset });
    else {
      if (offset < known.from) known.from = offset;
      if (offset > known.to) known.to = offset;
    }
  }
  return [...extents].map(([source, { from, to }]) => ({ source: keyOf(source), from, to }));
}

/** The line was read before: it stands where this episode's lines stood. */
export const covers = (extents: readonly Extent[], source: SourceKey, offset: number): boolean =>
  extents.some((extent) => extent.source === source && offset >= extent.from && offset <= extent.to);

/** Whether first and last line of each are there: each source gives its lines in their order, and so all that lie between. */
export const hasAll = (extents: readonly Extent[], events: readonly Event[], keyOf: (source: SourceId) => SourceKey): boolean =>
  extents.every(({ source, from, to }) => [from, to].every((end) => events.some(({ source: id, offset }) => offset === end && keyOf(id) === source)));

/** The same extents, with the lines that might as well have been another's. */
export const withLines = (extents: readonly Extent[], events: readonly Event[], keyOf: (source: SourceId) => SourceKey): Extent[] =>
  extents.map((extent) => ({
    ...extent,
    lines: events.filter(({ handle, source }) => handle === undefined && keyOf(source) === extent.source).map(({ offset }) => offset),
  }));

/** Whether this line without a process was the episode's own; undefined: nobody else was there to take it. */
export function took(extents: readonly Extent[], source: SourceKey, offset: number): boolean | undefined {
  const lists = extents.filter((extent) => extent.lines !== undefined);
  return lists.length === 0 ? undefined : lists.some((extent) => extent.source === source && extent.lines?.includes(offset) === true);
}

/** As it stands in the state file: times as decimal strings, since JSON has no exact large numbers. */
export type StoredTombstone = Omit<Tombstone, 'opened' | 'until'> & { readonly opened: string; readonly until: string };

export const store = (tombstone: Tombstone): StoredTombstone => ({
  ...tombstone,
  opened: String(tombstone.opened),
  until: String(tombstone.until),
});

export const revive = (stored: StoredTombstone): Tombstone => ({
  ...stored,
  opened: nanos(BigInt(stored.opened)),
  until: nanos(BigInt(stored.until)),
});
