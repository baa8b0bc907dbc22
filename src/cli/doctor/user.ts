/** Who the daemon runs as on this host, and the groups that matter to it. */
import process from 'node:process';
import { ok, unitSetting, warning } from './check.ts';
import type { Check, Tree, User } from './check.ts';

const UNIT = 'shimtrace.service';

interface Group {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

const lines = (tree: Tree, path: string): readonly (readonly string[])[] => (tree.read(path) ?? '').split('\n').filter((line) => line !== '').map((line) => line.split(':'));

export const groupsOf = (tree: Tree): readonly Group[] =>
  lines(tree, '/etc/group').map(([name = '', , gid = '', members = '']) => ({ name, gid: Number(gid), members: members.split(',') }));

/** The unit's user where the unit is installed, else whoever asks. */
export function daemonUser(tree: Tree): User {
  const named = unitSetting(tree, UNIT, 'User');
  const entry = named === undefined ? undefined : lines(tree, '/etc/passwd').find(([name]) => name === named);
  if (named === undefined || entry === undefined) {
    const uid = process.getuid?.() ?? 0;
    return { name: uid === 0 ? 'root' : `user ${uid}`, uid, gids: process.getgroups?.() ?? [] };
  }
  const more = (unitSetting(tree, UNIT, 'SupplementaryGroups') ?? '').split(/\s+/);
  const gids = groupsOf(tree).filter(({ name, members }) => members.includes(named) || more.includes(name)).map(({ gid }) => gid);
  return { name: named, uid: Number(entry[2]), gids: [Number(entry[3]), ...gids] };
}

export const groups: Check = {
  name: 'groups',
  look: ({ tree }) => {
    const all = groupsOf(tree);
    const answers = [];
    const own = all.find(({ name }) => name === 'shimtrace');
    if (own === undefined) answers.push(warning('there is no group shimtrace: only the daemon\'s own user and root may use ls, show and tail', 'groupadd --system shimtrace, then restart the daemon'));
    else answers.push(ok(`members of shimtrace may look at starts${own.members.some((name) => name !== '') ? `: ${own.members.join(', ')}` : ' (none yet: usermod -aG shimtrace USER)'}`));
    return answers;
  },
};
