/** From marks at times to stretches: the span words of a runtime applied to one episode, and their nesting. */
import type { Certainty, Credit } from '../model/trace.ts';
import type { Duration } from '../model/time.ts';
import type { CompiledBetween, CompiledRuntime, CompiledSteps, Mark } from './compile.ts';
import type { Event } from './event.ts';
import { expected, possible } from './scheme.ts';

/** An event with its meaning and its offset from the start of the trace. */
export interface Placed {
  readonly event: Event;
  readonly mark: Mark | undefined;
  readonly offset: Duration;
}

/** A span before it has an id. */
export interface Draft {
  /** Number of the draft that holds it, set by `arrange`; -1 for the root. */
  parent: number;
  readonly service: string;
  readonly name: string;
  readonly start: Duration;
  readonly end: Duration;
  readonly from: Placed;
  readonly to: Placed;
  readonly certainty: Certainty;
  readonly credit: Credit;
  readonly waits: boolean;
  readonly incomplete: boolean;
  /** One of a chain: the others of its component follow it, also where they took no time, and never lie inside it. */
  readonly step: boolean;
  readonly by: readonly string[];
}

type Marks = readonly (Placed | undefined)[];

export function drafts(runtime: CompiledRuntime, marks: Marks, schemes: readonly number[]): Draft[] {
  const made: Draft[] = [];
  for (const rule of runtime.spans) {
    switch (rule.kind) {
      case 'between':
        stretch(runtime, rule, marks, schemes, made);
        break;
      case 'steps':
        chain(runtime, rule, marks, schemes, made);
        break;
      default:
        rule satisfies never;
    }
  }
  return made;
}

/** The first of a list that was seen: the first of all is the one that is meant, the others stand in. */
function pick(wanted: readonly Mark[], marks: Marks): Placed | undefined {
  for (let rank = 0; rank < wanted.length; rank++) {
    const mark = wanted[rank];
    const placed = mark && marks[mark.index];
    if (placed !== undefined) return placed;
  }
  return undefined;
}

function stretch(runtime: CompiledRuntime, rule: CompiledBetween, marks: Marks, schemes: readonly number[], made: Draft[]): void {
  const from = pick(rule.from, marks);
  if (from === undefined) return;
  const to = pick(rule.to, marks);
  const [meant] = rule.to;
  const cutShort = to === undefined || (to.mark !== meant && meant !== undefined && expected(runtime, schemes, meant));
  const end = cutShort ? lastOfService(rule.service, marks, from) : to;
  if (end === undefined || end.offset < from.offset) return;
  made.push({
    parent: -1,
    service: rule.service,
    name: rule.name,
    start: from.offset,
    end: end.offset,
    from,
    to: end,
    certainty: cutShort ? 'inferred' : from.mark === rule.from[0] && to.mark === meant ? 'exact' : 'bounded',
    credit: rule.credit,
    waits: rule.waits,
    incomplete: cutShort,
    step: false,
    by: rule.by,
  });
}

/** Where a stretch that never ended was last seen alive; undefined for a component that writes no marks (the caller). */
function lastOfService(service: string, marks: Marks, from: Placed): Placed | undefined {
  let last = from.mark?.service === service ? from : undefined;
  for (const placed of marks) {
    if (placed?.mark?.service === service && (last === undefined || placed.offset >= last.offset)) last = placed;
  }
  return last;
}

function chain(runtime: CompiledRuntime, rule: CompiledSteps, marks: Marks, schemes: readonly number[], made: Draft[]): void {
  let from = marks[rule.from.index];
  let joined = false;
  for (const step of rule.steps) {
    const to = marks[step.to.index];
    if (to === undefined) {
      joined ||= possible(runtime, schemes, step.to);
      continue;
    }
    if (from !== undefined) {
      if (to.offset < from.offset) continue;
      made.push({
        parent: -1,
        service: rule.service,
        name: step.name,
        start: from.offset,
        end: to.offset,
        from,
        to,
        certainty: joined ? 'bounded' : 'exact',
        credit: rule.credit,
        waits: step.waits,
        incomplete: false,
        step: true,
        by: [],
      });
    }
    from = to;
    joined = false;
  }
}

/** Root first, then by start, longer before shorter; each with the number of the tightest span that may hold it. */
export function arrange(root: Draft, made: readonly Draft[], runtime: CompiledRuntime): Draft[] {
  const arranged = [root, ...made];
  // Insertion, stable: rules come nearly in order, and of two equal stretches the rule that stands first holds the other.
  for (let i = 2; i < arranged.length; i++) {
    const draft = arranged[i];
    if (draft === undefined) continue;
    let at = i - 1;
    for (let before = arranged[at]; at > 0 && before !== undefined && precedes(draft, before); before = arranged[--at]) arranged[at + 1] = before;
    arranged[at + 1] = draft;
  }
  for (let at = 1; at < arranged.length; at++) {
    const draft = arranged[at];
    if (draft !== undefined) draft.parent = holder(arranged, at, draft, runtime);
  }
  return arranged;
}

const precedes = (a: Draft, b: Draft): boolean => a.start < b.start || (a.start === b.start && a.end > b.end);

/**
 * The tightest span before it that covers it, of the same component or of a layer further out. Components of one layer
 * stand beside each other (reexec outlives create), and the caller's gap holds nothing: it is time in which others may work.
 */
function holder(arranged: readonly Draft[], before: number, draft: Draft, runtime: CompiledRuntime): number {
  let best = 0;
  let length = Infinity;
  for (let at = 1; at < before; at++) {
    const outer = arranged[at];
    if (outer === undefined || outer.start > draft.start || outer.end < draft.end || outer.credit === 'caller') continue;
    const holds = outer.service === draft.service ? !outer.step : layerOf(runtime, outer.service) < layerOf(runtime, draft.service);
    const tightness = outer.end - outer.start;
    if (holds && tightness <= length) {
      best = at;
      length = tightness;
    }
  }
  return best;
}

const layerOf = (runtime: CompiledRuntime, service: string): number => runtime.layers[service] ?? 0;
