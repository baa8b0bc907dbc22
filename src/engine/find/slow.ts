/** Spans that take longer than they should, and logs that say more than is good. */
import type { SlowRule, VerboseRule } from '../../model/findings.ts';
import { duration } from '../../model/time.ts';
import { ToldEvent } from '../event.ts';
import type { Draft } from '../draft.ts';
import type { Placed } from '../groups.ts';
import { evidence } from './findings.ts';
import type { About, Facts } from './findings.ts';
import { length, percent } from './words.ts';

export function slow(rule: SlowRule, facts: Facts): About[] {
  const { arranged, wall } = facts;
  return arranged.flatMap((span) => {
    const took = span.end - span.start;
    const stall = span.name === rule.span ? stallOf(rule, facts, span) : undefined;
    if (span.name !== rule.span || (took <= rule.above && stall === undefined)) return [];
    const loss = stall?.loss ?? took;
    const how = stall === undefined ? `; ${length(rule.above)} would be much` : `, ${length(stall.loss)} of it after "${stall.since.mark?.name ?? ''}"`;
    return [{
      span,
      finding: {
        id: rule.id,
        text: `${span.name} took ${length(took)} (${percent(took / Math.max(wall, 1))})${how}`,
        confidence: span.certainty === 'exact' && stall === undefined ? ('sure' as const) : ('likely' as const),
        loss: duration(loss),
        share: loss / Math.max(wall, 1),
        evidence: evidence(span.from, stall?.since, stall?.until ?? span.to),
        remedy: rule.remedy,
      },
    }];
  });
}

interface Stall {
  readonly since: Placed;
  /** Undefined: it was never asked. */
  readonly until: Placed | undefined;
  readonly loss: number;
}

/** How long what the span waits for had been there, by the guest's own clock where both lines are the guest's. */
function stallOf({ stall }: SlowRule, { resolved: { all }, clock }: Facts, span: Draft): Stall | undefined {
  if (stall === undefined) return undefined;
  const at = (line: Placed): number => clock?.map(line)?.offset ?? line.offset;
  const since = all.find(({ mark }) => mark?.name === stall.from);
  if (since === undefined || at(since) < span.start || at(since) > span.end) return undefined;
  const until = all.find((line) => line.mark?.name === stall.to && at(line) >= at(since) && at(line) <= span.end);
  const loss = (until === undefined ? span.end : at(until)) - at(since);
  return loss > stall.above ? { since, until, loss } : undefined;
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
