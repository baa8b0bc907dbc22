/** What can go wrong with a source. Every one is shown to people; none stops the others. */
export type ProblemKind =
  | 'missing'
  | 'directory'
  | 'not_regular'
  | 'link'
  | 'no_permission'
  | 'untrusted'
  | 'untrusted_folder'
  | 'compressed'
  | 'own_output'
  | 'too_many_files'
  | 'unreadable'
  | 'damaged'
  | 'state_locked'
  | 'state_newer'
  | 'state_unreadable'
  | 'state_unwritable';

/** These may pass without any change of the file itself, so they are tried again at every look. */
const PASSING: ReadonlySet<ProblemKind> = new Set(['untrusted_folder', 'no_permission', 'too_many_files', 'unreadable']);
export const isPassing = (kind: ProblemKind): boolean => PASSING.has(kind);

/** A problem in words: what happened, where, why, and what to do about it. Each part is a clause for people. */
export interface Problem {
  readonly kind: ProblemKind;
  readonly what: string;
  readonly where: string;
  readonly why: string;
  readonly todo: string;
}

export type Level = 'debug' | 'info' | 'warn' | 'error';

/** Where sources tell what they do. Injected: only the top of the program knows the logger. */
export type Log = (level: Level, event: string, fields: Readonly<Record<string, unknown>>) => void;

/** The code of a failed system call (`ENOENT`), or `''` for anything else that was thrown. */
export function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return '';
}

/** The message of whatever was thrown. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A failed read, write or stat on `where`, in words. */
export function ioProblem(where: string, error: unknown): Problem {
  return {
    kind: 'unreadable',
    what: 'the file cannot be read',
    where,
    why: reasonOf(error),
    todo: 'check the disk and the mount; it is tried again by itself',
  };
}
