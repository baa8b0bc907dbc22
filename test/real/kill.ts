/**
 * kill -9 at random moments, while starts are written, the log is rotated by renaming, and the back-end fails, hangs and
 * loses its answers. What must hold (reference/tailing-and-delivery.md 7): every complete start is taken by the back-end
 * at least once, whatever is sent twice is the same to the byte, and nothing is sent that was not written.
 */
import { mkdtempDisposableSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRequest, traceIdsOf } from '../support/otlp.ts';
import { Random } from '../support/random.ts';
import { Receiver, status } from '../support/receiver.ts';
import type { Behaviour } from '../support/receiver.ts';
import { Host } from './host.ts';
import { Daemon, until } from './program.ts';
import { HOST, completeOf, faultsOf, firstState, importAll, plain, playRound, unlike } from './rounds.ts';
import type { Start } from './rounds.ts';
import { byTrace, viewWire } from './spans.ts';
import type { SpanView } from './spans.ts';

export interface KillOptions {
  readonly seed: number;
  readonly rounds: number;
  /** harsh: every other request goes wrong, a few starts a round. busy: 10 % unavailable, 3 % hang, 7 % stored but unanswered, many starts. */
  readonly world: 'harsh' | 'busy';
  /** Seconds in which the back-end is away altogether, a third of the way in. */
  readonly outage?: number;
}

export interface KillReport {
  readonly seed: number;
  readonly rounds: number;
  readonly starts: number;
  readonly complete: number;
  readonly rotations: number;
  readonly requests: number;
  /** Traces that were sent, and how many of these sendings were repetitions: the daemon could not know that they had been taken. */
  readonly sent: number;
  readonly repeated: number;
  /** Of these, how many had been answered: the daemon was killed before it had heard or noted that. */
  readonly answered: number;
  /** Slowest of all daemons, in ms from its birth until it watched; and files that the last went on with. */
  readonly recovery: { readonly ms: number; readonly resumed: number };
  /** Largest state file that was seen, in bytes. */
  readonly state: number;
  /** What is wrong, one sentence each. */
  readonly broken: readonly string[];
}

export async function killRounds(options: KillOptions): Promise<KillReport> {
  const { seed, rounds, world, outage = 0 } = options;
  using folder = mkdtempDisposableSync(join(tmpdir(), 'shimtrace-kill-'));
  const random = new Random(seed);
  const chaos = new Random(seed ^ 0x5eed);
  const receiver = await Receiver.start();
  const host = new Host(join(folder.path, 'timestamps.log'));
  const starts = new Map<string, Start>();
  const args = ['--file', host.log, '--otlp', receiver.url, '--state-dir', join(folder.path, 'state'), '--host-id', HOST];
  const stateFile = join(folder.path, 'state', 'state.json');
  const broken: string[] = [];
  const recovery = { ms: 0, resumed: 0 };
  let state = 0;
  let awayUntil = 0;
  receiver.script = () => (performance.now() < awayUntil ? AWAY : misbehave[world](chaos));
  try {
    await firstState(args, random, host, starts, stateFile);
    for (let round = 0; round < rounds; round++) {
      if (outage > 0 && round === Math.floor(rounds / 3)) awayUntil = performance.now() + outage * 1_000;
      const daemon = new Daemon(args);
      await playRound(random, host, starts, world === 'harsh' ? [0, 3] : [5, 40]);
      recovery.ms = Math.max(recovery.ms, daemon.readyAfter ?? 0);
      if (!daemon.running) broken.push(`round ${round}: the daemon ended by itself: ${daemon.said}`);
      await daemon.kill();
      state = Math.max(state, statSync(stateFile).size);
      // Also while nobody looks, and more than once.
      for (let times = random.whole(0, 9); times > 7; times--) host.rotate();
    }
    await host.play();
    receiver.script = () => ({ kind: 'ok' });
    const last = new Daemon(args);
    // All may have been taken before it has begun; only then it can be told to stop.
    await last.ready();
    recovery.ms = Math.max(recovery.ms, last.readyAfter ?? 0);
    recovery.resumed = last.said.split('"resumed_at"').length - 1;
    broken.push(...await settle(last, receiver, starts));
    broken.push(...judge(receiver, starts));
    const sent = new Map(receiver.requests.flatMap(({ bytes }) => [...byTrace(once(viewWire(bytes)))]));
    broken.push(...unlike('sent', sent, importAll(folder.path, starts), completeOf(starts)));
  } finally {
    host.dispose();
    await receiver.stop();
  }
  return {
    seed, rounds, broken, starts: starts.size, complete: completeOf(starts).length, rotations: host.rotations,
    requests: receiver.requests.length, ...repeatsOf(receiver), recovery, state,
  };
}

