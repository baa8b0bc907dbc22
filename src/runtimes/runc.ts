// Who writes these lines: runc (github.com/opencontainers/runc) with `--log FILE` or on its standard error, as text or as JSON;
// what `create`, `run` and `exec` write at `--debug`, and the last word of a command that failed, which needs no level. Texts and
// order from runs of 1.1.5, those of 1.2 and later (talk over the sync pipe, the wait for the start) from its source.
//
// runc's clock has whole seconds (logrus' default stamp). What these lines are good for is their order: how far a start came,
// which step hung for seconds, and why it failed. The steps are those that come one after another whatever the scheduler does: the three
// stages of nsexec write side by side. Behind journald a line is as exact as journald's own time.
//
// No line names its container: the file's path does; behind journald the start is called by its process. `start`, `kill` and `delete` write
// nothing. An exec writes what a create writes, tells itself by joining the container's mounts, and is none.
// <bundle>/log is a pipe between shim and containerd, is not these lines, and is never opened. containerd's shim passes --log
// <bundle>/log.json and no --debug: empty but for a failure, and gone with the container.
//
// Ignored, by name: what the stages tell each other, the copy that runc makes of its own binary, seccomp, and CRIU's log.
import { absent } from '../model/runtime.ts';
import type { MarkRule, Runtime, SourceRule, When } from '../model/runtime.ts';
import { between, steps } from '../model/spans.ts';
import { duration } from '../model/time.ts';
import { journalJson } from '../syntax/journaljson.ts';
import { logrus } from '../syntax/logrus.ts';
import { logrusJson } from '../syntax/logrusjson.ts';

type Mark =
  | 'set-up begun' | 'stage-1 begun' | 'namespaces unshared' | 'stage-2 begun' | 'nsexec ended' | 'init begun'
  | 'ready sent' | 'run received' | 'hooks asked for' | 'hooks run' | 'init ended' | 'start awaited' | 'exec joined' | 'stage failed'
  | 'start failed' | 'command failed';

const texts = (...all: string[]): When[] => all.map((msg) => ({ msg }));
const msg = (...all: string[]): MarkRule => ({ scheme: { any: texts(...all) } });

const marks: SourceRule<Mark>['marks'] = {
  'runc-init': {
    'set-up begun': { ...msg('nsexec[{pid}]: => nsexec container setup'), renews: true },
    'stage-1 begun': msg('nsexec-1[{pid}]: ~> nsexec stage-1'),
    'namespaces unshared': msg('nsexec-1[{pid}]: spawn stage-2'),
    'stage-2 begun': msg('nsexec-2[{pid}]: ~> nsexec stage-2'),
    'nsexec ended': msg('nsexec-2[{pid}]: <= nsexec container setup'),
    'init begun': msg('child process in init()'),
    'ready sent': msg('writing sync procReady'),
    'run received': msg('read sync procRun'),
    'hooks asked for': msg('writing sync procHooks'),
    'hooks run': msg('read sync procHooksDone'),
    'init ended': msg('init: closing the pipe to signal completion'),
    'start awaited': { ...msg('init: about to wait on exec fifo'), tells: 'that the container is created' },
    'exec joined': { ...msg('nsexec-1[{pid}]: setns({flag}) into mnt namespace{path}', 'setns_init: about to exec'), tells: 'that it is an exec' },
    'stage failed': { scheme: { any: { msg: 'nsexec{stage}[{pid}]: {reason}', level: 'fatal' } } },
  },
  runc: {
    // Up to 1.0 it was said by the line of the source that gave up.
    'start failed': {
      scheme: {
        any: [
          { msg: 'runc create failed: {reason}', level: 'error' },
          { msg: 'runc run failed: {reason}', level: 'error' },
          { msg: 'container_linux.go:{row}: starting container process caused{reason}', level: 'error' },
        ],
      },
    },
    'command failed': { scheme: { any: { msg: '{reason}', level: 'error' } }, loose: 'a command on what is not there is no failure of a start' },
  },
};

