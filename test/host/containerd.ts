/** A host with containerd, runc and what drives them (containerd.sh, test/servers/cri-driver), and what really happened there. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { lacks, lacksPackage, binaryOf } from '../real/server.ts';
import { field, text } from '../real/json.ts';
import { until } from '../real/program.ts';
import { CHECKOUT, Machine, NPM_PATH, lacksHost } from './machine.ts';

const SCRIPT = join(import.meta.dirname, 'containerd.sh');
/** What `ctr events` prints, kept by a service of its own: a log like any other. */
export const EVENTS = '/run/truth';
const UNIT = 'shimtrace-live';

/** Why there can be no such host here; undefined: there can. */
export const lacksContainerd = (): string | undefined =>
  lacksHost() ?? lacksPackage({ containerd: ['containerd', 'ctr'], runc: ['runc'], 'busybox-static': ['busybox'] }) ??
  (existsSync('/usr/lib/cni/bridge') ? undefined : 'no containernetworking-plugins: apt-get install --no-install-recommends containernetworking-plugins') ?? lacks('jaeger', 'cri-driver');

/** Something that a driver did, in ns by the host's clock. What it measured with microseconds lies somewhere within them. */
export interface Act {
  readonly begin: bigint;
  readonly end: bigint;
  readonly verb: string;
  /** undefined: the call gave none. */
  readonly id: string | undefined;
  /** Why it failed; undefined: it did not. */
  readonly failure: string | undefined;
}

export type Mode = 'stay' | 'wait' | 'kill';

/** `ctr run` of one container. Those of a group run at once. */
export interface Wish {
  readonly group: number;
  readonly id: string;
  readonly mode: Mode;
  readonly command: string;
}

/** An event of containerd, as `ctr events` printed it to the test. */
export interface Event {
  readonly time: bigint;
  readonly namespace: string;
  readonly topic: string;
  readonly id: string;
  /** `exec` of an exit. */
  readonly exec: string;
  readonly code: number;
}

export class Node implements AsyncDisposable {
  readonly machine: Machine;

  private constructor(machine: Machine) {
    this.machine = machine;
  }

  static async start(): Promise<Node> {
    const node = new Node(await Machine.start());
    try {
      await node.machine.says(SCRIPT, 'setup');
      await node.machine.says('systemd-run', '--quiet', '--unit=truth', '-p', `StandardOutput=file:${EVENTS}`, 'ctr', 'events');
      await node.#hears();
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
    return node;
  }

  /** The listener hears what is made of nothing else than to be heard. */
  async #hears(): Promise<void> {
    let tries = 0;
    await until(20_000, async () => {
      await this.machine.says('ctr', 'namespaces', 'create', `heard-${tries++}`);
      return this.#eventsText() !== '';
    }, () => 'ctr events says nothing');
  }

  #eventsText(): string {
    const path = this.machine.path(EVENTS);
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** What containerd told of containers and tasks until now. */
  events(): Event[] {
    return this.#eventsText().split('\n').slice(0, -1).map(eventOf).filter((event) => /^\/(?:containers|tasks)\//.test(event.topic));
  }

  /** `ctr run` of each, and for those of mode kill a kill; in the order of the wishes. */
  async containers(wishes: readonly Wish[]): Promise<ReadonlyMap<string, readonly Act[]>> {
    const plan = wishes.map(({ group, id, mode, command }) => `${group} ${id} ${mode} ${command}\n`).join('');
    const said = await this.machine.says('sh', '-c', 'printf %s "$1" | "$2" containers', 'sh', plan, SCRIPT);
    return new Map(rows(said).map(([begin = '', end = '', id = '', , code = '', killed, dead = '', refused = '']) => [
      id,
      [act(begin, end, 'run', id, code), ...(killed === undefined ? [] : [act(killed, dead, 'kill', id, refused)])],
    ]));
  }

  /** One pod with its containers, `IMAGE,COMMAND,...` each, through the Kubernetes interface. */
  async pod(name: string, handler: string, pauseMs: number, runMs: number, ...containers: readonly string[]): Promise<readonly Act[]> {
    const said = await this.machine.says(binaryOf('cri-driver'), name, handler, String(pauseMs), String(runMs), ...containers);
    return rows(said).map(([begin = '', end = '', verb = '', , id = '', reason = '']) => ({
      begin: BigInt(begin),
      end: BigInt(end),
      verb,
      id: id === '' ? undefined : id,
      failure: reason === '' ? undefined : reason,
    }));
  }

  /** runc alone: create, start, kill, delete. */
  async byHand(id: string, ...command: readonly string[]): Promise<readonly Act[]> {
    return rows(await this.machine.says(SCRIPT, 'by-hand', '/var/log/runc', id, ...command)).map(([begin = '', end = '', , verb = '', code = '']) => act(begin, end, verb, id, code));
  }

  /** shimtrace as a service of root's that is started again whenever it ends. */
  async shimtrace(...args: readonly string[]): Promise<void> {
    await this.machine.says(
      'systemd-run', '--quiet', `--unit=${UNIT}`, '-p', 'Restart=always', '-p', 'RestartSec=100ms', '-p', 'StartLimitIntervalSec=0', '-p', 'Type=notify', '-p', 'NotifyAccess=all',
      `--setenv=PATH=${NPM_PATH}`, join(CHECKOUT, 'node_modules/.bin/node'), join(CHECKOUT, 'dist/main.js'), 'run', ...args,
    );
  }

  /** kill -9 of shimtrace; returns when it has come back. */
  async kill(): Promise<void> {
    const pid = (): Promise<string> => this.machine.says('systemctl', 'show', '-P', 'MainPID', UNIT);
    const before = await pid();
    await this.machine.says('systemctl', 'kill', '--kill-whom=main', '--signal=KILL', UNIT);
    await until(20_000, async () => !['0', before].includes(await pid()) && (await this.machine.exec('systemctl', 'is-active', '--quiet', UNIT)).code === 0, () => 'shimtrace was not started again');
  }

  /** What shimtrace said. */
  said(): Promise<string> {
    return this.machine.says('journalctl', '-u', UNIT, '-o', 'cat', '--no-pager');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine[Symbol.asyncDispose]();
  }
}

const rows = (said: string): string[][] => said.split('\n').filter((line) => line !== '').map((line) => line.split('\t'));

const act = (begin: string, end: string, verb: string, id: string, code: string): Act => ({
  begin: BigInt(begin) * 1_000n,
  end: BigInt(end) * 1_000n + 999n,
  verb,
  id,
  failure: code === '0' ? undefined : `exit code ${code}`,
});

//              1: date      2: time              3: fraction           4: namespace  5: topic  6: JSON
const EVENT = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,9}))? \+0000 UTC (\S+) (\S+) (.*)$/;

function eventOf(line: string): Event {
  const match = EVENT.exec(line);
  if (match === null) throw new Error(`not an event: ${line}`);
  const [, date = '', clock = '', fraction = '', namespace = '', topic = '', json = ''] = match;
  const told: unknown = JSON.parse(json);
  const container = text(told, 'container_id');
  return {
    time: BigInt(Date.parse(`${date}T${clock}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0')),
    namespace,
    topic,
    id: container === '' ? text(told, 'id') : container,
    exec: topic === '/tasks/exit' && container !== text(told, 'id') ? text(told, 'id') : '',
    code: Number(field(told, 'exit_status') ?? 0),
  };
}
