/**
 * What the guest does for a request it does inside of it, though its last word on it may be stamped after the answer: a thread of its own writes
 * it down. The two clocks are known to within an uncertainty, the order of the two is known
 * better: where they disagree the guest's stretch is moved by as little as will do, and says so.
 */
import { duration } from '../model/time.ts';
import type { Draft } from './draft.ts';
import type { CompiledPairs } from './words.ts';

export function moveInside({ service, name, request }: CompiledPairs, made: Draft[]): void {
  if (request === undefined) return;
  for (const [at, one] of made.entries()) {
    if (one.service !== service || one.name !== name || isRaw(one)) continue;
    const outer = requestOf(one, request, made);
    const shift = outer === undefined ? 0 : one.start < outer.start ? outer.start - one.start : one.end > outer.end ? outer.end - one.end : 0;
    if (shift !== 0) made[at] = { ...one, start: duration(one.start + shift), end: duration(one.end + shift), attributes: [...one.attributes, ['shimtrace.clock.shifted_ns', shift]] };
  }
}

/** Times as the guest tells them, by the user's wish. */
const isRaw = ({ attributes }: Draft): boolean => attributes.some(([name, value]) => name === 'shimtrace.clock.method' && value === 'raw');

/** The request of its container that it has most in common with, or nearly has, as far as the clocks are known. One that is shorter cannot have held it. */
function requestOf(one: Draft, request: string, made: readonly Draft[]): Draft | undefined {
  let best: Draft | undefined;
  let most = -Number(one.attributes.find(([name]) => name === 'shimtrace.clock.uncertainty_ns')?.[1] ?? 0);
  for (const outer of made) {
    if (outer.name !== request || outer.service === one.service || outer.container !== one.container || outer.container === undefined) continue;
    const shared = Math.min(outer.end, one.end) - Math.max(outer.start, one.start);
    if (shared <= most || outer.end - outer.start < one.end - one.start) continue;
    best = outer;
    most = shared;
  }
  return best;
}
