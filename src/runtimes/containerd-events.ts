// Who writes these lines: containerd (github.com/containerd/containerd), 1.x and 2.x, as `ctr events` prints its events: nanoseconds, no
// debug level needed, the same for every shim of version 2 (runc, runsc, Kata, urunc). Recorded from 1.6.20.
//
// An event is sent when the work is done: what it ends began, at the latest, with the event before, so every span here is bounded. Whatever
// a line does not say of the work is said by the layer whose work it is. No event names the pod that a container is in.
//
// Ignored, by name: images, contents, leases; snapshots that are no container's; what happens to a container that runs.
import { absent } from '../model/runtime.ts';
import type { MarkRule, Runtime, When } from '../model/runtime.ts';
import { between } from '../model/spans.ts';
import { duration } from '../model/time.ts';
import { ctrEvents } from '../syntax/ctrevents.ts';

type Mark =
  | 'snapshot prepared' | 'container created' | 'container updated' | 'task created' | 'task started'
  | 'exec added' | 'exec started' | 'exec exited'
  | 'task exited' | 'task deleted' | 'snapshot removed' | 'container deleted';

const mark = (...when: When[]): MarkRule => ({ scheme: { any: when } });
const topics = (...all: string[]): When[] => all.map((topic) => ({ topic }));

const KUBERNETES = 'labels.io.kubernetes.';
const created: When = { topic: '/containers/create' };
const exited: When = { topic: '/tasks/exit', exec: absent, code: '{code}' };
const ended: When = { topic: '/tasks/exit', exec: '{exec}', code: '{code}' };

export const runtime: Runtime<Mark> = {
  name: 'containerd-events',
  around: true,
  services: { containerd: 'cri' },
  schemes: ['any'],

  sources: [{
    files: [],
    syntax: ctrEvents,
    names: { container: '{container}', sandbox: '{sandbox_id}' },
    fields: [],
    spelling: ['topic'],
    marks: {
      'containerd': {
        'snapshot prepared': { ...mark({ topic: '/snapshot/prepare' }), names: { container: '{key}' } },
        'container created': {
          ...mark(created, { ...created, image: '{image}' }, { ...created, 'runtime.name': 'io.containerd.{runtime}.v{major}' }, { ...created, image: '{image}', 'runtime.name': 'io.containerd.{runtime}.v{major}' }),
          names: { container: '{id}' },
        },
        'container updated': {
          ...mark(
            { topic: '/containers/update', 'labels.io.cri-containerd.kind': 'sandbox' },
            { topic: '/containers/update', [`${KUBERNETES}pod.name`]: '{pod}', [`${KUBERNETES}pod.namespace`]: '{namespace}', [`${KUBERNETES}pod.uid`]: '{uid}' },
          ),
          names: { container: '{id}' },
          tells: 'whose sandbox it is',
        },
        'task created': mark({ topic: '/tasks/create' }),
        'task started': mark({ topic: '/tasks/start' }),
        'exec added': { ...mark({ topic: '/tasks/exec-added', exec: '{exec}' }), names: { container: '{container}', handle: 'exec {container} {exec}' }, renews: true },
        'exec started': { ...mark({ topic: '/tasks/exec-started', exec: '{exec}' }), names: { container: '{container}', handle: 'exec {container} {exec}' } },
        // A process that has ended may be told twice, a microsecond apart: by its shim, and by who cleaned up after it.
        'exec exited': { ...mark(ended, { ...ended, exited: '{exited}' }), names: { container: '{container}', handle: 'exec {container} {exec}' }, tells: 'its exit code' },
        'task exited': { ...mark(exited, { ...exited, exited: '{exited}' }), names: { container: '{container}', handle: 'stop {container}' } },
        'task deleted': { ...mark({ topic: '/tasks/delete' }), names: { container: '{container}', handle: 'stop {container}' } },
        'snapshot removed': { ...mark({ topic: '/snapshot/remove' }), names: { container: '{key}', handle: 'stop {key}' }, tells: 'that its files are gone' },
        'container deleted': { ...mark({ topic: '/containers/delete' }), names: { container: '{id}', handle: 'stop {id}' } },
      },
    },
    ignored: {
      'containerd: another snapshot': ['/snapshot/prepare', '/snapshot/remove'].flatMap((topic) => ['extract-{rest}', '{rest} sha256:{digest}', '{id}-init', '{id}-init-key', 'sha256:{digest}'].map((key) => ({ topic, key }))),
      'containerd: images and leases': [
        ...topics('/snapshot/commit', '/content/create', '/content/delete', '/namespaces/create', '/namespaces/update', '/namespaces/delete', '/images/create', '/images/update', '/images/delete'),
        ...topics('/leases/create', '/leases/delete'),
      ],
      'containerd: a container that runs': [{ topic: '/containers/update' }, ...topics('/tasks/oom', '/tasks/paused', '/tasks/resumed', '/tasks/checkpointed')],
      'containerd: sandboxes': topics('/sandboxes/create', '/sandboxes/start', '/sandboxes/exit'),
    },
  }],

  attributes: {
    'k8s.pod.name': { hole: 'pod', whole: true },
    'k8s.namespace.name': { hole: 'namespace', whole: true },
    'k8s.pod.uid': { hole: 'uid', whole: true },
    'container.image.name': { hole: 'image' },
    'process.exit.time': { hole: 'exited' },
  },

  episodes: {
    start: {
      root: { service: 'containerd', name: 'container start' },
      opens: ['snapshot prepared'],
      // A client may bring a root file system of its own, and a task can be started again.
      standIns: ['container created', 'task created'],
      until: ['task started'],
      fails: { 'container deleted': 'deleted before it had started' },
      undone: { by: 'task exited', hole: 'code' },
      rests: { seen: 'container created', unseen: 'task started' },
      nothing: { exactly: ['snapshot prepared'], name: 'snapshot-only' },
      // A virtual machine may boot in between.
      patience: duration(300_000_000_000),
    },
    stop: {
      root: { service: 'containerd', name: 'container stop' },
      // Kata's runtime-rs says first that a task is deleted, and then that it has exited.
      opens: ['task exited', 'task deleted'],
      joins: true,
      until: ['task deleted'],
      // Of a task that nobody deletes there is nothing to measure.
      nothing: { exactly: ['task exited'], name: 'exit-only' },
      // A client deletes the container right after its task; a task that is started again ends later than that.
      settle: duration(500_000_000),
    },
    exec: {
      root: { service: 'containerd', name: 'container exec' },
      opens: ['exec added'],
      until: ['exec started'],
      fails: { 'exec exited': 'ended before it had started' },
      settle: duration(3_000_000_000),
    },
  },

  spans: {
    start: [
      between('container: create', 'containerd', 'snapshot prepared', 'container created', { credit: 'containerd', after: [], optional: true }),
      between('oci: create', 'containerd', 'container created', 'task created', { credit: 'shim', after: ['shim: start', 'container: create'], optional: true }),
      between('oci: start', 'containerd', 'task created', 'task started', { credit: 'shim', after: [], optional: true }),
    ],
    stop: [
      between('oci: delete', 'containerd', 'task exited', 'task deleted', { credit: 'shim', after: [], optional: true }),
      between('container: delete', 'containerd', ['task deleted', 'task exited'], 'container deleted', { credit: 'containerd', after: [], optional: true }),
    ],
    exec: [
      between('exec: start', 'containerd', 'exec added', 'exec started', { credit: 'shim', after: [], optional: true }),
    ],
  },

  findings: [{ kind: 'broken', id: 'incomplete', marks: [], remedy: 'Look at the line: it is what containerd said of it.' }],
};
