/** Spans of several runtimes in one trace: whose they are, how far in, and where those begin of which only the end is told. */
import { LAYERS } from '../model/layer.ts';
import type { Layer } from '../model/layer.ts';
import { duration } from '../model/time.ts';
import type { Duration } from '../model/time.ts';
import type { Credit } from '../model/trace.ts';
import type { Draft } from './draft.ts';
import type { Episode } from './part.ts';

/** Whose time a span of a layer is, where its rule does not give it to anybody. */
const CREDIT: Readonly<Record<Layer, Credit>> = { client: 'caller', cri: 'containerd', shim: 'shim', runtime: 'runtime', hypervisor: 'hypervisor', guest: 'guest' };

/** A writer whose clock is no finer than this, in ns, tells no beginning that another tells. */
export const COARSE = 1_000_000;

const layerName = (layer: number): Layer => LAYERS[layer] ?? 'client';

/**
 * Marks the spans of one part of a trace. Who calls a runtime is its client only where nobody stands between them: in a trace that also
 * tells what goes on around it (one of `several` parts) the time between its commands is theirs.
 */
export function place(made: readonly Draft[], part: number, { runtime, container, events }: Episode, several: boolean): void {
  const inner = several && !runtime.around;
  if (!several && !runtime.around) {
    for (const one of made) one.layer = runtime.layers[one.service] ?? 0;
    return;
  }
  const alone = several && events.every((event) => (event.container ?? container) === container);
  for (const one of made) {
    one.part = part;
    one.layer = runtime.layers[one.service] ?? 0;
    if (runtime.around && one.credit === 'runtime') one.credit = CREDIT[layerName(one.layer)];
    if (inner && one.credit === 'caller') one.credit = 'containerd';
    if (several && alone) one.container ??= container;
    // Of a writer of whole seconds: not before the first moment that is known better.
    if (several && one.from.event.step > COARSE) clampAt0(one);
  }
}

function clampAt0(one: Draft): void {
  if (one.start < 0) one.start = duration(0);
  if (one.end < one.start) one.end = one.start;
}

/** The outermost layer of which a line tells. What is nobody's line (the root, the caller's gaps) has none. */
export function outermost(made: readonly Draft[], fallback: number): Layer {
  let first: number | undefined;
  for (const { service, layer } of made) if (service !== 'caller' && layer >= 0 && (first === undefined || layer < first)) first = layer;
  return layerName(first ?? fallback);
}

/**
 * Moves the begins that are only bounded to the nearest moment before which they cannot have begun. One of which only the end was
 * written (a task that is started again) begins, at the latest, with the first of what lies further in; where nothing does, it is none.
 */
export function tighten(made: Draft[], parts: readonly Episode[]): void {
  let none = false;
  for (const one of made) {
    if (one.after === undefined) continue;
    one.start = beginOf(one, one.after, made, parts);
    none ||= isNone(one);
  }
  if (none) made.splice(0, made.length, ...made.filter((one) => !isNone(one)));
}

const isNone = ({ after, from, to, start, end }: Draft): boolean => after !== undefined && from === to && start >= end;

function beginOf(one: Draft, after: readonly string[], made: readonly Draft[], parts: readonly Episode[]): Duration {
  const known = one.from !== one.to;
  let begin: Duration | undefined = known ? one.start : undefined;
  let inside: Duration | undefined;
  for (const other of made) {
    if (other === one || other.service === 'caller' || (other.container !== undefined && one.container !== undefined && other.container !== one.container)) continue;
    // A runtime inside may call its own acts the same.
    const named = parts[other.part]?.runtime.around === true && after.includes(other.name);
    const bound = named ? other.end : other.after === undefined && other.layer <= one.layer && other.end >= one.end ? other.start : undefined;
    if (bound !== undefined && bound < one.end && (begin === undefined || bound > begin)) begin = bound;
    if (other.layer > one.layer && other.start < one.end && (inside === undefined || other.start < inside)) inside = other.start;
  }
  return begin ?? inside ?? one.end;
}
