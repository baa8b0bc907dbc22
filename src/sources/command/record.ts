import type { Gap } from '../../model/source.ts';
import { nanos } from '../../model/time.ts';
import type { Nanos } from '../../model/time.ts';
import { fields } from '../record.ts';

/** What the state file keeps of a command whose output is followed. Its lines lie in its spool. */
export interface CommandRecord {
  readonly name: string;
  /** Lines before this place were acknowledged: the spool is read from here on. */
  readonly from: number;
  /** So far its output had come: no later line may get a place before it. */
  readonly to: number;
  /** Until then it was listened to; undefined: it never was. */
  readonly until: Nanos | undefined;
  /** Told, and lines around them may be handed over again. */
  readonly gaps: readonly PlacedGap[];
}

/** `at`: where the lines after the gap begin. */
export interface PlacedGap {
  readonly at: number;
  readonly gap: Gap;
}

export const commandToJson = ({ name, from, to, until, gaps }: CommandRecord): Record<string, unknown> => ({
  name, from, to, ...(until !== undefined && { until: String(until) }), gaps: gaps.map(({ at, gap }) => ({ ...gap, at, from: String(gap.from), to: String(gap.to) })),
});

/** A record from parsed JSON; undefined if it is none. */
export function commandFromJson(value: unknown): CommandRecord | undefined {
  const { name, from, to, until, gaps } = fields(value) ?? {};
  if (typeof name !== 'string' || !isPlace(from) || !isPlace(to) || to < from || !Array.isArray(gaps)) return undefined;
  return { name, from, to, until: momentFrom(until), gaps: gaps.map(gapFrom).filter((gap) => gap !== undefined) };
}

function gapFrom(value: unknown): PlacedGap | undefined {
  const { at, name, from, to, missing } = fields(value) ?? {};
  const [begin, end] = [momentFrom(from), momentFrom(to)];
  if (!isPlace(at) || begin === undefined || end === undefined || (name !== 'not_running' && name !== 'no_room')) return undefined;
  return { at, gap: { name, from: begin, to: end, missing: isPlace(missing) ? missing : undefined } };
}

const momentFrom = (value: unknown): Nanos | undefined => (typeof value === 'string' && /^\d{1,20}$/.test(value) ? nanos(BigInt(value)) : undefined);

const isPlace = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
