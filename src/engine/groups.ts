/** An episode's events with their meaning settled, and apart by the process that wrote them. */
import type { LooseReason } from '../model/trace.ts';
import { between } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import type { CompiledRuntime, Mark } from './compile.ts';
import type { Event } from './event.ts';
import { meaning } from './scheme.ts';

/** An event with its meaning and its offset from the start of the trace. */
export interface Placed {
  readonly event: Event;
  readonly mark: Mark | undefined;
  readonly offset: Duration;
}

export type Marks = readonly (Placed | undefined)[];

/** The lines of one process, in order; for runtimes whose lines name no process, all of them. */
export interface Group {
  readonly index: number;
  readonly service: string;
  readonly command: string | undefined;
  readonly container: string | undefined;
  readonly items: readonly Placed[];
  /** By number of the mark: its first event. */
  readonly marks: Marks;
}

/** An event that bounds no span, and why. */
export interface Loose {
  readonly placed: Placed;
  readonly reason: LooseReason;
}

export interface Resolved {
  /** By number of the mark: its first event in the whole episode. */
  readonly placed: Marks;
  readonly groups: readonly Group[];
  readonly loose: readonly Loose[];
  readonly all: readonly Placed[];
}

export function resolve(runtime: CompiledRuntime, events: readonly Event[], at: Nanos, schemes: readonly number[]): Resolved {
  return runtime.keyed ? byProcess(events, at) : together(runtime, events, at, schemes);
}

function together(runtime: CompiledRuntime, events: readonly Event[], at: Nanos, schemes: readonly number[]): Resolved {
  const placed = new Array<Placed | undefined>(runtime.marks.length).fill(undefined);
  const loose: Loose[] = [];
  for (const event of events) {
    const mark = meaning(event, schemes);
    const one: Placed = { event, mark, offset: between(at, event.time) };
    if (mark === undefined) loose.push({ placed: one, reason: 'undecided' });
    else if (mark.loose) loose.push({ placed: one, reason: 'by-design' });
    else if (placed[mark.index] !== undefined) loose.push({ placed: one, reason: 'repeated' });
    else placed[mark.index] = one;
  }
  return { placed, groups: [{ index: 0, service: '', command: undefined, container: undefined, items: [], marks: placed }], loose, all: [] };
}

interface Draft {
  readonly index: number;
  readonly service: string;
  command: string | undefined;
  container: string | undefined;
  readonly items: Placed[];
  readonly marks: (Placed | undefined)[];
  begun: boolean;
}

function byProcess(events: readonly Event[], at: Nanos): Resolved {
  const whole: (Placed | undefined)[] = [];
  const groups: Draft[] = [];
  const latest = new Map<string, Draft>();
  const loose: Loose[] = [];
  const all: Placed[] = [];
  for (const event of events) {
    const mark = event.spelling.agreed;
    const one: Placed = { event, mark, offset: between(at, event.time) };
    all.push(one);
    if (mark === undefined) {
      loose.push({ placed: one, reason: 'undecided' });
      continue;
    }
    const group = groupOf(event, mark, groups, latest);
    if (event.also !== undefined && event.spelling.names?.answered === true) latest.set(event.also, group);
    group.items.push(one);
    group.command ??= event.command;
    group.container ??= event.container;
    if (mark.loose) loose.push({ placed: one, reason: 'by-design' });
    whole[mark.index] ??= one;
    group.marks[mark.index] ??= one;
  }
  return { placed: whole, groups, loose, all };
}

function groupOf(event: Event, mark: Mark, groups: Draft[], latest: Map<string, Draft>): Draft {
  const key = event.handle ?? mark.service;
  const known = latest.get(key);
  if (known !== undefined && !(event.spelling.renews && known.begun)) {
    known.begun ||= event.spelling.renews;
    return known;
  }
  const group: Draft = { index: groups.length, service: mark.service, command: undefined, container: undefined, items: [], marks: [], begun: event.spelling.renews };
  groups.push(group);
  latest.set(key, group);
  return group;
}
