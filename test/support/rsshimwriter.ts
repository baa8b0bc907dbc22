/**
 * Writes the logs of whole sandboxes of Kata's runtime-rs (4.0.0 with QEMU, native entries of the journal) and, in the form it had up to 3.19, as
 * slog's objects over containerd; and tells the truth it wrote. A thread of its own writes entries down, in their order and somewhat late:
 * what is true of the host is when they were written. Imports nothing from src; checked against the recordings first.
 */
import { nanoTime } from './gologrus.ts';
import type { Random } from './random.ts';
import { MICRO, MILLI, Story, entry, short, shuffled, trusted } from './shimwriter.ts';
import type { Extra, ShimOptions, ShimSession } from './shimwriter.ts';

const CONTAINERD = 2450;

/** 4.0: entries with fields, and events that say what was done. 3.2: objects on containerd's output, and no events. */
export type RsVersion = '4.0' | '3.2';

export interface RsOptions extends ShimOptions {
  readonly version?: RsVersion;
}

const PRIORITIES: Readonly<Record<string, string>> = { DEBG: '6', INFO: '5', WARN: '4', ERRO: '3' };

/** A line in the queue of the writing thread. */
interface Queued {
  readonly at: bigint;
  readonly msg: string;
  readonly level: string;
  readonly subsystem: string;
  readonly extra: Extra;
  /** When it is written down, to the microsecond where the journal tells the time. */
  written: bigint;
}

class RsStory extends Story {
  readonly version: RsVersion;
  readonly #queue: Queued[] = [];
  readonly #told: { readonly name: string; readonly service: string; readonly container: string; readonly from: Queued; readonly to: Queued }[] = [];
  /** Requests on the connection: odd numbers, and a connection for each container. */
  #stream = -1;

  constructor(random: Random, options: RsOptions) {
    super(random, options);
    this.version = options.version ?? '4.0';
  }

  connect(): void {
    this.#stream = -1;
  }

  say(msg: string, subsystem: string, extra: Extra = {}, level = 'INFO', at = this.now): Queued {
    const queued = { at, msg, level, subsystem, extra, written: at };
    if (level !== 'DEBG' || this.debug) this.#queue.push(queued);
    return queued;
  }

  /** From when one line was written to when another was: nothing else is known of the host. */
  tell(service: string, name: string, container: string, from: Queued, to: Queued): void {
    this.#told.push({ service, name, container, from, to });
  }

