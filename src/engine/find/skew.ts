/** A guest whose clock is not the host's. */
import type { SkewRule } from '../../model/findings.ts';
import { evidence } from './findings.ts';
import type { About, Facts } from './findings.ts';
import { exactSeconds, length } from './words.ts';

export function skews(rule: SkewRule, { clock, episode }: Facts): About[] {
  const [first] = clock?.segments ?? [];
  if (clock === undefined || first === undefined) return [];
  const segment = clock.segments.reduce((a, b) => (b.lines > a.lines ? b : a), first);
  const offset = Number.isFinite(segment.high) ? segment.high : segment.low;
  if (Math.abs(offset) < rule.above) return [];
  const sure = Number.isFinite(segment.low) && (segment.low > 0 || segment.high < 0);
  const within = Number.isFinite(segment.high - segment.low) ? `known to ${length(segment.high - segment.low)}` : 'at most: no line bounds it from below';
  const done = episode.rawClock ? 'its times are shown as it tells them (--raw-clock)' : 'its spans were moved by that';
  const more = clock.segments.length > 1 ? `; it was set, or runs at another pace: ${clock.segments.length} stretches` : '';
  return [{
    span: undefined,
    finding: {
      id: rule.id,
      text: `the guest's clock is ${exactSeconds(Math.abs(offset))} ${offset > 0 ? 'behind' : 'ahead of'} the host's, ${within}; ${done}${more}`,
      confidence: sure ? 'sure' : 'likely',
      loss: undefined,
      share: undefined,
      evidence: evidence(...segment.proof),
      remedy: rule.remedy,
    },
  }];
}
