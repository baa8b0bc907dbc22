/**
 * One entry of the journal, however it came (systemd.journal-fields(7), the export format and the JSON of journalctl(1)), and its one way to
 * be written as a line. journalctl writes the fields of an entry in another order each time it runs, as JSON; a line that is read again
 * after a restart must have the same bytes.
 */

export interface JournalEntry {
  /** journalctl's name of the entry's place; undefined where none is told. */
  cursor: string | undefined;
  readonly names: string[];
  readonly values: string[];
  /** Fields that were too long to be kept, by name. */
  readonly cut: string[];
}

export const emptyEntry = (): JournalEntry => ({ cursor: undefined, names: [], values: [], cut: [] });

/** The first value of a field; undefined: it has none. */
export function fieldOf({ names, values }: JournalEntry, name: string): string | undefined {
  const at = names.indexOf(name);
  return at < 0 ? undefined : values[at];
}

/** Of a name with an underscore in front, which journald vouches for, only what is of use: a command line may hold secrets. */
const TRUSTED: ReadonlySet<string> = new Set([
  '__REALTIME_TIMESTAMP', '__MONOTONIC_TIMESTAMP', '_BOOT_ID', '_COMM', '_HOSTNAME', '_LINE_BREAK', '_MACHINE_ID', '_PID', '_SOURCE_REALTIME_TIMESTAMP',
  '_STREAM_ID', '_SYSTEMD_INVOCATION_ID', '_SYSTEMD_UNIT', '_TRANSPORT',
]);
/** These are needed to know the entry by, and nobody reads them afterwards. */
const UNWRITTEN: ReadonlySet<string> = new Set(['_LINE_BREAK', '_MACHINE_ID', '_STREAM_ID', '_SYSTEMD_INVOCATION_ID']);

export const isKept = (name: string): boolean => !name.startsWith('_') || TRUSTED.has(name);

/** More fields than any honest entry has. */
export const MOST_FIELDS = 200;

/**
 * The entry as one line with its end: a JSON object as journalctl writes it, names in order, a field that stands several times as a list.
 * What is no text in UTF-8 has U+FFFD in its place already.
 */
export function lineOf({ names, values }: JournalEntry): string {
  const order = names.map((_, at) => at).filter((at) => !UNWRITTEN.has(names[at] ?? '')).sort((a, b) => compare(names[a] ?? '', names[b] ?? '') || a - b);
  let line = '';
  for (let at = 0; at < order.length;) {
    const name = names[order[at] ?? 0] ?? '';
    const same: string[] = [];
    for (; at < order.length && names[order[at] ?? 0] === name; at++) same.push(JSON.stringify(values[order[at] ?? 0] ?? ''));
    line += `${line === '' ? '{' : ','}${JSON.stringify(name)}:${same.length === 1 ? (same[0] ?? '') : `[${same.join(',')}]`}`;
  }
  return line === '' ? '{}\n' : `${line}}\n`;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The parts of a cursor: `s` names a journald's series of numbers, `i` is the number in it, `t` microseconds since the epoch, `x` a hash of the entry. */
export interface Cursor {
  readonly series: string;
  readonly number: bigint;
  readonly time: string;
  readonly hash: string;
}

const CURSOR = /^s=([0-9a-f]{32});i=([0-9a-f]{1,16});b=[0-9a-f]{32};m=[0-9a-f]{1,16};t=([0-9a-f]{1,16});x=([0-9a-f]{1,16})$/;
//                 series           number                                          time             hash

/** undefined: it is none that any journalctl wrote. */
export function readCursor(text: string): Cursor | undefined {
  const [, series, number, time, hash] = CURSOR.exec(text) ?? [];
  if (series === undefined || number === undefined || time === undefined || hash === undefined) return undefined;
  return { series, number: BigInt(`0x${number}`), time, hash };
}

/** Both name the same entry: after a loss of power a number may be given again, to another one. */
export const sameEntry = (a: Cursor, b: Cursor): boolean => a.series === b.series && a.number === b.number && a.time === b.time && a.hash === b.hash;
