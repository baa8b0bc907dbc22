/**
 * Writes the logs of whole Kata 1.x sandboxes, as kata-runtime, kata-proxy, kata-shim and the agent behind the proxy write them, and tells
 * the truth it wrote. Imports nothing from src: what it knows of 1.12.1 comes from the recordings in corpus/kata-1.12-real, against whose
 * shapes and orders test/kata/writer-shapes.test.ts checks it first; what it knows of 1.2.0 and of templates, of which there is no
 * recording, from Kata's sources and the lines of the 2018 measurements.
 */
import { goQuote, nanoTime, text } from './gologrus.ts';
import type { Field } from './gologrus.ts';
import type { Random } from './random.ts';

export type Version = '1.2.0' | '1.12.1';

export interface KataLine {
  /** As the record says it, by the host's clock. */
  readonly time: bigint;
  readonly writer: 'kata-runtime' | 'kata-proxy' | 'kata-shim';
  /** On the host, as journald knows it. */
  readonly pid: number;
  readonly text: string;
}

/** A stretch that really was, in the host's time; `needs`: the lines without which the log cannot tell both its ends. */
export interface KataSpan {
  readonly service: string;
  readonly name: string;
  readonly container: string;
  readonly start: bigint;
  readonly end: bigint;
  readonly needs: readonly KataLine[];
}

/** How far the guest's clock is behind the host's, from a moment of the host's on. */
export interface ClockSegment {
  readonly from: bigint;
  readonly behind: bigint;
}

export interface Dial {
  readonly start: bigint;
  readonly end: bigint;
  readonly backoffs: number;
  /** When the peer could have been reached: proxy and agent both up. */
  readonly ready: bigint;
}

export interface KataSession {
  readonly sandbox: string;
  readonly containers: readonly string[];
  readonly lines: readonly KataLine[];
  readonly spans: readonly KataSpan[];
  readonly clock: readonly ClockSegment[];
  /** The first one, which waits for the guest. */
  readonly dial: Dial;
}

export interface SessionOptions {
  readonly version: Version;
  /** When `create` writes its first line, ns since the epoch. */
  readonly at: bigint;
  readonly kind: 'cold' | 'template';
  /** Guest behind host at its boot (negative: ahead), ns. */
  readonly behind: bigint;
  /** Dial attempts of gRPC that fail (1.2.0 only). */
  readonly backoffs?: 0 | 1 | 2;
  readonly further?: number;
  readonly exec?: boolean;
  readonly stop?: boolean;
  readonly zone?: number;
  readonly pid: () => number;
}

const MICRO = 1_000;
const MILLI = 1_000_000;

/** Go's time.Duration.String. */
export function goDuration(nanos: number): string {
  const [unit, size] = nanos >= 1e9 ? ['s', 1e9] as const : nanos >= 1e6 ? ['ms', 1e6] as const : nanos >= 1e3 ? ['µs', 1e3] as const : ['ns', 1] as const;
  const rest = String(nanos % size).padStart(String(size).length - 1, '0').replace(/0+$/, '');
  return `${Math.floor(nanos / size)}${rest === '' || size === 1 ? '' : `.${rest}`}${unit}`;
}

interface Said {
  readonly level?: string;
  readonly source?: string;
  readonly subsystem?: string;
  readonly name?: string;
  /** The line knows its sandbox. */
  readonly sandbox?: boolean;
  readonly fields?: readonly Field[];
}

class Story {
  now: bigint;
  readonly random: Random;
  readonly options: SessionOptions;
  readonly old: boolean;
  readonly id: string;
  readonly vm: string;
  readonly lines: KataLine[] = [];
  readonly spans: KataSpan[] = [];
  readonly clock: ClockSegment[];
  proxyPid = 0;
  /** Under which name the proxy speaks: a factory's VM has its own. */
  proxyName: string;
  /** The agent names its sandbox once it knows it. */
  agentKnows = false;

