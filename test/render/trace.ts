import { duration, nanos } from '../../src/model/time.ts';
import type { Finding, Span, Trace } from '../../src/model/trace.ts';

/** A span of a hand-made trace; `from` and `to` in microseconds. */
export interface Sketch extends Partial<Omit<Span, 'start' | 'end'>> {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

let serial = 0;
const nextId = (): string => (serial += 1).toString(16).padStart(16, '0');

export function span(sketch: Sketch): Span {
  const { from, to, ...rest } = sketch;
  return {
    id: nextId(), parent: undefined, service: 'urunc', kind: 'internal', certainty: 'exact', credit: 'runtime', waits: false,
    incomplete: false, attributes: [], events: [], droppedEvents: 0, links: [], error: undefined,
    ...rest, start: duration(Math.round(from * 1000)), end: duration(Math.round(to * 1000)),
  };
}

/** Spans of `service` one after another below `parent`: `[name, end]`, each from where the one before ended. */
export function steps(parent: Span, from: number, list: readonly (readonly [string, number, Partial<Span>?])[]): Span[] {
  let at = from;
  return list.map(([name, to, more]) => {
    const made = span({ ...more, name, from: at, to, service: parent.service, parent: parent.id });
    at = to;
    return made;
  });
}

export const TRACE_ID = '0123456789abcdef0123456789abcdef';
export const AT = nanos(1_795_216_445_789_123_457n);

/** A finding of which only the words matter. */
export const finding = (id: string, text: string): Finding => ({ id, text, confidence: 'sure', loss: undefined, share: undefined, evidence: [], remedy: undefined });

/** A trace around these spans, the first of which is the root. */
export function trace(spans: readonly Span[], more: Partial<Trace> = {}): Trace {
  const wall = spans[0]?.end ?? duration(0);
  const caller = spans.filter((each) => each.credit === 'caller').reduce((sum, each) => sum + each.end - each.start, 0);
  return {
    id: TRACE_ID, runtime: 'urunc', episode: 'start', container: 'fa7d2b21caf8'.padEnd(64, '0'), containers: ['fa7d2b21caf8'.padEnd(64, '0')], outcome: 'ok', errorType: undefined,
    schemes: ['0.7'], schemeBy: 'lines', at: AT, rootLayer: 'runtime', wall, active: duration(wall - caller), lastMark: 'monitor execed', spans,
    loose: [], findings: [], ...more,
  };
}

/** The recording `single` of urunc 0.7, with the times of example-traces.md. */
export function uruncTrace(more: Partial<Trace> = {}): Trace {
  const root = span({ name: 'container start', from: 0, to: 28481, kind: 'server' });
  const create = span({ name: 'create', from: 0, to: 9847, service: 'urunc-create', parent: root.id, certainty: 'bounded' });
  const gap = span({ name: 'caller: gap before start', from: 9847, to: 25283, parent: root.id, certainty: 'bounded', credit: 'caller', service: 'containerd' });
  const creating = steps(create, 0, [
    ['create: container from spec', 925], ['create: initial setup', 1022], ['create: spawn reexec', 1100],
    ['create: wait for pids', 9722, { waits: true }], ['create: CreateRuntime hooks', 9841], ['create: send ACK', 9847],
  ]);
  const reexec = span({
    name: 'reexec', from: 12074, to: 28481, service: 'urunc-reexec', parent: root.id,
    links: [{ traceId: TRACE_ID, spanId: creating[2]?.id ?? '', attributes: [] }],
  });
  const start = span({ name: 'start', from: 25283, to: 26629, service: 'urunc-start', parent: root.id });
  const spans = [
    root, create, ...creating, gap, reexec,
    ...steps(reexec, 12074, [
      ['reexec: base dir', 12131], ['reexec: wait for ACK', 12144, { waits: true }], ['reexec: CreateContainer hooks', 13056],
      ['reexec: wait for START', 26729, { waits: true }], ['reexec: join netns', 26782], ['reexec: set up network', 27123],
      ['reexec: set up disk', 27871], ['reexec: execve monitor', 28481],
    ]),
    start, ...steps(start, 25283, [['start: read state', 26376], ['start: send START', 26629]]),
  ];
  return trace(spans, more);
}
