/**
 * Writes the logs of whole sandboxes of Kata's Go shim (containerd-shim-kata-v2 4.0.0 with QEMU), each line in two copies: to syslog as `kata`
 * and over containerd, and tells the truth it wrote. Imports nothing from src; checked against the recordings first.
 */
import { nanoTime, text } from './gologrus.ts';
import type { Field } from './gologrus.ts';
import type { Random } from './random.ts';
import { MICRO, MILLI, Story, entry, short, trusted } from './shimwriter.ts';
import type { Copy, ShimOptions, ShimSession } from './shimwriter.ts';

const CONTAINERD = 2450;
const SHIM = 'containerd-kata-shim-v2';
const HYPERVISOR = 'virtcontainers/hypervisor';

interface Said {
  readonly level?: 'debug' | 'info' | 'warning' | 'error';
  readonly source?: string;
  readonly subsystem?: string;
  readonly fields?: readonly Field[];
  /** The line knows nobody: no sandbox, no pid, no name. */
  readonly bare?: boolean;
  /** Only containerd prints it: the shim has not found syslog yet. */
  readonly early?: boolean;
  readonly time?: bigint;
}

const VERSION: readonly Field[] = [['qmp-Capabilities', 'oob'], ['qmp-major-version', '7'], ['qmp-micro-version', '22'], ['qmp-minor-version', '2']];

class GoStory extends Story {
  say(msg: string, said: Said = {}): bigint {
    const { level = 'info', source = 'virtcontainers', subsystem, fields = [], bare = false, early = false, time = this.now } = said;
    if (level === 'debug' && !this.debug) return time;
    const own: Field[] = bare ? [] : [['name', 'containerd-shim-v2'], ['pid', String(this.pid)], ['sandbox', this.id]];
    const all: Field[] = [...own, ['source', source], ...(subsystem === undefined ? [] : [['subsystem', subsystem]] satisfies Field[]), ...fields];
    const trimmed = text({ time: nanoTime(time), level, msg, fields: all });
    // Nineteen of twenty of containerd's copies keep the zeros that syslog's cuts off.
    const padded = this.random.chance(0.05) ? trimmed : text({ time: nanoDigits(time), level, msg, fields: all });
    const copies = [this.#copy(time, 'containerd', CONTAINERD, 'stdout', padded, 6), ...(early ? [] : [this.#copy(time, 'kata', this.pid, 'syslog', trimmed, PRIORITIES[level])])];
    this.lines.push({ time, text: msg, copies: this.random.chance(0.5) ? copies : copies.reverse() });
    return time;
  }

  #copy(time: bigint, identifier: string, pid: number, transport: string, record: string, priority: number): Copy {
    return { short: short(time, identifier, pid, record), json: entry(this.random, { ...trusted(time, identifier, pid, transport), PRIORITY: String(priority), MESSAGE: record }) };
  }

  guestSays(said: string, at: bigint): void {
    this.console(said, at);
  }

  console(said: string, at: bigint): void {
    const socket = `/run/vc/vm/${this.id}/console.sock`;
    this.say('reading guest console', { level: 'debug', subsystem: 'sandbox', time: at + this.lateness(), fields: [['console-protocol', 'unix'], ['console-url', socket], ['vmconsole', said]] });
  }

  /** `Create() start` .. `Create() end`; `work` moves the clock. */
  request(verb: string, container: string, work: () => void, more: { readonly early?: boolean; readonly told?: boolean } = {}): void {
    const name = verb.toLowerCase();
    const fields: Field[] = [['container', container]];
    const start = this.say(`${verb}() start`, { level: 'debug', source: SHIM, fields, early: more.early ?? false });
    this.working = { request: name, container };
    work();
    this.working = undefined;
    this.pass(40 * MICRO, 400 * MICRO);
    const end = this.say(`${verb}() end`, { level: 'debug', source: SHIM, fields });
    if (this.debug && more.told !== false) this.span('kata-shim', name, container, start, end);
    this.pass(40 * MICRO, 400 * MICRO);
  }

  lookUp(verb: string, container: string): void {
    this.request(verb, container, () => undefined, { told: false });
  }
}

const PRIORITIES = { debug: 7, info: 6, warning: 4, error: 3 } as const;

