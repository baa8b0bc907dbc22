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
  const count = runtime.schemes.length;
  // One way of writing is no version.
  if (count <= 1) return { schemes: [0], by: 'none', refusedPin: undefined };
  const proven: number[] = [];
  for (let scheme = 0; scheme < count; scheme++) if (proves(runtime, scheme, events)) proven.push(scheme);
  const remaining = proven.length > 0 ? proven : knowing(runtime, events);
  if (pin === undefined) return { schemes: remaining, by: 'lines', refusedPin: undefined };
  const pinned = runtime.schemes.indexOf(pin);
  return remaining.includes(pinned)
    ? { schemes: [pinned], by: remaining.length === 1 ? 'lines' : 'pin', refusedPin: undefined }
    : { schemes: remaining, by: 'lines', refusedPin: pin };
}

/**
 * A part whose beginning is missing refutes every version by its gap; what the versions that write all its lines agree on
 * still holds.
 */
function knowing(runtime: CompiledRuntime, events: readonly Event[]): number[] {
  const all = runtime.schemes.map((_, scheme) => scheme);
  const known = all.filter((scheme) => events.every((event) => event.spelling.meanings[scheme] !== undefined));
  return known.length > 0 ? known : all;
}

/** Scratch for `proves`, by mark and by component: the fold runs for every start and must not allocate per rule. */
let seen = new Uint8Array(0);
let next = new Uint8Array(0);

function proves(runtime: CompiledRuntime, scheme: number, events: readonly Event[]): boolean {
  if (seen.length < runtime.marks.length) seen = new Uint8Array(runtime.marks.length);
  if (next.length < runtime.components.length) next = new Uint8Array(runtime.components.length);
  seen.fill(0);
  next.fill(0);
  const columns = runtime.columns[scheme];
  const { effects } = runtime.start;
  for (let at = 0; at < events.length; at++) {
    const mark = events[at]?.spelling.meanings[scheme];
    if (mark === undefined) return false;
    if (mark.loose || seen[mark.index] === 1) continue;
    const place = next[mark.component] ?? 0;
    if (columns?.[mark.component]?.[place] !== mark) return false;
    next[mark.component] = place + 1;
    seen[mark.index] = 1;
    const caused = effects[mark.index];
    if (caused !== undefined && caused.some((effect) => seen[effect.index] === 1)) return false;
  }
  return true;
}

/** What a spelling means in all the versions that remain; undefined: they differ. */
export function meaning(event: Event, schemes: readonly number[]): Mark | undefined {
  const { meanings } = event.spelling;
  const first = meanings[schemes[0] ?? 0];
  for (let at = 1; at < schemes.length; at++) if (meanings[schemes[at] ?? 0] !== first) return undefined;
  return first;
}

const writes = (runtime: CompiledRuntime, scheme: number, mark: Mark): boolean =>
  runtime.columns[scheme]?.[mark.component]?.includes(mark) === true;

/** Whether every version that remains writes this mark. */
export const expected = (runtime: CompiledRuntime, schemes: readonly number[], mark: Mark): boolean =>
  schemes.every((scheme) => writes(runtime, scheme, mark));

/** Whether some version that remains writes this mark. */
export const possible = (runtime: CompiledRuntime, schemes: readonly number[], mark: Mark): boolean =>
  schemes.some((scheme) => writes(runtime, scheme, mark));
