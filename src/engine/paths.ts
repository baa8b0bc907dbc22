/** Lines that say nothing of their container stand in files that are named for it: named parts of a path are fields of each line. */
import type { Entry } from '../model/entry.ts';
import type { Duration, Nanos } from '../model/time.ts';

export interface PathTemplate {
  readonly expression: RegExp;
  readonly fields: readonly string[];
}

// What logrotate adds to a name makes no other file of it.
const ROTATED = '(?:\\.\\d+)?';

/** How a path may end: `/{container}/log.json`. A part never goes beyond one name. */
export function pathTemplate(text: string): PathTemplate {
  const fields: string[] = [];
  const source = text.split(/\{([a-z]+)\}/).map((part, at) => {
    if (at % 2 === 0) return part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
    fields.push(`path.${part}`);
    return '([^/]+)';
  });
  return { expression: new RegExp(`${source.join('')}${ROTATED}$`), fields };
}

/** What a file's path says to the rules that ask it. */
export class Placing {
  readonly #parts: ReadonlyMap<object, ReadonlyMap<string, string>>;

  constructor(sources: readonly { readonly paths: readonly PathTemplate[] }[], path: string) {
    this.#parts = new Map(sources.flatMap((source) => {
      const parts = partsOfPath(source.paths, path);
      return parts === undefined ? [] : [[source, parts] as const];
    }));
  }

  /** The line as this rule sees it. */
  entry(source: object, line: Entry): Entry {
    const parts = this.#parts.size === 0 ? undefined : this.#parts.get(source);
    return parts === undefined ? line : new PlacedEntry(parts, line);
  }
}

/** What the first of the templates that fits makes of the path; undefined: none fits. */
function partsOfPath(templates: readonly PathTemplate[], path: string): ReadonlyMap<string, string> | undefined {
  for (const { expression, fields } of templates) {
    const match = expression.exec(path);
    if (match !== null) return new Map(fields.map((field, at) => [field, match[at + 1] ?? '']));
  }
  return undefined;
}

/** A line with what its file's path says. */
class PlacedEntry implements Entry {
  readonly #parts: ReadonlyMap<string, string>;
  readonly #line: Entry;

  constructor(parts: ReadonlyMap<string, string>, line: Entry) {
    this.#parts = parts;
    this.#line = line;
  }

  get time(): Nanos {
    return this.#line.time;
  }

  get step(): Duration {
    return this.#line.step;
  }

  get guest(): Nanos | undefined {
    return this.#line.guest;
  }

  get(field: string): string | undefined {
    return this.#parts.get(field) ?? this.#line.get(field);
  }

  line(): string {
    return this.#line.line();
  }
}
