/**
 * A generic scanner for one JSON object a line, exact: numbers stay digits (JSON.parse turns a 19-digit time into the
 * nearest double, up to 128 ns away), names keep their order, nothing is built that the line could poison.
 */
import type { Entry, Refusal } from '../model/entry.ts';
import type { Duration, Nanos } from '../model/time.ts';

const DEEPEST = 32;
const MOST_FIELDS = 256;

/** Fields of a JSON object in order: names, and values as text. A nested value is its own source text. */
export interface Fields {
  readonly names: string[];
  readonly values: string[];
  /** Whether the value was a JSON string. */
  readonly quoted: boolean[];
}

/** An entry of the fields that the scanner found. */
export class JsonEntry implements Entry {
  readonly time: Nanos;
  readonly step: Duration;
  readonly #fields: Fields;
  readonly #text: string;

  constructor(time: Nanos, step: Duration, fields: Fields, text: string) {
    this.time = time;
    this.step = step;
    this.#fields = fields;
    this.#text = text;
  }

  line(): string {
    return this.#text;
  }

  get(field: string): string | undefined {
    const at = this.#fields.names.indexOf(field);
    return at < 0 ? undefined : this.#fields.values[at];
  }
}

class Broken {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    this.refusal = refusal;
  }
}

const SPACE = /[ \t\r\n]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERAL = /true|false|null/y;
// No control characters inside; escapes are checked when the string is unescaped.
const STRING = /"[^"\\\u0000-\u001f]*(?:\\.[^"\\\u0000-\u001f]*)*"/y;

/** Reads `text`, one whole line. Linear in its length. */
export function scanJson(text: string): Fields | Refusal {
  const scanner = new Scanner(text);
  const result = scanner.object();
  return result instanceof Broken ? result.refusal : result;
}

class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  object(): Fields | Broken {
    const fields: Fields = { names: [], values: [], quoted: [] };
    this.#space();
    if (!this.#take('{')) return new Broken('not-json');
    this.#space();
    if (this.#take('}')) return this.#finish(fields);
    for (;;) {
      const broken = this.#field(fields);
      if (broken !== undefined) return broken;
      if (this.#take('}')) return this.#finish(fields);
      if (!this.#take(',')) return new Broken('json-broken');
    }
  }

  #field(fields: Fields): Broken | undefined {
    if (fields.names.length >= MOST_FIELDS) return new Broken('too-many-fields');
    this.#space();
    const name = this.#string();
    this.#space();
    if (name === undefined || !this.#take(':')) return new Broken('json-broken');
    if (fields.names.includes(name)) return new Broken('field-twice');
    this.#space();
    const quoted = this.#text[this.#at] === '"';
    const value = quoted ? this.#string() : this.#raw();
    if (value instanceof Broken) return value;
    if (value === undefined) return new Broken('json-broken');
    fields.names.push(name);
    fields.values.push(value);
    fields.quoted.push(quoted);
    this.#space();
    return undefined;
  }

  #finish(fields: Fields): Fields | Broken {
    this.#space();
    return this.#at === this.#text.length ? fields : new Broken('json-broken');
  }

  /** A number, a literal or a nested value, as its source text. */
  #raw(): string | Broken | undefined {
    const start = this.#at;
    const first = this.#text[start];
    if (first === '{' || first === '[') {
      const broken = this.#nested();
      return broken ?? this.#text.slice(start, this.#at);
    }
    return this.#match(NUMBER) ?? this.#match(LITERAL);
  }

  /** Skips a nested value without recursion; checks brackets and strings, not the grammar between them. */
  #nested(): Broken | undefined {
    const open: string[] = [];
    do {
      const char = this.#text[this.#at];
      if (char === undefined) return new Broken('json-broken');
      if (char === '"') {
        if (this.#match(STRING) === undefined) return new Broken('json-broken');
        continue;
      }
      this.#at++;
      if (char === '{' || char === '[') {
        if (open.length >= DEEPEST) return new Broken('json-too-deep');
        open.push(char === '{' ? '}' : ']');
      } else if ((char === '}' || char === ']') && open.pop() !== char) return new Broken('json-broken');
    } while (open.length > 0);
    return undefined;
  }

  #string(): string | undefined {
    const source = this.#match(STRING);
    if (source === undefined) return undefined;
    if (!source.includes('\\')) return source.slice(1, -1);
    try {
      const value: unknown = JSON.parse(source);
      return typeof value === 'string' ? value : undefined;
    } catch {
      return undefined; // a wrong escape: the caller refuses the line by name
    }
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found === null) return undefined;
    this.#at = pattern.lastIndex;
    return found[0];
  }

  #space(): void {
    this.#match(SPACE);
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }
}
