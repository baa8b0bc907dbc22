/** Spans that take longer than they should, and logs that say more than is good. */
import type { SlowRule, VerboseRule } from '../../model/findings.ts';
import { duration } from '../../model/time.ts';
import { ToldEvent } from '../event.ts';
import { evidence } from './findings.ts';
import type { About, Facts } from './findings.ts';
import { length, percent } from './words.ts';

export function slow(rule: SlowRule, { arranged, wall }: Facts): About[] {
  return arranged.flatMap((span) => {
    const took = span.end - span.start;
    if (span.name !== rule.span || took <= rule.above) return [];
    const share = took / Math.max(wall, 1);
    return [{
      span,
      finding: {
        id: rule.id,
        text: `${span.name} took ${length(took)} (${percent(share)}); ${length(rule.above)} would be much`,
        confidence: span.certainty === 'exact' ? ('sure' as const) : ('likely' as const),
        loss: duration(took),
        share,
        evidence: evidence(span.from, span.to),
        remedy: rule.remedy,
      },
    }];
  });
}

/** As bytes, made once. */
const known = new WeakMap<VerboseRule, readonly Buffer[]>();

function wordsOf(rule: VerboseRule): readonly Buffer[] {
  const words = known.get(rule) ?? rule.words.map((text) => Buffer.from(text));
  known.set(rule, words);
  return words;
}

export function verbose(rule: VerboseRule, { resolved: { all } }: Facts): About[] {
  const first = all.find(({ event }) => event instanceof ToldEvent && wordsOf(rule).some((words) => event.says(words)));
  if (first === undefined) return [];
  return [{
    span: undefined,
    finding: {
      id: rule.id,
      text: `the log was written at level ${rule.level}: what is measured here is slower than it would be without`,
      confidence: 'likely',
      loss: undefined,
      share: undefined,
      evidence: evidence(first),
      remedy: rule.remedy,
    },
  }];
}
