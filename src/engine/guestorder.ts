/** What a guest wrote, in the order in which it wrote it: its lines reach the host late, each by its own time, and so out of order. */
import type { GuestClock } from './clock.ts';
import type { Group, Placed, Resolved } from './groups.ts';

export function inGuestOrder(resolved: Resolved, clock: GuestClock): Resolved {
  if (!resolved.groups.some(isOfGuest)) return resolved;
  return { ...resolved, groups: resolved.groups.map((group) => (isOfGuest(group) ? ordered(group, clock) : group)) };
}

const isOfGuest = ({ items }: Group): boolean => items.some(({ event }) => event.guest !== undefined);

function ordered(group: Group, clock: GuestClock): Group {
  const timed = group.items.map((item) => ({ item, at: clock.map(item)?.offset ?? item.offset }));
  if (timed.every(({ at }, index) => index === 0 || at >= (timed[index - 1]?.at ?? at))) return group;
  const items = timed.sort((a, b) => a.at - b.at).map(({ item }) => item);
  const marks: (Placed | undefined)[] = [];
  for (const item of items) if (item.mark !== undefined) marks[item.mark.index] ??= item;
  return { ...group, items, marks };
}
