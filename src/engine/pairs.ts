/** The word `pairs`: what begins with one mark and ends with another, one at a time. */
import type { Attributes } from '../model/trace.ts';
import type { GuestClock } from './clock.ts';
import { draft } from './draft.ts';
import type { Draft } from './draft.ts';
import type { Group, Placed, Resolved } from './groups.ts';
import { guestTimes } from './stretches.ts';
import { fill } from './template.ts';
import type { CompiledPairs } from './words.ts';

export function pairsOf(word: CompiledPairs, resolved: Resolved, clock: GuestClock | undefined, made: Draft[]): void {
  for (const group of resolved.groups) {
    let from: Placed | undefined;
    for (const item of group.items) {
      if (item.mark === word.from) {
        if (from !== undefined) made.push(pair(word, group, clock, from, item, false));
        from = item;
      } else if (from !== undefined && item.mark !== undefined && word.to.includes(item.mark)) {
        made.push(pair(word, group, clock, from, item, true));
        from = undefined;
      } else if (from !== undefined && word.alone) {
        made.push(pair(word, group, clock, from, item, false));
        from = undefined;
      }
    }
    if (from !== undefined) unanswered(word, group, clock, from, resolved, made);
  }
}

/** Its own end was not written: the next sign of life of its process, or another process' mark, is the latest it can have been. */
function unanswered(word: CompiledPairs, group: Group, clock: GuestClock | undefined, from: Placed, { all }: Resolved, made: Draft[]): void {
  const next = group.items[group.items.indexOf(from) + 1];
  const end = next ?? all.find((item) => item.offset > from.offset && item.mark !== undefined && word.elsewhere.includes(item.mark));
  if (end !== undefined) made.push(pair(word, group, clock, from, end, false));
}

function pair(word: CompiledPairs, group: Group, clock: GuestClock | undefined, from: Placed, to: Placed, meant: boolean): Draft {
  const peer: Attributes = word.peer === undefined ? [] : [['peer.service', word.peer], ['service.peer.name', word.peer]];
  const container = from.event.handle === undefined ? served(group, from, to) : group.container;
  const own: Attributes = container === undefined ? [] : [['container.id', container]];
  const times = clock && guestTimes(clock, from, to);
  return draft({
    service: word.service,
    name: fill(word.name, from.event.holes),
    kind: word.peer === undefined ? 'internal' : 'client',
    from,
    to,
    certainty: meant && !word.upToNext ? 'exact' : 'bounded',
    credit: word.credit,
    waits: word.waits,
    group: from.event.handle === undefined ? undefined : group,
    container,
    ...times,
    attributes: [...own, ...peer, ...(times?.attributes ?? [])],
  });
}

/** Lines of no process: whom they serve is told by one of them, or by what was written in between. */
function served({ items }: Group, from: Placed, to: Placed): string | undefined {
  const between = items.slice(items.indexOf(from), items.indexOf(to) + 1);
  return between.find(({ event }) => event.container !== undefined)?.event.container;
}