  constructor(random: Random, options: SessionOptions) {
    this.random = random;
    this.options = options;
    this.now = options.at;
    this.old = options.version === '1.2.0';
    this.id = random.hex(64);
    this.vm = [8, 4, 4, 4, 12].map((size) => random.hex(size)).join('-');
    this.proxyName = this.id;
    this.clock = [{ from: options.at, behind: options.behind }];
  }

  /** Some time between two moments, to the ns: stamps of Go are seldom round. */
  some(least: number, most: number): bigint {
    return BigInt(this.random.whole(least, most));
  }

  pass(least: number, most: number): void {
    this.now += this.some(least, most);
  }

  write(writer: KataLine['writer'], pid: number, level: string, msg: string, fields: readonly Field[], time = this.now): KataLine {
    const line = { time, writer, pid, text: text({ time: nanoTime(time, this.options.zone ?? 0), level, msg, fields }, this.old) };
    this.lines.push(line);
    return line;
  }

  span(service: string, name: string, container: string, start: bigint, end: bigint, needs: readonly KataLine[]): void {
    this.spans.push({ service, name, container, start, end, needs });
  }

  proxy(level: string, msg: string, fields: readonly Field[], time = this.now, source = 'proxy'): KataLine {
    return this.write('kata-proxy', this.proxyPid, level, msg, [['name', 'kata-proxy'], ['pid', String(this.proxyPid)], ['sandbox', this.proxyName], ['source', source], ...fields], time);
  }

  /** What the guest prints at a moment of the host's, and the proxy a little later. */
  console(said: string, at: bigint): KataLine {
    return this.proxy('info', `${said}\n`, [], at + this.some(60 * MICRO, 2 * MILLI), 'agent');
  }

  agent(level: string, msg: string, fields: readonly Field[], at: bigint): KataLine {
    const behind = this.clock.findLast(({ from }) => from <= at)?.behind ?? 0n;
    const own: Field[] = [['name', 'kata-agent'], ['pid', '1'], ['source', 'agent']];
    if (!this.old) own.push(['debug_console', 'false']);
    if (this.agentKnows) own.push(['sandbox', this.id]);
    return this.console(text({ time: nanoTime(at - behind), level, msg, fields: [...own, ...fields] }), at);
  }
}

/** One kata-runtime process. */
class Command {
  readonly #story: Story;
  readonly #command: string;
  readonly container: string;
  readonly pid: number;
  readonly first: KataLine;
  #known = false;
  /** From the second look at the sandbox on, each line names it. */
  fetched = false;

  constructor(story: Story, command: string, container: string, args: string) {
    this.#story = story;
    this.#command = command;
    this.container = container;
    this.pid = story.options.pid();
    const source = story.old ? 'runtime' : 'katautils';
    this.first = this.say('loaded configuration', { source, fields: [['file', '/opt/kata/share/defaults/kata-containers/configuration.toml'], ['format', 'TOML']] });
    this.say('', { source: 'runtime', fields: [['arguments', goQuote(`${command} ${args}`)], ['commit', ''], ['version', story.options.version]] });
    this.#known = true;
  }

