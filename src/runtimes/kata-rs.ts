// Who writes these lines: runtime-rs, the Rust shim of Kata Containers (github.com/kata-containers/kata-containers, src/runtime-rs,
// default from 4.0 on) with slog, and the Rust agent (src/agent), whose objects it passes on whole. From 3.20 on as native entries of the
// journal, whose fields no text keeps: read `journalctl -o json`. Texts and order from recordings of 4.0.0 with QEMU; before 3.28 no
// event says that a container was created or started.
//
// One process serves a whole sandbox, whose id is in every entry as `source`. A request (`====>`) names its container, its answer
// (`<====`) mostly does not, and one that failed has none: creation and start end with their events, which do name it. `get event`
// and `receive action` say the same; stop marks come three times, the first begin and the last end count.
//
// Ignored, by name: what it tells of its set-up, look-ups, streams, and what is alarming to read and normal. Secret: whatever prints
// a specification, a process, a policy or the configuration.
import { absent } from '../model/runtime.ts';
import type { MarkRule, Runtime, When } from '../model/runtime.ts';
import { between, boot, gaps, pairs, requests } from '../model/spans.ts';
import { duration } from '../model/time.ts';
import { AGENT_MARKS, AGENT_SECRETS, AGENT_STEPS } from '../syntax/katagent.ts';
import type { AgentMark } from '../syntax/katagent.ts';
import { slog } from '../syntax/slog.ts';

type Mark =
  | 'create begun' | 'create answered' | 'create ended' | 'start begun' | 'start answered' | 'started' | 'io begun' | 'exec begun' | 'exec running' | 'kill begun' | 'kill ended' | 'delete begun' | 'delete ended'
  | 'exec delete begun' | 'exec delete ended' | 'shutdown begun' | 'shutdown ended'
  | 'configuration read' | 'network asked' | 'network known' | 'VM preparing' | 'VM starting' | 'VM started' | 'hypervisor launched' | 'QMP up' | 'QMP not up'
  | 'agent dialled' | 'agent connected' | 'agent log refused' | 'interface asked' | 'sandbox ready' | 'container undone' | 'workload exited' | 'VM stopping' | 'VM stopped' | 'lines dropped'
  | 'kernel line' | AgentMark;

const mark = (...when: When[]): MarkRule => ({ scheme: { any: when } });
const at = (subsystem: string, ...texts: string[]): MarkRule => mark(...texts.map((text) => ({ subsystem, msg: text })));
const texts = (...all: string[]): When[] => all.map((text) => ({ msg: text }));

/** A process of a container, as requests print it: the container's own, or one that was executed in it. */
const PROCESS = 'ContainerProcess { container_id: ContainerID { container_id: "{cid}" }, exec_id: "", process_type: Container }';
const EXECUTED = 'ContainerProcess { container_id: ContainerID { container_id: "{cid}" }, exec_id: "{xid}", process_type: Exec }';

/** An answer that names nobody: that of the request with its number on the connection. */
const stream = (command: string): string => `stream {source} {stream id} ${command}`;
const request = (text: string, command: string, handle = `${command} {cid}`): MarkRule =>
  ({ ...at('service', `====> task service ${text}`), names: { container: '{cid}', handle, command, ...(handle !== stream(command) && { answer: stream(command) }) }, renews: true });
const answer = (text: string, command: string, handle = `${command} {cid}`): MarkRule => ({ ...at('service', text), names: { container: '{cid}', handle, command } });
const answered = (text: string, command: string): MarkRule => ({ ...at('service', `<==== task service ${text}`), names: { handle: stream(command), command } });
/** Of the sandbox's own container, which is made while the sandbox is. */
const ofCreate = (rule: MarkRule): MarkRule => ({ ...rule, names: { container: '{source}', handle: 'create {source}', command: 'create' } });

