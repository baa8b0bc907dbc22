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
    const { from, to, certainty, lost } = found;
    return [draft({
      service: word.service,
      name: group.command,
      from,
      to,
      certainty,
      incomplete: certainty === 'inferred',
      credit: word.credit,
      group,
      attributes: group.container === undefined ? [] : [['container.id', group.container]],
      error: failureOf(rule, group) ?? (lost ? 'it was never answered' : undefined),
    })];
  });
}

interface Ends {
  readonly from: Placed;
  readonly to: Placed;
  readonly certainty: 'exact' | 'bounded' | 'inferred';
  readonly lost: boolean;
}

/**
 * Its own marks; where the log level hides one, what stands near it, at the latest the container's line before. One that began
 * and shows no end at all failed where its container was given up, or was last seen alive with the episode's last line.
 */
function endsOf(word: CompiledSessions, { items, container }: Group, all: readonly Placed[]): Ends | undefined {
  const begin = items.find(is(word.from));
  const to = items.findLast(is(word.to)) ?? items.findLast(is(word.nearEnd));
  if (to === undefined || (begin !== undefined && to.offset < begin.offset)) return begin && unanswered(begin, word.lostAt, container, all);
  const [first = to] = items;
  const before = ({ event, offset, mark }: Placed): boolean => mark?.loose === false && event.container === container && offset < first.offset;
  const from = begin ?? items.find(is(word.nearBegin)) ?? all.findLast(before);
  return from && { from, to, certainty: begin !== undefined && is(word.to)(to) ? 'exact' : 'bounded', lost: false };
}

const is = (marks: CompiledSessions['from']) => ({ mark }: Placed): boolean => mark !== undefined && marks.includes(mark);

function unanswered(from: Placed, lostAt: CompiledSessions['lostAt'], container: string | undefined, all: readonly Placed[]): Ends | undefined {
  const given = all.find((line) => line.offset > from.offset && line.event.container === container && is(lostAt)(line));
  if (given !== undefined) return { from, to: given, certainty: 'bounded', lost: true };
  const last = all[all.length - 1];
  return last && { from, to: last, certainty: 'inferred', lost: false };
}
