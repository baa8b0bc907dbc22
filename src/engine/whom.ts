/** Whom a line names, by the templates of its rule. */
import type { Entry } from '../model/entry.ts';
import type { CompiledNames } from './names.ts';
import { nameFrom } from './template.ts';
import type { Holes, Name } from './template.ts';

/** Whom a line names, beside what stands in its event. */
export interface Named {
  readonly sandbox: string | undefined;
  readonly alias: string | undefined;
  /** The name that it goes by where nobody tells another. */
  readonly otherwise?: string | undefined;
}

export const NOBODY: Named = { sandbox: undefined, alias: undefined };

export const told = (name: Name | undefined, entry: Entry, holes: Holes | undefined): string | undefined => (name === undefined ? undefined : nameFrom(name, entry, holes));

export function firstTold(names: readonly Name[], entry: Entry, holes: Holes | undefined): string | undefined {
  for (const name of names) {
    const text = nameFrom(name, entry, holes);
    if (text !== undefined) return text;
  }
  return undefined;
}

export function whom(own: Name | undefined, other: CompiledNames | undefined, entry: Entry, holes: Holes | undefined): Named {
  const sandbox = told(other?.sandbox ?? own, entry, holes);
  const alias = told(other?.alias, entry, holes);
  const otherwise = told(other?.otherwise, entry, holes);
  return sandbox === undefined && alias === undefined && otherwise === undefined ? NOBODY : { sandbox, alias, otherwise };
}
