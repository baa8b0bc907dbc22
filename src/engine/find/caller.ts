/** What the caller of the runtime (Docker, containerd) let pass between its commands. */
import type { CallerRule } from '../../model/findings.ts';
import { duration } from '../../model/time.ts';
import { evidence } from './findings.ts';
import type { About, Facts } from './findings.ts';
import { length, percent } from './words.ts';

export function callers(rule: CallerRule, { arranged, gaps, wall }: Facts): About[] {
  const share = gaps / Math.max(wall, 1);
  const spans = arranged.filter(({ credit }) => credit === 'caller');
  const [first] = spans;
  if (first === undefined || share < rule.share) return [];
  const longest = spans.reduce((a, b) => (b.end - b.start > a.end - a.start ? b : a), first);
  const parts = spans.length === 1 ? '' : `, in ${spans.length} gaps, the longest ${length(longest.end - longest.start)}`;
  return [{
    span: longest,
    finding: {
      id: rule.id,
      text: `${length(gaps)} (${percent(share)}) passed between the runtime's commands${parts}: that is the caller's time, not the runtime's`,
      // A process ends a little after its last line and begins a little before its first.
      confidence: 'sure',
      loss: duration(gaps),
      share,
      evidence: evidence(longest.from, longest.to),
      remedy: rule.remedy,
    },
  }];
}
