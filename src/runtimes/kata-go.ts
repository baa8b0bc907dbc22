// Who writes these lines: the Go shim of Kata Containers 2.x to 4.x (github.com/kata-containers/kata-containers, src/runtime,
// containerd-shim-kata-v2) with logrus, and the Rust agent (src/agent) with slog, whose JSON comes through the guest's console.
// Texts and order from recordings of 4.0.0 with QEMU; the same texts stand in the sources of 2.5.2, 3.2.0, 3.20.0 and 3.31.0.
//
// One process serves a whole sandbox. It sends each line twice: to syslog as `kata`, and to containerd, which prints it under its
// own name; the two are one line. A request (`Create() start` .. `Create() end`) is to this runtime what a process is to Kata 1.x:
// a handle. The agent says which call it hears, never for whom and not when it ended: a call ends, at the latest, with the next.
//
// Ignored, by name: set-up, look-ups, what is alarming to read and part of every normal stop, the agent's steps inside a call.
// Secret: what prints a container's environment, arguments, policies and configuration.
import { absent } from '../model/runtime.ts';
import type { MarkRule, Runtime, When } from '../model/runtime.ts';
import { between, boot, gaps, pairs, requests } from '../model/spans.ts';
import { duration } from '../model/time.ts';
import { journalJson } from '../syntax/journaljson.ts';
import { AGENT_MARKS, AGENT_SECRETS, AGENT_STEPS } from '../syntax/katagent.ts';
import type { AgentMark } from '../syntax/katagent.ts';
import { logrus } from '../syntax/logrus.ts';

type Mark =
  | 'create begun' | 'create ended' | 'start begun' | 'start ended' | 'exec begun' | 'exec ended' | 'kill begun' | 'kill ended' | 'delete begun' | 'delete ended'
  | 'shutdown begun' | 'shutdown ended'
  | 'configuration loaded' | 'endpoint attached' | 'endpoints found' | 'VM starting' | 'hypervisor launched' | 'QMP details' | 'API asked' | 'VM started'
  | 'client made' | 'agent started' | 'devices attached' | 'container ready' | 'management up' | 'started' | 'exec asked' | 'exec running'
  | 'create failed' | 'VM failed' | 'hypervisor failed'
  | 'exit published' | 'VM stopping' | 'VM stops' | 'hypervisor stops' | 'VM path cleaned' | 'hypervisor gone' | 'guest log lost'
  | 'kernel line' | AgentMark;

const mark = (...when: When[]): MarkRule => ({ scheme: { any: when } });
const msg = (...texts: string[]): MarkRule => mark(...texts.map((text) => ({ msg: text })));
const texts = (...all: string[]): When[] => all.map((text) => ({ msg: text }));

/** `Create() start`: one request, for as long as it goes on. */
const begun = (verb: string, command: string): MarkRule => ({ ...msg(`${verb}() start`), names: { handle: `${command} {container}`, command }, renews: true });
const ended = (verb: string, command: string): MarkRule => ({ ...msg(`${verb}() end`), names: { handle: `${command} {container}`, command } });
/** Of the sandbox's own container, which is made while the sandbox is. */
const ofCreate = (rule: MarkRule): MarkRule => ({ ...rule, names: { container: '{sandbox}', handle: 'create {sandbox}', command: 'create' } });
const ofContainer = (rule: MarkRule): MarkRule => ({ ...rule, names: { handle: 'create {container}', command: 'create' } });

