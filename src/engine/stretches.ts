/** The words `between` and `steps`. */
import type { GuestClock } from './clock.ts';
import type { CompiledRuntime, Mark } from './compile.ts';
import { draft } from './draft.ts';
import type { Draft } from './draft.ts';
import type { Group, Marks, Placed, Resolved } from './groups.ts';
import { expected, possible } from './scheme.ts';
import type { CompiledBetween, CompiledSteps } from './words.ts';

/** The first of a list that was seen: the first of all is the one that is meant, the others stand in. */
function pick(wanted: readonly Mark[], marks: Marks): Placed | undefined {
  for (let rank = 0; rank < wanted.length; rank++) {
    const mark = wanted[rank];
    const placed = mark && marks[mark.index];
    if (placed !== undefined) return placed;
  }
  return undefined;
}

/** A process may write a mark more than once: the first after `from` counts, or the last. */
function pickAfter({ to, last, over }: CompiledBetween, all: readonly Placed[], from: Placed): Placed | undefined {
  const after = all.indexOf(from) + 1;
  const end = over === undefined ? undefined : all.find((item, at) => at >= after && item.mark === over);
  const items = end === undefined ? all : all.slice(0, all.indexOf(end));
  for (const mark of to) {
    if (last) {
      const found = items.findLast((item, at) => at >= after && item.mark === mark);
      if (found !== undefined) return found;
      continue;
    }
    for (let at = after; at < items.length; at++) if (items[at]?.mark === mark) return items[at];
  }
  return end;
}

export function stretch(runtime: CompiledRuntime, rule: CompiledBetween, { groups, placed, all }: Resolved, schemes: readonly number[], clock: GuestClock | undefined, made: Draft[]): void {
  if (rule.across) return across(rule, placed, made);
  for (const group of rule.together ? byContainer(all) : groups) one(runtime, rule, group, schemes, clock, made);
}

/** All lines of each container as if one process had written them. */
function byContainer(all: readonly Placed[]): Group[] {
  const groups = new Map<string, { readonly items: Placed[]; readonly marks: (Placed | undefined)[] }>();
  for (const placed of all) {
    const { event: { container }, mark } = placed;
    if (container === undefined || mark === undefined) continue;
    const group = groups.get(container) ?? { items: [], marks: [] };
    groups.set(container, group);
    group.items.push(placed);
    group.marks[mark.index] ??= placed;
  }
  return [...groups].map(([container, { items, marks }]) => ({ index: -1, service: '', command: undefined, container, items, marks }));
}

function one(runtime: CompiledRuntime, rule: CompiledBetween, group: Group, schemes: readonly number[], clock: GuestClock | undefined, made: Draft[]): void {
  const { marks } = group;
  const from = pick(rule.from, marks) ?? (rule.after === undefined ? undefined : pick(rule.to, marks));
  if (from === undefined) return;
  const to = from.mark !== undefined && rule.to.includes(from.mark) ? from : runtime.keyed ? pickAfter(rule, group.items, from) : pick(rule.to, marks);
  if (to === undefined && rule.optional) return;
  const [meant] = rule.to;
  const cutShort = to === undefined || (!runtime.keyed && to.mark !== meant && meant !== undefined && expected(runtime, schemes, meant));
  const end = cutShort ? lastOf(runtime, rule.service, group, from) : to;
  if (end === undefined || (runtime.keyed && cutShort && end.offset === from.offset)) return;
  const times = clock === undefined ? undefined : guestTimes(clock, from, end);
  // Two lines of the guest reach the host in any order; its own times tell theirs.
  if (times === undefined && end.offset < from.offset) return;
  made.push(draft({
    service: rule.service,
    name: rule.name,
    from,
    to: end,
    certainty: cutShort ? 'inferred' : from.mark === rule.from[0] && to.mark === meant ? 'exact' : 'bounded',
    credit: rule.credit,
    waits: rule.waits,
    incomplete: cutShort,
    by: rule.by,
    after: rule.after,
    // Lines of no process serve nobody in particular, whomever one of them names; but those of a container by itself.
    group: runtime.keyed && !rule.together && from.event.handle !== undefined ? group : undefined,
    container: rule.together || from.event.handle !== undefined ? group.container : from.event.container === end.event.container ? from.event.container : undefined,
    ...times,
  }));
}

/** Between two lines of the guest: by the guest's clock, mapped to the host's. */
export function guestTimes(clock: GuestClock, from: Placed, to: Placed): Partial<Draft> | undefined {
  const begin = clock.map(from);
  const end = clock.map(to);
  return begin === undefined || end === undefined || end.offset < begin.offset ? undefined : { start: begin.offset, end: end.offset, attributes: begin.attributes };
}

/** From one process to another: the order is known, the ends are marks, and what lies between is concluded. */
function across(rule: CompiledBetween, marks: Marks, made: Draft[]): void {
  const from = pick(rule.from, marks);
  const to = pick(rule.to, marks);
  if (from === undefined || to === undefined || to.offset < from.offset) return;
  made.push(draft({ service: rule.service, name: rule.name, from, to, certainty: 'inferred', credit: rule.credit, waits: rule.waits, by: rule.by }));
}

/** Where a stretch that never ended was last seen alive. */
const lastOf = (runtime: CompiledRuntime, service: string, group: Group, from: Placed): Placed | undefined =>
  runtime.keyed ? group.items[group.items.length - 1] : lastOfService(service, group.marks, from);

/** Where a stretch that never ended was last seen alive; undefined for a component that writes no marks (the caller). */
function lastOfService(service: string, marks: Marks, from: Placed): Placed | undefined {
  let last = from.mark?.service === service ? from : undefined;
  for (const placed of marks) {
    if (placed?.mark?.service === service && (last === undefined || placed.offset >= last.offset)) last = placed;
  }
  return last;
}

export function chain(runtime: CompiledRuntime, rule: CompiledSteps, group: Group, schemes: readonly number[], made: Draft[]): void {
  const { marks } = group;
  let from = marks[rule.from.index];
  let joined = false;
  for (const step of rule.steps) {
    const to = marks[step.to.index];
    if (to === undefined) {
      joined ||= possible(runtime, schemes, step.to);
      continue;
    }
    if (from !== undefined) {
      if (to.offset < from.offset) continue;
      made.push(draft({ service: rule.service, name: step.name, from, to, certainty: joined ? 'bounded' : 'exact', credit: rule.credit, waits: step.waits, step: true, group: runtime.keyed && from.event.handle !== undefined ? group : undefined }));
    }
    from = to;
    joined = false;
  }
}

