/**
 * The fold: a settled episode's events in, its trace out. Pure and total: the daemon, `show`, the page and the tests call
 * this same function, and the same events give the same bytes (design.md 3).
 */
import type { Attributes, Finding, Link, LooseEvent, LooseReason, Outcome, Span, SpanEvent, Trace } from '../model/trace.ts';
import { between, duration } from '../model/time.ts';
import type { Nanos } from '../model/time.ts';
import type { CompiledRuntime } from './compile.ts';
import type { Event } from './event.ts';
import { spanId, traceId } from './identity.ts';
import { completion } from './judge.ts';
import { meaning } from './scheme.ts';
import type { Decision } from './scheme.ts';
import { arrange, drafts } from './spans.ts';
import type { Draft, Placed } from './spans.ts';

/** Most evidence one span carries; what goes beyond is counted on it. */
const MOST_EVENTS = 128;
/** A raw line is cut here: Tempo cuts attributes at 2,048 bytes. */
const LONGEST_LINE = 1_900;

/** The start this one continues: it had been created and rested, or had been given up as incomplete. */
export interface Previous {
  readonly traceId: string;
  readonly rootId: string;
  readonly why: 'created' | 'late_completion';
}

export interface Episode {
  readonly runtime: CompiledRuntime;
  readonly hostId: string;
  readonly container: string;
  /** In order, without duplicates; at least one that is not loose by design. */
  readonly events: readonly Event[];
  readonly outcome: Outcome;
  readonly decision: Decision;
  /** Why an incomplete episode is one, when it is not that marks were missing. */
  readonly fault: string | undefined;
  readonly previous: Previous | undefined;
}

/** Id of the trace that these events become, without folding them. */
export const episodeId = (hostId: string, runtime: CompiledRuntime, container: string, anchor: Nanos): string =>
  traceId(hostId, runtime.name, container, anchor);

/** Id of the root of a runtime's starts within a trace. */
export const rootId = (trace: string, runtime: CompiledRuntime): string =>
  spanId(trace, runtime.start.rule.root.service, runtime.start.rule.root.name, 0);

/** One event with its meaning settled. */
interface Resolved {
  /** By number of the mark: its first event. */
  readonly placed: readonly (Placed | undefined)[];
  readonly loose: readonly { readonly placed: Placed; readonly reason: LooseReason }[];
}

export function fold(episode: Episode): Trace {
  const { runtime, decision, events } = episode;
  const [opening] = events;
  if (opening === undefined) throw new Error('an episode without events reached the fold');
  const at = opening.time;
  const id = episodeId(episode.hostId, runtime, episode.container, at);
  const resolved = resolve(events, at, decision.schemes, runtime.marks.length);
  const made = drafts(runtime, resolved.placed, decision.schemes);
  const used = new Set(made.flatMap((draft) => [draft.from, draft.to]));
  const unplaced = resolved.placed.filter((placed) => placed !== undefined).filter((placed) => !used.has(placed));
  const loose = [...resolved.loose, ...unplaced.map((placed) => ({ placed, reason: 'unplaced' as const }))];
  const last = lastOf(resolved);
  const root = rootDraft(runtime, episode.outcome, opening, last);
  const arranged = arrange(root, made, runtime);
  const failure = failureText(episode, last);
  const gaps = made.filter((draft) => draft.credit === 'caller').reduce((sum, draft) => sum + draft.end - draft.start, 0);
  const findings = findingsOf(decision);
  const spans = finish(id, arranged, loose, episode, failure, rootAttributes(episode, root, gaps, last, findings));
  return {
    id,
    runtime: runtime.name,
    episode: 'start',
    container: episode.container,
    outcome: episode.outcome,
    errorType: failure === undefined ? undefined : (episode.fault ?? 'incomplete'),
    schemes: decision.by === 'none' ? [] : schemeNames(runtime, decision),
    schemeBy: decision.by,
    at,
    wall: root.end,
    active: duration(root.end - gaps),
    lastMark: nameOf(last),
    spans,
    loose: loose.map(({ placed, reason }) => looseEvent(placed, reason)).sort((a, b) => a.offset - b.offset),
    findings,
  };
}

