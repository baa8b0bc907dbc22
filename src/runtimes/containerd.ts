// Who writes these lines: containerd (github.com/containerd/containerd), 1.4 to 2.x, with its CRI plugin, through logrus: text, or JSON by
// `[debug] format = "json"`; and the shims of version 2, whose text containerd copies raw to its own standard error, so that one log
// may hold both. Texts from the release tags (internal/cri/instrument, internal/cri/server, core/runtime/v2) and from recordings of 1.6.20.
//
// A request of the kubelet is to this runtime what a process is to Kata 1.x: a handle. RunPodSandbox and CreateContainer name nobody yet:
// whose they are is told by their answer (at debug by `generated id`, right after), under the same text. containerd refuses a second
// request for a name while the first goes on, so an answer belongs to the newest that is open; of pulls of one image, which may
// go on side by side, to the oldest. A pull names no pod: it belongs to the start under way where exactly one is.
//
// Containers of other clients (ctr, Docker) are not asked for in this log: of those only the shim's start is there, which is no start
// alone. `connecting to shim` is written for every living shim again when containerd starts: it opens nothing.
//
// Ignored, by name: set-up, garbage collection, streams, steps inside a stop, what is alarming to read and part of every normal stop.
// Secret: what prints a pod's or container's configuration, specification, commands, or the daemon's own configuration.
import { absent } from '../model/runtime.ts';
import type { MarkRule, Runtime, When } from '../model/runtime.ts';
import { between, gaps, requests } from '../model/spans.ts';
import { duration } from '../model/time.ts';
import { journalJson } from '../syntax/journaljson.ts';
import { logrus } from '../syntax/logrus.ts';
import { logrusJson } from '../syntax/logrusjson.ts';

type Mark =
  | 'RunPodSandbox asked' | 'RunPodSandbox answered' | 'RunPodSandbox failed' | 'sandbox named' | 'CNI begun' | 'CNI ended'
  | 'PullImage asked' | 'PullImage answered' | 'PullImage failed'
  | 'CreateContainer asked' | 'CreateContainer answered' | 'CreateContainer failed'
  | 'StartContainer asked' | 'StartContainer answered' | 'StartContainer failed'
  | 'snapshot prepared' | 'task creating' | 'shim connected' | 'shim up' | 'task shim up' | 'task not made'
  | 'StopContainer asked' | 'StopContainer answered' | 'StopContainer failed' | 'RemoveContainer asked' | 'RemoveContainer answered' | 'RemoveContainer failed'
  | 'StopPodSandbox asked' | 'StopPodSandbox answered' | 'StopPodSandbox failed' | 'RemovePodSandbox asked' | 'RemovePodSandbox answered' | 'RemovePodSandbox failed'
  | 'network gone' | 'task exited' | 'shim gone';

const mark = (...when: When[]): MarkRule => ({ scheme: { any: when } });
const msg = (...texts: string[]): MarkRule => mark(...texts.map((text) => ({ msg: text })));
const texts = (...all: string[]): When[] => all.map((text) => ({ msg: text }));

const POD: When = { 'meta.name': '{pod}', 'meta.namespace': '{namespace}', 'meta.uid': '{uid}', 'meta.attempt': '{attempt}' };
const CONTAINER: When = { 'meta.name': '{name}', 'meta.attempt': '{attempt}' };

/** Why it failed; what a Rust agent adds of its stack is no reason. */
const REASONS: readonly When[] = [{ error: '{reason}' }, { error: '{reason}\n\nStack backtrace:{trace}' }];

/** A pod's or container's request, that has no id before it is answered. */
const pod = (when: When, turn: NonNullable<MarkRule['turn']>, container?: string, more: readonly When[] = [{}]): MarkRule => ({
  ...mark(...more.map((one) => ({ ...when, ...POD, ...one }))),
  names: { handle: 'RunPodSandbox {meta}', command: 'RunPodSandbox', otherwise: '{meta}', ...(container !== undefined && { container, sandbox: container }) },
  ...(turn === 'asks' && { renews: true }),
  turn,
});
const container = (when: When, turn: NonNullable<MarkRule['turn']>, id?: string, more: readonly When[] = [{}]): MarkRule => ({
  ...mark(...more.map((one) => ({ ...when, ...CONTAINER, ...one }))),
  names: { sandbox: '{sandbox}', handle: 'CreateContainer {sandbox} {meta}', command: 'CreateContainer', otherwise: '{sandbox}_{meta}', ...(id !== undefined && { container: id }) },
  ...(turn === 'asks' && { renews: true }),
  turn,
});
const pull = (when: When, turn: NonNullable<MarkRule['turn']>): MarkRule => ({
  ...mark(when),
  names: { handle: 'PullImage {image}', command: 'PullImage' },
  ...(turn === 'asks for nobody' && { renews: true }),
  turn,
});
/** A request about what has an id. */
const about = (verb: string, rule: MarkRule, asks = false): MarkRule => ({ ...rule, names: { container: '{id}', handle: `${verb} {id}`, command: verb }, ...(asks && { renews: true }) });
const asked = (verb: string, text = `${verb} for "{id}"`): MarkRule => about(verb, msg(text), true);
const answered = (verb: string, text = `${verb} for "{id}" returns successfully`): MarkRule => about(verb, msg(text));
const failed = (verb: string): MarkRule => about(verb, mark(...REASONS.map((reason) => ({ msg: `${verb} for "{id}" failed`, ...reason }))));

