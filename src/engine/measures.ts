/** Figures of a whole episode that its runtime's users know by name. */
import type { MeasureRule } from '../model/runtime.ts';
import type { Attributes } from '../model/trace.ts';
import type { CompiledEpisode, CompiledRuntime } from './compile.ts';
import type { Draft } from './draft.ts';
import type { Resolved } from './groups.ts';

export function measuresOf({ measures }: CompiledRuntime, episode: CompiledEpisode, { all }: Resolved, arranged: readonly Draft[]): Attributes {
  const known = new Map<string, number>();
  for (const rule of measures) {
    const value = rule.in === episode.name ? valueOf(rule, all, arranged, known) : undefined;
    if (value !== undefined && value > 0) known.set(rule.name, value);
  }
  return [...known];
}

function valueOf(rule: MeasureRule, all: Resolved['all'], arranged: readonly Draft[], known: ReadonlyMap<string, number>): number | undefined {
  switch (rule.kind) {
    case 'between': {
      const from = firstOf(rule.from, all);
      const to = firstOf(rule.to, all);
      return from === undefined || to === undefined ? undefined : to - from;
    }
    case 'span': {
      const span = arranged.find(({ name, incomplete }) => name === rule.span && !incomplete);
      return span && span.end - span.start;
    }
    case 'less': {
      const whole = known.get(rule.of);
      const part = known.get(rule.less);
      return whole === undefined || part === undefined ? undefined : whole - part;
    }
    default:
      return rule satisfies never;
  }
}

/** The first named is meant, later ones stand in. */
function firstOf(marks: readonly string[], all: Resolved['all']): number | undefined {
  for (const mark of marks) {
    const found = all.find((line) => line.mark?.name === mark);
    if (found !== undefined) return found.offset;
  }
  return undefined;
}