export const runtime: Runtime<Mark> = {
  name: 'kata-rs',
  services: { kata: 'cri', 'kata-shim': 'shim', hypervisor: 'hypervisor', 'kata-agent': 'guest' },
  schemes: ['any'],

  sources: [
    {
      files: [],
      identifiers: ['kata'],
      carriers: ['containerd', 'crio'],
      syntax: slog,
      when: [{ name: 'kata-runtime', 'guest.name': absent, 'guest.console': absent }],
      names: { container: '{container_id}', sandbox: '{source}' },
      fields: [],
      spelling: ['msg', 'subsystem'],
      marks: {
        'kata-shim': {
          'create begun': request('CreateContainer(ContainerConfig { container_id: "{cid}"{rest}', 'create'),
          // Objects tell their level; of native entries it is journald's own field.
          'configuration read': ofCreate(mark({ msg: 'load configuration from: {path}', subsystem: 'root' }, { msg: 'load configuration from: {path}', subsystem: 'root', level: '{level}' })),
          'VM preparing': ofCreate(at('hypervisor', 'Preparing {kind} VM')),
          'network asked': ofCreate(at('resource', 'get network entity from config {config}')),
          'network known': ofCreate(at('resource', 'network info {network}')),
          'VM starting': ofCreate(at('hypervisor', 'Starting {kind} VM')),
          'VM started': ofCreate(at('virt-container', 'start vm')),
          'agent dialled': ofCreate(at('agent', 'begin to connect agent {url}')),
          'agent connected': ofCreate(at('agent', 'vsock: connected to Vsock { vsock_cid: {vsock}, port: 1024 }{attempts}', 'hybrid vsock: connected to {vsock}', 'remote sock: connected to {address}')),
          'agent log refused': { ...at('agent', 'failed to connect agent-log, err: {error}'), tells: 'that the agent is silent, which is normal below its debug level' },
          'interface asked': { ...at('resource', 'update interface {interface}'), tells: 'when the guest can have been asked' },
          'sandbox ready': ofCreate(at('virt-container', 'oom watcher start')),
          'container undone': {
            ...at('virt-container', 'stop container: agent remove container failed: {error}'),
            names: { container: '{container_id}', handle: 'create {container_id}', command: 'create' },
            tells: 'what became of it',
          },
          // Before 3.28 no event follows.
          'create answered': answered('CreateContainer({pid})', 'create'),
          'create ended': answer('get event TaskCreate { container_id: "{cid}"{rest}', 'create'),
          'start begun': request(`StartProcess(${PROCESS})`, 'start'),
          'io begun': { ...mark({ subsystem: 'virt-container', msg: 'start io and wait', exec_id: '' }), names: { container: '{container_id}', handle: 'start {container_id}', command: 'start' } },
          'start answered': answered('StartProcess({pid})', 'start'),
          'started': answer('get event TaskStart { container_id: "{cid}"{rest}', 'start'),
          'exec begun': request(`StartProcess(${EXECUTED})`, 'start', 'start {cid} {xid}'),
          'exec running': { ...mark({ subsystem: 'virt-container', msg: 'start io and wait', exec_id: '{xid}' }), names: { container: '{container_id}', handle: 'start {container_id} {xid}', command: 'start' } },
          'kill begun': request(`KillProcess(KillRequest { process: ${PROCESS}{rest}`, 'kill', stream('kill')),
          'kill ended': answered('KillProcess', 'kill'),
          'workload exited': { ...mark({ subsystem: 'virt-container', msg: 'end wait process exit code {code}', exec_id: '' }), names: { container: '{container_id}', handle: 'exit {container_id}' } },
          'delete begun': request(`DeleteProcess(${PROCESS})`, 'delete'),
          'delete ended': {
            ...mark({ subsystem: 'service', 'guest.name': absent, msg: '<==== task service DeleteProcess(ProcessStateInfo { container_id: "{cid}", exec_id: "", {rest}' }),
            names: { container: '{cid}', handle: 'delete {cid}', command: 'delete' },
          },
          'exec delete begun': request(`DeleteProcess(${EXECUTED})`, 'delete', 'delete {cid} {xid}'),
          'exec delete ended': answer('<==== task service DeleteProcess(ProcessStateInfo { container_id: "{cid}", exec_id: "{xid}", {rest}', 'delete', 'delete {cid} {xid}'),
          'shutdown begun': request('ShutdownContainer(ShutdownRequest { container_id: "{cid}"{rest}', 'shutdown', stream('shutdown')),
          'shutdown ended': answered('ShutdownContainer', 'shutdown'),
          'lines dropped': { ...mark({ msg: 'slog-async: logger dropped messages due to channel overflow' }), loose: 'lines of this sandbox are missing from here on' },
        },
        'hypervisor': {
          'hypervisor launched': at('hypervisor', 'qemu cmd: {command}'),
          'QMP not up': { ...at('hypervisor', 'QMP not ready yet: {reason}'), tells: 'that the hypervisor does not answer' },
          'QMP up': at('hypervisor', 'QMP initialized: {version}'),
          'VM stopping': at('virt-container', 'begin stop sandbox'),
          'VM stopped': at('virt-container', 'sandbox stopped'),
        },
      },
      ignored: {
        'kata-shim: look-ups': texts('====> task service {request}', '<==== task service {answer}', 'receive action {event}', 'get event {event}'),
        'kata-shim: service': texts('start to run', 'begin to run service', 'wait server message', 'end to run service', 'shim management http server starts', 'mgmt-svr: {note}', 'send shutdown message'),
        'kata-shim: steps inside a request': ['root', 'resource', 'runtimes', 'hypervisor', 'virt-container', 'agent'].map((subsystem) => ({ subsystem })),
      },
      secret: {
        'secret: container specification': texts('OCI Spec {spec}', '====> task service ExecProcess({process}', '====> task service UpdateContainer({resources}', 'receive createcontainer, spec: {spec}'),
        'secret: configuration': texts('get kata config: {config}', 'get config content {config}', 'Setting Agent Policy with {policy}', 'Init Data Content String{data}', 'init data{data}'),
      },
    },
    {
      files: [],
      identifiers: ['kata'],
      syntax: slog,
      when: [{ name: 'kata-runtime', 'guest.name': 'kata-agent' }, { name: 'kata-runtime', msg: 'vm console: {text}' }],
      names: { sandbox: '{source}' },
      fields: [],
      spelling: ['guest.msg', 'guest.subsystem'],
      marks: {
        'kata-agent': {
          'kernel line': { ...mark({ 'guest.kernel': '{kernel}', msg: 'vm console: {text}', subsystem: 'hypervisor' }), tells: 'when the kernel began' },
          ...AGENT_MARKS,
        },
      },
      ignored: {
        'kata-agent: steps inside a call': AGENT_STEPS,
        'guest console': [{ msg: 'vm console: {text}', 'guest.kernel': absent, name: 'kata-runtime' }],
      },
      secret: AGENT_SECRETS,
    },
  ],

  episodes: {
    start: {
      root: { service: 'kata', name: 'container start', certainty: 'inferred' },
      opens: ['create begun'],
      // Requests are not logged at level info: of a sandbox the first line is then the configuration's, of a container in it that it was created.
      standIns: ['configuration read'],
      memberStandIns: ['create ended'],
      pod: 'pod start',
      until: ['started', 'io begun'],
      fails: { 'container undone': 'the container was undone before it had started', 'delete begun': 'deleted before it had started' },
      because: { 'exec refused': 'reason' },
      rests: { seen: 'create ended', unseen: 'start begun' },
      // A pod's containers start one after another, each when the caller has seen the one before.
      settle: duration(5_000_000_000),
      most: 16_384,
    },
    stop: {
      root: { service: 'kata', name: 'container stop', certainty: 'inferred' },
      opens: ['kill begun'],
      standIns: ['workload exited'],
      joins: true,
      until: [],
      answers: [['kill begun', 'kill ended']],
      nothing: { exactly: ['kill begun', 'kill ended'], name: 'signal-only' },
      settle: duration(12_000_000_000),
      most: 16_384,
    },
    exec: {
      root: { service: 'kata', name: 'container exec', certainty: 'inferred' },
      opens: ['exec begun'],
      until: ['exec running'],
      fails: { 'exec refused': 'reason', 'exec delete begun': 'deleted before it ran' },
      because: { 'exec refused': 'reason' },
      settle: duration(3_000_000_000),
    },
  },

  spans: {
    start: [
      between('network: set up', 'kata-shim', 'network asked', 'network known', { optional: true }),
      between('vm: prepare', 'kata-shim', 'VM preparing', 'VM starting', { optional: true }),
      between('vm: start', 'kata-shim', 'VM starting', 'VM started'),
      between('hypervisor: launch', 'hypervisor', 'hypervisor launched', 'QMP up', { credit: 'hypervisor' }),
      between('agent: dial', 'kata-shim', 'agent dialled', 'agent connected', { waits: true }),
      between('sandbox: set up', 'kata-shim', 'agent connected', 'sandbox ready', { optional: true }),
      boot('guest: kernel boot', 'kata-agent', 'kernel line', ['agent begins', 'uevents handled', 'agent serves']),
      between('agent: start', 'kata-agent', ['agent begins', 'uevents handled'], 'agent serves', { credit: 'guest', optional: true }),
      gaps('kata-shim'),
    ],
    every: [
      requests(
        'kata-shim',
        ['create begun', 'start begun', 'exec begun', 'kill begun', 'delete begun', 'exec delete begun', 'shutdown begun'],
        ['create ended', 'started', 'exec running', 'kill ended', 'delete ended', 'exec delete ended', 'shutdown ended'],
        { nearBegin: ['configuration read'], nearEnd: ['create answered', 'start answered', 'io begun'], lostAt: ['delete begun', 'exec delete begun', 'shutdown begun'] },
      ),
      pairs('{verb}', 'kata-agent', 'agent called', ['agent creates', 'agent starts it', 'agent execs', 'agent waits'], { credit: 'guest', upToNext: true }),
      pairs('create_container', 'kata-agent', 'agent creates', ['container created', 'exec refused'], { credit: 'guest', request: 'create' }),
      pairs('start_container', 'kata-agent', 'agent starts it', 'container up', { credit: 'guest', request: 'start' }),
      pairs('exec_process', 'kata-agent', 'agent execs', ['process made', 'exec refused'], { credit: 'guest', request: 'start' }),
      between('vm: stop', 'hypervisor', 'VM stopping', 'VM stopped', { optional: true, last: true }),
    ],
  },

  findings: [
    { kind: 'caller', in: ['start'], id: 'caller-credit', share: 0.01, remedy: 'Look at the caller: what containerd or CRI-O does between create and start is outside of Kata.' },
    { kind: 'skew', in: ['start'], id: 'guest-clock-skew', above: duration(5_000_000), remedy: 'Compare guest and host times of this sandbox only after the shift. A guest that boots from an initrd has no chrony.' },
    {
      kind: 'slow',
      in: ['start'],
      id: 'slow-dial',
      span: 'agent: dial',
      above: duration(20_000_000_000),
      stall: { from: 'agent serves', to: 'agent called', above: duration(1_000_000_000) },
      remedy: 'Look at the guest ([hypervisor] enable_debug shows its console): it boots for so long, or it serves and the socket between it and the host (vhost-vsock) does not connect.',
    },
    { kind: 'lost', id: 'agent-log-lost', marks: ['agent log refused'], only: ['kernel line'], text: 'the shim could not connect to the agent\'s log: the guest is silent but for its console', remedy: 'See that the agent is of the shim\'s version and its log port (1025) is open.' },
    { kind: 'lost', id: 'lines-dropped', marks: ['lines dropped'], text: 'runtime-rs dropped lines of its own: more came at once than its thread could write (128)', remedy: 'Log less: enable_debug of the part that you do not look at off.' },
    { kind: 'normal', id: 'normal-warnings', marks: ['agent log refused'], text: '"failed to connect agent-log" is written at every start while [hypervisor] enable_debug is off', remedy: 'Look at what failed, not at these.' },
    {
      kind: 'verbose',
      in: ['start'],
      id: 'debug-on',
      level: 'debug',
      words: ['task service StartProcess(', 'rpc call from shim to agent'],
      remedy: 'Measure again with enable_debug off; full debug cost about 0.25 s of a start when Kata measured it.',
    },
    { kind: 'broken', id: 'incomplete', marks: [], remedy: 'Look at the line: it is what the runtime said last.' },
  ],

  // What Kata's own start-up tests measured until 3.30 (tests/metrics/time/launch_times.sh), as far as a log tells it.
  measures: [
    { kind: 'between', in: 'start', name: 'shimtrace.kata.to_workload', from: ['create begun', 'configuration read'], to: ['started'] },
    { kind: 'span', in: 'start', name: 'shimtrace.kata.in_kernel', span: 'guest: kernel boot' },
    { kind: 'less', in: 'start', name: 'shimtrace.kata.to_kernel', of: 'shimtrace.kata.to_workload', less: 'shimtrace.kata.in_kernel' },
    { kind: 'between', in: 'stop', name: 'shimtrace.kata.to_quit', from: ['workload exited'], to: ['shutdown ended', 'VM stopped'] },
  ],

  versions: [
    { mark: 'configuration read', hole: 'level', is: 'told', before: '3.20' },
    { mark: 'configuration read', hole: 'level', is: 'absent', since: '3.20' },
    { mark: 'create ended', since: '3.28' },
    { mark: 'started', since: '3.28' },
    { mark: 'agent connected', hole: 'attempts', is: 'empty', since: '3.18', before: '3.31' },
    { mark: 'agent connected', hole: 'attempts', is: 'told', since: '3.31' },
  ],

  clock: {
    after: [['interface asked', 'agent called'], ['start begun', 'agent starts it'], ['exec begun', 'agent execs']],
    // 118 ms was the most in the recordings, against containerd's own stamps.
    late: duration(120_000_000),
  },
};
