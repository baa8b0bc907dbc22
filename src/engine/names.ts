/** Whom a line names, as templates over its fields. */
import type { Names } from '../model/runtime.ts';
import { nameTemplate } from './template.ts';
import type { Name } from './template.ts';

export interface CompiledNames {
  readonly container: Name | undefined;
  readonly sandbox: Name | undefined;
  readonly handles: readonly Name[];
  readonly also: Name | undefined;
  /** `also` is the same use of a handle by another name, not another handle of the episode. */
  readonly answered: boolean;
  readonly alias: Name | undefined;
  readonly command: Name | undefined;
  readonly otherwise: Name | undefined;
}

const compileName = (text: string | undefined): Name | undefined => (text === undefined ? undefined : nameTemplate(text));

export const compileNames = ({ container, sandbox, handle, also, answer, alias, command, otherwise }: Names): CompiledNames => ({
  container: compileName(container),
  sandbox: compileName(sandbox),
  handles: (handle === undefined ? [] : typeof handle === 'string' ? [handle] : handle).map(nameTemplate),
  also: compileName(also ?? answer),
  answered: answer !== undefined,
  alias: compileName(alias),
  command: compileName(command),
  otherwise: compileName(otherwise),
});
