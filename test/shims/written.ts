/** What holds between sandboxes that were written and the traces that were made of them. */
import { expect } from 'vitest';
import type { Span, Trace } from '../../src/model/trace.ts';
import type { ShimSession, ShimSpan } from '../support/shimwriter.ts';
import { ofGuest, size, tell } from '../support/told.ts';
import type { Told } from '../support/told.ts';
import { checkTrace } from './laws.ts';

/** Later than any line is written. */
const MOST_LATE = 3_000_000_000n;
const soonAfter = (told: bigint, real: bigint): boolean => told >= real && told - real < MOST_LATE;

/**
 * Whether a span says what truly was: a host's to the ns; a guest's in its place within what it owns to, and in its length to the ns, or, where
 * no line tells when it was over, at least as long. Where nothing bounds the clock from below it is as late as its quickest line was.
 */
function says(told: Told, real: ShimSpan): boolean {
  const { span } = told;
  if (span.service !== real.service || span.name !== real.name || (told.container !== undefined && told.container !== real.container)) return false;
  if (real.name === 'guest: kernel boot') return span.certainty === 'inferred' && soonAfter(told.start, real.start) && soonAfter(told.end, real.end);
  if (!ofGuest(real.service)) return told.start === real.start && told.end === real.end;
  const length = told.end - told.start;
  const whole = real.end - real.start;
  if (real.open ? length < whole || span.certainty === 'exact' : length !== whole) return false;
  return told.uncertainty === undefined ? soonAfter(told.start, real.start) : size(told.start - real.start) <= told.uncertainty;
}

const named = ({ service, name, container, start, end }: ShimSpan): string => `${service} ${name} ${container.slice(0, 8)} ${start} ${end - start}`;

/** Every stretch that was is told, once, in a trace of its sandbox. */
export function expectAll(sessions: readonly ShimSession[], all: readonly Trace[]): void {
  const told = tell(all);
  for (const { spans, containers } of sessions) {
    const mine = told.filter(({ trace }) => trace.containers.some((one) => containers.includes(one)));
    expect(spans.filter((real) => mine.filter((one) => says(one, real)).length !== 1).map((real) => `${named(real)}: ${near(mine, real)}`)).toEqual([]);
  }
}

/** What was told instead, for the reader of a failed test. */
const near = (mine: readonly Told[], { service, name, start }: ShimSpan): string =>
  mine.filter(({ span }) => span.service === service && span.name === name).map((one) => `${one.container?.slice(0, 8)} ${one.start - start} ${one.end - one.start} ${one.span.certainty} ±${one.uncertainty}`).join(', ');

/** Nothing is called exact that was not so. */
export function expectHonest(sessions: readonly ShimSession[], all: readonly Trace[]): void {
  const real = Map.groupBy(sessions.flatMap(({ spans }) => spans), ({ service, name }) => `${service} ${name}`);
  const wrong = tell(all).filter((one) => one.span.certainty === 'exact' && !(real.get(`${one.span.service} ${one.span.name}`) ?? []).some((each) => says(one, each)));
  expect(wrong.map(({ span, start, end, container, uncertainty }) => `${span.service} ${span.name} ${container?.slice(0, 8)} ${start} ${end - start} within ${uncertainty}`)).toEqual([]);
}

/** What the guest did for a request lies in it, in the tree and in time. */
export function expectInside(sessions: readonly ShimSession[], all: readonly Trace[]): void {
  for (const trace of all) checkTrace(trace);
  const told = tell(all);
  const outside = sessions.flatMap(({ spans }) => spans.filter((real) => real.within !== undefined && !real.open && spans.some((request) => holds(request, real)))).filter((real) => {
    const one = told.find((each) => says(each, real));
    return one !== undefined && !ancestors(one).some(({ service, name }) => service === 'kata-shim' && name === real.within);
  });
  expect(outside.map(named)).toEqual([]);
}

/** As the host wrote it down: a thread that was late may have cut a request short. */
const holds = (request: ShimSpan, { within, container, start, end }: ShimSpan): boolean =>
  request.service === 'kata-shim' && request.name === within && request.container === container && size(request.start - start) < MOST_LATE && request.end - request.start >= end - start;

function ancestors({ trace, span }: Told): Span[] {
  const above = trace.spans.find(({ id }) => id === span.parent);
  return above === undefined ? [] : [above, ...ancestors({ trace, span: above, start: 0n, end: 0n, container: undefined, uncertainty: undefined })];
}
