/**
 * The fold: a settled start's events in, its trace out. Pure and total: the daemon, `show`, the page and the tests call
 * this same function, and the same events give the same bytes (design.md 3).
 */
import type { Layer } from '../model/layer.ts';
import type { Attributes, Finding, LooseEvent, LooseReason, Trace } from '../model/trace.ts';
import { between, duration } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import { arrange } from './arrange.ts';
import { draft } from './draft.ts';
import type { Draft } from './draft.ts';
import { cut } from './evidence.ts';
import { findingsOf } from './find/findings.ts';
import { COARSE, outermost, tighten } from './layers.ts';
import { measuresOf } from './measures.ts';
import type { Loose, Placed } from './groups.ts';
import { foldPart, nameOf, schemeNames } from './part.ts';
import type { FoldedPart } from './part.ts';
import { containersOf, podDrafts } from './pod.ts';
import { spansOf } from './spans.ts';
import { versionOf } from './versions.ts';
import { endOf, errorType, failureOf, lastOfAll, shortRun } from './whole.ts';
import type { Whole } from './whole.ts';

/** What the spans of a trace are made from. */
export interface Details {
  readonly id: string;
  readonly at: Nanos;
  readonly whole: Whole;
  readonly rootLayer: Layer;
  readonly last: Placed;
  readonly gaps: number;
  readonly loose: readonly Loose[];
  readonly arranged: readonly Draft[];
  readonly failure: string | undefined;
  readonly measures: Attributes;
  /** How old a runtime is, as far as its lines prove it. */
  readonly version: string | undefined;
  readonly findings: readonly Finding[];
  /** Ids of findings by the draft that they are about. */
  readonly marked: ReadonlyMap<Draft, readonly string[]>;
}

export function fold(whole: Whole): Trace {
  const { parts, core } = whole;
  const [lead] = parts;
  const at = beginOf(whole);
  const several = parts.length > 1;
  const first = foldPart(lead, 0, at, several);
  const folded: Some<FoldedPart> = several ? [first, ...others(parts, at)] : [first];
  const made = several ? folded.flatMap((part) => part.made) : first.made;
  const run = whole.undoing && shortRun(whole.undoing, folded, between(at, whole.undoing.event.time));
  if (run !== undefined) made.push(run);
  tighten(made, parts);
  const pod = podDrafts(folded, made);
  const loose = looseOf(whole, folded, at);
  const last = lastOfAll(folded);
  const root = rootDraft(whole, folded, { made, last, pod: pod !== undefined, at, end: endOf(folded, run) });
  let gaps = 0;
  for (const one of made) if (one.credit === 'caller') gaps += one.end - one.start;
  const arranged = arrange(root, made);
  const failure = failureOf(whole, folded);
  const found = findingsOf(folded, { arranged, gaps, wall: root.end, failure }, whole.resent);
  const details: Details = {
    id: whole.traceId,
    at,
    whole,
    rootLayer: outermost(made, lead.runtime.layers[lead.rule.rule.root.service] ?? 0),
    last,
    gaps,
    loose,
    arranged,
    failure,
    measures: measuresOfAll(folded, arranged),
    version: versionOfAll(folded),
    findings: found.findings,
    marked: found.marked,
  };
  return {
    id: details.id,
    runtime: whole.runtime,
    episode: lead.rule.name,
    container: lead.container,
    containers: containersOf(lead.container, folded),
    outcome: whole.outcome,
    errorType: failure === undefined ? undefined : errorType(whole),
    schemes: core.decision.by === 'none' ? [] : schemeNames(core.runtime, core.decision),
    schemeBy: core.decision.by,
    at,
    rootLayer: details.rootLayer,
    wall: root.end,
    active: duration(root.end - gaps),
    lastMark: nameOf(last),
    spans: spansOf(details),
    loose: loose.length === 0 ? NO_LOOSE : loose.map(({ placed, reason }) => looseEvent(placed, reason)),
    findings: details.findings,
  };
}

