/** journald's word that it left lines out, as a gap of the source in which it stands. */
import type { LeftOut, Syntax } from '../model/entry.ts';
import type { Gap } from '../model/source.ts';
import { nanos } from '../model/time.ts';
import type { Nanos } from '../model/time.ts';

const LONGEST_PROOF = 2_000;

export function leftOut(syntaxes: readonly Syntax[], bytes: Buffer, start: number, end: number): LeftOut | undefined {
  for (const syntax of syntaxes) {
    const said = syntax.leftOut?.(bytes, start, end);
    if (said !== undefined) return said;
  }
  return undefined;
}

/** @param before when the line before it was written: one that tells no time was written after. undefined: nobody can say when. */
export function gapOf({ time, lines, unit }: LeftOut, before: Nanos | undefined, shift: bigint | undefined): Gap | undefined {
  const at = time === undefined ? before : nanos(time + (shift ?? 0n));
  return at && { name: 'rate_limited', from: at, to: at, missing: lines, unit };
}

export const proofOf = (bytes: Buffer, start: number, end: number): string => bytes.toString('utf8', start, Math.min(end, start + LONGEST_PROOF));
