/** How old its writer is, as far as an episode's own lines prove it. */
import type { VersionRule } from '../model/runtime.ts';
import type { Placed } from './groups.ts';

/** @returns `3.31 or later`, `before 3.20`, `3.20 to before 3.31`; undefined: nothing proves anything. */
export function versionOf(rules: readonly VersionRule[], all: readonly Placed[]): string | undefined {
  let since: string | undefined;
  let before: string | undefined;
  for (const rule of rules) {
    if (!all.some((line) => proves(rule, line))) continue;
    if (rule.since !== undefined && (since === undefined || isOlder(since, rule.since))) since = rule.since;
    if (rule.before !== undefined && (before === undefined || isOlder(rule.before, before))) before = rule.before;
  }
  if (since === undefined) return before && `before ${before}`;
  return before === undefined ? `${since} or later` : `${since} to before ${before}`;
}

function proves({ mark, hole, is = 'told' }: VersionRule, line: Placed): boolean {
  if (line.mark?.name !== mark) return false;
  if (hole === undefined) return true;
  const value = line.event.holes?.[hole];
  switch (is) {
    case 'told':
      return value !== undefined && value !== '';
    case 'empty':
      return value === '';
    case 'absent':
      return value === undefined;
    default:
      return is satisfies never;
  }
}

function isOlder(one: string, than: string): boolean {
  const [a = 0, b = 0] = one.split('.').map(Number);
  const [c = 0, d = 0] = than.split('.').map(Number);
  return a === c ? b < d : a < c;
}
