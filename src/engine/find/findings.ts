/** What a trace tells beyond its spans: concluded from lines, each with its proof. */
import type { FindingRule } from '../../model/findings.ts';
import type { Evidence, Finding } from '../../model/trace.ts';
import type { GuestClock } from '../clock.ts';
import type { Draft } from '../draft.ts';
import type { Episode } from '../part.ts';
import { schemeNames } from '../part.ts';
import type { Resent } from '../sent.ts';
import type { Placed, Resolved } from '../groups.ts';
import { backoffs } from './backoff.ts';
import { broken } from './broken.ts';
import { callers } from './caller.ts';
import { gaps } from './gap.ts';
import { lost, normal } from './lost.ts';
import { missing } from './missing.ts';
import { sentBefore } from './sentbefore.ts';
import { skews } from './skew.ts';
import { slow, verbose } from './slow.ts';

export interface Facts {
  readonly episode: Episode;
  readonly resolved: Resolved;
  readonly clock: GuestClock | undefined;
  readonly arranged: readonly Draft[];
  /** Time of the caller's gaps. */
  readonly gaps: number;
  readonly wall: number;
  readonly failure: string | undefined;
}

/** A finding, and the span it is about. */
export interface About {
  readonly finding: Finding;
  readonly span: Draft | undefined;
}

export interface Found {
  readonly findings: readonly Finding[];
  readonly marked: ReadonlyMap<Draft, readonly string[]>;
}

const NOTHING: ReadonlyMap<Draft, readonly string[]> = new Map();
const NOBODY: About[] = [];
const NONE: Found = { findings: [], marked: NOTHING };

export const evidence = (...lines: readonly (Placed | undefined)[]): Evidence[] =>
  lines.flatMap((line) => (line === undefined ? [] : [{ source: line.event.source, row: line.event.row, time: line.event.time, line: line.event.line }]));

/** All that the parts of a trace tell, the outermost first. */
export function findingsOf(parts: readonly Pick<Facts, 'episode' | 'resolved' | 'clock'>[], whole: Pick<Facts, 'arranged' | 'gaps' | 'wall' | 'failure'>, resent: Resent | undefined): Found {
  if (resent === undefined && parts.every(isSilent)) return NONE;
  const about = once([...parts.flatMap((part) => partly(part, whole)), ...missing(parts.map(({ episode }) => episode)), ...sentBefore(resent)]);
  if (about.length === 0) return NONE;
  const marked = new Map<Draft, string[]>();
  for (const { finding, span } of about) if (span !== undefined) marked.set(span, [...(marked.get(span) ?? []), finding.id]);
  return { findings: about.map(({ finding }) => finding), marked };
}

/** What several parts of a start say in the same words is said once, by the innermost. */
const once = (all: readonly About[]): About[] => all.filter(({ finding: { id, text } }, at) => !all.some((other, later) => later > at && other.finding.id === id && other.finding.text === text));

const isSilent = ({ episode: { runtime, decision, missing: lost } }: Pick<Facts, 'episode'>): boolean => runtime.findings.length === 0 && decision.refusedPin === undefined && lost.length === 0;

function partly({ episode, resolved, clock }: Pick<Facts, 'episode' | 'resolved' | 'clock'>, whole: Pick<Facts, 'arranged' | 'gaps' | 'wall' | 'failure'>): About[] {
  const { runtime: { findings }, decision, rule: { name } } = episode;
  if (findings.length === 0 && decision.refusedPin === undefined) return NOBODY;
  const facts: Facts = { episode, resolved, clock, ...whole };
  return [...mismatch(episode), ...findings.flatMap((rule) => (rule.in?.includes(name) === false ? [] : look(rule, facts)))];
}

function look(rule: FindingRule, facts: Facts): About[] {
  switch (rule.kind) {
    case 'backoff':
      return backoffs(rule, facts);
    case 'caller':
      return callers(rule, facts);
    case 'skew':
      return skews(rule, facts);
    case 'gap':
      return gaps(rule, facts);
    case 'slow':
      return slow(rule, facts);
    case 'verbose':
      return verbose(rule, facts);
    case 'lost':
      return lost(rule, facts);
    case 'normal':
      return normal(rule, facts);
    case 'broken':
      return broken(rule, facts);
    default:
      return rule satisfies never;
  }
}

function mismatch({ decision, runtime }: Episode): About[] {
  if (decision.refusedPin === undefined) return [];
  const found = schemeNames(runtime, decision).join(' or ');
  const finding: Finding = {
    id: 'scheme-mismatch',
    text: `the pinned version ${decision.refusedPin} was refused: these lines are those of ${found}`,
    confidence: 'sure',
    loss: undefined,
    share: undefined,
    evidence: [],
    remedy: 'Leave --scheme out: the lines tell their version.',
  };
  return [{ finding, span: undefined }];
}