const AWAY: Behaviour = { kind: 'status', code: status.UNAVAILABLE, message: 'away' };

const misbehave: Readonly<Record<KillOptions['world'], (random: Random) => Behaviour>> = {
  harsh(random) {
    const luck = random.next();
    if (luck < 0.5) return { kind: 'ok' };
    if (luck < 0.65) return { kind: 'status', code: status.UNAVAILABLE, message: 'later' };
    if (luck < 0.75) return { kind: 'hang' };
    if (luck < 0.87) return { kind: 'slow', ms: random.whole(20, 400) };
    return { kind: 'store-and-drop' };
  },
  busy(random) {
    const luck = random.next();
    if (luck < 0.8) return { kind: 'ok' };
    if (luck < 0.9) return { kind: 'status', code: status.UNAVAILABLE, message: 'later' };
    return luck < 0.93 ? { kind: 'hang' } : { kind: 'store-and-drop' };
  },
};

/** What the back-end answered as taken, of its requests from `looked` on. */
function takenBy(receiver: Receiver, looked: number): Set<string> {
  const answered = receiver.requests.slice(looked).filter(({ behaviour }) => behaviour.kind === 'ok' || behaviour.kind === 'slow');
  return new Set(answered.flatMap(({ bytes }) => traceIdsOf(bytes)));
}

/** Lets the last daemon finish in peace. */
async function settle(daemon: Daemon, receiver: Receiver, starts: ReadonlyMap<string, Start>): Promise<string[]> {
  let looked = 0;
  let left = completeOf(starts);
  const done = (): boolean => {
    // Each request once: the daemon waits for the same processor.
    const taken = takenBy(receiver, looked);
    looked = receiver.requests.length;
    left = left.filter((trace) => !taken.has(trace));
    return left.length === 0;
  };
  const broken: string[] = [];
  try {
    await until(20_000, done, () => `${left.length} complete starts were never taken`);
  } catch (error) {
    broken.push(String(error), ...left.slice(0, 5).map((trace) => `${trace} of ${starts.get(trace)?.lines[0]?.text} was never taken`), daemon.said);
  }
  daemon.signal('SIGTERM');
  const ended = await daemon.ended(5_000);
  if (ended.code !== 0) broken.push(`the last daemon ended with ${ended.code ?? ended.signal}: ${daemon.said}`);
  return broken;
}

/** One content per span id, whole traces, nothing unknown. */
function judge(receiver: Receiver, starts: ReadonlyMap<string, Start>): string[] {
  const broken = new Set<string>();
  const contents = new Map<string, string>();
  for (const { bytes } of receiver.requests) {
    for (const [id, content] of contentsOf(bytes)) {
      const before = contents.get(id);
      contents.set(id, content);
      if (before !== undefined && before !== content) broken.add(`span ${id} came with two contents:\n${before}\n${content}`);
    }
    for (const [trace, spans] of byTrace(once(viewWire(bytes)))) {
      const written = starts.get(trace);
      if (written === undefined) broken.add(`trace ${trace} was never written: ${spans[0]?.container}`);
      else if (written.fate === 'plain') broken.add(`trace ${trace} is of a container that was handed to runc`);
      else if (written.fate === 'complete') for (const fault of faultsOf(spans, written)) broken.add(`trace ${trace}: ${fault}`);
    }
  }
  return [...broken].slice(0, 10);
}

/** A trace may be sent twice in one request, the same to the byte as ever: from the spool of an earlier run, and from its lines. */
const once = (spans: readonly SpanView[]): SpanView[] => [...new Map(spans.map((span) => [plain(span), span])).values()];

function contentsOf(bytes: Uint8Array): [id: string, content: string][] {
  return readRequest(bytes).flatMap((resource) =>
    resource.scopes.flatMap((scope) =>
      scope.spans.map((span): [string, string] => [`${span.traceId}/${span.spanId}`, plain([resource.attributes, scope.name, scope.version, span])])));
}

/** As far as the back-end has seen them: what it had no ears for was never sent. */
function repeatsOf(receiver: Receiver): Pick<KillReport, 'sent' | 'repeated' | 'answered'> {
  const stored = receiver.requests.filter(({ behaviour }) => behaviour.kind !== 'status');
  /** Traces, and whether they were answered last. */
  const seen = new Map<string, boolean>();
  let repeated = 0;
  let answered = 0;
  for (const { bytes, behaviour: { kind } } of stored) {
    for (const { traceId, parent } of viewWire(bytes)) {
      if (parent !== '') continue;
      if (seen.has(traceId)) repeated++;
      if (seen.get(traceId) === true) answered++;
      seen.set(traceId, kind === 'ok' || kind === 'slow');
    }
  }
  return { sent: seen.size, repeated, answered };
}
