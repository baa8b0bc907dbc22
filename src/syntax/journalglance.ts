/**
 * Who wrote an entry of the journal, from its line of JSON and without reading it (syntax/journaljson.ts). A quote inside a text has a
 * backslash in front, so that a field's name in quotes behind `{` or `,` is one wherever it stands.
 */
import type { Glance } from '../model/entry.ts';
import { nanos } from '../model/time.ts';
import type { Nanos } from '../model/time.ts';
import { plausible } from './text.ts';

const OPEN = 0x7b;
const QUOTE = 0x22;
/** Which of journald's fields tells the writer; the first that is there. */
const WRITER = ['SYSLOG_IDENTIFIER', '_COMM'];
/** slog's entries are known by it: such a one is read. */
const NATIVE = ',"NAME":';
const FIRST_NATIVE = '{"NAME":';
const MESSAGE = '"MESSAGE":"';
const TIME = '"__REALTIME_TIMESTAMP":"';

class JournalGlance implements Glance {
  from = 0;
  to = 0;
  record = 0;
  #text = '';

  look(bytes: Buffer, start: number, end: number): boolean {
    if (bytes[start] !== OPEN || bytes[start + 1] !== QUOTE) return false;
    const text = bytes.latin1Slice(start, end);
    this.#text = text;
    const message = valueAt(text, MESSAGE);
    if (message < 0 || text.includes(NATIVE) || text.startsWith(FIRST_NATIVE)) return false;
    for (const name of WRITER) {
      const at = valueAt(text, `"${name}":"`);
      if (at < 0) continue;
      const stop = text.indexOf('"', at);
      if (stop < 0) return false;
      this.from = start + at;
      this.to = start + stop;
      this.record = start + message;
      return true;
    }
    return false;
  }

  time(): Nanos | undefined {
    const at = valueAt(this.#text, TIME);
    const digits = /^\d{1,16}(?=")/.exec(this.#text.slice(at, at + 17))?.[0];
    const time = at < 0 || digits === undefined ? undefined : nanos(BigInt(digits) * 1_000n);
    return time !== undefined && plausible(time) ? time : undefined;
  }
}

/** Where the text of a field begins; -1: it has none. */
function valueAt(text: string, key: string): number {
  const at = text.indexOf(key);
  const before = text[at - 1];
  return at < 0 || (before !== ',' && before !== '{') ? -1 : at + key.length;
}

export const journalGlance: Glance = new JournalGlance();
