/**
 * The kill-and-rotate run over the whole way: shimtrace, the Collector with otel-collector.yaml, Jaeger and Tempo. The
 * daemon is killed in each round; the Collector is killed or stopped and Jaeger killed in some, and they are started again
 * a moment or rounds later. What must hold: every complete start is in Tempo, as an import of the same lines makes it; what
 * began after Jaeger's last start is complete there, too, with one content per span; and neither has what was not written.
 */
import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Random } from '../support/random.ts';
import { Collector } from './collector.ts';
import { Host, now } from './host.ts';
import { Jaeger } from './jaeger.ts';
import { Daemon, until } from './program.ts';
import { HOST, completeOf, firstState, importAll, plain, playRound, unlike } from './rounds.ts';
import type { Start } from './rounds.ts';
import { byTrace } from './spans.ts';
import type { SpanView } from './spans.ts';
import { Tempo } from './tempo.ts';

export interface ServersReport {
  readonly seed: number;
  readonly rounds: number;
  readonly starts: number;
  readonly complete: number;
  readonly rotations: number;
  readonly collectorKilled: number;
  readonly collectorStopped: number;
  readonly jaegerKilled: number;
  /** Complete starts that began after Jaeger's last start, and so must all be there. */
  readonly inJaeger: number;
  /** Tempo keeps both when a trace that is not yet cut comes twice, each span twice with one content. */
  readonly twiceInTempo: number;
  /** What is wrong, one sentence each. */
  readonly broken: readonly string[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Counts = Mutable<Pick<ServersReport, 'collectorKilled' | 'collectorStopped' | 'jaegerKilled'>>;

interface Stage {
  readonly jaeger: Jaeger;
  readonly tempo: Tempo;
  readonly collector: Collector;
  readonly starts: Map<string, Start>;
  readonly counts: Counts;
  /** When Jaeger was last started: it knows of nothing that was delivered before. */
  jaegerSince: bigint;
}

export async function killServers(seed: number, rounds: number): Promise<ServersReport> {
  await using used = new AsyncDisposableStack();
  const folder = used.use(mkdtempDisposableSync(join(tmpdir(), 'shimtrace-kill-'))).path;
  const jaeger = used.use(await Jaeger.start());
  const tempo = used.use(await Tempo.start());
  const collector = used.use(await Collector.start({ JAEGER_OTLP: jaeger.address, TEMPO_OTLP: tempo.address, BACKENDS: '[otlp_grpc/jaeger, otlp_grpc/tempo]' }));
  const host = used.adopt(new Host(join(folder, 'timestamps.log')), (each) => each.dispose());
  const stage: Stage = {
    jaeger, tempo, collector, starts: new Map(), jaegerSince: now(), counts: { collectorKilled: 0, collectorStopped: 0, jaegerKilled: 0 },
  };
  const args = ['--file', host.log, '--otlp', collector.otlp, '--state-dir', join(folder, 'state'), '--host-id', HOST];
  const random = new Random(seed);
  const chaos = new Random(seed ^ 0x5eed);
  const broken: string[] = [];
  await firstState(args, random, host, stage.starts, join(folder, 'state', 'state.json'));
  for (let round = 0; round < rounds; round++) {
    const daemon = new Daemon(args);
    await Promise.all([playRound(random, host, stage.starts), trouble(chaos, stage)]);
    if (!daemon.running) broken.push(`round ${round}: the daemon ended by itself: ${daemon.said}`);
    await daemon.kill();
    for (let times = random.whole(0, 9); times > 7; times--) host.rotate();
  }
  await startAll(stage);
  // Jaeger must have something to be judged by.
  while (dueInJaeger(stage).length < 3) await playRound(random, host, stage.starts);
  await host.play();
  const last = new Daemon(args);
  await last.ready();
  const imported = importAll(folder, stage.starts);
  broken.push(...await settle(last, stage));
  const { twiceInTempo, faults: inTempo } = await judgeTempo(stage, imported);
  const { inJaeger, faults } = await judgeJaeger(stage, imported);
  return {
    seed, rounds, starts: stage.starts.size, complete: completeOf(stage.starts).length, rotations: host.rotations, ...stage.counts, inJaeger, twiceInTempo,
    broken: [...broken, ...inTempo, ...faults],
  };
}

/** Something happens to a server, or one that is away comes back. */
async function trouble(random: Random, stage: Stage): Promise<void> {
  const { jaeger, collector, counts } = stage;
  await pause(random.whole(0, 800));
  if (!jaeger.server.running && random.chance(0.5)) await startJaeger(stage);
  if (!collector.server.running) return collector.server.start();
  const luck = random.next();
  if (luck < 0.35) {
    counts.collectorKilled++;
    await collector.server.stop('SIGKILL');
  } else if (luck < 0.5) {
    counts.collectorStopped++;
    await collector.server.stop('SIGTERM');
  } else if (luck < 0.75 && jaeger.server.running) {
    counts.jaegerKilled++;
    await jaeger.server.stop('SIGKILL');
  }
  if (collector.server.running || random.chance(0.3)) return;
  await pause(random.whole(0, 500));
  await collector.server.start();
}

async function startJaeger(stage: Stage): Promise<void> {
  await stage.jaeger.server.start();
  stage.jaegerSince = now();
}

async function startAll(stage: Stage): Promise<void> {
  if (!stage.jaeger.server.running) await startJaeger(stage);
  if (!stage.collector.server.running) await stage.collector.server.start();
}

/** Lets all that waits arrive, in shimtrace and in the Collector. */
async function settle(daemon: Daemon, { collector, tempo, starts }: Stage): Promise<string[]> {
  const left = new Set(completeOf(starts));
  const arrived = async (): Promise<boolean> => {
    for (const trace of left) {
      if ((await tempo.trace(trace)).length === 0) return false;
      left.delete(trace);
    }
    return true;
  };
  const empty = async (): Promise<boolean> => (await collector.waiting('otlp_grpc/jaeger')) === 0 && (await collector.waiting('otlp_grpc/tempo')) === 0;
  const broken: string[] = [];
  try {
    await until(30_000, arrived, () => `${left.size} complete starts never came to Tempo`);
    await until(60_000, empty, () => 'the queues of the Collector never became empty');
  } catch (error) {
    broken.push(String(error), ...[...left].slice(0, 5).map((trace) => `${trace} of ${starts.get(trace)?.lines[0]?.text} is not in Tempo`), daemon.said, collector.server.said);
  }
  daemon.signal('SIGTERM');
  const ended = await daemon.ended(5_000);
  if (ended.code !== 0) broken.push(`the last daemon ended with ${ended.code ?? ended.signal}: ${daemon.said}`);
  return broken;
}

interface TempoVerdict {
  readonly twiceInTempo: number;
  readonly faults: readonly string[];
}

async function judgeTempo({ tempo, starts }: Stage, imported: ReadonlyMap<string, readonly SpanView[]>): Promise<TempoVerdict> {
  const complete = completeOf(starts);
  const found = new Map<string, SpanView[]>();
  let twiceInTempo = 0;
  for (const trace of complete) {
    const spans = await tempo.trace(trace);
    const contents = new Map(spans.map((span) => [plain(span), span]));
    if (contents.size < spans.length) twiceInTempo++;
    found.set(trace, [...contents.values()]);
  }
  const query = '{ resource.service.name = "urunc" && name = "container start" }';
  let known = new Set<string>();
  const searched = async (): Promise<boolean> => {
    known = new Set((await tempo.search(query)).map(({ trace }) => trace));
    return complete.every((trace) => known.has(trace));
  };
  const late: string[] = [];
  try {
    await until(10_000, searched, () => 'the search does not find every complete start');
  } catch (error) {
    late.push(String(error));
  }
  return { twiceInTempo, faults: [...late, ...unlike('Tempo', found, imported, complete), ...strangers(known, starts, 'Tempo')] };
}

/** Complete starts that began after Jaeger's last start. */
const dueInJaeger = ({ starts, jaegerSince }: Stage): string[] =>
  completeOf(starts).filter((trace) => (starts.get(trace)?.lines[0]?.time ?? 0n) > jaegerSince);

async function judgeJaeger(stage: Stage, imported: ReadonlyMap<string, readonly SpanView[]>): Promise<{ readonly inJaeger: number; readonly faults: readonly string[] }> {
  const { jaeger, starts } = stage;
  const complete = new Set(completeOf(starts));
  const due = dueInJaeger(stage);
  const listed = byTrace(await jaeger.traces('urunc', now() - 3_600_000_000_000n, now() + 1_000_000_000n));
  const found = new Map<string, SpanView[]>();
  for (const trace of listed.keys()) found.set(trace, await jaeger.trace(trace));
  const absent = due.filter((trace) => !found.has(trace)).map((trace) => `${trace} is not in Jaeger`);
  const present = [...found.keys()].filter((trace) => complete.has(trace));
  return { inJaeger: due.length, faults: [...absent, ...unlike('Jaeger', found, imported, present), ...strangers(found.keys(), starts, 'Jaeger')] };
}

const strangers = (found: Iterable<string>, starts: ReadonlyMap<string, Start>, where: string): string[] =>
  [...found].filter((trace) => (starts.get(trace)?.fate ?? 'plain') === 'plain').map((trace) => `${where} has ${trace}, which was never written`);
