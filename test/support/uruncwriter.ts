/**
 * Writes urunc timestamp logs of all five generations, as real urunc does. Imports nothing from src: what it knows comes
 * from the recordings in corpus/urunc-real, against which test/urunc/writer.test.ts checks it first.
 */
import type { Random } from './random.ts';

export type Generation = 'A' | 'B' | 'C' | 'C2' | 'D';
export const GENERATIONS: readonly Generation[] = ['A', 'B', 'C', 'C2', 'D'];

export interface WrittenLine {
  readonly time: bigint;
  readonly id: string;
  readonly mark: string;
  readonly text: string;
}

/** The marks of each process, in its own order. `c` stands for the pair cTS00, cTS01 of generation A. */
interface Processes {
  readonly create: readonly string[];
  readonly reexec: readonly string[];
  readonly start: readonly string[];
}

const marks = (text: string): string[] => text.split(' ').map((number) => (number === 'c' ? 'c' : `TS${number}`));

const PROCESSES: Readonly<Record<Generation, Processes>> = {
  A: { create: marks('00 c 01 02 03 07 08 09 11'), reexec: marks('c 04 05 06 10 15 16 17 18 19'), start: marks('12 c 13 14') },
  B: { create: marks('00 01 02 03 07 08 09 11'), reexec: marks('04 05 06 10 15 16 17 18 19'), start: marks('12 13 14') },
  C: { create: marks('00 01 02 03 06 07 08 10'), reexec: marks('04 05 09 14 15 16 17 18'), start: marks('11 12 13') },
  C2: { create: marks('00 01 02 03 06 07 08'), reexec: marks('04 05 09 10 14 15 16 17 18'), start: marks('11 12 13') },
  D: { create: marks('00 01 02 03 06 07 08'), reexec: marks('04 05 09 10 14 15 16 17 18'), start: marks('11 12 13') },
};

const NAMES = [
  'CR.invoked', 'CR.unikontainer_created', 'CR.initial_setup', 'CR.start_reexec', 'RX.create_invoked', 'RX.close_pipes_and_setup_base',
  'CR.received_pids', 'CR.hooks_executed', 'CR.sent_ack', 'RX.received_ack', 'CR.terminated', 'ST.invoked', 'ST.unikontainer_created',
  'ST.sent_start_msg', 'RX.received_start_msg', 'RX.joined_netns', 'RX.network_setup_completed', 'RX.disk_setup_completed', 'RX.execve_hypervisor',
];

export function line(generation: Generation, id: string, mark: string, time: bigint): WrittenLine {
  const order = Number(mark.slice(2));
  const naming = generation === 'D' ? `"timestampName":"${NAMES[order]}","timestampOrder":${order},` : '';
  return { time, id, mark, text: `{"containerID":"${id}","timestampID":"${mark}",${naming}"time":${time}}` };
}

export interface StartOptions {
  readonly generation: Generation;
  readonly id: string;
  readonly at: bigint;
  /** Time between the end of create and the call of start, ns. */
  readonly gap?: number;
  /** complete; created: start never called; killed: create dies in its hooks; failed: the hypervisor is missing; plain: handed to runc. */
  readonly fate?: 'complete' | 'created' | 'killed' | 'failed' | 'plain';
}

const MICRO = 1_000;

/** One start's lines in time order. Mean length about that of a real one (20 ms); times of one start are distinct. */
export function start(random: Random, options: StartOptions): WrittenLine[] {
  const { generation, id, at, fate = 'complete' } = options;
  const processes = PROCESSES[generation];
  const lines: WrittenLine[] = [];
  const taken = new Set<bigint>();
  const write = (mark: string, time: bigint): bigint => {
    let free = time;
    while (taken.has(free)) free++;
    taken.add(free);
    lines.push(line(generation, id, mark, free));
    return free;
  };
  const step = (least: number, most: number): bigint => BigInt(random.whole(least * MICRO, most * MICRO));
  /** Runs marks one after the other; a `c` is urunc's own check, which a plain container leaves half way. */
  const run = (sequence: readonly string[], from: bigint, waits: Readonly<Record<string, bigint>> = {}): bigint => {
    let now = from;
    for (const mark of sequence) {
      now += step(10, 900);
      const until = waits[mark];
      if (until !== undefined && until > now) now = until + step(1, 60);
      if (mark === 'c') {
        write('cTS00', now);
        if (fate === 'plain') return now;
        now += step(100, 900);
        now = write('cTS01', now);
      } else now = write(mark, now);
    }
    return now;
  };
  if (fate === 'plain') {
    write('TS00', at);
    if (generation === 'A') write('cTS00', at + step(100, 900));
    const called = at + step(30_000, 60_000);
    write(processes.start[0] ?? '', called);
    if (generation === 'A') write('cTS00', called + step(2, 9));
    return lines.sort(byTime);
  }
  const early = generation === 'A' || generation === 'B';
  const pids = early ? 'TS07' : 'TS06';
  const acked = early ? 'TS10' : 'TS09';
  const ackSent = early ? 'TS09' : 'TS08';
  const startReceived = early ? 'TS15' : 'TS14';
  const timeOf = (mark: string): bigint => lines.find((one) => one.mark === mark)?.time ?? at;
  write('TS00', at);
  const head = processes.create.slice(1, processes.create.indexOf(pids));
  const spawned = run(head, at);
  const reexecUp = spawned + step(4_000, 9_000);
  const preAck = processes.reexec.slice(0, processes.reexec.indexOf(acked));
  const tail = processes.create.slice(processes.create.indexOf(pids));
  if (fate === 'killed') {
    // Dies in its CreateRuntime hooks: the pids are the last it wrote; the reexec process goes on to wait.
    run([pids], early ? reexecUp : spawned + step(1_500, 2_800));
    run(preAck, reexecUp);
    return lines.sort(byTime);
  }
  const created = run(tail, early ? reexecUp : spawned + step(1_500, 2_800));
  const ready = run(preAck, reexecUp);
  const ackTime = timeOf(ackSent);
  const postAck = processes.reexec.slice(processes.reexec.indexOf(acked), processes.reexec.indexOf(startReceived));
  const waiting = run(postAck, ready > ackTime ? ready : ackTime);
  if (fate === 'created') return lines.sort(byTime);
  const called = created + BigInt(options.gap ?? random.whole(3_000 * MICRO, 15_000 * MICRO));
  const started = run(processes.start, called);
  const last = processes.reexec.slice(processes.reexec.indexOf(startReceived));
  run(fate === 'failed' ? last.slice(0, -1) : last, started > waiting ? started : waiting);
  return lines.sort(byTime);
}

const byTime = (a: WrittenLine, b: WrittenLine): number => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0);

export interface LogOptions {
  readonly generation: Generation;
  readonly starts: number;
  /** Of the first start. */
  readonly at: bigint;
  /** Mean time between two starts' beginnings, ns; below a start's length they interleave. */
  readonly every: number;
  readonly fateOf?: (index: number) => NonNullable<StartOptions['fate']>;
}

/** Many starts, interleaved by time as O_APPEND writers do it. */
export function log(random: Random, options: LogOptions): WrittenLine[] {
  const lines: WrittenLine[] = [];
  let at = options.at;
  for (let index = 0; index < options.starts; index++) {
    lines.push(...start(random, { generation: options.generation, id: random.hex(64), at, fate: options.fateOf?.(index) ?? 'complete' }));
    at += BigInt(random.whole(1, options.every * 2));
  }
  return lines.sort(byTime);
}

export const text = (lines: readonly WrittenLine[]): string => lines.map((one) => `${one.text}\n`).join('');
