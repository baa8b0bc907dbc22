/** What a trace tells beyond its spans (reference/user-experience.md 3.4): concluded from lines, each with its proof. */
import type { Finding } from '../model/trace.ts';
import type { GuestClock } from './clock.ts';
import type { Draft } from './draft.ts';
import type { Episode } from './fold.ts';
import { schemeNames } from './fold.ts';
import type { Resolved } from './groups.ts';

export interface Facts {
  readonly episode: Episode;
  readonly resolved: Resolved;
  readonly clock: GuestClock | undefined;
  readonly arranged: readonly Draft[];
  readonly gaps: number;
}

export interface Found {
  readonly findings: readonly Finding[];
  readonly marked: ReadonlyMap<Draft, readonly string[]> | undefined;
}

const NONE: Found = { findings: [], marked: undefined };

export function findingsOf(facts: Facts): Found {
  const { decision, runtime } = facts.episode;
  if (decision.refusedPin === undefined) return NONE;
  const found = schemeNames(runtime, decision).join(' or ');
  const text = `the pinned version ${decision.refusedPin} was refused: these lines are those of ${found}`;
  return { findings: [{ id: 'scheme-mismatch', text, confidence: 'sure', loss: undefined, share: undefined, evidence: [], remedy: 'leave --scheme out: the lines tell' }], marked: undefined };
}