const ignored: SourceRule<Mark>['ignored'] = {
  'runc: stages': texts(
    'nsexec-0[{pid}]: ~> nsexec stage-0', 'nsexec-0[{pid}]: spawn stage-1', 'nsexec-0[{pid}]: -> stage-{number} synchronisation loop',
    'nsexec-0[{pid}]: <- stage-{number} synchronisation loop', 'nsexec-0[{pid}]: stage-1 requested {what}',
    'nsexec-0[{pid}]: forward stage-1 ({one}) and stage-2 ({two}) pids to runc', 'nsexec-0[{pid}]: stage-{number} complete', 'nsexec-0[{pid}]: signalling stage-2 to run',
    'nsexec-0[{pid}]: <~ nsexec stage-0', 'nsexec-1[{pid}]: unshare {what}', 'nsexec-1[{pid}]: request stage-0 to {what}', 'nsexec-1[{pid}]: signal completion to stage-0',
    'nsexec-1[{pid}]: <~ nsexec stage-1', 'nsexec-1[{pid}]: setns({flag}) into {what}', 'nsexec-2[{pid}]: signal completion to stage-0',
    'nsexec-2[{pid}]: booting up go runtime ...', 'nsexec[{pid}]: set process as non-dumpable', 'nsexec-0[{pid}]: update /proc/{text}', 'nsexec-0[{pid}]: request stage-1 {text}',
  ),
  'runc: the copy of its binary': texts(
    'nsexec[{pid}]: => is_self_cloned', 'nsexec[{pid}]: <= is_self_cloned, {text}', 'nsexec[{pid}]: got seals {text}', 'nsexec[{pid}]: try_bindfd: {number}',
    'nsexec[{pid}]: re-exec itself...', 'nsexec[{pid}]: fallback to make_execfd: {number}',
  ),
  'runc: talk': texts('writing sync proc{what}', 'read sync proc{what}', 'seccomp: {text}', 'init: {text}'),
  'runc: the log of CRIU': [{ msg: '{row}:({seconds}) {text}', level: 'warning' }, { msg: '--- Quoting {text}', level: 'warning' }, { msg: '---', level: 'warning' }],
  'runc: warnings': [{ msg: '{text}', level: 'warning', 'path.container': '{container}' }],
};

export const runtime: Runtime<Mark> = {
  name: 'runc',
  // Of one second, and so of one time, what init did comes before what runc says of it.
  services: { 'runc-init': 'runtime', runc: 'runtime' },
  schemes: ['any'],

  sources: [
    {
      files: ['/var/log/runc/*.log'],
      paths: ['/runc/{container}.log', '/{container}/log.json'],
      syntax: [logrus, logrusJson],
      // Whoever writes to a file that is named for its container is runc; elsewhere a line must say so itself.
      when: [
        { 'path.container': '{container}' },
        ...texts('nsexec{stage}[{pid}]: {text}', 'child process in init()', 'init: {text}', 'setns_init: {text}', 'writing sync proc{what}', 'read sync proc{what}').map((one) => ({ ...one, 'syslog.identifier': absent })),
        { msg: 'runc {verb} failed: {reason}', level: 'error', 'syslog.identifier': absent },
        { msg: 'container_linux.go:{row}: {reason}', level: 'error', 'syslog.identifier': absent },
        { msg: '{row}:({seconds}) {text}', level: 'warning', 'syslog.identifier': absent },
      ],
      names: { container: '{path.container}' },
      fields: [],
      spelling: ['msg', 'level'],
      marks,
      ignored,
    },
    {
      // Behind journald the process is all that is known of whose lines these are.
      files: [],
      identifiers: ['runc'],
      syntax: [logrus, journalJson],
      when: [{ 'syslog.identifier': 'runc' }],
      names: { container: 'pid-{syslog.pid}', handle: 'pid {syslog.pid}' },
      fields: [],
      spelling: ['msg', 'level'],
      marks,
      ignored,
    },
  ],

  episodes: {
    start: {
      root: { service: 'runc', name: 'container start', certainty: 'inferred' },
      opens: ['set-up begun'],
      // Without --debug the failure is all there is.
      standIns: ['start failed'],
      until: ['init ended'],
      fails: { 'start failed': 'reason' },
      because: { 'stage failed': 'reason' },
      another: { shows: 'exec joined', name: 'exec-of-runc' },
      // What is written in the second after.
      settle: duration(1_000_000_000),
    },
  },

  spans: {
    start: [
      between('init', 'runc-init', 'set-up begun', 'init ended'),
      steps('init', 'runc-init', 'set-up begun', {
        'spawn stage-1': 'stage-1 begun',
        'unshare namespaces': 'namespaces unshared',
        'spawn stage-2': 'stage-2 begun',
        'finish nsexec': 'nsexec ended',
        'start Go': 'init begun',
        'set up container': 'init ended',
      }),
      between('init: wait for runc', 'runc-init', 'ready sent', 'run received', { waits: true, optional: true }),
      between('init: wait for hooks', 'runc-init', 'hooks asked for', 'hooks run', { waits: true, optional: true }),
    ],
  },

  findings: [
    {
      kind: 'slow',
      id: 'runc-hang',
      span: 'init',
      // Between two stamps of whole seconds that are one second apart there may be no time at all.
      above: duration(1_000_000_000),
      remedy: 'Look at its longest step: entropy and seccomp hold up the Go runtime, a slow rootfs, a full cgroup tree or a hook the set-up of the container.',
    },
    { kind: 'broken', id: 'incomplete', marks: [], remedy: 'Look at the line: it is the last step that runc reached.' },
  ],
};
