/** Several containers in one trace: each start is a span of its own under the pod's. */
import type { CompiledEpisode } from './compile.ts';
import { draft } from './draft.ts';
import type { Draft } from './draft.ts';
import type { Resolved } from './groups.ts';

/** Adds a span for each container, from its first process to its last. @returns undefined: there is only one container. */
export function podDrafts({ rule }: CompiledEpisode, resolved: Resolved, made: Draft[]): readonly Draft[] | undefined {
  const containers = new Set<string>();
  for (const { container, command } of resolved.groups) if (container !== undefined && command !== undefined) containers.add(container);
  if (rule.pod === undefined || containers.size < 2) return undefined;
  const parts: Draft[] = [];
  for (const container of containers) {
    const own = made.filter((one) => one.container === container && one.name === one.group?.command);
    const [first] = own;
    if (first === undefined) continue;
    const start = own.reduce((a, b) => (b.start < a.start ? b : a), first);
    const end = own.reduce((a, b) => (b.end > a.end ? b : a), first);
    const failed = own.find(({ error }) => error !== undefined);
    parts.push(draft({
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
    }));
  }
  // First of equal stretches: a failed create is as long as its container's start, and lies in it.
  made.unshift(...parts);
  return parts;
}

/** The containers whose processes are in it, its own first. */
export function containersOf(own: string, { groups }: Resolved): string[] {
  if (groups.length < 2) return [own];
  const others = groups.flatMap(({ container, command }) => (container === undefined || command === undefined || container === own ? [] : [container]));
  return [own, ...new Set(others)];
}