  say(msg: string, said: Said = {}): KataLine {
    this.#story.pass(8 * MICRO, 300 * MICRO);
    const fields: Field[] = [['arch', 'amd64'], ['command', this.#command], ['name', said.name ?? 'kata-runtime'], ['pid', String(this.pid)], ['source', said.source ?? 'virtcontainers']];
    if (this.#known) fields.push(['container', this.container]);
    if ((said.sandbox ?? false) || this.fetched) fields.push(['sandbox', this.#story.id]);
    if (said.subsystem !== undefined) fields.push(['subsystem', said.subsystem]);
    return this.#story.write('kata-runtime', this.pid, said.level ?? 'info', msg, [...fields, ...(said.fields ?? [])]);
  }

  fetch(): void {
    this.say('fetch sandbox');
  }

  release(): KataLine {
    return this.say('release sandbox', { subsystem: 'sandbox', sandbox: true });
  }

  /** The look-up that precedes what the command is for; `then`: what it says before it looks again. */
  look(then?: () => void): void {
    this.fetch();
    this.#story.pass(MILLI, 3 * MILLI);
    this.release();
    this.fetched = true;
    then?.();
    this.fetch();
  }

  end(last: KataLine): void {
    this.#story.span('kata-runtime', this.#command, this.container, this.first.time, last.time, [this.first, last]);
  }

  newClient(): KataLine {
    const proxy: Field[] = this.#story.old ? [] : [['proxy', String(this.#story.proxyPid)]];
    return this.say('New client', { subsystem: 'kata_agent', fields: [...proxy, ['url', `unix:///run/vc/sbs/${this.#story.id}/proxy.sock`]] });
  }

  /** One request to the agent: its own connection, the request, the guest's work. `sets`: settimeofday inside it. */
  call(verb: string, req: string, least: number, most: number, extra: { readonly method?: string; readonly dialled?: { from: KataLine; to: bigint }; readonly ready?: bigint; readonly sets?: bigint } = {}): void {
    const story = this.#story;
    const client = extra.dialled?.from ?? this.newClient();
    if (extra.dialled === undefined) story.pass(300 * MICRO, 3 * MILLI);
    else story.now = extra.dialled.to;
    const sent = this.say('sending request', { level: 'debug', subsystem: 'kata_agent', name: `grpc.${verb}Request`, fields: [['req', req]] });
    story.span('kata-runtime', 'agent: dial', this.container, client.time, sent.time, [client, sent]);
    const ready = extra.ready ?? 0n;
    const begun = (ready > sent.time ? ready : sent.time) + story.some(100 * MICRO, 900 * MICRO);
    const method = extra.method ?? `/grpc.AgentService/${verb}`;
    const asked = story.agent('debug', 'new request', [['req', req], ['request', method]], begun);
    const length = story.random.whole(least, most);
    const start = begun + story.some(2 * MICRO, 40 * MICRO);
    const end = start + BigInt(length);
    if (extra.sets !== undefined) {
      const set = start + BigInt(Math.floor(length / 2));
      story.clock.push({ from: set, behind: set - extra.sets });
    }
    if (verb === 'CreateSandbox') story.agentKnows = true;
    const answered = story.agent('debug', 'request end', [['duration', goDuration(length)], ['request', method], ['resp', verb === 'Check' ? 'status:SERVING ' : '&Empty{XXX_unrecognized:[],}']], end);
    story.now = end + story.some(100 * MICRO, 900 * MICRO);
    story.span('kata-runtime', `call ${verb}`, this.container, sent.time, story.now, [sent, answered]);
    story.span('kata-agent', verb, this.container, start, end, [asked, answered]);
  }
}

function launch(story: Story, create: Command): void {
  const path = story.old ? 'qemu' : '/opt/kata/bin/qemu-system-x86_64';
  const qmp = (said: string): KataLine => create.say(story.old || said.startsWith('{"execute') ? said : `read from QMP: ${said}`, { subsystem: 'qmp' });
  const launched = create.say(`launching ${path} with: [-name sandbox-${story.id} -uuid ${story.vm} -machine pc,accel=kvm]`, { subsystem: 'qmp' });
  story.pass(40 * MILLI, 90 * MILLI);
  qmp('{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "Debian"}, "capabilities": ["oob"]}}');
  const up = create.say('QMP details', { subsystem: 'qemu', fields: [['qmp-capabilities', 'oob'], ['qmp-major-version', '7'], ['qmp-micro-version', '22'], ['qmp-minor-version', '2']] });
  story.span('hypervisor', 'hypervisor: launch', story.id, launched.time, up.time, [launched, up]);
  const asked = qmp('{"execute":"qmp_capabilities"}');
  story.pass(MILLI, 6 * MILLI);
  const answered = qmp('{"return": {}}');
  story.span('hypervisor', 'qmp: qmp_capabilities', story.id, asked.time, answered.time, [asked, answered]);
}

/** kata-proxy, from the runtime's word that it was started to its own. @returns when it can be dialled. */
function startProxy(story: Story, create: Command, announced: bigint): { readonly ready: bigint; announce: () => void } {
  story.proxyPid = story.options.pid();
  const begun = create.say('Starting regular Kata proxy rather than built-in', { level: story.old ? 'info' : 'debug', subsystem: 'kata_agent', sandbox: true });
  story.pass(500 * MICRO, 2 * MILLI);
  // A factory starts the proxy with its VM, and says no more about it.
  const started = story.proxyName !== story.id ? undefined : create.say('proxy started', { subsystem: 'kata_agent', sandbox: true, fields: [['proxy-pid', String(story.proxyPid)], ['proxy-url', `unix:///run/vc/sbs/${story.id}/proxy.sock`]] });
  const at = story.now + announced;
  const socket = `/run/vc/vm/${story.proxyName}`;
  return {
    ready: at + story.some(100 * MICRO, MILLI),
    announce: () => {
      const line = story.proxy('info', 'announce', [['agent-logs-socket', `${socket}/console.sock`], ['channel-mux-socket', `${socket}/kata.sock`], ['debug', 'true'], ['log-level', 'debug'],
        ['proxy-listen-socket', `unix:///run/vc/sbs/${story.id}/proxy.sock`], ['version', story.old ? '1.2.0' : 'unknown']], at);
      if (started === undefined) return;
      story.span('kata-runtime', 'proxy: spawn', story.id, begun.time, started.time, [begun, started]);
      story.span('kata-proxy', 'proxy: get ready', story.id, started.time, line.time, [started, line]);
    },
  };
}

/** The guest's console until its agent serves. */
function boot(story: Story, from: bigint, serves: bigint): void {
  const length = Number(serves - from);
  const at = (share: number): bigint => from + BigInt(Math.floor(length * share));
  if (story.options.kind === 'cold') {
    for (const share of [0.2, 0.4, 0.5]) story.console(`[    ${(Number(at(share) - from) / 1e9).toFixed(6)}] 9pnet: Installing 9P2000 support`, at(share));
    if (!story.old) story.console(`announce: name="kata-agent",pid="1",source="agent",version="unknown",device-handlers="blk,scsi",system-memory="466148 kB"`, at(0.6));
    story.agent('info', 'agent grpc server starts', [], at(0.8));
  }
  story.agent('debug', 'New serial channel event', [['events', '4']], at(0.9));
}

interface Dialled {
  readonly from: KataLine;
  readonly to: bigint;
  readonly dial: Dial;
}

/** The first connection of a sandbox: it waits for the proxy, and at 1.2.0 for gRPC's pauses between attempts. */
function dial(story: Story, create: Command): Dialled {
  const backoffs = story.old ? (story.options.backoffs ?? 1) : 0;
  const waits = [1_000 * MILLI, story.random.whole(1_281 * MILLI, 1_919 * MILLI)].slice(0, backoffs);
  const before = waits.slice(0, -1).reduce((sum, wait) => sum + wait, 0);
  const all = waits.reduce((sum, wait) => sum + wait, 0);
  // The last attempt that fails begins `before`, the one that succeeds `all` after the first.
  const proxy = startProxy(story, create, backoffs < 2 ? story.some(2 * MILLI, 9 * MILLI) : BigInt(before + story.random.whole(20 * MILLI, 200 * MILLI)));
  if (story.old && backoffs === 0) story.now = proxy.ready;
  const from = create.newClient();
  proxy.announce();
  const to = story.old ? from.time + BigInt(all) + story.some(150 * MICRO, 1_800 * MICRO) : (proxy.ready > from.time ? proxy.ready : from.time) + story.some(9 * MILLI, 30 * MILLI);
  const serves = story.options.kind === 'cold' ? proxy.ready + story.some(300 * MILLI, 600 * MILLI) : proxy.ready + story.some(MILLI, 3 * MILLI);
  boot(story, proxy.ready, serves);
  return { from, to, dial: { start: from.time, end: to, backoffs, ready: serves > proxy.ready ? serves : proxy.ready } };
}

/**
 * A VM that goes on from a template. 1.2.0 does no more than that; 1.5 and later dial the agent before the sandbox is known, under the VM's own
 * name, and set the guest's clock. @returns the dial, if it was made here.
 */
function template(story: Story, create: Command): Dialled | undefined {
  const vm: Field = [story.old ? 'vm id' : 'vm', story.vm];
  const asked = create.say('get base VM', { subsystem: 'factory' });
  if (!story.old) story.proxyName = story.vm;
  create.say('resume vm', { fields: [vm] });
  story.pass(10 * MILLI, 30 * MILLI);
  create.say('reseed guest random number generator', { fields: [vm] });
  if (story.old) return undefined;
  const dialled = dial(story, create);
  create.call('ReseedRandomDev', 'data:"x" ', MILLI, 3 * MILLI, { dialled, ready: dialled.dial.ready });
  const sent = story.now + story.some(10 * MICRO, 200 * MICRO);
  create.say('sync guest time', { fields: [vm, ['time', `${nanoTime(sent).replace('T', ' ').replace('Z', '')} +0000 UTC m=+0.01`]] });
  create.call('SetGuestDateTime', `Sec:${sent / 1_000_000_000n} Usec:${(sent / 1_000n) % 1_000_000n} `, MILLI, 3 * MILLI, { sets: sent });
  const assigned = create.say(`assign vm to sandbox ${story.id}`, { fields: [vm, ['proxy-pid', String(story.proxyPid)], ['proxy-url', `unix:///run/vc/sbs/${story.id}/proxy.sock`]] });
  story.span('kata-runtime', 'vm: get base', story.id, asked.time, assigned.time, [asked, assigned]);
  return dialled;
}

function createSandbox(story: Story): Dial {
  const create = new Command(story, 'create', story.id, `--bundle /run/b/${story.id} --pid-file /run/b/${story.id}/init.pid ${story.id}`);
  create.say(`converting /run/b/${story.id}/config.json`, { level: 'debug', subsystem: story.old ? 'oci' : 'compatoci' });
  if (story.options.kind === 'template') create.say('load vm factory', { source: story.old ? 'runtime' : 'katautils', fields: [['factory', '{}']] });
  const attached = create.say('Attaching endpoint', { subsystem: 'network', fields: story.old ? [] : [['endpoint-type', 'virtual'], ['hotplug', 'false']] });
  story.pass(2 * MILLI, 6 * MILLI);
  const added = story.old ? undefined : create.say('Network added', { level: 'debug', subsystem: 'network' });
  const starting = create.say('Starting VM', { subsystem: 'sandbox', sandbox: true });
  story.span('kata-runtime', 'network: set up', story.id, attached.time, (added ?? starting).time, [attached, added ?? starting]);
  const made = story.options.kind === 'template' ? template(story, create) : undefined;
  if (made === undefined) launch(story, create);
  const up = create.say('VM started', { subsystem: 'sandbox', sandbox: true });
  if (story.old) story.span('kata-runtime', 'vm: start', story.id, starting.time, up.time, [starting, up]);
  const dialled = made ?? dial(story, create);
  if (made !== undefined) create.say('proxy already started', { subsystem: 'kata_agent', sandbox: true });
  create.call('Check', '', 20 * MICRO, MILLI, made === undefined ? { method: '/grpc.Health/Check', dialled, ready: dialled.dial.ready } : { method: '/grpc.Health/Check' });
  create.call('UpdateInterface', 'interface:<device:"eth0" name:"eth0" > ', 2 * MILLI, 40 * MILLI);
  create.call('UpdateRoutes', 'routes:<Routes:<gateway:"10.22.0.1" device:"eth0" > > ', MILLI, 20 * MILLI);
  create.call('CreateSandbox', `storages:<driver:"9p" source:"kataShared" > sandbox_id:"${story.id}" `, 5 * MILLI, 60 * MILLI);
  let agentUp: KataLine | undefined;
  if (!story.old) {
    const agreed = create.say('Agent started in the sandbox', { subsystem: 'sandbox', sandbox: true });
    story.span('kata-runtime', 'vm: start', story.id, starting.time, agreed.time, [starting, agreed]);
    agentUp = agreed;
    create.call('GuestDetails', 'mem_block_size:true mem_hotplug_probe:true ', MILLI, 9 * MILLI, { method: '/grpc.AgentService/GetGuestDetails' });
  }
  const ready = container(story, create, story.id);
  if (agentUp !== undefined && ready !== undefined) story.span('kata-runtime', 'container: create', story.id, agentUp.time, ready.time, [agentUp, ready]);
  create.end(create.release());
  return dialled.dial;
}

/** What `create` does for each container, the first included. @returns its last word on it. */
function container(story: Story, create: Command, id: string): KataLine | undefined {
  create.call('CreateContainer', `container_id:"${id}" exec_id:"${id}" OCI:<Version:"1.0.2-dev" Process:<Args:"sh" Args:"-c" > > `, 30 * MILLI, 300 * MILLI);
  shim(story, id, id, story.now + story.some(20 * MILLI, 70 * MILLI));
  return story.old ? undefined : create.say('Setting container state from  to ready', { level: 'debug', subsystem: 'container', sandbox: true });
}

function shim(story: Story, id: string, exec: string, at: bigint): number {
  const pid = story.options.pid();
  const fields: Field[] = [['agent-socket', `unix:///run/vc/sbs/${story.id}/proxy.sock`], ['container', id], ['debug', 'true'], ['exec-id', exec], ['log-level', 'debug'], ['name', 'kata-shim'], ['pid', '1'],
    ['proxy-exit-code', 'true'], ['source', 'shim'], ['terminal', 'false'], ...(story.old ? [] : [['tracing', 'false']] satisfies Field[]), ['version', story.old ? '1.2.0' : 'unknown']];
  story.write('kata-shim', pid, 'info', 'announce', fields, at);
  return pid;
}

function start(story: Story, id: string): void {
  const command = new Command(story, 'start', id, id);
  command.look();
  command.call('StartContainer', `container_id:"${id}" `, 2 * MILLI, 60 * MILLI);
  if (!story.old) command.say('Setting container state from ready to running', { level: 'debug', subsystem: 'container' });
  command.say(story.old || id === story.id ? 'Sandbox is started' : 'Container is started', { subsystem: 'sandbox' });
  command.end(command.release());
}

function exec(story: Story, id: string): void {
  const uuid = [8, 4, 4, 4, 12].map((size) => story.random.hex(size)).join('-');
  const command = new Command(story, 'exec', id, `--process /tmp/p --detach --pid-file /run/b/${id}/ex1.pid ${id}`);
  command.look();
  command.call('ExecProcess', `container_id:"${id}" exec_id:"${uuid}" process:<User:<> Args:"true" Cwd:"/" > `, 5 * MILLI, 60 * MILLI);
  const pid = shim(story, id, uuid, story.now + story.some(20 * MILLI, 60 * MILLI));
  command.end(command.release());
  story.pass(100 * MILLI, 300 * MILLI);
  story.write('kata-shim', pid, 'info', 'using shim to proxy exit code', [['container', id], ['exec-id', uuid], ['exitcode', '0'], ['name', 'kata-shim'], ['pid', '1'], ['source', 'shim']]);
}

/** kill, in which the VM is stopped, and delete, which tidies up. */
function stop(story: Story): void {
  const id = story.id;
  const kill = new Command(story, 'kill', id, `${id} 9`);
  kill.look(() => {
    if (!story.old) kill.say('kill', { source: 'runtime', fields: [['container state', 'running'], ['signal', '9']] });
  });
  kill.call('SignalProcess', `container_id:"${id}" exec_id:"${id}" signal:9 `, MILLI, 9 * MILLI);
  story.pass(20 * MILLI, 100 * MILLI);
  kill.call('WaitProcess', `container_id:"${id}" exec_id:"${id}" `, 100 * MICRO, MILLI);
  kill.call('RemoveContainer', `container_id:"${id}" `, 5 * MILLI, 30 * MILLI);
  const stopping = story.old ? undefined : kill.say('Stopping sandbox in the VM', { subsystem: 'sandbox' });
  kill.call('DestroySandbox', '', 5 * MILLI, 30 * MILLI);
  const vm = kill.say('Stopping VM', { subsystem: 'sandbox' });
  story.proxy('fatal', 'failed to handle exit signal', [['error', 'close unix: use of closed network connection']], story.now + story.some(10 * MICRO, 90 * MICRO));
  kill.say('Stopping Sandbox', { subsystem: 'qemu' });
  const asked = kill.say('{"execute":"quit"}', { subsystem: 'qmp' });
  story.pass(5 * MILLI, 12 * MILLI);
  const read = story.old ? '' : 'read from QMP: ';
  const down = kill.say(`${read}{"timestamp": {"seconds": ${story.now / 1_000_000_000n}, "microseconds": 0}, "event": "SHUTDOWN", "data": {"guest": false, "reason": "host-qmp-quit"}}`, { subsystem: 'qmp' });
  const quit = kill.say(`${read}{"return": {}}`, { subsystem: 'qmp' });
  story.span('hypervisor', 'qmp: quit', id, asked.time, quit.time, [asked, quit]);
  story.span('kata-runtime', 'vm: stop', id, (stopping ?? vm).time, down.time, [stopping ?? vm, down]);
  if (!story.old) kill.say('cleanup vm path', { subsystem: 'qemu', fields: [['dir', `/run/vc/vm/${id}`], ['link', `/run/vc/vm/${id}`]] });
  kill.say('Detaching endpoint', { subsystem: 'network', fields: story.old ? [] : [['endpoint-type', 'virtual']] });
  if (!story.old) kill.say('Network removed', { level: 'debug', subsystem: 'network' });
  kill.end(kill.release());
  story.pass(80 * MILLI, 200 * MILLI);
  const gone = new Command(story, 'delete', id, id);
  gone.look();
  if (!story.old) gone.say('cleanup agent', { subsystem: 'kata_agent', fields: [['path', `/run/kata-containers/shared/sandboxes/${id}`]] });
  gone.end(gone.release());
}

/** One sandbox from its create on. Its lines stand in the order of their times. */
export function session(random: Random, options: SessionOptions): KataSession {
  const story = new Story(random, options);
  const told = createSandbox(story);
  const containers = [story.id];
  story.pass(20 * MILLI, 150 * MILLI);
  start(story, story.id);
  for (let more = 0; more < (options.further ?? 0); more++) {
    const id = random.hex(64);
    containers.push(id);
    story.pass(20 * MILLI, 150 * MILLI);
    const create = new Command(story, 'create', id, `--bundle /run/b/${id} --pid-file /run/b/${id}/init.pid ${id}`);
    create.fetch();
    create.say('Using sandbox shm', { subsystem: 'kata_agent', fields: [['shm-size', '67108864']] });
    container(story, create, id);
    create.end(create.release());
    story.pass(20 * MILLI, 100 * MILLI);
    start(story, id);
  }
  if (options.exec === true) {
    story.pass(1_000 * MILLI, 3_000 * MILLI);
    exec(story, story.id);
  }
  if (options.stop === true) {
    story.pass(6_000 * MILLI, 9_000 * MILLI);
    stop(story);
  }
  return { sandbox: story.id, containers, lines: story.lines.toSorted(byTime), spans: story.spans, clock: story.clock, dial: told };
}

const byTime = (a: KataLine, b: KataLine): number => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0);

/** Lines of several sandboxes as one journal has them: by time, each up to `late` ns out of its place. */
export function interleaved(random: Random, sessions: readonly { readonly lines: readonly KataLine[] }[], late = 0): KataLine[] {
  const placed = sessions.flatMap(({ lines }) => lines).map((line) => ({ line, at: line.time + BigInt(random.whole(0, late)) }));
  return placed.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)).map(({ line }) => line);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** As rsyslog and `journalctl -o short` write it; the shim's pid is that of its own namespace only inside the record. */
export function journalShort({ time, writer, pid, text }: KataLine): string {
  const date = new Date(Number(time / 1_000_000n));
  return `${MONTHS[date.getUTCMonth()] ?? ''} ${String(date.getUTCDate()).padStart(2, ' ')} ${date.toISOString().slice(11, 19)} testhost ${writer}[${pid}]: ${text}`;
}
