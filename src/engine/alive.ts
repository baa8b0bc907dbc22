/** Any line of a process shows that it lives, whatever it says. */
import type { SourceRule } from '../model/runtime.ts';
import type { CompiledRuntime, MarkOf, Spelling } from './compile.ts';

/** Name of the mark that stands for any line of a process. */
export const SILENT = 'a line';

export function aliveOf(runtime: CompiledRuntime, rule: SourceRule, markOf: MarkOf, index: number): Spelling | undefined {
  const [service] = Object.keys(rule.marks);
  if (rule.names.handle === undefined || service === undefined) return undefined;
  const mark = markOf(`${SILENT} of ${service}`);
  return {
    index,
    text: '',
    meanings: runtime.schemes.map(() => mark),
    agreed: mark,
    opens: undefined,
    standsIn: undefined,
    loose: true,
    mayComplete: false,
    renews: false,
    turn: undefined,
    names: undefined,
  };
}
