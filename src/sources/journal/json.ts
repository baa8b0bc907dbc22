/** Reads what `journalctl -o json` writes: an object a line, bytes that are no text as a list of numbers, a field that stands several times as a list. */
import { isKept, JournalEntry, MOST_FIELDS } from './entry.ts';

/** @returns undefined for a line that is none of journalctl's. */
export function entryOf(line: string): JournalEntry | undefined {
  const object = parse(line);
  if (object === undefined || !('__REALTIME_TIMESTAMP' in object)) return undefined;
  const entry = new JournalEntry();
  for (const [name, value] of Object.entries(object)) {
    if (name === '__CURSOR' && typeof value === 'string') entry.cursor = value;
    if (!isKept(name)) continue;
    const texts = textsOf(value);
    if (texts.length === 0 || entry.names.length + texts.length > MOST_FIELDS) entry.cut.push(name);
    else for (const text of texts) entry.add(name, text);
  }
  return entry;
}

function parse(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A value's texts. null stands for what journalctl found too long (without `--all`): none. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number' || typeof value === 'boolean') return [String(value)];
  if (!Array.isArray(value)) return [];
  if (value.length > 0 && value.every(isByte)) return [Buffer.from(value).toString('utf8')];
  return value.flatMap((one: unknown) => (typeof one === 'number' ? [] : textsOf(one)));
}

const isByte = (value: unknown): value is number => typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 256;
