/** The word `boot`: the guest's kernel from its own zero to the first sign of what runs on it. */
import { duration } from '../model/time.ts';
import type { GuestClock } from './clock.ts';
import { draft } from './draft.ts';
import type { Draft } from './draft.ts';
import type { Placed, Resolved } from './groups.ts';
import type { CompiledBoot } from './words.ts';

/** Kernel lines tell seconds since the kernel began; the one that came through quickest tells best when that was. */
export function bootOf(word: CompiledBoot, { all }: Resolved, clock: GuestClock | undefined, made: Draft[]): void {
  const to = firstOf(word, all);
  if (to === undefined) return;
  const end = clock?.map(to)?.offset ?? to.offset;
  let from: Placed | undefined;
  let begin = Infinity;
  for (const line of all) {
    const seconds = line.mark === word.kernel ? Number(line.event.holes?.['kernel']) : NaN;
    if (!Number.isFinite(seconds)) continue;
    from ??= line;
    begin = Math.min(begin, line.offset - Math.round(seconds * 1e9));
  }
  if (from === undefined || begin > end) return;
  made.push(draft({ service: word.service, name: word.name, from, to, start: duration(Math.max(all[0]?.offset ?? 0, begin)), end, certainty: 'inferred', credit: 'guest', container: undefined }));
}

/** The first named is meant, later ones stand in: of lines that come late the first to come need not be the first. */
function firstOf({ to }: CompiledBoot, all: Resolved['all']): Placed | undefined {
  for (const mark of to) {
    const found = all.find((line) => line.mark === mark);
    if (found !== undefined) return found;
  }
  return undefined;
}
