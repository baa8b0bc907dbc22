/** Why a journal cannot be read, in words, from what journalctl says (systemd 250 to 257: src/journal/journalctl.c, src/shared/journal-util.c). */
import type { Problem } from '../report.ts';
import type { Ended } from '../child.ts';

/** journalctl's word for: you see some journals and not the system's. */
const LIMITED = /not seeing messages from other users and the system/;
const CURSOR = /Failed to seek to cursor/;

/** Some entries are hidden from this user. */
export const isLimited = (said: string): boolean => LIMITED.test(said);

/** The saved place is none. */
export const isBadCursor = ({ said }: Ended): boolean => CURSOR.test(said);

export const NO_JOURNAL = 'there is no journal';

const JOIN = 'add the user to the group systemd-journal (usermod -aG systemd-journal USER), or SupplementaryGroups=systemd-journal in the unit';

/** What ended a child of journalctl that should not have ended, or kept it from reading. @param where the journal, for people. */
export function problemOf(where: string, end: Ended): Problem {
  if (end.unrun === 'absent') return { kind: 'missing', what: 'there is no journalctl to read the journal with', where, why: end.how, todo: 'install systemd, or follow files instead with --file' };
  const why = end.said === '' ? end.how : (end.said.split('\n')[0] ?? end.how);
  if (/insufficient permissions|Permission denied/.test(end.said)) return { kind: 'no_permission', what: 'no permission to read the journal', where, why, todo: JOIN };
  if (isLimited(end.said)) return { kind: 'no_permission', what: 'only this user\'s own entries can be read, and no runtime writes those', where, why, todo: JOIN };
  if (/No journal files were (?:found|opened)|No such file or directory/.test(end.said)) {
    return { kind: 'missing', what: NO_JOURNAL, where, why, todo: 'check that systemd-journald runs and where it keeps its files (Storage= in journald.conf); it is tried again by itself' };
  }
  return { kind: 'unreadable', what: 'the journal cannot be read on', where, why, todo: 'journalctl is started again by itself, from the last entry that was acknowledged; journalctl --verify tells whether files are damaged' };
}
