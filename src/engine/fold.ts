/**
 * The fold: a settled episode's events in, its trace out. Pure and total: the daemon, `show`, the page and the tests call
 * this same function, and the same events give the same bytes (design.md 3).
 */
import type { Finding, LooseEvent, LooseReason, Outcome, Trace } from '../model/trace.ts';
import { between, duration } from '../model/time.ts';
import type { Nanos } from '../model/time.ts';
import type { CompiledRuntime } from './compile.ts';
import { cut } from './evidence.ts';
import type { Event } from './event.ts';
import { spanId, traceId } from './identity.ts';
import { completion } from './judge.ts';
import { meaning } from './scheme.ts';
import type { Decision } from './scheme.ts';
import { spansOf } from './spans.ts';
import { arrange, drafts } from './drafts.ts';
import type { Draft, Placed } from './drafts.ts';

/** The start this one continues: it had been created and rested, or had been given up as incomplete. */
export interface Previous {
  readonly traceId: string;
  readonly rootId: string;
  readonly why: 'created' | 'late_completion';
}

export interface Episode {
  /** `episodeId` of the first event. */
  readonly traceId: string;
  readonly runtime: CompiledRuntime;
  readonly container: string;
  /** In order, without duplicates; at least one that is not loose by design. */
  readonly events: readonly Event[];
  /** The same, after what an earlier part of this start had shown. */
  readonly whole: readonly Event[];
  readonly outcome: Outcome;
  readonly decision: Decision;
  /** Why an incomplete episode is one, when it is not that marks were missing. */
  readonly fault: string | undefined;
  /** How far the user had the times moved. */
  readonly shift: bigint | undefined;
  readonly previous: Previous | undefined;
}

/** Id of the trace that these events become, without folding them. */
export const episodeId = (hostId: string, runtime: CompiledRuntime, container: string, anchor: Nanos): string =>
  traceId(hostId, runtime.name, container, anchor);

/** Id of the root of a runtime's starts within a trace. */
export const rootId = (trace: string, runtime: CompiledRuntime): string =>
  spanId(trace, runtime.start.rule.root.service, runtime.start.rule.root.name, 0);

/** An event that bounds no span, and why. */
export interface Loose {
  readonly placed: Placed;
  readonly reason: LooseReason;
}

/** Events with their meaning settled. */
interface Resolved {
  /** By number of the mark: its first event. */
  readonly placed: readonly (Placed | undefined)[];
  readonly loose: readonly Loose[];
}

/** What the spans of a trace are made from. */
export interface Details {
  readonly id: string;
  readonly episode: Episode;
  readonly last: Placed;
  readonly gaps: number;
  readonly loose: readonly Loose[];
  readonly arranged: readonly Draft[];
  readonly failure: string | undefined;
  readonly findings: readonly Finding[];
}

export function fold(episode: Episode): Trace {
  const { runtime, decision, events } = episode;
  const [opening] = events;
  if (opening === undefined) throw new Error('an episode without events reached the fold');
  const at = opening.time;
  const resolved = resolve(events, at, decision.schemes, runtime.marks.length);
  const made = drafts(runtime, resolved.placed, decision.schemes);
  const loose = [...resolved.loose, ...unplaced(resolved.placed, made)];
  if (loose.length > 1) loose.sort((a, b) => a.placed.offset - b.placed.offset);
  const last = lastOf(resolved);
  const root = rootDraft(runtime, episode.outcome, opening, last);
  let gaps = 0;
  for (const draft of made) if (draft.credit === 'caller') gaps += draft.end - draft.start;
  const details: Details = {
    id: episode.traceId,
    episode,
    last,
    gaps,
    loose,
    arranged: arrange(root, made, runtime),
    failure: failureText(episode, last),
    findings: findingsOf(runtime, decision),
  };
  return {
    id: details.id,
    runtime: runtime.name,
    episode: 'start',
    container: episode.container,
    outcome: episode.outcome,
    errorType: details.failure === undefined ? undefined : (episode.fault ?? 'incomplete'),
    schemes: decision.by === 'none' ? [] : schemeNames(runtime, decision),
    schemeBy: decision.by,
    at,
    wall: root.end,
    active: duration(root.end - gaps),
    lastMark: nameOf(last),
    spans: spansOf(details),
    loose: loose.map(({ placed, reason }) => looseEvent(placed, reason)),
    findings: details.findings,
  };
}

/** Scratch, by number of the mark. */
let used = new Uint8Array(0);