/** RFC3339 with all nine digits. */
const nanoDigits = (time: bigint): string => `${nanoTime(time).slice(0, 19)}.${String(time % 1_000_000_000n).padStart(9, '0')}Z`;

function launch(story: GoStory): void {
  const arguments_ = `-name sandbox-${story.id},debug-threads=on -machine q35,accel=kvm`;
  const starting = story.say('Starting VM', { subsystem: 'sandbox' });
  story.pass(80 * MICRO, 400 * MICRO);
  story.say('created vm path', { source: HYPERVISOR, subsystem: 'qemu', fields: [['vm path', `/run/vc/vm/${story.id}`]] });
  story.pass(MILLI, 8 * MILLI);
  const launched = story.say(`launching /opt/kata/bin/qemu-system-x86_64 with: [${arguments_}]`, { source: HYPERVISOR, subsystem: 'qmp' });
  story.pass(30 * MILLI, 120 * MILLI);
  const up = story.say('QMP details', { source: HYPERVISOR, subsystem: 'qemu', fields: VERSION });
  story.span('hypervisor', 'hypervisor: launch', story.id, launched, up);
  story.pass(MILLI, 40 * MILLI);
  story.say('endpoints found after scan', { subsystem: 'network', fields: [['endpoints', '[0x2116f49bfc08]']] });
  story.pass(80 * MICRO, 400 * MICRO);
  const started = story.say('VM started', { subsystem: 'sandbox' });
  story.span('kata-shim', 'vm: start', story.id, starting, started);
  story.pass(80 * MICRO, 400 * MICRO);
  story.say('New client', { subsystem: 'kata_agent', fields: [['url', 'vsock://3569055597:1024']] });
  story.pass(50 * MICRO, 100 * MICRO);
  const boots = story.random.whole(300 * MILLI, 2_000 * MILLI);
  story.now = story.boot(story.now, boots) + story.some(2 * MILLI, 20 * MILLI);
  story.call('update_interface', 5 * MILLI, 30 * MILLI);
  story.call('update_routes', 2 * MILLI, 20 * MILLI);
  story.call('create_sandbox', 10 * MILLI, 60 * MILLI);
  const agreed = story.say('Agent started in the sandbox', { subsystem: 'sandbox' });
  story.span('kata-shim', 'agent: get ready', story.id, started, agreed);
  story.call('get_guest_details', 2 * MILLI, 12 * MILLI);
}

function container(story: GoStory, id: string): void {
  const fields: Field[] = [['container', id]];
  story.say('Block device not supported', { level: 'warning', subsystem: 'container', fields });
  story.pass(20 * MICRO, 90 * MICRO);
  const attached = story.say('Attach devices', { subsystem: 'container', fields: [...fields, ['devices', '[]']] });
  story.pass(80 * MICRO, 4 * MILLI);
  story.createContainer(id);
  const ready = story.say('Setting container state from  to ready', { level: 'debug', subsystem: 'container', fields });
  if (story.debug) story.span('kata-shim', 'container: create', id, attached, ready);
  story.pass(MILLI, 4 * MILLI);
  story.call('online_cpu_mem', MILLI, 9 * MILLI);
  story.call('update_mounts', MILLI, 9 * MILLI);
}

function createSandbox(story: GoStory): void {
  story.request('Create', story.id, () => {
    story.pass(60 * MICRO, 2 * MILLI);
    story.say(`converting /run/b/${story.id}/config.json`, { level: 'debug', subsystem: 'compatoci', early: true });
    story.pass(200 * MICRO, 2 * MILLI);
    story.say('loaded configuration', { source: 'katautils', fields: [['file', '/etc/kata-containers/configuration-qemu-go.toml'], ['format', 'TOML']] });
    story.pass(200 * MICRO, MILLI);
    story.say('shm-size detected: 67108864', { subsystem: 'oci', bare: true });
    story.pass(200 * MICRO, 5 * MILLI);
    const attached = story.say('Attaching endpoint', { subsystem: 'network', fields: [['endpoint-type', 'virtual'], ['hotplug', 'false']] });
    story.pass(2 * MILLI, 20 * MILLI);
    const found = story.say('endpoints found after scan', { subsystem: 'network', fields: [['endpoints', '[0x2116f49bfc08]']] });
    story.span('kata-shim', 'network: set up', story.id, attached, found);
    story.pass(100 * MICRO, 9 * MILLI);
    launch(story);
    container(story, story.id);
    story.say('management server started', { source: SHIM });
  }, { early: true });
  story.lookUp('Connect', story.id);
}

