/**
 * Whose lines are of use, as the runtimes' sources tell it. A journal is written by every program of a host: a line whose writer no runtime
 * names, and which begins as none of their records does, is another program's, and that shows before the line is read.
 */
import type { Syntax } from './entry.ts';

/** What journald says of lines that it left out is asked for beside them (systemd 250 to 257; by the name of its process, which is cut). */
const JOURNALD = ['systemd-journald', 'systemd-journal'];

export interface Writers {
  /** Syslog's names of those who write or pass on what a runtime logs. */
  readonly identifiers: ReadonlySet<string>;
  /** What a record begins with. Whoever wrote such a line, it may be a runtime's: its text tells. */
  readonly begins: readonly string[];
  /** Fields by which an entry of the journal is a record, whatever its message begins with. */
  readonly signs: readonly string[];
}

/** What a source says of it: model/runtime.ts, SourceRule. */
interface Told {
  readonly identifiers?: readonly string[];
  readonly carriers?: readonly string[];
  readonly syntax: Syntax | readonly Syntax[];
}

export function writersOf({ identifiers = [], carriers = [], syntax }: Told): Writers {
  const syntaxes = 'read' in syntax ? [syntax] : syntax;
  return {
    identifiers: new Set([...identifiers, ...carriers, ...JOURNALD]),
    begins: syntaxes.flatMap(({ begins }) => begins),
    signs: syntaxes.flatMap(({ signs = [] }) => signs),
  };
}

export const together = (all: readonly Writers[]): Writers => ({
  identifiers: new Set(all.flatMap(({ identifiers }) => [...identifiers])),
  begins: [...new Set(all.flatMap(({ begins }) => begins))],
  signs: [...new Set(all.flatMap(({ signs }) => signs))],
});