/** Marks in their place that no span uses: listed, never hidden. */
function unplaced(marks: readonly (Placed | undefined)[], made: readonly Draft[]): Loose[] {
  if (used.length < marks.length) used = new Uint8Array(marks.length);
  used.fill(0);
  for (const { from, to } of made) {
    if (from.mark !== undefined) used[from.mark.index] = 1;
    if (to.mark !== undefined) used[to.mark.index] = 1;
  }
  const found: Loose[] = [];
  for (const placed of marks) if (placed?.mark !== undefined && used[placed.mark.index] === 0) found.push({ placed, reason: 'unplaced' });
  return found;
}

export const schemeNames = (runtime: CompiledRuntime, decision: Decision): string[] =>
  decision.schemes.map((scheme) => runtime.schemes[scheme] ?? '');

export const nameOf = (placed: Placed): string => placed.mark?.name ?? placed.event.spelling.text;

function resolve(events: readonly Event[], at: Nanos, schemes: readonly number[], marks: number): Resolved {
  const placed = new Array<Placed | undefined>(marks).fill(undefined);
  const loose: Loose[] = [];
  for (const event of events) {
    const mark = meaning(event, schemes);
    const one: Placed = { event, mark, offset: between(at, event.time) };
    if (mark === undefined) loose.push({ placed: one, reason: 'undecided' });
    else if (mark.loose) loose.push({ placed: one, reason: 'by-design' });
    else if (placed[mark.index] !== undefined) loose.push({ placed: one, reason: 'repeated' });
    else placed[mark.index] = one;
  }
  return { placed, loose };
}

/** The last mark of the start, also where its meaning is open. */
function lastOf(resolved: Resolved): Placed {
  let last: Placed | undefined;
  const later = (one: Placed): void => {
    if (last === undefined || one.offset >= last.offset) last = one;
  };
  for (const one of resolved.placed) if (one !== undefined) later(one);
  for (const { placed, reason } of resolved.loose) if (reason === 'undecided') later(placed);
  if (last === undefined) throw new Error('an episode without a mark reached the fold');
  return last;
}

function rootDraft(runtime: CompiledRuntime, outcome: Outcome, opening: Event, last: Placed): Draft {
  const { service, name } = runtime.start.rule.root;
  const from: Placed = { event: opening, mark: opening.spelling.agreed, offset: duration(0) };
  return {
    parent: -1,
    service,
    name,
    start: duration(0),
    end: last.offset,
    from,
    to: last,
    certainty: outcome === 'incomplete' ? 'inferred' : 'exact',
    credit: 'runtime',
    waits: false,
    incomplete: outcome === 'incomplete',
    step: false,
    by: [],
  };
}

function failureText(episode: Episode, last: Placed): string | undefined {
  if (episode.outcome !== 'incomplete') return undefined;
  const where = `the last mark is "${nameOf(last)}" (${last.event.spelling.text}${last.mark === undefined ? '' : ` of ${last.mark.service}`})`;
  switch (episode.fault) {
    case undefined:
      return `incomplete: ${where}; ${missing(episode)}`;
    case 'log_begins_inside':
      return `the log begins inside this start: its beginning was never seen; ${where}`;
    default:
      return `cut off (${episode.fault}): ${where}`;
  }
}

function missing(episode: Episode): string {
  const { runtime, whole, decision } = episode;
  const complete = decision.schemes.filter((scheme) => completion(runtime, whole, scheme) !== undefined);
  if (complete.length > 0) {
    const names = complete.map((scheme) => runtime.schemes[scheme]).join(' or ');
    return `as a log of ${runtime.name} ${names} it would be complete: pin the version with --scheme`;
  }
  const seen = new Set(whole.map((event) => meaning(event, decision.schemes)));
  const names = runtime.start.until.filter((mark) => !seen.has(mark)).map((mark) => `"${mark.name}"`);
  return `${names.join(' and ')} never came`;
}

function findingsOf(runtime: CompiledRuntime, decision: Decision): Finding[] {
  if (decision.refusedPin === undefined) return [];
  const found = schemeNames(runtime, decision).join(' or ');
  return [{ id: 'scheme-mismatch', text: `the pinned version ${decision.refusedPin} was refused: these lines are those of ${found}` }];
}

const looseEvent = (placed: Placed, reason: LooseReason): LooseEvent => ({
  name: nameOf(placed),
  offset: placed.offset,
  reason,
  line: cut(placed.event.line),
});