/** Moment of the first line of all parts. */
function beginOf({ parts }: Whole): Nanos {
  let at: Nanos | undefined;
  // A writer of whole seconds tells of a moment up to a second before it: where others tell it finer, theirs counts.
  const finest = parts.length === 1 ? Infinity : Math.max(COARSE, parts.reduce((least, { events }) => Math.min(least, events[0]?.step ?? least), Infinity));
  for (const { events } of parts) {
    const [first] = events;
    if (first !== undefined && first.step <= finest && (at === undefined || first.time < at)) at = first.time;
  }
  if (at === undefined) throw new Error('an episode without events reached the fold');
  return at;
}

type Some<T> = readonly [T, ...T[]];

const others = (parts: Whole['parts'], at: Nanos): FoldedPart[] => parts.slice(1).map((part, index) => foldPart(part, index + 1, at, true));

const NO_MEASURES: Attributes = [];
const NO_LOOSE: readonly LooseEvent[] = [];

function measuresOfAll(folded: readonly FoldedPart[], arranged: readonly Draft[]): Attributes {
  let all = NO_MEASURES;
  for (const { episode: { runtime, rule }, resolved } of folded) if (runtime.measures.length > 0) all = [...all, ...measuresOf(runtime, rule, resolved, arranged)];
  return all;
}

function versionOfAll(folded: readonly FoldedPart[]): string | undefined {
  for (const { episode: { runtime }, resolved } of folded) {
    const version = versionOf(runtime.versions, resolved.all);
    if (version !== undefined) return version;
  }
  return undefined;
}

function looseOf({ handed }: Whole, folded: readonly FoldedPart[], at: Nanos): readonly Loose[] {
  const [only] = folded;
  if (only !== undefined && folded.length === 1 && handed.length === 0 && only.loose.length < 2) return only.loose;
  const loose = folded.flatMap((part) => part.loose);
  for (const event of handed) loose.push({ placed: { event, mark: event.spelling.agreed, offset: between(at, event.time) }, reason: 'by-design' });
  return loose.length > 1 ? loose.sort((a, b) => a.placed.offset - b.placed.offset) : loose;
}

interface Extent {
  readonly made: readonly Draft[];
  readonly last: Placed;
  readonly pod: boolean;
  readonly at: Nanos;
  readonly end: Duration;
}

function rootDraft({ parts: [lead], outcome }: Whole, folded: readonly FoldedPart[], { made, last, pod, at, end }: Extent): Draft {
  const { service, certainty } = lead.rule.rule.root;
  const incomplete = outcome === 'incomplete';
  return draft({
    service,
    name: rootName(lead, pod),
    kind: 'server',
    from: opening(folded, at) ?? last,
    to: last,
    start: firstOf(made),
    end,
    certainty: incomplete ? 'inferred' : (certainty ?? 'exact'),
    credit: 'runtime',
    incomplete,
  });
}

function opening(folded: readonly FoldedPart[], at: Nanos): Placed | undefined {
  for (const { episode: { events: [event] } } of folded) if (event?.time === at) return { event, mark: event.spelling.agreed, offset: duration(0) };
  return undefined;
}

/** What its user asked for: by what began it, else by whether several containers start in it. */
function rootName({ rule: { rule }, events: [opening] }: Whole['parts'][0], pod: boolean): string {
  const began = opening?.spelling.agreed?.name;
  return (began === undefined ? undefined : rule.names?.[began]) ?? (pod ? (rule.pod ?? rule.root.name) : rule.root.name);
}

/** Times of the guest left as they are may lie before everything else. */
function firstOf(made: readonly Draft[]): Duration {
  let first = duration(0);
  for (const { start } of made) if (start < first) first = start;
  return first;
}

const looseEvent = (placed: Placed, reason: LooseReason): LooseEvent => ({
  name: nameOf(placed),
  offset: placed.offset,
  reason,
  line: cut(placed.event.line),
});