export const runtime: Runtime<Mark> = {
  name: 'kata-go',
  services: { kata: 'cri', 'kata-shim': 'shim', hypervisor: 'hypervisor', 'kata-agent': 'guest' },
  schemes: ['any'],

  sources: [
    {
      files: [],
      identifiers: ['kata'],
      carriers: ['containerd', 'crio', 'dockerd'],
      syntax: [logrus, journalJson],
      when: [{ name: 'containerd-shim-v2' }, { name: 'agent-client' }, { source: 'virtcontainers', name: absent, level: '{level}' }, { 'syslog.identifier': 'kata', msg: '{msg}' }],
      names: { container: '{container}', sandbox: '{sandbox}' },
      fields: [],
      spelling: ['msg'],
      marks: {
        'kata-shim': {
          'create begun': begun('Create', 'create'),
          'configuration loaded': ofCreate(msg('loaded configuration')),
          'endpoint attached': ofCreate(msg('Attaching endpoint')),
          'endpoints found': ofCreate(msg('endpoints found after scan')),
          'VM starting': ofCreate(mark({ msg: 'Starting VM', subsystem: 'sandbox' })),
          'VM started': ofCreate(msg('VM started')),
          'client made': ofCreate({ ...mark({ msg: 'New client', url: '{url}' }), tells: 'whom it dials' }),
          'agent started': ofCreate(msg('Agent started in the sandbox')),
          'devices attached': ofContainer(msg('Attach devices')),
          'container ready': ofContainer(msg('Setting container state from  to ready')),
          'create failed': ofContainer(mark({ msg: 'container create failed', error: '{reason}' }, { msg: 'container create failed', error: 'rpc error: code = {code} desc = {reason}\n\nStack backtrace:{trace}', level: 'error' })),
          'VM failed': ofCreate(mark({ msg: 'Cannot start VM', error: '{reason}' })),
          'management up': ofCreate(msg('management server started')),
          'create ended': ended('Create', 'create'),
          'start begun': begun('Start', 'start'),
          'started': {
            ...mark({ msg: 'Container is started', container: '{cid}' }, { msg: 'Sandbox is started', sandbox: '{cid}' }),
            names: { container: '{cid}', handle: 'start {cid}', command: 'start' },
          },
          'exec asked': { ...mark({ msg: 'start container execution', exec: '{xid}' }), names: { handle: 'start {container}', command: 'start' }, tells: 'that the agent is asked next' },
          'start ended': ended('Start', 'start'),
          'exec begun': begun('Exec', 'exec'),
          'exec ended': ended('Exec', 'exec'),
          'exec running': { ...mark({ msg: 'stdout io stream copy started', exec: '{xid}' }), names: { handle: 'exec {container} {xid}' } },
          'kill begun': begun('Kill', 'kill'),
          'kill ended': ended('Kill', 'kill'),
          'exit published': { ...mark({ msg: 'Publishing container exit status', 'exit-code': '{code}' }), names: { handle: 'exit {container}' } },
          'delete begun': begun('Delete', 'delete'),
          'delete ended': ended('Delete', 'delete'),
          'shutdown begun': begun('Shutdown', 'shutdown'),
          'shutdown ended': ended('Shutdown', 'shutdown'),
          'guest log lost': { ...mark({ msg: 'Failed to read guest console logs', error: 'bufio.Scanner: token too long' }), loose: 'from here on the guest is silent' },
        },
        'hypervisor': {
          'hypervisor launched': mark({ msg: 'launching {path} with: [{arguments}' }, { msg: absent, subsystem: 'cloudHypervisor', path: '{path}' }),
          'API asked': { ...msg('clh.VmmPingGet API call failed'), tells: 'that it does not answer yet, which is normal' },
          'QMP details': msg('QMP details'),
          'hypervisor failed': { ...mark({ msg: 'qemu-system-{arch}: {reason}', level: 'error' }) },
          'VM stopping': msg('Stopping sandbox in the VM'),
          'VM stops': msg('Stopping VM'),
          'hypervisor stops': msg('Stopping Sandbox'),
          'VM path cleaned': msg('Cleanup vm path', 'cleanup vm path'),
          'hypervisor gone': msg('Stop logging QEMU'),
        },
      },
      ignored: {
        'kata-shim: set-up': [
          ...texts(
            'loading plugin "{plugin}"...', 'registering ttrpc service', 'serving api on socket', 'starting signal loop', 'converting {path}', 'IOMMUPlatform is disabled by default.',
            'cold_plug_vfio not enabled, skip device cold plug', 'container rootfs: {path}', 'shm-size detected: {size}', 'Adding {device} to the devices cgroup',
            'Could not add {device} to the devices cgroup', 'restore sandbox failed', 'Creating bridges', 'Creating UUID', 'Disable vhost_net',
            'No initdata provided. Skip prepare initdata device', 'Set selinux=0 to kernel params because SELinux on the guest is disabled',
            'The createContainerRequestTimeout has been set ', 'adding volume', 'veth interface found', 'connect TCFilter to VM network', 'Endpoints added', 'created vm path',
            'Adding extra file [{files}', 'Start logging QEMU (qemuPid={qemu})', 'sandbox {id} hypervisor pid is {qemu}', 'already added', 'console watcher starts',
            'DNS file not present in ociMounts. Sandbox DNS will not be set.', 'custom dialing timeout has been set', 'Block device not supported', 'Using sandbox shm',
            'ociSpec HugepageLimit', 'updateResources: after calculateSandboxMemory', 'Request to hypervisor to update {what}', 'Sandbox CPUs: {count}', 'Sandbox memory size: {size}',
            'kata management inited', 'start container', 'Replacing OCI mount ({mount}) source {rest}', 'Skipping VFIO metadata annotation for sandbox container',
            'Setting container state from ready to running', 'create netns', 'device details', 'HybridVsock trivial handshake', 'Using endpoint {endpoint}', 'Starting VM',
            // Up to 2.5, and with devices passed through.
            'Disable nesting environment checks', 'Endpoints found after scan', 'Network added', 'looking for backing file', 'no loop device', 'normal attach devices',
            'sandbox\'s cgroup won\'t be updated: cgroup path is empty', 'Device has not been passed to the container', 'Check large bar space device',
            'not enough columns to calculate PCI size', 'Detect large bar space device', 'Attaching VFIO device', 'Start hot-plug VFIO device', 'Device group attached',
            'removing vfio device from grpcSpec', 'Cannot hotplug {count} CPUs, currently {rest}', 'got QMP event', 'Request to onlineCPUMem with {count} CPUs',
            'maximum number of vCPUs {count} has been reached',
          ),
          { msg: 'Container is started', container: absent },
          { 'default-kernel-parameters': '{parameters}' },
          { msg: absent, subsystem: 'virtiofsd' },
          { msg: absent, subsystem: 'cloudHypervisor' },
        ],
        'kata-shim: look-ups': ['State', 'Connect', 'Wait', 'CloseIO', 'Stats', 'Pids', 'ResizePty', 'Update', 'Pause', 'Resume', 'Checkpoint', 'Cleanup'].flatMap((verb) => texts(`${verb}() start`, `${verb}() end`)),
        'kata-shim: streams': texts(
          'stderr io stream copy started', 'stdin io stream copy started', 'stdout io stream copy started', 'stderr io stream copy exited', 'stdout io stream copy exited',
          'stdin io stream copy exited', 'all io stream copy goroutines exited', 'The container process io streams closed', 'The container io streams closed',
          'The container exec status is StatusStopped', 'The container status is StatusStopped', 'process has already stopped', 'Cleanup agent',
        ),
        'kata-shim: QMP talk': texts('Executing QMP command: {command}', 'scanner return error: {error}', 'QMP event channel closed', '{"{rest}'),
        'kata-shim: stopping': texts(
          'cancel watcher', 'watchSandbox gets an error or stop signal', 'Setting container state from running to stopped', 'stop the console watcher', 'console watcher quits',
          'Detaching endpoint', 'Endpoints removed', 'virtiofsd quits', 'Already stopped', 'stopping monitor', 'agent has shutdown, return from watching of OOM events',
          'Removing network after failure in createSandbox', 'failed to get OOM event from sandbox', 'cleanup agent', 'Network namespace {path} deleted',
        ),
        'kata-shim: alarming and normal': [
          ...texts(
            'Failed to read guest console logs', 'failed to cleanup the {sandbox}', 'Deleting sandbox {sandbox}', 'QEMU exited with an error', 'Could not remove container share dir',
            'Could not umount', 'rollback failed unmountHostMounts()', 'createContainer failed', 'Failed to negotiate QMP Capabilities', 'Failed to connect to QEMU instance',
            'Unable to connect to unix socket ({socket}', 'failed to resolve vm path', 'sandbox cgroups path is empty', 'failed to cleanup netns',
          ),
          { msg: absent, subsystem: 'mount' },
        ],
      },
    },
    {
      files: [],
      identifiers: ['kata'],
      carriers: ['containerd', 'crio', 'dockerd'],
      syntax: [logrus, journalJson],
      when: [{ msg: 'reading guest console', vmconsole: '{said}' }],
      names: { sandbox: '{sandbox}' },
      fields: [],
      spelling: ['guest.msg', 'guest.subsystem'],
      marks: {
        'kata-agent': {
          'kernel line': { ...mark({ 'guest.kernel': '{kernel}' }), tells: 'when the kernel began' },
          ...AGENT_MARKS,
        },
      },
      ignored: {
        'kata-agent: steps inside a call': AGENT_STEPS,
        'guest console': [{ 'guest.console': '{text}', 'guest.kernel': absent, 'guest.name': absent }],
      },
      secret: AGENT_SECRETS,
    },
  ],

  episodes: {
    start: {
      root: { service: 'kata', name: 'container start', certainty: 'inferred' },
      opens: ['create begun'],
      // At level info Create() is not logged: of a sandbox the first line is the configuration's, of a container in it its devices'.
      standIns: ['configuration loaded'],
      memberStandIns: ['devices attached'],
      pod: 'pod start',
      until: ['started'],
      fails: { 'create failed': 'reason', 'VM failed': 'reason' },
      because: { 'hypervisor failed': 'reason' },
      rests: { seen: 'create ended', unseen: 'start begun' },
      // A pod's containers start one after another, each when the caller has seen the one before.
      settle: duration(5_000_000_000),
      most: 16_384,
    },
    stop: {
      root: { service: 'kata', name: 'container stop', certainty: 'inferred' },
      opens: ['kill begun'],
      standIns: ['exit published'],
      joins: true,
      until: [],
      answers: [['kill begun', 'kill ended'], ['delete begun', 'delete ended']],
      nothing: { exactly: ['kill begun', 'kill ended'], name: 'signal-only' },
      settle: duration(12_000_000_000),
      most: 16_384,
    },
    exec: {
      root: { service: 'kata', name: 'container exec', certainty: 'inferred' },
      opens: ['exec begun'],
      until: ['exec running'],
      answers: [['exec begun', 'exec ended'], ['start begun', 'start ended']],
      fails: { 'exec refused': 'reason' },
      settle: duration(3_000_000_000),
    },
  },

  spans: {
    start: [
      between('network: set up', 'kata-shim', 'endpoint attached', 'endpoints found', { optional: true, over: 'VM starting' }),
      between('vm: start', 'kata-shim', 'VM starting', ['VM started', 'VM failed']),
      between('hypervisor: launch', 'hypervisor', 'hypervisor launched', ['QMP details', 'hypervisor failed'], { credit: 'hypervisor', optional: true }),
      between('agent: get ready', 'kata-shim', 'VM started', ['agent started', 'VM failed'], { waits: true }),
      boot('guest: kernel boot', 'kata-agent', 'kernel line', ['agent begins', 'uevents handled', 'agent serves']),
      between('agent: start', 'kata-agent', ['agent begins', 'uevents handled'], 'agent serves', { credit: 'guest', optional: true }),
      between('container: create', 'kata-shim', 'devices attached', ['container ready', 'create failed', 'create ended', 'management up'], { optional: true }),
      gaps('kata-shim'),
    ],
    every: [
      requests(
        'kata-shim',
        ['create begun', 'start begun', 'exec begun', 'kill begun', 'delete begun', 'shutdown begun'],
        ['create ended', 'start ended', 'exec ended', 'kill ended', 'delete ended', 'shutdown ended'],
        { nearBegin: ['configuration loaded', 'devices attached'], nearEnd: ['management up', 'started'] },
      ),
      pairs('{verb}', 'kata-agent', 'agent called', ['agent creates', 'agent starts it', 'agent execs', 'agent waits'], { credit: 'guest', upToNext: true }),
      pairs('create_container', 'kata-agent', 'agent creates', ['container created', 'exec refused'], { credit: 'guest', request: 'create' }),
      pairs('start_container', 'kata-agent', 'agent starts it', 'container up', { credit: 'guest', request: 'start' }),
      pairs('exec_process', 'kata-agent', 'agent execs', ['process made', 'exec refused'], { credit: 'guest', request: 'start' }),
      between('vm: stop', 'hypervisor', ['VM stopping', 'VM stops', 'hypervisor stops'], ['hypervisor gone', 'VM path cleaned'], { optional: true }),
    ],
  },

  findings: [
    { kind: 'caller', in: ['start'], id: 'caller-credit', share: 0.01, remedy: 'Look at the caller: what containerd or CRI-O does between create and start is outside of Kata.' },
    { kind: 'skew', in: ['start'], id: 'guest-clock-skew', above: duration(5_000_000), remedy: 'Compare guest and host times of this sandbox only after the shift. A guest that boots from an initrd has no chrony.' },
    {
      kind: 'verbose',
      in: ['start'],
      id: 'debug-on',
      level: 'debug',
      words: ['msg="Start() start"', 'msg="reading guest console"', 'msg=\\"Start() start\\"', 'msg=\\"reading guest console\\"'],
      remedy: 'Measure again with enable_debug off; full debug cost about 0.25 s of a start when Kata measured it.',
    },
    {
      kind: 'slow',
      in: ['start'],
      id: 'slow-dial',
      span: 'agent: get ready',
      above: duration(20_000_000_000),
      stall: { from: 'agent serves', to: 'agent called', above: duration(1_000_000_000) },
      remedy: 'Look at the guest ([hypervisor] enable_debug shows its console): it boots for so long, or it serves and the socket between it and the host (vhost-vsock) does not connect.',
    },
    { kind: 'lost', id: 'agent-log-lost', marks: ['guest log lost'], text: 'one line of the guest\'s console was longer than the shim reads (64 KiB): it reads none of the guest any more', remedy: 'Look at the last lines of the guest: what prints so long a line (agent.log=debug prints whole specifications) must be quieter.' },
    { kind: 'normal', id: 'normal-warnings', marks: ['API asked'], text: '"clh.VmmPingGet API call failed" says that Cloud Hypervisor does not answer yet, every 10 ms, at every start', remedy: 'Look at what failed, not at these.' },
    { kind: 'broken', id: 'incomplete', marks: [], remedy: 'Look at the line: it is what the runtime said last.' },
  ],

  // What Kata's own start-up tests measured until 3.30 (tests/metrics/time/launch_times.sh), as far as a log tells it.
  measures: [
    { kind: 'between', in: 'start', name: 'shimtrace.kata.to_workload', from: ['create begun', 'configuration loaded'], to: ['started'] },
    { kind: 'span', in: 'start', name: 'shimtrace.kata.in_kernel', span: 'guest: kernel boot' },
    { kind: 'less', in: 'start', name: 'shimtrace.kata.to_kernel', of: 'shimtrace.kata.to_workload', less: 'shimtrace.kata.in_kernel' },
    { kind: 'between', in: 'stop', name: 'shimtrace.kata.to_quit', from: ['exit published'], to: ['shutdown ended', 'hypervisor gone'] },
  ],

  versions: [{ mark: 'exit published', since: '4.0' }],

  clock: {
    after: [['devices attached', 'agent creates'], ['start begun', 'agent starts it'], ['exec asked', 'agent execs']],
  },
};