function start(story: GoStory, id: string): void {
  story.request('Start', id, () => {
    story.pass(60 * MICRO, 200 * MICRO);
    story.say('start container', { level: 'debug', source: SHIM, fields: [['container', id]] });
    story.startContainer(id);
    story.say('Setting container state from ready to running', { level: 'debug', subsystem: 'container', fields: [['container', id]] });
    story.pass(100 * MICRO, 900 * MICRO);
    if (id === story.id) story.say('Sandbox is started', { subsystem: 'sandbox' });
    else story.say('Container is started', { subsystem: 'sandbox', fields: [['container', id]] });
  });
  // A pause container has no streams.
  if (id !== story.id || (story.options.further ?? 0) === 0) story.say('stdout io stream copy started', { level: 'debug', source: SHIM, fields: [['container', id]] });
}

function exec(story: GoStory, id: string): void {
  const fields: Field[] = [['container', id], ['exec', 'ex1']];
  story.request('Exec', id, () => story.pass(90 * MICRO, 400 * MICRO));
  story.pass(400 * MICRO, 2 * MILLI);
  story.request('Start', id, () => {
    story.pass(40 * MICRO, 100 * MICRO);
    story.say('start container execution', { level: 'debug', source: SHIM, fields });
    story.execProcess(id, [8, 4, 4, 4, 12].map((size) => story.random.hex(size)).join('-'));
  });
  story.say('stdout io stream copy started', { level: 'debug', source: SHIM, fields });
}

/** The container's end and, with the sandbox's own, that of its VM. */
function stop(story: GoStory, id: string): void {
  story.request('Kill', id, () => story.call('signal_process', MILLI, 9 * MILLI));
  story.lookUp('State', id);
  story.pass(20 * MILLI, 90 * MILLI);
  story.say('Publishing container exit status', { source: SHIM, fields: [['container', id], ['exit-code', '137']] });
  story.call('remove_container', 5 * MILLI, 30 * MILLI, { last: true });
  story.say('Setting container state from running to stopped', { level: 'debug', subsystem: 'container', fields: [['container', id]] });
  if (id === story.id) stopVm(story);
  story.pass(20 * MILLI, 200 * MILLI);
  story.request('Delete', id, () => story.pass(MILLI, 30 * MILLI));
  story.request('Shutdown', id, () => story.pass(100 * MICRO, 900 * MICRO));
}

function stopVm(story: GoStory): void {
  story.pass(100 * MICRO, 900 * MICRO);
  const stopping = story.say('Stopping sandbox in the VM', { subsystem: 'sandbox' });
  story.pass(2 * MILLI, 8 * MILLI);
  story.say('Stopping VM', { subsystem: 'sandbox' });
  story.pass(40 * MICRO, 90 * MICRO);
  story.say('Stopping Sandbox', { source: HYPERVISOR, subsystem: 'qemu' });
  story.pass(40 * MICRO, 90 * MICRO);
  story.say('Cleanup vm path', { source: HYPERVISOR, subsystem: 'qemu', fields: [['dir', `/run/vc/vm/${story.id}`], ['link', `/run/vc/vm/${story.id}`]] });
  story.pass(10 * MILLI, 40 * MILLI);
  const gone = story.say('Stop logging QEMU', { source: HYPERVISOR, subsystem: 'qemu', fields: [['qemuPid', '4977']] });
  story.span('hypervisor', 'vm: stop', story.id, stopping, gone);
}

/** One sandbox from its first request on. */
export function goSession(random: Random, options: ShimOptions): ShimSession {
  const story = new GoStory(random, options);
  const containers = [story.id];
  createSandbox(story);
  start(story, story.id);
  for (let more = 0; more < (options.further ?? 0); more++) {
    const id = random.hex(64);
    containers.push(id);
    story.pass(20 * MILLI, 300 * MILLI);
    story.request('Create', id, () => {
      story.pass(60 * MICRO, 900 * MICRO);
      container(story, id);
    });
    start(story, id);
  }
  return story.rest(containers, { exec: (id) => exec(story, id), stop: (id) => stop(story, id) });
}
