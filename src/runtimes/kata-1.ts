// Who writes these lines: Kata Containers 1.x (github.com/kata-containers/runtime, proxy, shim, agent), 1.0.0 to 1.13, with
// logrus, at debug level; catalogue and versions from the release tags, texts and order from recordings of 1.12.1. Four
// processes on two clocks: kata-runtime, one process for each command of the caller; kata-proxy, one for each VM; kata-shim,
// one for each process in a container; kata-agent in the guest, whose lines come through the proxy inside its own.
//
// A mark means what the line says was done. `release sandbox` ends a create and nothing else: other commands write it several
// times. Markers of the patched build that the dial backoff was found with (proxy: dailing server ... starts copy goroutine;
// agent: grpc server waits, listens, serves; New client connected) are used where they stand and never expected.
//
// Ignored, by name: what a process tells of its set-up, look-ups of the sandbox, the guest's streams, and what is alarming to read
// and part of every normal stop. Shim v2 (1.5 and later) and the VM cache have no recordings here.
import { absent } from '../model/runtime.ts';
import type { MarkRule, Runtime, When } from '../model/runtime.ts';
import { between, boot, gaps, pairs, rpc, sessions, stages } from '../model/spans.ts';
import { duration } from '../model/time.ts';
import { journalJson } from '../syntax/journaljson.ts';
import { logrus } from '../syntax/logrus.ts';
import { logrusJson } from '../syntax/logrusjson.ts';

type Mark =
  | 'create begun' | 'start begun' | 'state begun' | 'kill begun' | 'delete begun' | 'exec begun' | 'run begun' | 'another begun'
  | 'announced' | 'told its arguments'
  | 'netns created' | 'endpoints found' | 'endpoint attached' | 'network added'
  | 'VM starting' | 'base VM asked for' | 'VM made' | 'VM resumes' | 'random numbers reseeded' | 'time synchronised' | 'CPUs added' | 'memory added'
  | 'CPUs and memory online' | 'VM assigned' | 'hypervisor launched' | 'QMP details' | 'QMP asked' | 'QMP answered' | 'VM started'
  | 'proxy starting' | 'proxy started' | 'client made' | 'client connected' | 'request sent' | 'agent started' | 'container ready' | 'create ended'
  | 'started' | 'container running' | 'create failed' | 'start failed' | 'exec failed' | 'command failed'
  | 'kill asked' | 'VM stopping' | 'VM stops' | 'hypervisor stops' | 'VM shut down' | 'VM path cleaned' | 'network removed' | 'container gone'
  | 'proxy announced' | 'proxy dials' | 'proxy dialled' | 'proxy listens' | 'proxy accepts' | 'stream opened' | 'copy started' | 'guest log lost'
  | 'shim announced' | 'workload exited'
  | 'kernel line' | 'agent announced' | 'agent serial' | 'agent starts' | 'agent waits' | 'channel opened' | 'agent listens' | 'agent serves'
  | 'request heard' | 'request ended';

const mark = (...when: When[]): MarkRule => ({ scheme: { any: when } });
const msg = (...texts: string[]): MarkRule => mark(...texts.map((text) => ({ msg: text })));
const guest = (text: string): MarkRule => mark({ 'guest.msg': text });
const begun = (command: string): MarkRule => ({ ...mark({ msg: 'loaded configuration', command }), renews: true });
const texts = (...all: string[]): When[] => all.map((text) => ({ msg: text }));
const guestTexts = (...all: string[]): When[] => all.map((text) => ({ 'guest.msg': text }));
/** Both lines of a request that runs as long as the container does. */
const stream = (verb: string): When[] => ['new request', 'request end'].map((text) => ({ 'guest.msg': text, 'guest.request': `/grpc.AgentService/${verb}` }));
/** The command's last word: what went wrong. */
const failed = (command: string): When => ({ msg: '{reason}', level: 'error', source: 'runtime', command });

