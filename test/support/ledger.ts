/** Logs through the ledger as data: no files, no clock. Sources are read as sources/ reads them. */
import { compile } from '../../src/engine/compile.ts';
import type { CompiledRuntime } from '../../src/engine/compile.ts';
import { Ledger, LEDGER_DEFAULTS } from '../../src/engine/ledger.ts';
import type { LedgerOptions, Settlement } from '../../src/engine/ledger.ts';
import { otlpJson } from '../../src/engine/render/otlpjson.ts';
import type { Clock, SourceId } from '../../src/model/source.ts';
import { sourceKey } from '../../src/model/source.ts';
import { nanos, steady } from '../../src/model/time.ts';
import type { Trace } from '../../src/model/trace.ts';
import { runtime as containerd } from '../../src/runtimes/containerd.ts';
import { runtime as containerdEvents } from '../../src/runtimes/containerd-events.ts';
import { runtime as kata1 } from '../../src/runtimes/kata-1.ts';
import { runtime as kataGo } from '../../src/runtimes/kata-go.ts';
import { runtime as kataRs } from '../../src/runtimes/kata-rs.ts';
import { runtime as runc } from '../../src/runtimes/runc.ts';
import { runtime } from '../../src/runtimes/urunc.ts';

export const URUNC: CompiledRuntime = compile(runtime);
export const KATA1: CompiledRuntime = compile(kata1);
export const KATA_GO: CompiledRuntime = compile(kataGo);
export const KATA_RS: CompiledRuntime = compile(kataRs);
export const RUNC: CompiledRuntime = compile(runc);
export const CONTAINERD: CompiledRuntime = compile(containerd);
export const EVENTS: CompiledRuntime = compile(containerdEvents);
export const HOST_ID = '00112233445566778899aabbccddeeff';

export interface LogFile {
  readonly log: string | Buffer;
  readonly key?: string;
  readonly fresh?: boolean;
  readonly rank?: number;
  readonly scheme?: string;
}

export interface ReadOptions extends Partial<LedgerOptions> {
  /** Whose lines they are: urunc's unless said otherwise. */
  readonly runtimes?: readonly CompiledRuntime[];
  /** Bytes handed in at a time. */
  readonly chunk?: number;
  /** Settles after every chunk, as the daemon does. Off where the lines are not in time order. */
  readonly eager?: boolean;
}

export interface ReadResult {
  readonly ledger: Ledger;
  /** By time, then id. */
  readonly traces: readonly Trace[];
  readonly counts: Readonly<Record<string, number>>;
  readonly verdicts: Verdicts;
}

export interface Verdicts {
  readonly lines: number;
  readonly events: number;
  readonly unknown: number;
  readonly ignored: Readonly<Record<string, number>>;
  readonly malformed: Readonly<Record<string, number>>;
}

export const newLedger = (options: Partial<LedgerOptions> = {}, runtimes: readonly CompiledRuntime[] = [URUNC]): Ledger =>
  new Ledger(runtimes, { ...LEDGER_DEFAULTS, hostId: HOST_ID, ...options });

/** A clock that stands: `wall` in ns, `ms` on the monotonic clock. */
export const clockAt = (wall: bigint, ms = 0): Clock => ({ now: () => nanos(wall), steady: () => steady(ms) });

/** Beyond what any recording or written log waits for. */
export const MUCH_LATER = clockAt(4_000_000_000_000_000_000n, 1e12);

/** A source of a ledger, fed like a file: what was not taken is handed in again with what follows. */
export class Feed {
  readonly id: SourceId;
  readonly #ledger: Ledger;
  readonly #bytes: Buffer;
  /** Where the next unread line begins. */
  at: number;
  #given: number;

  constructor(ledger: Ledger, file: LogFile, from = 0) {
    const { log, key = 'file', fresh = from === 0, rank = 0, scheme } = file;
    this.#ledger = ledger;
    this.#bytes = typeof log === 'string' ? Buffer.from(log) : log;
    this.id = ledger.begin({ key: sourceKey(key), name: key, fresh, rank, ...(scheme === undefined ? {} : { scheme }) });
    this.at = from;
    this.#given = from;
  }

  /** Hands in `size` more bytes, at most up to `end`. @returns false when there are none. */
  more(size: number, end = this.#bytes.length): boolean {
    if (this.#given >= end) return false;
    this.#given = Math.min(end, this.#given + size);
    // A buffer of its own, overwritten afterwards, as a reader's is: nothing may keep a view of it.
    const buffer = Buffer.from(this.#bytes.subarray(this.at, this.#given));
    this.at += this.#ledger.read(this.id, buffer, buffer.length, this.at);
    buffer.fill(0x21);
    return true;
  }

  end(): void {
    this.#ledger.end(this.id);
  }
}

const chronological = (a: Trace, b: Trace): number => (a.at !== b.at ? (a.at < b.at ? -1 : 1) : a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

export const sorted = (settlements: readonly Settlement[]): Trace[] => settlements.map(({ trace }) => trace).sort(chronological);

/** Reads whole logs to their end and settles all that is in them. */
export function tracesOf(input: string | Buffer | readonly LogFile[], options: ReadOptions = {}): ReadResult {
  const { chunk = 65_536, eager = true, runtimes, ...ledgerOptions } = options;
  const files = typeof input === 'string' || Buffer.isBuffer(input) ? [{ log: input }] : input;
  const ledger = newLedger(ledgerOptions, runtimes);
  const feeds = files.map((file, index) => new Feed(ledger, { key: `file ${index}`, ...file }));
  const settled: Settlement[] = [];
  const settle = (): void => void settled.push(...ledger.settle(MUCH_LATER));
  for (const feed of feeds) {
    while (feed.more(chunk)) if (eager) settle();
  }
  for (const feed of feeds) feed.end();
  settle();
  for (const { trace } of settled) ledger.acknowledged(trace.id);
  return { ledger, traces: sorted(settled), counts: Object.fromEntries([...ledger.counts].sort()), verdicts: verdictsOf(ledger) };
}

export function verdictsOf(ledger: Ledger): Verdicts {
  const sum = { lines: 0, events: 0, unknown: 0 };
  const ignored = new Map<string, number>();
  const malformed = new Map<string, number>();
  const add = (to: Map<string, number>, from: ReadonlyMap<string, number>): void => {
    for (const [name, count] of from) to.set(name, (to.get(name) ?? 0) + count);
  };
  for (const { verdicts } of ledger.readings()) {
    sum.lines += verdicts.lines;
    sum.events += verdicts.events;
    sum.unknown += verdicts.unknown;
    add(ignored, verdicts.ignored);
    add(malformed, verdicts.malformed);
  }
  return { ...sum, ignored: Object.fromEntries([...ignored].sort()), malformed: Object.fromEntries([...malformed].sort()) };
}

const HOST = [['host.id', HOST_ID]] as const;

export const bytesOf = (trace: Trace): string => otlpJson(trace, HOST);

/** One line per trace: equal texts mean equal traces, byte for byte. */
export const printed = (traces: readonly Trace[]): string => traces.map(bytesOf).join('\n');