/** Of a shim, for whichever container: its own line, never a line of a request. */
const shim = (rule: MarkRule): MarkRule => ({ ...rule, names: { container: '{id}', handle: 'shim {id}', command: 'shim' } });
const loop: When = { msg: 'starting signal loop', path: '{folder}/{id}' };
/** Which runtime runs inside. */
const ofRuntime: When = { runtime: 'io.containerd.{runtime}.v{major}' };
const ofSandbox = (rule: MarkRule): MarkRule => ({ ...rule, names: { container: '{podsandboxid}', handle: 'RunPodSandbox {podsandboxid}', command: 'RunPodSandbox' } });

const EXITS = ['received exit event {text}', 'received container exit event {text}', 'received sandbox exit event {text}', 'TaskExit event {text}'];
const STOPS = ['StopContainer', 'RemoveContainer', 'StopPodSandbox', 'RemovePodSandbox'] as const;
const STARTS = ['RunPodSandbox', 'CreateContainer', 'StartContainer', 'PullImage'] as const;
const VERBS = [...STARTS, ...STOPS] as const;

export const runtime: Runtime<Mark> = {
  name: 'containerd',
  around: true,
  services: { containerd: 'cri', 'containerd-shim': 'shim' },
  schemes: ['any'],

  sources: [{
    // k3s and RKE2 give their containerd a file of its own; elsewhere it is the journal's.
    files: ['/var/lib/rancher/k3s/agent/containerd/containerd.log', '/var/lib/rancher/rke2/agent/containerd/containerd.log'],
    identifiers: ['containerd'],
    carriers: ['dockerd'],
    shared: true,
    syntax: [logrus, logrusJson, journalJson],
    // Shims have loggers of their own, whose lines say so.
    when: [{ level: '{level}', msg: '{msg}', name: absent, source: absent }, { 'syslog.identifier': 'containerd', 'journal.message': '{text}' }],
    names: { container: '{id}', sandbox: '{podsandboxid}' },
    fields: [],
    spelling: ['msg'],
    marks: {
      'containerd': {
        'RunPodSandbox asked': pod({ msg: 'RunPodSandbox for {text}' }, 'asks'),
        'sandbox named': {
          ...mark({ msg: 'generated id for sandbox name "{meta}"' }, { msg: 'Generated id "{podsandboxid}" for sandbox "{meta}"' }),
          names: { container: '{podsandboxid}', sandbox: '{podsandboxid}', handle: 'RunPodSandbox {meta}', command: 'RunPodSandbox' },
          turn: 'names',
          tells: 'whose request it is',
        },
        'CNI begun': ofSandbox(msg('begin cni setup')),
        'CNI ended': ofSandbox(msg('cni result: {result}', 'cni result for sandbox "{podsandboxid}": {result}')),
        'RunPodSandbox answered': pod({ msg: 'RunPodSandbox for {text} returns sandbox id "{id}"' }, 'ends', '{id}'),
        'RunPodSandbox failed': pod({ msg: 'RunPodSandbox for {text} failed, error' }, 'ends', undefined, REASONS),
        'PullImage asked': pull({ msg: 'PullImage "{image}"' }, 'asks for nobody'),
        'PullImage answered': pull({ msg: 'PullImage "{image}" returns image reference "{digest}"' }, 'ends for nobody'),
        'PullImage failed': pull({ msg: 'PullImage "{image}" failed', error: '{reason}' }, 'ends for nobody'),
        'CreateContainer asked': container({ msg: 'CreateContainer within sandbox "{sandbox}" for container {text}' }, 'asks'),
        'CreateContainer answered': container({ msg: 'CreateContainer within sandbox "{sandbox}" for {text} returns container id "{id}"' }, 'ends', '{id}'),
        'CreateContainer failed': container({ msg: 'CreateContainer within sandbox "{sandbox}" for {text} failed' }, 'ends', undefined, REASONS),
        'snapshot prepared': { ...mark({ msg: 'prepare snapshot', key: '{key}' }), names: { container: '{key}' } },
        'StartContainer asked': asked('StartContainer'),
        'task creating': shim(mark({ msg: 'creating task', id: '{id}' })),
        'shim connected': shim(msg('connecting to shim {id}')),
        'StartContainer answered': answered('StartContainer'),
        'StartContainer failed': failed('StartContainer'),
        'StopContainer asked': asked('StopContainer', 'StopContainer for "{id}" with timeout {timeout} (s)'),
        'StopContainer answered': answered('StopContainer'),
        'StopContainer failed': failed('StopContainer'),
        'task exited': {
          ...mark(...EXITS.map((text) => ({ msg: text, 'exit.container': '{cid}', 'exit.exec': absent, 'exit.code': '{code}' }))),
          names: { container: '{cid}', handle: 'exit {cid}', command: 'exit' },
        },
        'shim gone': { ...mark({ msg: 'shim disconnected', id: '{id}' }), names: { container: '{id}', handle: 'exit {id}', command: 'exit' }, tells: 'that its task is gone' },
        'RemoveContainer asked': asked('RemoveContainer'),
        'RemoveContainer answered': answered('RemoveContainer'),
        'RemoveContainer failed': failed('RemoveContainer'),
        'StopPodSandbox asked': asked('StopPodSandbox'),
        'network gone': about('StopPodSandbox', msg('TearDown network for sandbox "{id}" successfully')),
        'StopPodSandbox answered': answered('StopPodSandbox'),
        'StopPodSandbox failed': failed('StopPodSandbox'),
        'RemovePodSandbox asked': asked('RemovePodSandbox'),
        'RemovePodSandbox answered': answered('RemovePodSandbox', 'RemovePodSandbox "{id}" returns successfully'),
        'RemovePodSandbox failed': failed('RemovePodSandbox'),
      },
      'containerd-shim': {
        'shim up': shim(mark({ ...loop, namespace: 'k8s.io' }, { ...loop, namespace: 'k8s.io', ...ofRuntime })),
        // Of a task that somebody else asked for it is the last that the log tells.
        // The runtime refused to make the task; why is told to who asked for it.
        'task not made': shim(mark({ msg: 'failed to delete task', error: '{code}container not created{rest}' })),
        'task shim up': shim(mark(loop, { ...loop, namespace: '{namespace}' }, { ...loop, namespace: '{namespace}', ...ofRuntime })),
      },
    },
    ignored: {
      'another program': { 'syslog.identifier': 'containerd', 'journal.message': '{text}' },
      'containerd: set-up': [
        ...texts(
          'starting containerd', 'loading plugin', 'loading plugin "{plugin}"...', 'skip loading plugin', 'skip loading plugin "{plugin}"...', 'failed to load plugin {plugin}',
          'could not use snapshotter {plugin} in metadata plugin', 'metadata content store policy set', 'Get image filesystem path "{path}"', 'Connect containerd service',
          'Start subscribing containerd event', 'Start recovering state', 'Start event monitor', 'Start snapshots syncer', 'Start cni network conf syncer for {network}', 'Start streaming server',
          'serving...', 'sd notification', 'containerd successfully booted in {seconds}', 'received signal', 'Stop CRI service', 'Event monitor stopped', 'Stream server stopped',
          'No RDT config file specified, RDT not configured', 'NRI interface is disabled by configuration.', 'using legacy CRI server', 'using experimental NRI integration - {note}',
          'skipping tracing processor initialization (no tracing plugin)', 'No cni config template is specified, wait for other system components to drop the config.',
          'failed to load cni during init, please check CRI plugin status before setting up network for pods', 'The image {image} is not unpacked.', 'cni watcher channel is closed',
          'deprecated version : `{old}`, please switch to version `{new}`', 'changing OOM score to {score}', 'runtime metrics export {note}', 'Recovered {what}', 'restored {what}',
        ),
      ],
      'containerd: shims': [
        { msg: 'starting signal loop', path: absent },
        ...texts(
          'registering ttrpc service', 'registering ttrpc server', 'serving api on socket', 'cleaning up after shim disconnected', 'cleaning up dead shim', 'cleanup warnings {text}',
          'copy shim log', 'using shim {version}',
        ),
      ],
      'containerd: names': texts('Generated id "{id}" for container "{text}"', 'Composed container full log path {text}'),
      'containerd: events in words': texts('event forwarded', 'event published'),
      'containerd: an exec has ended': EXITS.map((text) => ({ msg: text, 'exit.exec': '{exec}' })),
      'containerd: streams': texts(
        'Start writing stream {text}', 'Finish redirecting {text}', 'Finish piping {text}', 'Getting EOF from stream {text}', 'Failed to pipe {stream} of container "{id}"',
      ),
      'containerd: another snapshot': ['extract-{rest}', '{rest} sha256:{digest}', '{id}-init', '{id}-init-key', 'sha256:{digest}'].map((key) => ({ msg: 'prepare snapshot', key })),
      'containerd: garbage and snapshots': texts(
        'garbage collected', 'snapshot garbage collected', 'content garbage collected', 'schedule snapshotter cleanup', 'schedule content cleanup', 'removed snapshot', 'remove snapshot',
        'removed content', 'get snapshot mounts', 'stat snapshot', 'commit snapshot', 'update snapshot', 'get snapshot usage', 'view snapshot',
      ),
      'containerd: images': texts(
        'ImageCreate event {event}', 'ImageUpdate event {event}', 'ImageDelete event {event}', 'Pulled image "{text}', 'stop pulling image {text}', 'RemoveImage {text}', 'image pulled', 'fetch response received',
        'do request', 'fetch', 'resolving', 'trying next host', 'Trying next host', 'PullImage using normalized image ref: "{image}"', 'PullImage using {what}', 'create image', 'cancel pulling image {text}',
      ),
      'containerd: steps of a stop': texts(
        'Stop container "{id}" with signal {signal}', 'Kill container "{id}"', 'Forcibly stopping container "{id}"', 'Forcibly stopping sandbox "{id}"', 'Container to stop "{id}" must be in {text}',
        'Stop container "{id}" timed out', 'Skipping the sending of signal {text}', 'Ensure that container {id} in task-service has been cleanup successfully', 'Ensure that sandbox {id} in task-service has been cleanup successfully',
      ),
      'containerd: alarming and normal': texts(
        'ContainerStatus for "{id}" failed', 'PodSandboxStatus for "{id}" failed', 'Failed to get podSandbox status for container event for sandboxID "{id}": {text}', 'Failed to delete containerd task "{id}"',
        'Failed to handle backOff event {text}', 'failed to handle container TaskExit event {text}', 'failed to handle sandbox TaskExit event {text}', 'failed sending message on channel',
        'failed to delete task', 'failed to delete', 'failed to clean up after shim disconnected', 'failed to kill init\'s children', 'get state for {id}', 'unknown status', 'failed to delete dead shim', 'get exec {text}',
        'Failed to destroy network for sandbox "{id}"', 'encountered an error cleaning up failed sandbox "{id}", marking sandbox state as SANDBOX_UNKNOWN', 'ttrpc: received message on inactive stream',
      ),
    },
    secret: {
      'secret: pod and container configuration': texts('Sandbox config {config}', 'Container config {config}', 'UpdateContainerResources for "{id}" with {config}', 'UpdatePodSandboxResources {config}'),
      'secret: container specification': texts('sandbox container spec: {spec}', 'Sandbox container spec: {spec}', 'Container "{id}" spec: {spec}', 'Container spec: {spec}', 'Sandbox spec: {spec}'),
      'secret: runtime options': texts('use OCI runtime {options}', 'Use OCI runtime {options}'),
      'secret: daemon configuration': [...texts('Start cri plugin with config {config}', 'starting cri plugin', 'starting cri image service'), { msg: '{text}', config: '{config}' }],
      'secret: commands of execs': texts('Exec for "{id}" with command {command}', 'ExecSync for "{id}" with command {command}', 'Exec process {text}'),
    },
  }],

  attributes: {
    'k8s.pod.name': { hole: 'pod', whole: true },
    'k8s.namespace.name': { hole: 'namespace', whole: true },
    'k8s.pod.uid': { hole: 'uid', whole: true },
    'k8s.container.name': { hole: 'name' },
    'shimtrace.attempt': { hole: 'attempt', number: true },
    'container.image.name': { hole: 'image' },
  },

  episodes: {
    start: {
      root: { service: 'containerd', name: 'container start' },
      names: { 'RunPodSandbox asked': 'pod start' },
      opens: ['RunPodSandbox asked', 'CreateContainer asked'],
      standIns: ['StartContainer asked', 'snapshot prepared', 'task shim up'],
      pod: 'pod start',
      until: ['RunPodSandbox answered', 'StartContainer answered', 'task shim up'],
      fails: { 'RunPodSandbox failed': 'reason', 'CreateContainer failed': 'reason', 'StartContainer failed': 'reason', 'PullImage failed': 'reason' },
      because: { 'RunPodSandbox failed': 'reason', 'CreateContainer failed': 'reason', 'StartContainer failed': 'reason' },
      fatal: { 'task not made': 'its task could not be made: the reason was told to the client alone' },
      undone: { by: 'task exited', hole: 'code' },
      // Of an image the transfer counts; a virtual machine may boot inside the others.
      answers: [
        ['PullImage asked', ['PullImage answered', 'PullImage failed'], duration(1_800_000_000_000)],
        ['RunPodSandbox asked', ['RunPodSandbox answered', 'RunPodSandbox failed'], duration(300_000_000_000)],
        ['CreateContainer asked', ['CreateContainer answered', 'CreateContainer failed'], duration(300_000_000_000)],
        ['StartContainer asked', ['StartContainer answered', 'StartContainer failed'], duration(300_000_000_000)],
      ],
      rests: { seen: 'CreateContainer answered', unseen: 'StartContainer asked' },
      // Of a container that nobody asked the kubelet's interface for.
      nothing: { exactly: ['snapshot prepared', 'task creating', 'shim connected', 'shim up', 'task shim up'], some: true, name: 'outside-cri' },
      // A pod's containers start one after another, each when the kubelet has seen the one before.
      settle: duration(5_000_000_000),
      most: 4_096,
    },
    stop: {
      root: { service: 'containerd', name: 'container stop' },
      names: { 'StopPodSandbox asked': 'pod stop', 'RemovePodSandbox asked': 'pod stop' },
      opens: ['StopContainer asked', 'RemoveContainer asked', 'StopPodSandbox asked', 'RemovePodSandbox asked'],
      standIns: ['task exited'],
      joins: true,
      until: [],
      fails: { 'StopContainer failed': 'reason', 'RemoveContainer failed': 'reason', 'StopPodSandbox failed': 'reason', 'RemovePodSandbox failed': 'reason' },
      answers: [
        ['StopContainer asked', ['StopContainer answered', 'StopContainer failed'], duration(300_000_000_000)],
        ['RemoveContainer asked', ['RemoveContainer answered', 'RemoveContainer failed'], duration(60_000_000_000)],
        ['StopPodSandbox asked', ['StopPodSandbox answered', 'StopPodSandbox failed'], duration(300_000_000_000)],
        ['RemovePodSandbox asked', ['RemovePodSandbox answered', 'RemovePodSandbox failed'], duration(60_000_000_000)],
      ],
      nothing: { exactly: ['task exited'], name: 'exit-only' },
      settle: duration(5_000_000_000),
    },
  },

  spans: {
    start: [
      between('sandbox: prepare', 'containerd', 'RunPodSandbox asked', 'CNI begun', { credit: 'containerd', optional: true }),
      between('network: set up', 'containerd', 'CNI begun', 'CNI ended', { credit: 'containerd', optional: true }),
      between('shim: start', 'containerd-shim', ['task creating', 'CNI ended', 'StartContainer asked', 'snapshot prepared'], ['shim connected', 'shim up', 'task shim up'], {
        credit: 'shim',
        together: true,
        optional: true,
        after: ['container: create', 'network: set up'],
      }),
      between('oci: create', 'containerd', ['task shim up', 'shim up', 'shim connected'], 'task not made', { credit: 'shim', together: true, optional: true, after: [] }),
      gaps('containerd'),
    ],
    stop: [
      between('network: tear down', 'containerd', ['shim gone', 'StopPodSandbox asked', 'RemovePodSandbox asked'], 'network gone', { credit: 'containerd', together: true, optional: true, after: [] }),
    ],
    every: [
      requests(
        'containerd',
        VERBS.map((verb) => `${verb} asked` as const),
        VERBS.flatMap((verb) => [`${verb} answered`, `${verb} failed`] as const),
        { credit: 'containerd' },
      ),
    ],
  },

  findings: [{ kind: 'broken', id: 'incomplete', marks: [], remedy: 'Look at the line: it is what containerd said of it.' }],
};
