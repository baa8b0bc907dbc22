/** A start that did not come to its end, and a log that is not whole. */
import type { BrokenRule } from '../../model/findings.ts';
import type { Placed } from '../groups.ts';
import { evidence } from './findings.ts';
import type { About, Facts } from './findings.ts';

export function broken(rule: BrokenRule, { episode, resolved: { all }, arranged, failure }: Facts): About[] {
  const lost = all.filter(({ mark }) => mark !== undefined && rule.marks.includes(mark.name)).map((line) => about(rule, `the log is not whole from here on: ${line.mark?.name ?? ''}`, line));
  if (failure === undefined) return lost;
  const why = all.find(({ mark }) => mark !== undefined && episode.rule.fails.has(mark)) ?? all[all.length - 1];
  return [{ ...about(rule, failure, why), span: arranged[0] }, ...lost];
}

const about = (rule: BrokenRule, text: string, line: Placed | undefined): About => ({
  span: undefined,
  finding: { id: rule.id, text, confidence: 'sure', loss: undefined, share: undefined, evidence: evidence(line), remedy: rule.remedy },
});
