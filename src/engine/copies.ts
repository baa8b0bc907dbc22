/**
 * One line in two files, one of which writes whole seconds (`kata-runtime --log` beside syslog): the copy with the exact
 * time is kept, the other one is dropped.
 */
import type { Event } from './event.ts';

/** @param events in order. */
export function exactOnes(events: readonly Event[]): readonly Event[] {
  if (!events.some(({ step }) => step > 1) || events.every(({ step }) => step > 1)) return events;
  const exact = new Map<string, Event[]>();
  for (const event of events) {
    if (event.step > 1) continue;
    const key = keyOf(event);
    const known = exact.get(key);
    if (known === undefined) exact.set(key, [event]);
    else known.push(event);
  }
  return events.filter((event) => event.step <= 1 || !takeCopy(exact.get(keyOf(event)), event));
}

const keyOf = ({ spelling, handle, container, holes }: Event): string =>
  `${spelling.index} ${handle ?? ''} ${container ?? ''} ${holes === undefined ? '' : Object.values(holes).join(' ')}`;

/** The exact line that this one is a copy of, each for one copy. */
function takeCopy(exact: Event[] | undefined, copy: Event): boolean {
  const at = exact?.findIndex(({ time }) => time >= copy.time && time < copy.time + BigInt(copy.step)) ?? -1;
  if (at < 0) return false;
  exact?.splice(at, 1);
  return true;
}
