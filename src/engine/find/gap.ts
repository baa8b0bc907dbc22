/** A long silence that no span explains. */
import type { GapRule } from '../../model/findings.ts';
import { duration } from '../../model/time.ts';
import type { Draft } from '../draft.ts';
import type { Placed } from '../groups.ts';
import { evidence } from './findings.ts';
import type { About, Facts } from './findings.ts';
import { length, percent } from './words.ts';

export function gaps(rule: GapRule, { resolved: { all }, arranged, wall }: Facts): About[] {
  const end = arranged[0]?.end ?? 0;
  const least = rule.share * wall;
  const found: About[] = [];
  for (let at = 1; at < all.length; at++) {
    const line = all[at - 1];
    const next = all[at];
    if (line === undefined || next === undefined || next.offset - line.offset <= least || next.offset > end) continue;
    if (!arranged.some((span) => explains(rule, span, line.offset, next.offset))) found.push(about(rule, line, next, wall));
  }
  return found;
}

function about(rule: GapRule, line: Placed, next: Placed, wall: number): About {
  const silence = next.offset - line.offset;
  const share = silence / Math.max(wall, 1);
  return {
    span: undefined,
    finding: {
      id: rule.id,
      text: `no line for ${length(silence)} (${percent(share)}) between "${line.mark?.name ?? ''}" and "${next.mark?.name ?? ''}"`,
      confidence: 'sure',
      loss: duration(silence),
      share,
      evidence: evidence(line, next),
      remedy: rule.remedy,
    },
  };
}

/** Most of the silence lies in a span that is known to be silent: the caller's time, or what the guest itself measured. */
function explains(rule: GapRule, { name, start, end, credit, kind, parent }: Draft, from: number, to: number): boolean {
  const known = credit === 'caller' || (kind === 'server' && parent >= 0) || rule.explained.includes(name);
  return known && Math.min(end, to) - Math.max(start, from) > (to - from) / 2;
}