const schemeNames = (runtime: CompiledRuntime, decision: Decision): string[] =>
  decision.schemes.map((scheme) => runtime.schemes[scheme] ?? '');

const nameOf = (placed: Placed): string => placed.mark?.name ?? placed.event.spelling.text;

function resolve(events: readonly Event[], at: Nanos, schemes: readonly number[], marks: number): Resolved {
  const placed = new Array<Placed | undefined>(marks).fill(undefined);
  const loose: { placed: Placed; reason: LooseReason }[] = [];
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
  const { runtime, events, decision } = episode;
  const complete = decision.schemes.filter((scheme) => completion(runtime, events, scheme) !== undefined);
  if (complete.length > 0) {
    const names = complete.map((scheme) => runtime.schemes[scheme]).join(' or ');
    return `as a log of ${runtime.name} ${names} it would be complete: pin the version with --scheme`;
  }
  const seen = new Set(events.map((event) => meaning(event, decision.schemes)));
  const names = runtime.start.until.filter((mark) => !seen.has(mark)).map((mark) => `"${mark.name}"`);
  return `${names.join(' and ')} never came`;
}

function findingsOf(decision: Decision): Finding[] {
  if (decision.refusedPin === undefined) return [];
  return [{ id: 'scheme-mismatch', text: `the pinned version ${decision.refusedPin} was refused: it does not write these lines` }];
}

