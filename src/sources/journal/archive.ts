/** Journals that are read once, from their beginning to their end: a folder through journalctl, or a file that somebody exported. */
import { basename } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { Archive } from '../archive.ts';
import type { Problem } from '../report.ts';
import { runChild } from '../child.ts';
import type { Child, Ended } from '../child.ts';
import { lineOf } from './entry.ts';
import type { JournalEntry } from './entry.ts';
import { ExportReader, MOST_MESSAGE } from './export.ts';
import { entryOf } from './json.ts';
import { Pieces } from './pieces.ts';
import { NO_JOURNAL, problemOf } from './words.ts';

/** The whole journal in a folder, as its exported text: `linesOf` makes lines of it. */
export function openJournal(directory: string, command = 'journalctl'): Archive {
  let problem: Problem | undefined;
  let read = 0;
  let child: Child | undefined;
  async function* chunks(): AsyncGenerator<Buffer> {
    const queue: Buffer[] = [];
    let end: Ended | undefined;
    let wake = (): void => undefined;
    const made = runChild(command, ['--no-pager', '--merge', '--output=export', `--directory=${directory}`], (chunk) => {
      queue.push(chunk);
      made.pause();
      wake();
    }, (ended) => {
      end = ended;
      wake();
    });
    child = made;
    for (;;) {
      const chunk = queue.shift();
      if (chunk !== undefined) {
        read += chunk.length;
        yield chunk;
      } else if (end !== undefined) break;
      else {
        made.resume();
        await new Promise<void>((resolve) => (wake = resolve));
      }
    }
    // Of a folder without journal files journalctl of systemd 252 says nothing at all.
    if (!end.ok || /No journal files were|not seeing messages/.test(end.said)) problem = noneHere(problemOf(directory, end));
    else if (read === 0) problem = noneHere(problemOf(directory, { ...end, said: 'No journal files were found, or none has an entry' }));
  }
  return { name: basename(directory) === '' ? directory : `journal ${directory}`, total: undefined, chunks, bytesRead: () => read, problem: () => problem, compression: () => 'none', close: () => child?.kill() };
}

/** Nobody tries again. */
const noneHere = (problem: Problem): Problem =>
  problem.kind === 'missing' && problem.what === NO_JOURNAL
    ? { ...problem, what: 'no journal is in this folder', todo: 'name the folder of the *.journal files, or one that holds folders named by machine: --journal /var/log/journal' }
    : problem;

/**
 * The lines of what a journal was exported as (`journalctl -o export`, `-o json`), written as a followed journal's are; anything else as it is.
 * What it is, its first bytes tell.
 */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let form: Form | undefined;
  for await (const chunk of chunks) {
    form ??= formOf(chunk);
    if (form === 'as it is') yield chunk;
    else yield* form.push(chunk);
  }
  if (form !== undefined && form !== 'as it is') yield* form.finish();
}

type Form = 'as it is' | { push(chunk: Buffer): Iterable<Buffer>; finish(): Iterable<Buffer> };

const SNIFFED = 64 << 10;

function formOf(first: Buffer): Form {
  const head = first.latin1Slice(0, Math.min(first.length, SNIFFED));
  if (/^__(?:CURSOR|REALTIME_TIMESTAMP)=/.test(head)) return new Exported();
  return head.startsWith('{') && /"__REALTIME_TIMESTAMP" ?:/.test(head) ? new Written() : 'as it is';
}

/** Entries to lines, a chunk's at once. */
class Lines {
  readonly #pieces = new Pieces();
  #text = '';

  add(entry: JournalEntry): void {
    for (const whole of this.#pieces.add(entry)) this.#text += lineOf(whole);
  }

  raw(line: string): void {
    this.#text += `${line}\n`;
  }

  *take(last: boolean): Iterable<Buffer> {
    if (last) for (const whole of this.#pieces.release()) this.#text += lineOf(whole);
    const text = this.#text;
    this.#text = '';
    if (text !== '') yield Buffer.from(text);
  }
}

class Exported {
  readonly #lines = new Lines();
  readonly #reader = new ExportReader((entry) => this.#lines.add(entry));

  push(chunk: Buffer): Iterable<Buffer> {
    this.#reader.push(chunk);
    return this.#lines.take(false);
  }

  finish(): Iterable<Buffer> {
    this.#reader.finish();
    return this.#lines.take(true);
  }
}

/** Bytes that are no text are numbers in JSON, four characters each. */
const LONGEST = 4 * MOST_MESSAGE;

class Written {
  readonly #lines = new Lines();
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  push(chunk: Buffer): Iterable<Buffer> {
    const parts = (this.#rest + this.#decoder.write(chunk)).split('\n');
    this.#rest = parts.pop() ?? '';
    // Too long to be an entry: given as it is, which names and counts it.
    if (this.#rest.length > LONGEST) {
      parts.push(this.#rest.slice(0, LONGEST));
      this.#rest = '';
    }
    for (const line of parts) this.#line(line);
    return this.#lines.take(false);
  }

  finish(): Iterable<Buffer> {
    if (this.#rest !== '') this.#line(this.#rest);
    return this.#lines.take(true);
  }

  #line(line: string): void {
    const entry = entryOf(line);
    if (entry === undefined) this.#lines.raw(line);
    else this.#lines.add(entry);
  }
}
