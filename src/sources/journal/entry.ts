/**
 * One entry of the journal, however it came (systemd.journal-fields(7), the export format and the JSON of journalctl(1)), and its one way to
 * be written as a line. journalctl writes the fields of an entry in another order each time it runs, as JSON; a line that is read again
 * after a restart must have the same bytes.
 */

/** Most entries of a journal are nobody's business here: of those only the few fields are made texts that tell so. */
export class JournalEntry {
  /** journalctl's name of the entry's place; undefined where none is told. */
  cursor: string | undefined;
  readonly names: string[] = [];
  /** Fields that were too long to be kept, by name. */
  readonly cut: string[] = [];
  readonly #texts: (string | undefined)[] = [];
  /** Where the fields begin and end that are no texts yet. */
  readonly #places: number[] = [];
  #data: Buffer = NOTHING;

  add(name: string, text: string): void {
    this.names.push(name);
    this.#texts.push(text);
    this.#places.push(0, 0);
  }

  /** A field that stands in `data[from, to)`, which must not change before `keep`. All such fields of an entry stand in the same bytes. */
  lay(name: string, data: Buffer, from: number, to: number): void {
    this.#data = data;
    this.names.push(name);
    this.#texts.push(undefined);
    this.#places.push(from, to);
  }

  /** The text of a field by its place. */
  text(at: number): string {
    return (this.#texts[at] ??= this.#data.utf8Slice(this.#places[2 * at] ?? 0, this.#places[2 * at + 1] ?? 0));
  }

  get values(): string[] {
    return this.names.map((_, at) => this.text(at));
  }

  /** The bytes are going to change. */
  keep(): void {
    for (let at = 0; at < this.names.length; at++) this.text(at);
    this.#data = NOTHING;
  }
}

const NOTHING = Buffer.alloc(0);

/** The first value of a field; undefined: it has none. */
export function fieldOf(entry: JournalEntry, name: string): string | undefined {
  const at = entry.names.indexOf(name);
  return at < 0 ? undefined : entry.text(at);
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
export function lineOf(entry: JournalEntry): string {
  let line = '';
  for (const { key, at, more } of shapeOf(entry.names)) {
    line += `${line === '' ? '{' : ','}${key}`;
    if (more.length === 0) line += JSON.stringify(entry.text(at));
    else line += `[${[at, ...more].map((each) => JSON.stringify(entry.text(each))).join(',')}]`;
  }
  return line === '' ? '{}\n' : `${line}}\n`;
}

/** A written field: its name with the colon, and where its values stand in the entry. */
interface Slot {
  readonly key: string;
  readonly at: number;
  readonly more: readonly number[];
}

/** A program's entries have the same fields in the same order: they are put in order once. */
const shapes = new Map<string, readonly Slot[]>();
const MOST_SHAPES = 1_000;
/** Of the last entry: most often the next has it, too. */
let last: { readonly names: readonly string[]; readonly shape: readonly Slot[] } = { names: [], shape: [] };

function shapeOf(names: readonly string[]): readonly Slot[] {
  if (!areEqual(names, last.names)) last = { names: [...names], shape: knownShape(names) };
  return last.shape;
}

function areEqual(some: readonly string[], others: readonly string[]): boolean {
  if (some.length !== others.length) return false;
  for (let at = 0; at < some.length; at++) if (some[at] !== others[at]) return false;
  return true;
}

function knownShape(names: readonly string[]): readonly Slot[] {
  const form = names.join('\n');
  const known = shapes.get(form);
  if (known !== undefined) return known;
  const places = new Map<string, number[]>();
  for (const [at, name] of names.entries()) {
    if (UNWRITTEN.has(name)) continue;
    const all = places.get(name);
    if (all === undefined) places.set(name, [at]);
    else all.push(at);
  }
  const shape = [...places].sort(([a], [b]) => compare(a, b)).map(([name, [at = 0, ...more]]): Slot => ({ key: `${JSON.stringify(name)}:`, at, more }));
  if (shapes.size >= MOST_SHAPES) shapes.clear();
  shapes.set(form, shape);
  return shape;
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
