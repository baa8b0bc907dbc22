/** Traces for the delivery tests. Times and ids are invented; the shape is that of a urunc start. */
import { duration, nanos } from '../../src/model/time.ts';
import type { Span, Trace } from '../../src/model/trace.ts';

export const AT = nanos(1_703_676_366_849_599_657n);

export const hexId = (number: number, digits: number): string => number.toString(16).padStart(digits, '0');

export function span(over: Partial<Span> = {}): Span {
  return {
    id: hexId(1, 16),
    parent: undefined,
    service: 'urunc',
    name: 'container start',
    kind: 'internal',
    start: duration(0),
    end: duration(1_000_001),
    certainty: 'exact',
    credit: 'runtime',
    waits: false,
    incomplete: false,
    attributes: [],
    events: [],
    droppedEvents: 0,
    links: [],
    error: undefined,
    ...over,
  };
}

export function trace(over: Partial<Trace> = {}): Trace {
  return {
    id: hexId(0xabc, 32),
    runtime: 'urunc',
    episode: 'start',
    container: 'c'.repeat(64),
    containers: ['c'.repeat(64)],
    outcome: 'ok',
    errorType: undefined,
    schemes: ['ts19'],
    schemeBy: 'lines',
    rootLayer: 'runtime',
    at: AT,
    wall: duration(1_000_001),
    active: duration(1_000_001),
    lastMark: 'execve',
    spans: [span()],
    loose: [],
    findings: [],
    ...over,
  };
}

const LINE = `{"containerID":"${'d'.repeat(64)}","timestampID":"TS04","time":1703676366849599657,"message":"reexec"}`;

/** Trace number `n` with `spans` spans, each with one line as evidence. */
export function start(n: number, spans = 3): Trace {
  const services = ['urunc', 'urunc-create', 'urunc-reexec', 'urunc-start'];
  const all = Array.from({ length: spans }, (_, i) =>
    span({
      id: hexId(n * 1_000 + i + 1, 16),
      parent: i === 0 ? undefined : hexId(n * 1_000 + 1, 16),
      service: services[i % services.length] ?? 'urunc',
      name: i === 0 ? 'container start' : `create: step ${i % 20}`,
      kind: i === 0 ? 'server' : 'internal',
      start: duration(i * 1_000),
      end: duration(i * 1_000 + 977),
      attributes: [['process.pid', 4_000 + i]],
      events: [{ name: 'TS04', offset: duration(i * 1_000), attributes: [['log.record.original', LINE]] }],
    }),
  );
  return trace({ id: hexId(n, 32), container: hexId(n, 64), spans: all });
}
