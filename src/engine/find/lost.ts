/** Lines that say that others are lost, and lines that look like a fault and are none. */
import type { LostRule, NormalRule } from '../../model/findings.ts';
import type { Placed } from '../groups.ts';
import { evidence } from './findings.ts';
import type { About, Facts } from './findings.ts';

const linesOf = (marks: readonly string[], all: readonly Placed[]): Placed[] => all.filter(({ mark }) => mark !== undefined && marks.includes(mark.name));

export function lost({ id, marks, text, only, remedy }: LostRule, { resolved: { all } }: Facts): About[] {
  const lines = linesOf(marks, all);
  if (lines.length === 0 || (only !== undefined && linesOf(only, all).length === 0)) return [];
  return [{ span: undefined, finding: { id, text, confidence: 'sure', loss: undefined, share: undefined, evidence: evidence(...lines), remedy } }];
}

export function normal({ id, marks, text, remedy }: NormalRule, { resolved: { all }, failure }: Facts): About[] {
  const lines = linesOf(marks, all);
  const [first] = lines;
  if (first === undefined || failure === undefined) return [];
  const many = lines.length === 1 ? 'one line is' : `${lines.length} lines are`;
  return [{ span: undefined, finding: { id, text: `${many} no part of the failure: ${text}`, confidence: 'sure', loss: undefined, share: undefined, evidence: evidence(first), remedy } }];
}
