/** The words for processes that write many lines: `sessions`, `gaps`, `stages`. */
import type { Gaps } from '../model/spans.ts';
import type { Attributes } from '../model/trace.ts';
import type { CompiledEpisode } from './compile.ts';
import { draft } from './draft.ts';
import type { Draft } from './draft.ts';
import type { Group, Placed, Resolved } from './groups.ts';
import type { CompiledSessions, CompiledStages } from './words.ts';

/** From a process' first line to its last, or to the end of what it is known to have done: it began before and ended after. */
export function sessionsOf(word: CompiledSessions, rule: CompiledEpisode, { groups }: Resolved, made: readonly Draft[]): Draft[] {
  const sessions: Draft[] = [];
  for (const group of groups) {
    const [from] = group.items;
    const to = group.items[group.items.length - 1];
    if (group.service !== word.service || group.command === undefined || from === undefined || to === undefined) continue;
    let { offset: end } = to;
    for (const other of made) if (other.group === group && other.end > end) end = other.end;
    // Of one moment nothing can be measured, and a back-end takes a span without a length for an error.
    if (end === from.offset) continue;
    const failure = failureOf(rule, group);
    sessions.push(draft({ service: word.service, name: group.command, from, to, end, certainty: 'inferred', credit: 'runtime', group, attributes: tellings(group), error: failure }));
  }
  return sessions;
}

/** The reason with which the process itself says that it failed. */
export const failureOf = ({ fails }: CompiledEpisode, { items }: Group): string | undefined => firstReason(fails, items);

/** The reason that the first of these marks tells: what several words say, else its hole, else its whole line. */
export function firstReason(reasons: CompiledEpisode['fails'], items: readonly Placed[]): string | undefined {
  for (const { mark, event } of items) {
    const hole = mark && reasons.get(mark);
    if (hole !== undefined) return hole.includes(' ') ? hole : (event.holes?.[hole] ?? event.line);
  }
  return undefined;
}

/** What a process told of itself. */
function tellings({ items, container }: Group): Attributes {
  const pid = items[0]?.event.handle;
  const version = items.find(({ event }) => event.holes?.['version'] !== undefined)?.event.holes?.['version'];
  return [
    ...(container === undefined ? [] : [['container.id', container] as const]),
    ...(pid === undefined ? [] : [['shimtrace.writer', pid] as const]),
    ...(version === undefined || version === '' ? [] : [['shimtrace.version', version] as const]),
  ];
}

/** Between the end of one process of a container and the beginning of its next. */
export function gapsOf(word: Gaps, made: Draft[]): void {
  const sessions = made.filter((one) => one.service === word.service && one.group !== undefined && one.name === one.group.command);
  sessions.sort((a, b) => a.start - b.start);
  const last = new Map<string, Draft>();
  for (const session of sessions) {
    const { container } = session;
    if (container === undefined) continue;
    const before = last.get(container);
    if (before === undefined || session.end > before.end) last.set(container, session);
    if (before === undefined || session.start <= before.end) continue;
    made.push(draft({
      service: 'caller',
      name: `caller: gap before ${session.name}`,
      from: before.to,
      to: session.from,
      start: before.end,
      certainty: 'inferred',
      credit: 'caller',
      waits: true,
      container,
      attributes: [['container.id', container]],
    }));
  }
}

export function stagesOf(word: CompiledStages, { groups }: Resolved, made: Draft[]): void {
  for (const group of groups) {
    let open: { readonly name: string; readonly from: Placed } | undefined;
    for (const item of group.items) {
      const stage = word.stages.find(({ from }) => from === item.mark);
      const ends = item.mark !== undefined && word.until.includes(item.mark);
      if (open !== undefined && (stage !== undefined || ends)) {
        made.push(draft({ service: word.service, name: open.name, from: open.from, to: item, certainty: 'bounded', credit: word.credit, group }));
        open = undefined;
      }
      if (stage !== undefined) open = { name: stage.name, from: item };
    }
  }
}
