import type { Problem } from '../sources/report.ts';
import { printable } from '../engine/render/safe.ts';
import { EXIT } from './exit.ts';
import type { ExitCode } from './exit.ts';

/** A line of more columns helps nobody. */
const WIDEST = 4_000;

/**
 * A text of several lines for a person's terminal: names of files, words of a back-end and arguments of a command line are
 * written by strangers, too.
 */
export const harmless = (text: string): string => text.split('\n').map((line) => printable(line, WIDEST)).join('\n');

/** Names in a sentence, each without a line end of its own. */
export const named = (files: readonly string[]): string => files.map((file) => printable(file, 300)).join(', ');

/** Where, what, why, what to do: one sentence each, safe to print. */
export const problemText = ({ where, what, why, todo }: Problem): string =>
  `${printable(where, 300)}: ${what} (${printable(why, 200)}). ${todo.charAt(0).toUpperCase()}${todo.slice(1)}.`;

/** The exit code that tells a script what kind of problem it was. */
export function problemCode({ kind }: Problem): ExitCode {
  switch (kind) {
    case 'missing':
    case 'directory':
    case 'not_regular':
    case 'link':
      return EXIT.noInput;
    case 'no_permission':
    case 'untrusted':
    case 'untrusted_folder':
      return EXIT.noPermission;
    case 'compressed':
    case 'damaged':
    case 'own_output':
      return EXIT.data;
    case 'too_many_files':
    case 'unreadable':
    case 'state_locked':
    case 'state_newer':
    case 'state_unreadable':
    case 'state_unwritable':
      return EXIT.io;
    default:
      return kind satisfies never;
  }
}
