import { hash } from 'node:crypto';
import type { SourceKey } from '../../model/source.ts';
import { sourceKey } from '../../model/source.ts';
import type { Writers } from '../../model/writers.ts';
import { fields } from '../record.ts';
import type { Mark } from './marks.ts';

/** Of the lines that entries become (entry.ts). */
const FORM = '1';

/** Which entries become lines, and of which form. With another one lines stand elsewhere, and `from` means nothing. */
export function formOf(writers: Writers | undefined): string {
  if (writers === undefined) return FORM;
  const all = [...writers.identifiers].sort().concat('', writers.begins.toSorted(), '', writers.signs.toSorted());
  return `${FORM} ${hash('sha256', all.join('\n'), 'hex').slice(0, 12)}`;
}

/** What the state file keeps of a journal: from where to read on. */
export interface JournalRecord {
  readonly key: SourceKey;
  /** For people who look into the file. */
  readonly name: string;
  /** Without a cursor: from the beginning, or from `since`. */
  readonly mark: Mark;
  /** Lines that stand before this were done with: what lies between the mark and here is read again and not handed over. */
  readonly from: number;
  readonly form: string;
  /** Older entries are not asked for (microseconds since the epoch): first sight with `from` at the end or a time ago. */
  readonly since: bigint | undefined;
}

/** Lines before this place were done with. */
export const doneBefore = ({ from, mark, form }: JournalRecord, now: string): number => (form === now ? from : mark.at);

export const journalToJson = ({ key, name, mark, from, form, since }: JournalRecord): Record<string, unknown> => ({
  key, name, at: mark.at, from, form,
  ...(mark.cursor !== undefined && { cursor: mark.cursor }), ...(since !== undefined && { since: String(since) }),
});

/** A record from parsed JSON; undefined if it is none. */
export function journalFromJson(value: unknown): JournalRecord | undefined {
  const object = fields(value);
  if (object === undefined) return undefined;
  const { key, name, at, cursor, since, from, form } = object;
  if (typeof key !== 'string' || typeof name !== 'string' || typeof at !== 'number' || !Number.isSafeInteger(at) || at < 0) return undefined;
  const mark: Mark = { at, cursor: typeof cursor === 'string' ? cursor : undefined };
  const done = typeof from === 'number' && Number.isSafeInteger(from) ? from : at;
  return { key: sourceKey(key), name, mark, from: done, form: String(form), since: typeof since === 'string' && /^\d{1,20}$/.test(since) ? BigInt(since) : undefined };
}
