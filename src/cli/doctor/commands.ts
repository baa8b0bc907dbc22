/** Whether containerd's events may be listened to, and how the commands fare whose output is followed. */
import { ALL_EVENTS, NO_EVENTS } from '../../config/events.ts';
import { barrier, allowed, ok, problem, warning } from './check.ts';
import type { Check, Diagnosis, Patient } from './check.ts';

const CTR = ['/usr/local/sbin/ctr', '/usr/local/bin/ctr', '/usr/sbin/ctr', '/usr/bin/ctr', '/sbin/ctr', '/bin/ctr'];
const PAGE = 'docs/events.md';

export const containerd: Check = {
  name: 'containerd events',
  look: (patient) => {
    const { tree, config: { events, sources, containerdSocket: socket } } = patient;
    const running = tree.stat(socket)?.isSocket() === true;
    const [first] = events ?? [];
    if (first === NO_EVENTS) return [ok('not followed: events is off')];
    if (!running && events === undefined) return [ok(`containerd does not run (no socket ${socket})`)];
    if (!running) return [problem(`events are asked for, and containerd does not run: there is no socket ${socket}`, 'start containerd, or say where its socket is (containerd_socket)')];
    if (events === undefined && sources.length > 0) return [ok(`not followed, as sources are named; events: ${ALL_EVENTS} adds them (${PAGE})`)];
    return listening(patient, socket);
  },
};

function listening({ tree, user, config: { events } }: Patient, socket: string): Diagnosis[] {
  const asked = events === undefined ? warning : problem;
  if (!CTR.some((path) => tree.exists(path))) return [asked('containerd runs, and there is no program ctr to listen to its events with', 'install it; it comes with containerd')];
  const stat = tree.stat(socket);
  const barred = barrier(tree, user, socket);
  if (stat !== undefined && barred === undefined && allowed(user, stat, 'read') && allowed(user, stat, 'write')) return [ok(`followed: ${user.name} may use ${socket}`)];
  return [asked(
    `${user.name} may not use ${socket}: starts are seen from the runtime on, without containerd's part`,
    `have a unit of root's write the events to a file and follow it (${PAGE}); or, knowing that whoever may use the socket rules the host, give it a group: [grpc] gid in /etc/containerd/config.toml, SupplementaryGroups= in the unit of shimtrace`,
  )];
}

/** How long the daemon may take to answer. */
const ANSWER_MS = 2_000;
const METRIC = /^shimtrace_command_(up|lines_total|events_total|spool_bytes)\{command="([^"]+)"(?:,event="([a-z]+)")?\} (\d+)$/gm;

export const commands: Check = {
  name: 'commands',
  look: async ({ config: { metrics: { listen }, commands: own } }) => {
    const page = listen === 'off' ? undefined : await metricsOf(listen);
    if (page === undefined) return own.length === 0 ? [] : [ok(`${own.length} configured; no metrics of a daemon answer that would tell how they fare`)];
    const all = new Map<string, Map<string, number>>();
    for (const [, figure = '', command = '', event, value] of page.matchAll(METRIC)) {
      const figures = all.get(command) ?? new Map<string, number>();
      all.set(command, figures.set(event ?? figure, Number(value)));
    }
    return [...all].map(([name, figures]) => diagnose(name, (figure) => figures.get(figure) ?? 0));
  },
};

function diagnose(name: string, of: (figure: string) => number): Diagnosis {
  const told = `${name}: ${of('lines_total')} lines, started again ${of('restarts')} times, ${of('gaps')} gaps, ${of('lost')} lines lost, ${of('unsafe')} unsafe, ${of('spool_bytes')} bytes wait`;
  if (of('up') === 0) return problem(`${told}; it does not run`, 'the log of the daemon says why: journalctl -u shimtrace');
  if (of('lost') > 0) return warning(told, 'raise limits.command_spool, or see why the back-end was away');
  if (of('unsafe') > 0) return warning(told, 'the state folder could not be written: free space there');
  return ok(told);
}

/** undefined: nobody answers, or not with metrics. */
async function metricsOf(listen: string): Promise<string | undefined> {
  try {
    const answer = await fetch(`http://${listen.replace(/^(?:0\.0\.0\.0|\[::\])/, 'localhost')}/metrics`, { signal: AbortSignal.timeout(ANSWER_MS), redirect: 'error' });
    return answer.ok ? await answer.text() : undefined;
  } catch (error) {
    if (error instanceof Error) return undefined;
    throw error;
  }
}