export const runtime: Runtime<Mark> = {
  name: 'kata-1',
  services: { kata: 'runtime', 'kata-runtime': 'runtime', hypervisor: 'hypervisor', 'kata-proxy': 'hypervisor', 'kata-shim': 'hypervisor', 'kata-agent': 'guest' },
  schemes: ['any'],

  sources: [
    {
      // containerd passes --log to the v1 shim's runtime: whole seconds, gone with the container. rsyslog's files have nanoseconds.
      files: ['/var/log/kata/*.log'],
      identifiers: ['kata-runtime'],
      syntax: [logrus, logrusJson, journalJson],
      when: [{ name: 'kata-runtime' }, { name: 'grpc.{message}', source: 'virtcontainers' }, { 'syslog.identifier': 'kata-runtime' }],
      names: { container: '{container}', sandbox: '{sandbox}', handle: ['pid {pid}', 'pid {syslog.pid}'] },
      command: 'command',
      fields: [],
      spelling: ['msg', 'level', 'command', 'name'],
      marks: {
        'kata-runtime': {
          'create begun': begun('create'),
          'start begun': begun('start'),
          'state begun': { ...begun('state'), tells: 'a look-up between the others' },
          'kill begun': begun('kill'),
          'delete begun': begun('delete'),
          'exec begun': begun('exec'),
          'run begun': begun('run'),
          'another begun': { ...mark({ msg: 'loaded configuration' }), renews: true, tells: 'a command that measures nothing here' },
          // Up to 1.1 the only line of many processes that names the container.
          'announced': {
            ...mark(...['create', 'start', 'state', 'delete'].map((command) => ({ command, arguments: '"{words} {id}"', version: '{version}' }))),
            names: { container: '{id}' },
            tells: 'version and container',
          },
          'told its arguments': { ...mark({ arguments: '{words}', version: '{version}' }), tells: 'version' },
          'netns created': msg('create netns'),
          'endpoints found': msg('Endpoints found after scan'),
          'endpoint attached': msg('Attaching endpoint'),
          'network added': msg('Network added'),
          'VM starting': msg('Starting VM'),
          'base VM asked for': msg('get base VM'),
          'VM made': msg('create new vm'),
          'VM resumes': msg('resume vm'),
          'random numbers reseeded': msg('reseed guest random number generator'),
          'time synchronised': msg('sync guest time'),
          'CPUs added': msg('hot adding {count} vCPUs'),
          'memory added': msg('hot adding {count} MB memory'),
          'CPUs and memory online': msg('online CPU {count} and memory'),
          // A factory's VM was made under a name of its own, and its proxy goes on speaking under it.
          'VM assigned': { ...msg('assign vm to sandbox {sid}'), names: { sandbox: '{sid}', alias: '{vm}' } },
          'hypervisor launched': msg('launching {path} with: [{arguments}'),
          'QMP details': msg('QMP details'),
          'QMP asked': msg('{"{rest}execute":"{verb}"}'),
          'QMP answered': msg('{"return": {rest}', '{"error": {rest}', 'read from QMP: {"return": {rest}', 'read from QMP: {"error": {rest}'),
          'VM started': msg('VM started'),
          'proxy starting': msg('Starting regular Kata proxy rather than built-in'),
          'proxy started': { ...msg('proxy started'), names: { also: 'proxy {proxy-pid}' } },
          'client made': mark({ msg: 'New client' }, { msg: 'New client', url: '{url}' }),
          'client connected': msg('New client connected'),
          'request sent': {
            ...mark(
              { msg: 'sending request', name: 'grpc.{verb}Request' },
              { msg: 'sending request', name: 'grpc.{verb}Request', req: 'container_id:"{cid}" exec_id:"{xid}"{rest}' },
            ),
            names: { also: 'exec {xid}' },
          },
          'agent started': msg('Agent started in the sandbox'),
          'container ready': msg('Setting container state from  to ready'),
          'create ended': mark({ msg: 'release sandbox', command: 'create' }),
          'started': msg('Sandbox is started', 'Container is started'),
          'container running': { ...msg('Setting container state from ready to running'), tells: 'the same as started' },
          'create failed': mark(failed('create'), failed('run')),
          'start failed': mark(failed('start')),
          'exec failed': mark(failed('exec')),
          'command failed': { ...mark({ msg: '{reason}', level: 'error', source: 'runtime' }), loose: 'a command on what is gone is no failure of a start' },
          'kill asked': { ...mark({ msg: 'kill', signal: '{signal}' }), tells: 'the signal' },
          'VM stopping': msg('Stopping sandbox in the VM'),
          'VM stops': msg('Stopping VM'),
          'hypervisor stops': msg('Stopping Sandbox'),
          'VM shut down': msg('{"timestamp": {rest} "event": "SHUTDOWN"{more}', 'read from QMP: {"timestamp": {rest} "event": "SHUTDOWN"{more}'),
          'VM path cleaned': msg('cleanup vm path'),
          'network removed': msg('Network removed'),
          'container gone': msg('Failed to get container, force will not fail: {reason}'),
        },
      },
      ignored: {
        'kata-runtime: set-up': [
          ...texts(
            'IOMMUPlatform is disabled by default.', 'converting {path}', 'container rootfs: {path}', 'shm-size detected: {size}', 'Creating bridges', 'Creating UUID',
            'Disable vhost_net', 'adding volume', 'Adding extra file [{file}', 'load vm factory', 'device details', 'normal attach devices', 'looking for backing file',
            'no loop device', 'Using sandbox shm', 'Replacing OCI mount {mount}', 'Block device detected', 'Detaching endpoint',
            'DNS file not present in ociMounts. Sandbox DNS will not be set.', 'Request to hypervisor to update vCPUs', 'Request to hypervisor to update memory',
            'Sandbox CPUs: {count}', 'Sandbox memory size: {size}', 'sandbox\'s cgroup won\'t be updated: cgroup path is empty', 'Deleting sandbox cgroup',
            'qemu-system-x86_64: warning: {text}',
          ),
          { 'default-kernel-parameters': '{parameters}' },
          { msg: absent, subsystem: 'qemu' },
        ],
        'kata-runtime: look-ups': texts(
          'fetch sandbox', 'release sandbox', 'restore sandbox failed', 'Could not retrieve anything from storage', 'fetch sandbox device failed',
          'container isn\'t running', 'Container already stopped', 'sandbox already stopped', 'Setting container state from running to stopped', 'cleanup agent',
        ),
        'kata-runtime: QMP talk': texts(
          '{"QMP": {rest}', 'read from QMP: {"QMP": {rest}', '{"timestamp": {rest}', 'read from QMP: {"timestamp": {rest}',
          'scanner return error: {error}', 'sanner return error: {error}', 'Unable to connect to unix socket ({socket}',
        ),
        'kata-runtime: alarming and normal': texts(
          'Could not read qemu pid file', 'Could not remove container share dir', 'sandbox cgroups path is empty', 'Could not umount',
          'rollback failed unmountHostMounts()', 'no such file or directory: {path}',
        ),
        'kata-runtime: said again': texts(
          'createContainer failed', 'container create failed', 'failed to launch qemu: {reason}', 'Unable to launch {reason}', 'qemu-system-x86_64: -{reason}',
        ),
      },
    },
    {
      files: [],
      identifiers: ['kata-proxy'],
      syntax: [logrus, journalJson],
      when: [{ name: 'kata-proxy', source: 'proxy' }, { name: 'kata-proxy', source: absent }],
      names: { sandbox: '{sandbox}', handle: ['proxy {pid}', 'proxy {syslog.pid}'] },
      fields: [],
      spelling: ['msg'],
      marks: {
        'kata-proxy': {
          'proxy announced': msg('announce'),
          'proxy dials': msg('dailing server'),
          'proxy dialled': msg('server connected'),
          'proxy listens': { ...msg('proxy listens'), tells: 'when a dial could have succeeded' },
          'proxy accepts': { ...msg('proxy accepts'), tells: 'when a dial could have succeeded' },
          'stream opened': msg('proxy opens stream'),
          'copy started': { ...msg('proxy starts copy goroutine'), tells: 'a stream in use' },
          'guest log lost': { ...msg('Failed reading agent logs from socket'), loose: 'from here on the guest is silent' },
        },
      },
      ignored: { 'kata-proxy: alarming and normal': texts('Copy stream error', 'shutting down', 'channel error', 'failed to handle exit signal') },
    },
    {
      files: [],
      identifiers: ['kata-shim'],
      syntax: [logrus, journalJson],
      when: [{ name: 'kata-shim' }],
      // Its own pid is 1, in a pid namespace of its own: what tells shims apart is whose process they stand for.
      names: { container: '{container}', handle: 'exec {exec-id}' },
      fields: [],
      spelling: ['msg'],
      marks: {
        'kata-shim': {
          'shim announced': msg('announce'),
          'workload exited': { ...mark({ msg: 'using shim to proxy exit code', exitcode: '{code}' }), loose: 'the end of the workload, not of its start' },
        },
      },
      ignored: { 'kata-shim: alarming and normal': texts('copy stdout failed', 'copy stderr failed', '{note}: stopTracing: tracing: {on}', 'handling signal', 'forward signal failed') },
    },
    {
      files: [],
      identifiers: ['kata-proxy'],
      syntax: [logrus, journalJson],
      when: [{ name: 'kata-proxy', source: 'agent' }],
      names: { sandbox: '{sandbox}' },
      fields: [],
      spelling: ['guest.msg', 'guest.request'],
      marks: {
        'kata-agent': {
          'kernel line': { ...mark({ 'guest.kernel': '{kernel}' }), tells: 'when the kernel began' },
          'agent announced': guest('announce'),
          'agent serial': { ...guest('Serial channel type detected'), tells: 'the agent lives' },
          'agent starts': guest('agent grpc server starts'),
          'agent waits': { ...guest('agent grpc server waits'), tells: 'the agent lives' },
          'channel opened': guest('New serial channel event'),
          'agent listens': { ...guest('agent grpc server listens'), tells: 'when a call could have succeeded' },
          'agent serves': guest('agent grpc server serves'),
          'request heard': {
            ...mark(
              { 'guest.msg': 'new request', 'guest.request': '/grpc.AgentService/Get{verb}' },
              { 'guest.msg': 'new request', 'guest.request': '/grpc.{service}/{verb}' },
              { 'guest.msg': 'new request', 'guest.request': '/grpc.{service}/{verb}', 'guest.req': 'container_id:"{cid}"{rest}' },
              { 'guest.msg': 'new request', 'guest.request': '/grpc.{service}/{verb}', 'guest.req': 'container_id:"{cid}" exec_id:"{xid}"{rest}' },
            ),
            names: { container: '{cid}', also: 'exec {xid}' },
            tells: 'whom a call is for',
          },
          'request ended': {
            ...mark(
              { 'guest.msg': 'request end', 'guest.request': '/grpc.AgentService/Get{verb}', 'guest.duration': '{took}' },
              { 'guest.msg': 'request end', 'guest.request': '/grpc.{service}/{verb}', 'guest.duration': '{took}' },
            ),
            tells: 'how long a call took',
          },
        },
      },
      ignored: {
        'kata-agent: streams': ['ReadStdout', 'ReadStderr', 'WriteStdin', 'CloseStdin', 'TtyWinResize'].flatMap(stream),
        'kata-agent: housekeeping': [
          ...guestTexts(
            'Container doesn\'t exist', 'Did not set sandbox DNS as DNS not received as part of grpc request.', 'connecting vCPUs', 'cpuset cgroup already updated',
            'log pipe has been closed: EOF', 'nsexec:{line} nsexec started', '{what} exited', 'updating cpuset cgroup', 'updating cpuset parent cgroup',
            'Getting interface from MAC address', 'Link found', 'Received add uevent', 'Remove dev from sysToDevMap', 'Started listening for uevents',
            'Waiting for stopServer signal...', 'discarding signal as container stopped', 'ignoring unexpected signal', 'Enable grpc tracing', 'signal: killed',
            '/etc/resolv.conf is not exist in guest, dns service may be unavailable',
          ),
          { 'guest.msg': absent, 'guest.name': 'kata-agent' },
        ],
        'guest console': [{ 'guest.console': '{text}', 'guest.kernel': absent }],
      },
    },
  ],

  episodes: {
    start: {
      root: { service: 'kata', name: 'container start', certainty: 'inferred' },
      opens: ['create begun', 'run begun'],
      commands: ['create', 'run'],
      continues: ['start'],
      pod: 'pod start',
      until: ['started'],
      fails: { 'create failed': 'reason', 'start failed': 'reason' },
      rests: { seen: 'create ended', unseen: 'start begun' },
      // A pod's containers start one after another, each when the caller has seen the one before.
      settle: duration(5_000_000_000),
      most: 16_384,
    },
    stop: {
      root: { service: 'kata', name: 'container stop', certainty: 'inferred' },
      opens: ['kill begun', 'delete begun'],
      commands: ['kill', 'delete'],
      joins: true,
      until: [],
      nothing: { exactly: ['delete begun', 'container gone'], name: 'nothing-to-delete' },
      // kill waits in silence for the shim, for 10 s at most.
      settle: duration(12_000_000_000),
      most: 16_384,
    },
    exec: {
      root: { service: 'kata', name: 'container exec', certainty: 'inferred' },
      opens: ['exec begun'],
      commands: ['exec'],
      until: [],
      fails: { 'exec failed': 'reason' },
      settle: duration(3_000_000_000),
    },
  },

  spans: {
    start: [
      between('network: set up', 'kata-runtime', ['netns created', 'endpoints found', 'endpoint attached'], ['network added', 'VM starting']),
      between('vm: start', 'kata-runtime', 'VM starting', ['agent started', 'VM started']),
      between('vm: get base', 'kata-runtime', ['base VM asked for', 'VM made'], 'VM assigned'),
      stages('kata-runtime', {
        'vm: resume': 'VM resumes',
        'vm: reseed rng': 'random numbers reseeded',
        'vm: sync time': 'time synchronised',
        'vm: add CPUs': 'CPUs added',
        'vm: add memory': 'memory added',
        'vm: online CPUs and memory': 'CPUs and memory online',
      }, ['VM assigned', 'VM started']),
      between('hypervisor: launch', 'hypervisor', 'hypervisor launched', 'QMP details', { credit: 'hypervisor' }),
      between('proxy: spawn', 'kata-runtime', ['proxy starting', 'VM started'], 'proxy started'),
      between('proxy: get ready', 'kata-proxy', 'proxy started', 'proxy announced', { across: true }),
      between('proxy: dial', 'kata-proxy', 'proxy dials', 'proxy dialled', { optional: true }),
      boot('guest: kernel boot', 'kata-agent', 'kernel line', ['agent announced', 'agent starts', 'channel opened']),
      between('agent: start', 'kata-agent', ['agent announced', 'agent starts'], 'channel opened', { credit: 'guest', optional: true }),
      between('agent: serve', 'kata-agent', 'channel opened', 'agent serves', { credit: 'guest', optional: true }),
      between('container: create', 'kata-runtime', 'agent started', ['container ready', 'create ended']),
      between('shim: start', 'kata-shim', 'container ready', 'shim announced', { across: true }),
    ],
    every: [
      sessions('kata-runtime'),
      gaps('kata-runtime'),
      pairs('qmp: {verb}', 'hypervisor', 'QMP asked', 'QMP answered', { credit: 'hypervisor' }),
      pairs('agent: dial', 'kata-runtime', 'client made', ['client connected', 'request sent'], { elsewhere: ['stream opened'], waits: true, peer: 'kata-proxy', alone: true }),
      rpc(
        'verb', 'took',
        { service: 'kata-runtime', name: 'call {verb}', mark: 'request sent' },
        { service: 'kata-agent', name: '{verb}', mark: 'request ended', asked: 'request heard' },
      ),
      between('vm: stop', 'kata-runtime', ['VM stopping', 'VM stops', 'hypervisor stops'], ['VM shut down', 'VM path cleaned', 'network removed']),
    ],
  },

  findings: [
    {
      kind: 'backoff',
      id: 'dial-backoff',
      span: 'agent: dial',
      // google.golang.org/grpc's backoff as vendored by runtime 1.0 to 1.2; the agent's client dials in a loop of its own from 1.3.0 on.
      base: duration(1_000_000_000),
      factor: 1.6,
      jitter: 0.2,
      attempts: 3,
      before: '1.3.0',
      not: ['vsock://', 'hvsock://'],
      listens: ['proxy listens', 'proxy announced'],
      serves: ['agent serves', 'channel opened'],
      starts: ['agent starts', 'agent announced'],
      remedy: 'Use Kata 1.3.0 or later, whose client does not sleep (agent PR 321), or let the runtime wait for proxy.sock before it dials.',
    },
    { kind: 'caller', in: ['start'], id: 'caller-credit', share: 0.01, remedy: 'Look at the caller: what Docker, containerd or CRI-O does between create and start is outside of Kata.' },
    { kind: 'skew', in: ['start'], id: 'guest-clock-skew', above: duration(5_000_000), remedy: 'Compare guest and host times of this sandbox only after the shift. VM templates keep the time of their making up to 1.4; 1.5 sets it.' },
    {
      kind: 'gap',
      in: ['start'],
      id: 'unexplained-gap',
      share: 0.1,
      explained: ['agent: dial', 'guest: kernel boot', 'vm: reseed rng'],
      remedy: 'Switch on what is silent there: [hypervisor] and [proxy] enable_debug show the guest, [runtime] enable_debug the runtime.',
    },
    { kind: 'slow', id: 'reseed', span: 'vm: reseed rng', above: duration(100_000_000), remedy: 'Give the host entropy (rng-tools, virtio-rng from /dev/urandom: [hypervisor] entropy_source).' },
    { kind: 'verbose', in: ['start'], id: 'debug-on', level: 'debug', words: [' level=debug ', '"level":"debug"'], remedy: 'Measure again with enable_debug off; full debug cost about 0.25 s of a start when Kata measured it.' },
    { kind: 'broken', id: 'incomplete', marks: ['guest log lost'], remedy: 'Look at the line: it is what the runtime said last.' },
  ],

  clock: {
    // The proxy's dial is what opens the guest's end of the channel.
    after: [['proxy dialled', 'channel opened'], ['proxy announced', 'channel opened']],
    sets: { mark: 'request ended', hole: 'verb', value: 'SetGuestDateTime' },
  },
};
