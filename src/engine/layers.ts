/** Spans of several runtimes in one trace: whose they are, how far in, and where those begin of which only the end is told. */
import { LAYERS } from '../model/layer.ts';
import type { Layer } from '../model/layer.ts';
import type { Credit } from '../model/trace.ts';
import type { Draft } from './draft.ts';
import type { Episode } from './part.ts';

/** Whose time a span of a layer is, where its rule does not give it to anybody. */
const CREDIT: Readonly<Record<Layer, Credit>> = { client: 'caller', cri: 'containerd', shim: 'shim', runtime: 'runtime', hypervisor: 'hypervisor', guest: 'guest' };

const layerName = (layer: number): Layer => LAYERS[layer] ?? 'client';

/**
 * Marks the spans of one part of a trace. Who calls a runtime is its client only where nobody stands between them: in a trace that also
 * tells what goes on around it (`inner`) the time between its commands is theirs.
 */
export function place(made: readonly Draft[], part: number, { runtime, container }: Episode, inner: boolean): void {
  for (const one of made) {
    one.part = part;
    one.layer = runtime.layers[one.service] ?? 0;
    if (runtime.around && one.credit === 'runtime') one.credit = CREDIT[layerName(one.layer)];
    if (!inner) continue;
    if (one.credit === 'caller') one.credit = 'containerd';
    if (!runtime.keyed) one.container ??= container;
  }
}

/** The outermost layer of which a line tells. What is nobody's line (the root, the caller's gaps) has none. */
export function outermost(made: readonly Draft[], fallback: number): Layer {
  let first: number | undefined;
  for (const { service, layer } of made) if (service !== 'caller' && layer >= 0 && (first === undefined || layer < first)) first = layer;
  return layerName(first ?? fallback);
}

/** Moves the begins that are only bounded to the nearest moment before which they cannot have begun. */
export function tighten(made: readonly Draft[]): void {
  for (const one of made) {
    if (one.after === undefined) continue;
    let begin = one.start;
    for (const other of made) {
      if (other === one || other.service === 'caller' || (other.container !== undefined && one.container !== undefined && other.container !== one.container)) continue;
      const bound = one.after.includes(other.name) ? other.end : other.after === undefined && other.layer <= one.layer && other.end >= one.end ? other.start : undefined;
      if (bound !== undefined && bound > begin && bound < one.end) begin = bound;
    }
    one.start = begin;
  }
}
