/** Whether the daemon can read the journals that it follows, and what was lost of them. */
import { nameOf } from '../../sources/journal/selection.ts';
import { storageOf } from '../../sources/journal/probe.ts';
import type { Selection } from '../../sources/journal/selection.ts';
import { allowed, ok, problem, warning } from './check.ts';
import type { Check, Diagnosis, Patient, Tree, User } from './check.ts';
import { groupsOf } from './user.ts';

export const journal: Check = {
  name: 'journal',
  look: async (patient) => {
    if (patient.journals.length === 0) return [ok('not followed')];
    const readable = patient.journals.flatMap((wanted) => readability(wanted, patient));
    return [...readable, ...(patient.tree.ours ? await counted(patient.config.metrics.listen) : [])];
  },
};

/** What keeps the daemon from reading it; what nobody asked for by name may be missing. */
function readability({ selection, offered }: Patient['journals'][number], { tree, user }: Patient): Diagnosis[] {
  const name = nameOf(selection);
  const bad = offered ? warning : problem;
  if (!['/usr/bin/journalctl', '/bin/journalctl'].some((path) => tree.exists(path))) {
    return [offered ? ok('there is no journalctl on this host') : problem(`there is no journalctl to read ${name} with`, 'install systemd, or follow files with --file')];
  }
  const { machine, machines, volatile } = storageOf(selection, (path) => tree.at(path));
  const files = selection.directory === undefined ? [] : tree.list(selection.directory).filter((file) => /\.journal~?$/.test(file));
  if (machines.length + files.length === 0) {
    return [offered ? ok('there is no journal on this host') : problem(`there is no journal: ${name}`, 'see that systemd-journald runs, and where it keeps its files (Storage= in journald.conf)')];
  }
  const answers: Diagnosis[] = [];
  if (machine !== undefined && files.length === 0 && !machines.includes(machine)) {
    const whose = `${name} has journals of other machines only (${machines.slice(0, 3).join(', ')}), none of this one (${machine})`;
    answers.push(selection.directory === undefined ? bad(`${whose}: they are not read`, 'name their folder: --journal /var/log/journal/MACHINE') : warning(whose, 'name the host whose they are with --host-id'));
  }
  if (volatile) answers.push(warning(`${name} is kept in memory only: what is not read before a reboot is lost`, 'Storage=persistent in journald.conf, then systemctl restart systemd-journald'));
  if (mayRead(selection, files, tree, user)) answers.push(ok(`${user.name} may read ${name}`));
  else answers.push(bad(`${user.name} may not read ${name}`, `usermod -aG systemd-journal ${user.name}, then restart the daemon`));
  return answers;
}

/** journald gives its files to these groups: by mode to the first, by access lists to the others. */
const READERS: ReadonlySet<string> = new Set(['systemd-journal', 'adm', 'wheel']);

function mayRead({ directory }: Selection, files: readonly string[], tree: Tree, user: User): boolean {
  if (user.uid === 0 || groupsOf(tree).some(({ name, gid }) => READERS.has(name) && user.gids.includes(gid))) return true;
  return files.some((file) => {
    const stat = tree.stat(`${directory ?? ''}/${file}`);
    return stat !== undefined && allowed(user, stat, 'read');
  });
}

const ANSWER_MS = 1_000;
//                                                     1: event     2: how many
const SERIES = /^shimtrace_journal_events_total\{event="([a-z_]+)"\} (\d+)$/gm;

/** What the running daemon counted; nothing where none answers. */
async function counted(listen: string): Promise<Diagnosis[]> {
  if (listen === 'off') return [];
  const page = await metricsOf(listen);
  const figures = new Map([...page.matchAll(SERIES)].map(([, event = '', count]) => [event, Number(count)]));
  if (figures.size === 0) return [];
  const count = (event: string): string => (figures.get(event) ?? 0).toLocaleString('en');
  const lost = ['gaps', 'entries_missing', 'suppressed'].some((event) => (figures.get(event) ?? 0) > 0);
  const read = `${count('entries')} entries read since the daemon began, ${count('own')} of its own left out, journalctl started again ${count('restarts')} times`;
  const gone = `${count('gaps')} gaps with ${count('entries_missing')} entries gone before they were read, ${count('suppressed')} messages left out by journald`;
  return [ok(read), lost ? warning(gone, 'raise SystemMaxUse= and RateLimitBurst= in journald.conf') : ok(gone)];
}

async function metricsOf(listen: string): Promise<string> {
  try {
    const answer = await fetch(`http://${listen}/metrics`, { signal: AbortSignal.timeout(ANSWER_MS), redirect: 'error' });
    return answer.ok ? await answer.text() : '';
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return ''; // the check of the daemon says that none runs
  }
}
