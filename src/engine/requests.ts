/** Requests: sessions of a server that says when it begins one and when it has ended it. */
import { draft } from './draft.ts';
import type { Draft } from './draft.ts';
import type { CompiledEpisode } from './compile.ts';
import type { Group, Placed, Resolved } from './groups.ts';
import { failureOf } from './processes.ts';
import type { CompiledSessions } from './words.ts';

export function requestsOf(word: CompiledSessions, rule: CompiledEpisode, { groups, all }: Resolved): Draft[] {
  return groups.flatMap((group) => {
    if (group.service !== word.service || group.command === undefined) return [];
    const found = endsOf(word, group, all);
    if (found === undefined || found.to.offset <= found.from.offset) return [];
    const { from, to, certainty } = found;
    return [draft({
      service: word.service,
      name: group.command,
      from,
      to,
      certainty,
      incomplete: certainty === 'inferred',
      credit: 'runtime',
      group,
      attributes: group.container === undefined ? [] : [['container.id', group.container]],
      error: failureOf(rule, group),
    })];
  });
}

interface Ends {
  readonly from: Placed;
  readonly to: Placed;
  readonly certainty: 'exact' | 'bounded' | 'inferred';
}

/**
 * Its own marks; where the log level hides one, what stands near it, at the latest the container's line before. One that began
 * and shows no end at all was last seen alive with the episode's last line.
 */
function endsOf({ from: begins, to: ends, near }: CompiledSessions, { items, container }: Group, all: readonly Placed[]): Ends | undefined {
  const is = (marks: CompiledSessions['from']) => ({ mark }: Placed): boolean => mark !== undefined && marks.includes(mark);
  const begin = items.find(is(begins));
  const to = items.findLast(is(ends)) ?? items.findLast(is(near));
  if (to === undefined || to === begin) {
    const last = all[all.length - 1];
    return begin === undefined || last === undefined ? undefined : { from: begin, to: last, certainty: 'inferred' };
  }
  const earlier = begin ?? (items[0] === to ? all.findLast(({ event, offset, mark }) => mark?.loose === false && event.container === container && offset < to.offset) : items[0]);
  if (earlier === undefined) return undefined;
  return { from: earlier, to, certainty: begin !== undefined && is(ends)(to) ? 'exact' : 'bounded' };
}
