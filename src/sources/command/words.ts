/** Why a command cannot be followed, in words. */
import type { Ended } from '../child.ts';
import type { Problem } from '../report.ts';
import type { Command } from './settings.ts';

/** What ended a command that should go on for ever, or kept it from being run. */
export function problemOf({ about, argv, name }: Command, end: Ended): Problem {
  const [program = ''] = argv;
  if (end.unrun === 'absent') return { kind: 'missing', what: `there is no program ${program}`, where: about, why: end.how, todo: `install it, or name another one in commands (${name}); it is tried again by itself` };
  if (end.unrun === 'denied') return { kind: 'no_permission', what: `the program ${program} may not be run`, where: about, why: end.how, todo: 'give the daemon\'s user the right to run it; it is tried again by itself' };
  const why = end.said.split('\n').at(-1) ?? '';
  return { kind: 'unreadable', what: `the command ${program} has ended (${end.how})`, where: about, why: why === '' ? end.how : why, todo: 'it is started again by itself; what it would have told meanwhile is lost' };
}
