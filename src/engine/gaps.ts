/**
 * Lines that sources say may be missing, and the episodes that they touch. What touches is decided by log times alone: a gap is told in its
 * source before the lines after it, so it is known before an episode is settled that has lines on both sides of it, or waits across it.
 */
import type { Gap, SourceId, SourceKey } from '../model/source.ts';
import { nanos } from '../model/time.ts';
import type { Nanos } from '../model/time.ts';
import type { Evidence } from '../model/trace.ts';
import type { Event } from './event.ts';
import type { OpenEpisode } from './open.ts';
import type { Proof } from './taker.ts';

/** A gap that touches an episode, and the line that says so, if one does. */
export interface Touching {
  readonly gap: Gap;
  readonly proof: Evidence | undefined;
}

interface Known {
  readonly gap: Gap;
  readonly source: SourceKey;
  readonly proof: Proof | undefined;
  /** Its source tells what goes on around any start. */
  readonly around: boolean;
}

/** As it stands in the state file. */
export type StoredGap = Omit<Gap, 'from' | 'to'> & Partial<Proof> & { readonly around?: boolean; readonly source: string; readonly from: string; readonly to: string };

/** A unit that writes too much for hours is told of twice a minute: so many are remembered, the last ones. */
const MOST = 256;
const NONE: readonly Touching[] = [];

export class LineGaps {
  #known: Known[] = [];

  /** @returns false: it is known already. */
  add(source: SourceKey, gap: Gap, proof: Proof | undefined, around: boolean): boolean {
    if (this.#known.some((known) => known.source === source && same(known.gap, gap))) return false;
    this.#known.push({ gap, source, proof, around });
    if (this.#known.length > MOST) this.#known.shift();
    return true;
  }

  /**
   * Those that touch an episode with these events: of its own sources, where a unit is named with lines of that unit; and of those that
   * tell what goes on around any start.
   */
  touching({ opened, since, due, complete, kind }: OpenEpisode, members: readonly Event[], keyOf: (source: SourceId) => SourceKey): readonly Touching[] {
    if (this.#known.length === 0) return NONE;
    return this.#known.flatMap(({ gap, source, proof, around }) => {
      // Of one that is complete nothing was missed after its last line: whether the gap was told before it settled is chance.
      const reach = gap.from < gap.to && complete ? since : due;
      if (gap.to <= opened || gap.from >= reach) return [];
      const own = members.find((event) => keyOf(event.source) === source && isOf(event.line, gap.unit));
      // What goes on around a start may have been told there, and nothing else of it.
      if (own === undefined && gap.unit === undefined && kind !== 'stray' && around) return [{ gap, proof: undefined }];
      return own === undefined ? [] : [{ gap, proof: proof && { source: own.source, row: proof.row, time: gap.to, line: proof.line } }];
    });
  }

  /** Those that may touch one of these. */
  store(begun: readonly { readonly opened: Nanos }[]): StoredGap[] {
    const earliest = begun.reduce<Nanos | undefined>((least, { opened }) => (least === undefined || opened < least ? opened : least), undefined);
    if (earliest === undefined) return [];
    return this.#known.filter(({ gap }) => gap.to > earliest).map(({ gap, source, proof, around }) => ({ ...gap, ...proof, ...(around && { around }), source, from: String(gap.from), to: String(gap.to) }));
  }

  restore(stored: readonly StoredGap[], keyOf: (text: string) => SourceKey): void {
    for (const { source, from, to, row, line, around, ...gap } of stored) {
      this.add(keyOf(source), { ...gap, from: nanos(BigInt(from)), to: nanos(BigInt(to)) }, line === undefined ? undefined : { row: row ?? 0, line }, around === true);
    }
  }
}

/** Of all parts of a start, each once. */
export function gapsOf(parts: readonly { readonly missing: readonly Touching[] }[]): readonly Touching[] {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only.missing;
  const all: Touching[] = [];
  for (const { missing } of parts) for (const one of missing) if (!all.some(({ gap }) => gap === one.gap)) all.push(one);
  return all;
}

const same = (a: Gap, b: Gap): boolean => a.name === b.name && a.from === b.from && a.to === b.to && a.unit === b.unit && a.missing === b.missing;

/** An entry of the journal says which unit it is of; what was written as text may be any unit's. */
function isOf(line: string, unit: string | undefined): boolean {
  return unit === undefined || line.includes(`"_SYSTEMD_UNIT":${JSON.stringify(unit)}`) || !line.includes('"_SYSTEMD_UNIT":');
}
