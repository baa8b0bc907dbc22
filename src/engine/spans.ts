/**
 * Drafts as spans. Ids, attributes and evidence are worked out when somebody asks for them: hashing an id costs as much
 * as the rest of a span, and statistics, alerts and one-line summaries never look at it.
 */
import { byName } from './root.ts';
import type { Attribute } from './root.ts';
import type { Attributes, Certainty, Credit, Link, LooseReason, Span, SpanEvent, SpanKind } from '../model/trace.ts';
import { between, duration } from '../model/time.ts';
import type { Duration } from '../model/time.ts';
import type { Draft } from './draft.ts';
import type { Placed } from './groups.ts';
import { inOrder } from './event.ts';
import { findingEvent, gapEvent, owns, spanEvent } from './evidence.ts';
import { gapsOf } from './gaps.ts';
import type { Details } from './fold.ts';
import { spanId } from './identity.ts';
import { toldOf } from './told.ts';
import { nameOf } from './part.ts';
import { rootAttributes } from './root.ts';

/** Most evidence one span carries; what goes beyond is counted on it. */
const MOST_EVENTS = 128;
/** Status of a span that the failure cut short; the root says what happened. */
const NO_END = 'its end was not logged';

export const spansOf = (details: Details): Span[] => details.arranged.map((draft, at) => new FoldedSpan(details, draft, at));

class FoldedSpan implements Span {
  readonly #details: Details;
  readonly #at: number;
  readonly #draft: Draft;
  #events: readonly SpanEvent[] | undefined;

  constructor(details: Details, draft: Draft, at: number) {
    this.#details = details;
    this.#at = at;
    this.#draft = draft;
  }

  get service(): string {
    return this.#draft.service;
  }

  get name(): string {
    return this.#draft.name;
  }

  get start(): Duration {
    return this.#draft.start;
  }

  get end(): Duration {
    return this.#draft.end;
  }

  get certainty(): Certainty {
    return this.#draft.certainty;
  }

  get credit(): Credit {
    return this.#draft.credit;
  }

  get waits(): boolean {
    return this.#draft.waits;
  }

  get incomplete(): boolean {
    return this.#draft.incomplete;
  }

  get id(): string {
    return idOf(this.#details, this.#at);
  }

  get parent(): string | undefined {
    const { parent } = this.#draft;
    return parent < 0 ? undefined : idOf(this.#details, parent);
  }

  get kind(): SpanKind {
    return this.#draft.kind;
  }

  get #isRoot(): boolean {
    return this.#draft.parent < 0;
  }

  get attributes(): Attributes {
    return this.#isRoot ? rootAttributes(this.#details) : ownAttributes(this.#details, this.#draft);
  }

  get #allEvents(): readonly SpanEvent[] {
    this.#events ??= eventsOf(this.#details, this.#draft, this.#at);
    return this.#events;
  }

  get events(): readonly SpanEvent[] {
    const all = this.#allEvents;
    return all.length > MOST_EVENTS ? all.slice(0, MOST_EVENTS) : all;
  }

  get droppedEvents(): number {
    return Math.max(0, this.#allEvents.length - MOST_EVENTS);
  }

  get links(): readonly Link[] {
    return this.#isRoot ? linkBack(this.#details) : linkCause(this.#details, this.#draft);
  }

  get error(): string | undefined {
    const { failure } = this.#details;
    if (failure === undefined || this.#isRoot) return failure;
    return this.#draft.error ?? (this.incomplete ? NO_END : undefined);
  }
}

/** Ids by trace, worked out once each: a parent's is asked for by all its children. */
const ids = new WeakMap<Details, (string | undefined)[]>();

function idOf(details: Details, at: number): string {
  let known = ids.get(details);
  if (known === undefined) {
    known = [];
    ids.set(details, known);
  }
  return (known[at] ??= makeId(details, at));
}

function makeId({ id, arranged }: Details, at: number): string {
  const draft = arranged[at];
  if (draft === undefined) throw new Error(`no draft ${at}`);
  let ordinal = 0;
  for (let i = 0; i < at; i++) {
    const other = arranged[i];
    if (other !== undefined && other.name === draft.name && other.service === draft.service) ordinal++;
  }
  return spanId(id, draft.service, draft.name, ordinal);
}

function ownAttributes({ marked, whole: { parts } }: Details, draft: Draft): Attributes {
  const { attributes, from, to, container } = draft;
  const ends: Attributes = [
    ['shimtrace.from', from.event.spelling.text],
    ['shimtrace.to', to.event.spelling.text],
  ];
  if (parts.length === 1 && !parts[0].runtime.keyed) return ends;
  // Of several containers in one trace each span says whose it is.
  const owner: Attributes = container === undefined || attributes.some(([name]) => name === 'container.id') ? [] : [['container.id', container]];
  const found = marked.get(draft);
  const step = Math.max(from.event.step, to.event.step);
  const all: Attribute[] = [...owner, ...attributes, ...toldOf(parts, container, from.event), ...ends.filter(([, text]) => text !== '')];
  if (found !== undefined) all.push(['shimtrace.finding', found.join(' ')]);
  if (step > 1) all.push(['shimtrace.step_ns', step]);
  if (draft.error !== undefined) all.push(['error.type', 'failed']);
  return all.sort(byName);
}

function eventsOf(details: Details, draft: Draft, at: number): SpanEvent[] {
  const lines: { readonly placed: Placed; readonly reason: LooseReason | undefined }[] = [];
  const take = (placed: Placed): void => {
    const loose = at === 0 && details.loose.some((one) => one.placed.event === placed.event);
    if (!loose && placed.mark !== undefined && owns(details.arranged, at, placed)) lines.push({ placed, reason: undefined });
  };
  take(draft.from);
  if (draft.to.event !== draft.from.event) take(draft.to);
  if (at === 0) lines.push(...details.loose);
  // Of one second the order is all that is known.
  if (lines.some(({ placed }) => placed.event.step > 1)) lines.sort((a, b) => inOrder(a.placed.event, b.placed.event));
  const events = lines.map(({ placed, reason }) => spanEvent(placed, nameOf(placed), reason));
  if (at > 0) return events;
  for (const one of gapsOf(details.whole.parts)) events.push(gapEvent(one, details.at, details.arranged[0]?.end ?? duration(0)));
  // One each, since back-ends find a list only by the whole of it.
  for (const { id, evidence: [first] } of details.findings) if (first !== undefined) events.push(findingEvent(id, between(details.at, first.time)));
  return events.sort((a, b) => a.offset - b.offset);
}

function linkBack({ whole: { parts, resent } }: Details): Link[] {
  const previous = parts.find((part) => part.previous !== undefined)?.previous;
  const links: Link[] = [];
  if (previous !== undefined) links.push({ traceId: previous.traceId, spanId: previous.rootId, attributes: [['shimtrace.link', previous.why]] });
  if (resent !== undefined) links.push({ traceId: resent.before.trace, spanId: resent.before.root, attributes: [['shimtrace.link', 'sent_before']] });
  return links;
}

function linkCause(details: Details, draft: Draft): Link[] {
  for (const name of draft.by) {
    const at = details.arranged.findIndex((other) => other.name === name);
    if (at >= 0) return [{ traceId: details.id, spanId: idOf(details, at), attributes: [['shimtrace.link', 'spawned_by']] }];
  }
  return [];
}
