/** A start that was sent before a restart made of other lines than there are now. */
import type { Resent } from '../sent.ts';
import type { About } from './findings.ts';

/** Also a word on what such a finding is called, for the documentation. */
export const SENT_BEFORE = 'sent-before';

export function sentBefore(resent: Resent | undefined): About[] {
  if (resent === undefined) return [];
  const { before, now } = resent;
  const text = `made of ${linesOf(now.lines)}; before a restart it was sent made of ${before.lines === now.lines ? 'as many others' : before.lines}, as trace ${before.trace}`;
  return [{ span: undefined, finding: { id: SENT_BEFORE, text, confidence: 'sure', loss: undefined, share: undefined, evidence: [], remedy: 'The trace made of more lines tells more of this start.' } }];
}

const linesOf = (lines: number): string => (lines === 1 ? '1 line' : `${lines} lines`);
