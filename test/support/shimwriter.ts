/**
 * What the writers of Kata's two shims share: a sandbox's story in the host's time, what its agent says in the guest's, and how a journal
 * keeps lines. Imports nothing from src: what it knows of the agent (src/agent at 4.0.0, slog's JSON with its keys in any order) comes from the
 * recordings in corpus/kata-go-4.0-real and kata-rs-4.0-real, against whose shapes test/shims/writer-shapes.test.ts checks it first.
 */
import { nanoTime } from './gologrus.ts';
import type { Random } from './random.ts';

export const MICRO = 1_000;
export const MILLI = 1_000_000;

/** One copy of a line, in both forms in which a journal can be had; `short` is undefined where text does not keep it. */
export interface Copy {
  readonly short: string | undefined;
  readonly json: string;
}

export interface ShimLine {
  /** By the host's clock, as the line or the journal tells it. */
  readonly time: bigint;
  /** What it says, for the reader of a failed test. */
  readonly text: string;
  readonly copies: readonly Copy[];
}

/** A stretch that really was, in the host's time. */
export interface ShimSpan {
  readonly service: string;
  readonly name: string;
  readonly container: string;
  readonly start: bigint;
  readonly end: bigint;
  /** No line tells its end: a trace may only say by when it was over. */
  readonly open: boolean;
  /** The request inside which the guest did it. */
  readonly within: string | undefined;
}

export interface ShimSession {
  readonly sandbox: string;
  readonly containers: readonly string[];
  readonly lines: readonly ShimLine[];
  readonly spans: readonly ShimSpan[];
}

export interface ShimOptions {
  /** When the sandbox's first request comes, ns since the epoch. */
  readonly at: bigint;
  /** Guest behind host (negative: ahead), ns. */
  readonly behind: bigint;
  readonly further?: number;
  readonly exec?: boolean;
  readonly stop?: boolean;
  /** What is logged: everything, or what is by default. */
  readonly level?: 'debug' | 'info';
  /** A line of the agent is this late at most, beyond the usual milliseconds; any of them may be, so they come out of order. */
  readonly late?: number;
  readonly pid: () => number;
}

/** An entry of the journal as `journalctl -o json` has it: its fields in any order. */
export function entry(random: Random, fields: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.fromEntries(shuffled(random, Object.entries(fields))));
}

