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
}

export const commandToJson = ({ name, from, to, until }: CommandRecord): Record<string, unknown> => ({ name, from, to, ...(until !== undefined && { until: String(until) }) });

/** A record from parsed JSON; undefined if it is none. */
export function commandFromJson(value: unknown): CommandRecord | undefined {
  const { name, from, to, until } = fields(value) ?? {};
  if (typeof name !== 'string' || !isPlace(from) || !isPlace(to) || to < from) return undefined;
  return { name, from, to, until: typeof until === 'string' && /^\d{1,20}$/.test(until) ? nanos(BigInt(until)) : undefined };
}

const isPlace = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