function rootAttributes(episode: Episode, root: Draft, gaps: number, last: Placed, findings: readonly Finding[]): Attributes {
  const { decision, runtime, outcome } = episode;
  const attributes: [string, string | number | boolean | readonly string[]][] = [
    ['shimtrace.active_ns', root.end - gaps],
    ['shimtrace.last_mark', nameOf(last)],
    ['shimtrace.outcome', outcome],
    ['shimtrace.wall_ns', root.end],
  ];
  if (episode.previous !== undefined) attributes.push(['shimtrace.continues', episode.previous.why]);
  if (outcome === 'incomplete') attributes.push(['error.type', episode.fault ?? 'incomplete']);
  if (findings.length > 0) attributes.push(['shimtrace.finding', findings.map((finding) => finding.id)]);
  if (decision.by !== 'none') {
    attributes.push(['shimtrace.scheme', schemeNames(runtime, decision).join(' or ')]);
    attributes.push(['shimtrace.scheme_by', decision.schemes.length > 1 ? 'undecided' : decision.by]);
  }
  return attributes.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Drafts in order become spans: ids, parents, evidence, links. */
function finish(
  id: string,
  arranged: readonly { readonly draft: Draft; readonly parent: number }[],
  loose: readonly { readonly placed: Placed; readonly reason: LooseReason }[],
  episode: Episode,
  failure: string | undefined,
  attributes: Attributes,
): Span[] {
  const ids = spanIds(id, arranged);
  const evidence = placeEvidence(arranged);
  const spans = arranged.map(({ draft, parent }, index): Span => {
    const isRoot = parent < 0;
    const events = (evidence[index] ?? []).map((placed) => spanEvent(placed, undefined));
    if (isRoot) events.push(...loose.map(({ placed, reason }) => spanEvent(placed, reason)));
    events.sort((a, b) => a.offset - b.offset);
    return {
      id: ids[index] ?? '',
      parent: isRoot ? undefined : ids[parent],
      service: draft.service,
      name: draft.name,
      kind: isRoot ? 'server' : 'internal',
      start: draft.start,
      end: draft.end,
      certainty: draft.certainty,
      credit: draft.credit,
      waits: draft.waits,
      incomplete: draft.incomplete,
      attributes: isRoot ? attributes : ends(draft),
      events: events.length > MOST_EVENTS ? events.slice(0, MOST_EVENTS) : events,
      droppedEvents: Math.max(0, events.length - MOST_EVENTS),
      links: isRoot ? linkBack(episode) : linksOf(draft, id, arranged, ids),
      error: failure !== undefined && (isRoot || draft.incomplete) ? failure : undefined,
    };
  });
  return spans;
}

const ends = (draft: Draft): Attributes => [
  ['shimtrace.from', draft.from.event.spelling.text],
  ['shimtrace.to', draft.to.event.spelling.text],
];

function spanIds(trace: string, arranged: readonly { readonly draft: Draft }[]): string[] {
  const counts = new Map<string, number>();
  return arranged.map(({ draft }) => {
    const key = `${draft.service}\0${draft.name}`;
    const ordinal = counts.get(key) ?? 0;
    counts.set(key, ordinal + 1);
    return spanId(trace, draft.service, draft.name, ordinal);
  });
}

/** Each mark's line goes to one span: the shortest of its own component that it begins, else that it ends, else the root. */
function placeEvidence(arranged: readonly { readonly draft: Draft; readonly parent: number }[]): Placed[][] {
  const evidence: Placed[][] = arranged.map(() => []);
  const chosen = new Map<Event, { at: number; placed: Placed; begins: boolean; length: number }>();
  arranged.forEach(({ draft, parent }, at) => {
    for (const placed of [draft.from, draft.to]) {
      const own = parent < 0 || placed.mark?.service === draft.service;
      if (!own) continue;
      const begins = placed === draft.from && parent >= 0;
      const length = parent < 0 ? Infinity : draft.end - draft.start;
      const best = chosen.get(placed.event);
      const better = best === undefined || (begins === best.begins ? length < best.length : begins);
      if (better) chosen.set(placed.event, { at, placed, begins, length });
    }
  });
  for (const { at, placed } of chosen.values()) evidence[at]?.push(placed);
  return evidence;
}

function spanEvent(placed: Placed, reason: LooseReason | undefined): SpanEvent {
  const attributes: [string, string][] = [
    ['log.record.original', cut(placed.event.line)],
    ['shimtrace.mark', placed.event.spelling.text],
  ];
  if (reason !== undefined) attributes.splice(1, 0, ['shimtrace.loose', reason]);
  return { name: nameOf(placed), offset: placed.offset, attributes };
}

const looseEvent = (placed: Placed, reason: LooseReason): LooseEvent => ({
  name: nameOf(placed),
  offset: placed.offset,
  reason,
  line: cut(placed.event.line),
});

/** Cut by characters: a line of many bytes per character stays below the back-ends' limit all the same. */
function cut(line: string): string {
  if (line.length <= LONGEST_LINE / 4) return line;
  const bytes = Buffer.byteLength(line);
  if (bytes <= LONGEST_LINE) return line;
  let end = LONGEST_LINE - 20;
  while (Buffer.byteLength(line.slice(0, end)) > LONGEST_LINE - 20) end -= 64;
  const kept = line.slice(0, end);
  return `${kept}...[+${bytes - Buffer.byteLength(kept)} bytes]`;
}

function linkBack(episode: Episode): Link[] {
  const { previous } = episode;
  if (previous === undefined) return [];
  return [{ traceId: previous.traceId, spanId: previous.rootId, attributes: [['shimtrace.link', previous.why]] }];
}

function linksOf(draft: Draft, trace: string, arranged: readonly { readonly draft: Draft }[], ids: readonly string[]): Link[] {
  for (const name of draft.by) {
    const at = arranged.findIndex((other) => other.draft.name === name);
    const target = ids[at];
    if (target !== undefined) return [{ traceId: trace, spanId: target, attributes: [['shimtrace.link', 'spawned_by']] }];
  }
  return [];
}