export function shuffled<T>(random: Random, all: readonly T[]): T[] {
  return all.map((one) => [random.next(), one] as const).sort(([a], [b]) => a - b).map(([, one]) => one);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** As `journalctl -o short` prints an entry. */
export function short(time: bigint, identifier: string, pid: number, message: string): string {
  const date = new Date(Number(time / 1_000_000n));
  return `${MONTHS[date.getUTCMonth()] ?? ''} ${String(date.getUTCDate()).padStart(2, ' ')} ${date.toISOString().slice(11, 19)} testhost ${identifier}[${pid}]: ${message}`;
}

/** What journald adds to an entry. */
export const trusted = (time: bigint, identifier: string, pid: number, transport: string): Readonly<Record<string, string>> => ({
  __REALTIME_TIMESTAMP: String(time / 1_000n + 300n), __MONOTONIC_TIMESTAMP: String((time / 1_000n) % 10_000_000_000n), _BOOT_ID: '9c1d1710d8314002ad388776c7ef8ba2',
  _HOSTNAME: 'testhost', _PID: String(pid), _TRANSPORT: transport, SYSLOG_IDENTIFIER: identifier,
});

export type Extra = Readonly<Record<string, string>>;

/** A sandbox's story: what happens, when, and what the agent says of it. How the host writes it down is the shim's affair. */
export abstract class Story {
  now: bigint;
  readonly random: Random;
  readonly options: ShimOptions;
  readonly id: string;
  readonly pid: number;
  readonly lines: ShimLine[] = [];
  readonly spans: ShimSpan[] = [];
  /** The request that the guest works for, and of whose container. */
  working: { readonly request: string; readonly container: string } | undefined;

  constructor(random: Random, options: ShimOptions) {
    this.random = random;
    this.options = options;
    this.now = options.at;
    this.id = random.hex(64);
    this.pid = options.pid();
  }

  get debug(): boolean {
    return this.options.level !== 'info';
  }

  some(least: number, most: number): bigint {
    return BigInt(this.random.whole(least, most));
  }

  pass(least: number, most: number): void {
    this.now += this.some(least, most);
  }

  span(service: string, name: string, container: string, start: bigint, end: bigint, more: { readonly open?: boolean; readonly within?: string | undefined } = {}): void {
    this.spans.push({ service, name, container, start, end, open: more.open ?? false, within: more.within });
  }

  /** What the guest prints reaches the host a little later, or much. */
  lateness(): bigint {
    const late = this.options.late ?? 0;
    return this.some(60 * MICRO, 9 * MILLI) + (late > 0 && this.random.chance(0.2) ? this.some(0, late) : 0n);
  }

  /** What the guest said at a moment of the host's, as the shim passes it on. */
  abstract guestSays(said: string, at: bigint, level: string): void;
  /** A line of the guest's console that is no agent's. */
  abstract console(said: string, at: bigint): void;

  agent(msg: string, subsystem: string, at: bigint, extra: Extra = {}, level = 'INFO'): void {
    if (!this.debug) return;
    const first = [['msg', msg], ['level', level], ['ts', nanoTime(at - this.options.behind)]] as const;
    const rest = shuffled(this.random, Object.entries({ name: 'kata-agent', source: 'agent', pid: '1', subsystem, version: '0.1.0', ...extra }));
    this.guestSays(JSON.stringify(Object.fromEntries([...first, ...rest])), at, level);
  }

  /** From the kernel's own zero to an agent that serves, `boots` ns; `now` is not moved. */
  boot(zero: bigint, boots: number): bigint {
    const at = (share: number): bigint => zero + BigInt(Math.floor(boots * share));
    for (const share of [0.5, 0.55, 0.6]) {
      const seconds = (Math.floor((boots * share) / 1_000) / 1e6).toFixed(6).padStart(12, ' ');
      this.console(`[${seconds}] SCSI subsystem initialized`, at(share));
    }
    const begins = at(0.7);
    this.agent('baremount source="proc", dest="/proc", fs_type="proc", options="", flags=MsFlags(MS_NOSUID | MS_NODEV | MS_NOEXEC)', 'baremount', begins);
    this.agent('starting uevents handler', 'uevent', at(0.9));
    const serves = zero + BigInt(boots);
    this.agent('ttRPC server started', 'rpc', serves, { address: 'vsock://-1:1024' });
    if (this.debug) this.span('kata-agent', 'guest: kernel boot', this.id, zero, begins);
    if (this.debug) this.span('kata-agent', 'agent: start', this.id, begins, serves);
    return serves;
  }

  /**
   * One call to the agent. `say`: what it says while it works, its last word included if it has one. `last`: no call follows for so long that
   * nothing tells when it was over. Moves `now` to the shim's answer.
   */
  call(verb: string, least: number, most: number, more: { readonly ends?: boolean; readonly last?: boolean; readonly say?: (from: bigint, to: bigint) => void } = {}): void {
    const start = this.now + this.some(150 * MICRO, 3 * MILLI);
    const end = start + this.some(least, most);
    this.agent(`rpc call from shim to agent: "${verb}"`, 'rpc', start);
    more.say?.(start, end);
    if (this.debug && more.last !== true) this.span('kata-agent', verb, this.working?.container ?? this.id, start, end, { open: more.ends !== true, within: this.working?.request });
    this.now = end + this.some(150 * MICRO, 3 * MILLI);
  }

  createContainer(id: string): void {
    this.call('create_container', 40 * MILLI, 400 * MILLI, {
      ends: true,
      say: (from, to) => {
        const at = (share: number): bigint => from + BigInt(Math.floor(Number(to - from) * share));
        const own = { cid: id, eid: id, module: 'rustjail' };
        this.agent('receive createcontainer, storages: []', 'rpc', at(0.1));
        this.agent('enter container.start!', 'container', at(0.3), own);
        this.agent(`setup rootfs /run/kata-containers/${id}/rootfs`, 'container', at(0.6), { ...own, action: 'child process log' });
        this.agent('create process completed', 'container', at(0.9), own);
        this.agent('created container!', 'rpc', to);
      },
    });
  }

  startContainer(id: string): void {
    this.call('start_container', 3 * MILLI, 20 * MILLI, {
      ends: true,
      say: (_, to) => this.agent('container started', 'container', to, { cid: id, module: 'rustjail' }),
    });
  }

  execProcess(id: string, exec: string): void {
    this.call('exec_process', 40 * MILLI, 300 * MILLI, {
      ends: true,
      say: (from, to) => {
        const own = { cid: id, eid: exec, module: 'rustjail' };
        this.agent(`do_exec_process cid: ${id} eid: ${exec}`, 'rpc', from + 200_000n);
        this.agent('enter container.start!', 'container', from + 900_000n, own);
        this.agent('create process completed', 'container', to, own);
      },
    });
  }

  /** What the options ask for after the containers have started, and all of it as a session. */
  rest(containers: readonly string[], does: { readonly exec: (container: string) => void; readonly stop: (container: string) => void }): ShimSession {
    if (this.options.exec === true) {
      this.pass(6_000 * MILLI, 8_000 * MILLI);
      does.exec(this.id);
    }
    if (this.options.stop === true) {
      this.pass(6_000 * MILLI, 9_000 * MILLI);
      for (const id of containers.slice(1)) {
        does.stop(id);
        this.pass(13_000 * MILLI, 14_000 * MILLI);
      }
      does.stop(this.id);
    }
    return this.session(containers);
  }

  session(containers: readonly string[]): ShimSession {
    return { sandbox: this.id, containers, lines: this.lines.toSorted((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0)), spans: this.spans };
  }
}

export type Form = 'short' | 'json';

/**
 * The copies of all lines as one journal has them: by time, each up to `apart` entries out of its place, the two copies of a line included.
 */
export function journal(random: Random, sessions: readonly { readonly lines: readonly ShimLine[] }[], form: Form, apart = 0): string {
  const copies = sessions.flatMap(({ lines }) => lines.flatMap(({ time, copies: all }) => all.map((copy) => ({ time, copy }))));
  copies.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  const placed = copies.map(({ copy }, index) => ({ copy, at: index + random.whole(0, apart) }));
  placed.sort((a, b) => a.at - b.at);
  return placed.map(({ copy }) => `${form === 'short' ? (copy.short ?? '') : copy.json}\n`).join('');
}