  override session(containers: readonly string[]): ShimSession {
    this.#queue.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
    let last = 0n;
    for (const one of this.#queue) {
      if (this.version === '4.0') one.written = last = this.#stamp(one.at, last);
      this.lines.push({ time: one.written, text: one.msg, copies: [this.version === '3.2' ? this.#object(one) : this.#native(one)] });
    }
    for (const { service, name, container, from, to } of this.#told) this.span(service, name, container, from.written, to.written);
    return super.session(containers);
  }

  /** Objects carry the moment of the event itself; entries that at which the thread came to write them, which is seldom late by much. */
  #stamp(at: bigint, last: bigint): bigint {
    const earliest = at + this.some(8 * MICRO, 60 * MICRO) + (this.random.chance(0.01) ? this.some(0, 110 * MILLI) : 0n);
    const next = last + 7_000n;
    return ((earliest > next ? earliest : next) / 1_000n) * 1_000n;
  }

  #native({ written: time, msg, level, subsystem, extra }: Queued): { readonly short: undefined; readonly json: string } {
    const component = subsystem === 'hypervisor' || subsystem === 'agent' ? subsystem : 'runtimes';
    const named = Object.fromEntries(Object.entries({ subsystem, ...(subsystem !== 'root' && { component }), ...extra }).map(([name, value]) => [name.toUpperCase().replace(/[^A-Z0-9]/g, '_'), value]));
    const own = { MESSAGE: msg, PRIORITY: PRIORITIES[level] ?? '5', NAME: 'kata-runtime', SOURCE: this.id, PID: String(this.pid), VERSION: '0.1.0', ...named };
    return { short: undefined, json: entry(this.random, { ...trusted(time, 'kata', this.pid, 'journal'), _SOURCE_REALTIME_TIMESTAMP: String(time / 1_000n), ...own }) };
  }

  #object({ written: time, msg, level, subsystem, extra }: Queued): { readonly short: string; readonly json: string } {
    const rest = shuffled(this.random, Object.entries({ name: 'kata-runtime', source: this.id, pid: String(this.pid), subsystem, version: '0.1.0', ...extra }));
    const record = JSON.stringify(Object.fromEntries([['msg', msg], ['level', level], ['ts', nanoTime(time)], ...rest]));
    return { short: short(time, 'containerd', CONTAINERD, record), json: entry(this.random, { ...trusted(time, 'containerd', CONTAINERD, 'stdout'), PRIORITY: '6', MESSAGE: record }) };
  }

  guestSays(said: string, at: bigint, level: string): void {
    this.say(said, 'agent', {}, level, this.#reached(at));
  }

  console(said: string, at: bigint): void {
    if (this.debug) this.say(`vm console: "${said.replace(/["\\]/g, '\\$&')}"`, 'hypervisor', {}, 'INFO', this.#reached(at));
  }

  /** Entries are queued when the line arrives: the queue is written in that order. */
  #reached(at: bigint): bigint {
    return at + this.lateness();
  }

  /** `====>` .. `<====`, or the event where there is one. */
  request(verb: string, asks: string, container: string, name: string, work: () => void, done: { readonly answer: string; readonly event?: string; readonly untold?: boolean }): Queued {
    this.#stream += 2;
    const stream = { 'stream id': String(this.#stream) };
    const start = this.say(`====> task service ${verb}(${asks})`, 'service', stream, 'DEBG');
    this.working = { request: name, container };
    work();
    this.working = undefined;
    this.pass(10 * MICRO, 300 * MICRO);
    const answered = this.say(`<==== task service ${verb}${done.answer}`, 'service', stream, 'DEBG');
    let end: Queued = answered;
    if (done.event !== undefined && this.version === '4.0') {
      this.pass(4 * MICRO, 900 * MICRO);
      this.say(`receive action Event(${done.event})`, 'service');
      end = this.say(`get event ${done.event}`, 'service');
    }
    if (this.debug && done.untold !== true) this.tell('kata-shim', name, container, start, end);
    this.pass(400 * MICRO, 4 * MILLI);
    return start;
  }
}

const process = (id: string, exec = ''): string => `ContainerProcess { container_id: ContainerID { container_id: "${id}" }, exec_id: "${exec}", process_type: ${exec === '' ? 'Container' : 'Exec'} }`;
const state = (id: string, exec = ''): string => `(ProcessStateInfo { container_id: "${id}", exec_id: "${exec}", pid: PID { pid: 307 }, bundle: "/run/b/${id}", status: Stopped })`;

function vm(story: RsStory): void {
  const preparing = story.say('Preparing QEMU VM', 'hypervisor');
  story.pass(200 * MICRO, 2 * MILLI);
  const asked = story.say('get network entity from config NetworkWithNetNsConfig { network_model: "tcfilter", netns_path: "/run/netns/n41", queues: 1, network_created: false } tid Pid(301)', 'resource');
  story.pass(500 * MICRO, 3 * MILLI);
  const known = story.say('network info NetworkInfoFromLink { interface: Interface { device: "eth0", name: "eth0" } }', 'resource');
  story.tell('kata-shim', 'network: set up', story.id, asked, known);
  story.pass(5 * MILLI, 12 * MILLI);
  story.say('start virtiofsd successfully', 'resource');
  const starting = story.say('Starting QEMU VM', 'hypervisor');
  story.tell('kata-shim', 'vm: prepare', story.id, preparing, starting);
  story.pass(MILLI, 3 * MILLI);
  const launched = story.say(`qemu cmd: Command { std: "/opt/kata/bin/qemu-system-x86_64" "-name" "sandbox-${story.id}", kill_on_drop: false }`, 'hypervisor');
  story.pass(4 * MILLI, 9 * MILLI);
  story.say('qemu process started', 'hypervisor');
  story.pass(60 * MILLI, 200 * MILLI);
  const up = story.say('QMP initialized: QMP {\n    version: VersionInfo {\n        package: "Debian"\n    }\n}', 'hypervisor');
  story.tell('hypervisor', 'hypervisor: launch', story.id, launched, up);
  story.pass(10 * MICRO, 40 * MICRO);
  const started = story.say('start vm', 'virt-container');
  story.tell('kata-shim', 'vm: start', story.id, starting, started);
}

function agent(story: RsStory): void {
  const dialled = story.say('begin to connect agent "vsock://2816756329"', 'agent');
  story.pass(10 * MICRO, 40 * MICRO);
  story.say('try to connect agent server through Vsock { vsock_cid: 2816756329, port: 1024 }', 'agent');
  story.now = story.boot(story.now, story.random.whole(300 * MILLI, 2_000 * MILLI)) + story.some(2 * MILLI, 200 * MILLI);
  const attempts = story.version === '3.2' ? '' : ' after 13 attempts';
  const connected = story.say(`vsock: connected to Vsock { vsock_cid: 2816756329, port: 1024 }${attempts}`, 'agent');
  story.tell('kata-shim', 'agent: dial', story.id, dialled, connected);
  story.pass(200 * MICRO, MILLI);
  story.say('update interface Interface { device: "eth0", name: "eth0", mtu: 1500 }', 'resource');
  story.pass(20 * MICRO, 90 * MICRO);
  story.say('try to connect to agent-log', 'agent');
  story.say('vsock: connected to Vsock { vsock_cid: 2816756329, port: 1025 } after 1 attempts', 'agent');
  story.say('connected to agent-log successfully', 'agent');
  story.call('update_interface', 5 * MILLI, 30 * MILLI);
  story.say('update routes [Route { dest: "", gateway: "10.22.0.1", device: "eth0" }]', 'resource');
  story.call('update_routes', 2 * MILLI, 20 * MILLI);
  story.call('create_sandbox', 10 * MILLI, 60 * MILLI);
  story.call('get_guest_details', 2 * MILLI, 12 * MILLI);
  const ready = story.say('oom watcher start', 'virt-container');
  story.tell('kata-shim', 'sandbox: set up', story.id, connected, ready);
}

function create(story: RsStory, id: string, first: boolean): void {
  story.connect();
  story.request('CreateContainer', `ContainerConfig { container_id: "${id}", bundle: "/run/b/${id}", rootfs_mounts: [] }`, id, 'create', () => {
    story.pass(20 * MICRO, 300 * MICRO);
    if (first) {
      story.say('get config path "/etc/kata-containers/configuration-qemu-runtime-rs.toml"', 'root');
      story.say('load configuration from: /etc/kata-containers/configuration-qemu-runtime-rs.toml', 'root');
      story.pass(3 * MILLI, 20 * MILLI);
      story.say('new runtime handler virt_container', 'runtimes');
      story.pass(3 * MILLI, 20 * MILLI);
      vm(story);
      agent(story);
    }
    story.say(`OCI Spec Spec { version: "1.0.2-dev", hostname: Some("${id.slice(0, 12)}") } within CreateContainerRequest.`, 'virt-container');
    story.createContainer(id);
  }, { answer: '(PID { pid: 307 })', event: `TaskCreate { container_id: "${id}", bundle: "/run/b/${id}", pid: 307 }` });
  story.say('start wait process', 'virt-container', { container_id: id, exec_id: '' });
}

function start(story: RsStory, id: string): void {
  story.request('StartProcess', process(id), id, 'start', () => {
    story.say('rescan_network: scanning netns=/proc/307/ns/net', 'virt-container');
    story.startContainer(id);
    story.say('start io and wait', 'virt-container', { container_id: id, exec_id: '' });
    story.pass(900 * MICRO, 9 * MILLI);
  }, { answer: '(PID { pid: 307 })', event: `TaskStart { container_id: "${id}", pid: 307 }` });
  story.request('StateProcess', process(id), id, 'state', () => undefined, { answer: state(id), untold: true });
}

function exec(story: RsStory, id: string): void {
  story.request('ExecProcess', `ExecProcessRequest { process: ${process(id, 'ex1')}, terminal: false }`, id, 'exec', () => undefined, { answer: '', untold: true });
  let running: Queued | undefined;
  const begun = story.request('StartProcess', process(id, 'ex1'), id, 'start', () => {
    story.execProcess(id, 'ex1');
    running = story.say('start io and wait', 'virt-container', { container_id: id, exec_id: 'ex1' });
    story.pass(100 * MICRO, 900 * MICRO);
  }, { answer: '(PID { pid: 307 })', untold: true });
  if (story.debug && running !== undefined) story.tell('kata-shim', 'start', id, begun, running);
}

function stop(story: RsStory, id: string): void {
  story.request('KillProcess', `KillRequest { process: ${process(id)}, signal: 9, all: true }`, id, 'kill', () => story.call('signal_process', MILLI, 9 * MILLI), { answer: '' });
  story.pass(20 * MILLI, 90 * MILLI);
  const own = { container_id: id, exec_id: '' };
  story.say('begin wait process', 'virt-container', own);
  story.pass(MILLI, 9 * MILLI);
  story.say('end wait process exit code 137', 'virt-container', own);
  story.call('remove_container', 5 * MILLI, 30 * MILLI, { last: true });
  story.say('container terminated', 'virt-container', { container_id: id });
  const begun = id === story.id ? story.say('begin stop sandbox', 'virt-container') : undefined;
  story.pass(MILLI, 9 * MILLI);
  story.request('DeleteProcess', process(id), id, 'delete', () => story.pass(MILLI, 9 * MILLI), { answer: state(id) });
  story.request('ShutdownContainer', `ShutdownRequest { container_id: "${id}", is_now: false }`, id, 'shutdown', () => {
    for (let times = 0; begun !== undefined && times < 3; times++) {
      story.say('begin stop sandbox', 'virt-container');
      story.say('Stopping QEMU VM', 'hypervisor');
      story.pass(MILLI, 30 * MILLI);
      const stopped = story.say('sandbox stopped', 'virt-container');
      if (times === 2) story.tell('hypervisor', 'vm: stop', id, begun, stopped);
    }
    story.pass(100 * MICRO, MILLI);
  }, { answer: '' });
}

/** One sandbox from its first request on. */
export function rsSession(random: Random, options: RsOptions): ShimSession {
  const story = new RsStory(random, options);
  const containers = [story.id];
  create(story, story.id, true);
  start(story, story.id);
  for (let more = 0; more < (options.further ?? 0); more++) {
    const id = random.hex(64);
    containers.push(id);
    story.pass(20 * MILLI, 300 * MILLI);
    create(story, id, false);
    start(story, id);
  }
  return story.rest(containers, { exec: (id) => exec(story, id), stop: (id) => stop(story, id) });
}
