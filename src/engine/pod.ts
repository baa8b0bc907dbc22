/** Several containers in one trace: each start is a span of its own under the pod's. */
import { draft } from './draft.ts';
import type { Draft } from './draft.ts';
import type { FoldedPart } from './part.ts';
import type { Resolved } from './groups.ts';

/** Adds a span for each container, from its first process to its last. @returns undefined: there is only one container. */
export function podDrafts(folded: readonly FoldedPart[], made: Draft[]): readonly Draft[] | undefined {
  const leader = folded.find(({ episode }) => episode.rule.rule.pod !== undefined);
  if (leader === undefined) return undefined;
  const containers = new Set(folded.flatMap(namesOf));
  if (containers.size < 2) return undefined;
  const { rule } = leader.episode.rule;
  const several = folded.length > 1;
  const parts: Draft[] = [];
  for (const container of containers) {
    const own = made.filter((one) => one.container === container && (several || one.name === one.group?.command));
    const [first] = own;
    if (first === undefined) continue;
    const start = own.reduce((a, b) => (b.start < a.start ? b : a), first);
    const end = own.reduce((a, b) => (b.end > a.end ? b : a), first);
    const failed = own.find(({ error }) => error !== undefined);
    const whole = draft({
      service: rule.root.service,
      name: rule.root.name,
      from: start.from,
      to: end.to,
      start: start.start,
      end: end.end,
      certainty: rule.root.certainty ?? 'exact',
      credit: 'runtime',
      container,
      attributes: [['container.id', container]],
      error: failed?.error,
    });
    // Around all that is the container's, whoever did it.
    whole.layer = -1;
    parts.push(whole);
  }
  // First of equal stretches: a failed create is as long as its container's start, and lies in it.
  made.unshift(...parts);
  return parts;
}

/** The containers that start in it: those whose processes are there, and the one of a runtime whose lines name no process. */
const namesOf = ({ episode: { runtime, container }, resolved }: FoldedPart): string[] => (runtime.keyed ? startedIn(resolved) : [container]);

const startedIn = ({ groups }: Resolved): string[] => groups.flatMap(({ container, command }) => (container === undefined || command === undefined ? [] : [container]));

/** The same for the trace, its own first. */
export function containersOf(own: string, folded: readonly FoldedPart[]): string[] {
  const [{ resolved: { groups } = { groups: [] } } = {}] = folded;
  if (folded.length === 1 && groups.length < 2) return [own];
  return [own, ...new Set(folded.flatMap(namesOf).filter((container) => container !== own))];
}
