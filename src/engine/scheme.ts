/**
 * Which version of the log a start was written in, from the start's own marks (reference/runtime-vocabulary.md 3):
 * a version is possible while it knows every line and each process has written a gapless prefix of its column, in order.
 * On the recordings this never chose wrongly; what it leaves open stays open.
 */
import type { CompiledRuntime, Mark } from './compile.ts';
import type { Event } from './event.ts';

/** The versions that remain, by number, and how they were found. */
export interface Decision {
  /** Numbers of the schemes that remain; never empty. */
  readonly schemes: readonly number[];
  readonly by: 'lines' | 'pin' | 'none';
  /** The pin named a version that these lines refute: its name. */
  readonly refusedPin: string | undefined;
}

/**
 * @param events one episode's, in order. Earlier parts of the same start (a create that rested) come first.
 * @param pin the user's word for these lines.
 */
export function decide(runtime: CompiledRuntime, events: readonly Event[], pin: string | undefined): Decision {
  const all = runtime.schemes.map((_, scheme) => scheme);
  if (all.length === 0) return { schemes: [0], by: 'none', refusedPin: undefined };
  const knowing = all.filter((scheme) => events.every((event) => event.spelling.meanings[scheme] !== undefined));
  const possible = knowing.filter((scheme) => proves(runtime, scheme, events));
  // A part whose beginning is missing refutes every version by its gap; what the versions that know all lines agree on still holds.
  const remaining = possible.length > 0 ? possible : knowing.length > 0 ? knowing : all;
  if (pin === undefined) return { schemes: remaining, by: 'lines', refusedPin: undefined };
  const pinned = runtime.schemes.indexOf(pin);
  return remaining.includes(pinned)
    ? { schemes: [pinned], by: remaining.length === 1 ? 'lines' : 'pin', refusedPin: undefined }
    : { schemes: remaining, by: 'lines', refusedPin: pin };
}

function proves(runtime: CompiledRuntime, scheme: number, events: readonly Event[]): boolean {
  const columns = runtime.columns[scheme] ?? [];
  const next = columns.map(() => 0);
  const seen = new Set<Mark>();
  for (const event of events) {
    const mark = event.spelling.meanings[scheme];
    if (mark === undefined) return false;
    if (mark.loose || seen.has(mark)) continue;
    const expected = next[mark.component] ?? 0;
    if (columns[mark.component]?.[expected] !== mark) return false;
    next[mark.component] = expected + 1;
    seen.add(mark);
    for (const [cause, effect] of runtime.start.causes) {
      if (cause === mark && seen.has(effect)) return false;
    }
  }
  return true;
}

/** What a spelling means in all the versions that remain; undefined: they differ. */
export function meaning(event: Event, schemes: readonly number[]): Mark | undefined {
  const { meanings } = event.spelling;
  const first = meanings[schemes[0] ?? 0];
  for (const scheme of schemes) if (meanings[scheme] !== first) return undefined;
  return first;
}

/** Whether every version that remains writes this mark. */
export const expected = (runtime: CompiledRuntime, schemes: readonly number[], mark: Mark): boolean =>
  schemes.every((scheme) => runtime.columns[scheme]?.[mark.component]?.includes(mark) === true);

/** Whether some version that remains writes this mark. */
export const possible = (runtime: CompiledRuntime, schemes: readonly number[], mark: Mark): boolean =>
  schemes.some((scheme) => runtime.columns[scheme]?.[mark.component]?.includes(mark) === true);
