/**
 * All faults in any order. What was written is delivered, less what is counted as lost by name and place or was refused; one
 * content per span; nothing that was not written. A failure shrinks and prints seed and path: SEED=... PATH_TO=... replays it.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DeadLetter } from '../../src/model/delivery.ts';
import { nanos, steady } from '../../src/model/time.ts';
import { Folder, Journal } from '../support/files.ts';
import { readRequest, spansOf } from '../support/otlp.ts';
import { Random } from '../support/random.ts';
import { Receiver, status } from '../support/receiver.ts';
import type { Behaviour } from '../support/receiver.ts';
import { until } from '../real/program.ts';
import { Incarnation, jam } from './incarnation.ts';
import { HOST, WorldLog } from './worldlog.ts';
import type { Deleted } from './worldlog.ts';

const RUNS = Number(process.env['RUNS'] ?? 60);
const SEED = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };
const PATH = process.env['PATH_TO'] === undefined ? {} : { path: process.env['PATH_TO'] };
const HOUR = 3_600_000_000_000n;
const ENOUGH = 20_000;

const MOODS = ['ok', 'away', 'hang', 'lose the answer', 'refuse some', 'forbid'] as const;
type Mood = (typeof MOODS)[number];
/** Of 16: traces that a back-end in that mood will not take. */
const UNWELCOME = /^[0-2]/;

const OPS = ['rename', 'copytruncate', 'gzip', 'expire', 'recreate', 'kill', 'restart', 'stop', 'jam', 'unjam', 'half', 'wait'] as const;
type Op =
  | { readonly kind: 'write'; readonly starts: number; readonly lines: number }
  | { readonly kind: 'mood'; readonly mood: Mood }
  | { readonly kind: 'clock'; readonly hours: number }
  | { readonly kind: (typeof OPS)[number] };

const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('write' as const), starts: fc.nat({ max: 6 }), lines: fc.nat({ max: 90 }) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('mood' as const), mood: fc.constantFrom(...MOODS) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clock' as const), hours: fc.constantFrom(-8_760, -1, 1, 8_760) }) },
  { weight: 12, arbitrary: fc.constantFrom(...OPS).map((kind) => ({ kind })) },
);

/** What this test has found once, and is held to ever since. */
const FOUND: [Op[], number][] = [
  // A log of which nothing is left to remember, and a part of it that came and went while nobody looked.
  [[{ kind: 'recreate' }, { kind: 'restart' }, { kind: 'stop' }, { kind: 'write', starts: 1, lines: 1 }, { kind: 'rename' }], 0],
  // The same between two looks, before a restart.
  [[{ kind: 'recreate' }, { kind: 'restart' }, { kind: 'write', starts: 1, lines: 1 }, { kind: 'rename' }, { kind: 'restart' }, { kind: 'write', starts: 0, lines: 0 }], 0],
  // A copy that was compressed away, and its inode another copy's.
  [[{ kind: 'copytruncate' }, { kind: 'kill' }, { kind: 'stop' }, { kind: 'gzip' }, { kind: 'write', starts: 1, lines: 1 }, { kind: 'copytruncate' }, { kind: 'rename' }, { kind: 'rename' }], 0],
  // Sent and not written down as sent, and a file of it was deleted: what is left of it is not the same start.
  [[{ kind: 'write', starts: 1, lines: 1 }, { kind: 'recreate' }, { kind: 'write', starts: 0, lines: 43 }, { kind: 'rename' }, { kind: 'expire' }, { kind: 'kill' }], 2_062_780_629],
  // Cut by waiting, and after a kill the lines that were too late are read before those that were not.
  [[{ kind: 'write', starts: 1, lines: 0 }, { kind: 'clock', hours: 1 }, { kind: 'write', starts: 0, lines: 1 }, { kind: 'wait' }, { kind: 'kill' }, { kind: 'copytruncate' }], 0],
  // Under way, kept in the state, and no log there after a restart: it is waited for all the same.
  [[{ kind: 'write', starts: 1, lines: 1 }, { kind: 'recreate' }, { kind: 'restart' }, { kind: 'mood', mood: 'lose the answer' }, { kind: 'wait' }, { kind: 'mood', mood: 'ok' }, { kind: 'kill' }], 0],
  // Read since the last save, and deleted at once: what is lost is named as far as it was read.
  [[{ kind: 'write', starts: 2, lines: 1 }, { kind: 'wait' }, { kind: 'write', starts: 0, lines: 4 }, { kind: 'recreate' }, { kind: 'kill' }, { kind: 'rename' }], 0],
  // Cut off, and written again and renamed while the copy is compressed and being read.
  [[{ kind: 'copytruncate' }, { kind: 'write', starts: 1, lines: 1 }, { kind: 'stop' }, { kind: 'gzip' }, { kind: 'rename' }], 0],
  // Cut by waiting, and held back as the state cannot be written: it was not sent.
  [[{ kind: 'write', starts: 1, lines: 1 }, { kind: 'jam' }, { kind: 'clock', hours: 8_760 }, { kind: 'wait' }, { kind: 'stop' }, { kind: 'rename' }], 0],
  // Deleted, found to be gone after a restart, and what came next was written, renamed and compressed before anybody looked.
  [[{ kind: 'recreate' }, { kind: 'kill' }, { kind: 'write', starts: 1, lines: 1 }, { kind: 'rename' }, { kind: 'gzip' }, { kind: 'stop' }], 0],
  // Cut by waiting, sent, and two restarts before its line was read again.
  [[{ kind: 'write', starts: 1, lines: 0 }, { kind: 'clock', hours: 1 }, { kind: 'mood', mood: 'lose the answer' }, { kind: 'write', starts: 0, lines: 1 }, { kind: 'expire' }, { kind: 'kill' }, { kind: 'restart' }, { kind: 'rename' }, { kind: 'mood', mood: 'ok' }], 0],
  // Cut by waiting while the clock stood an hour ahead, sent to nobody, and the clock set back: cut there again, and not waited for again.
  [[{ kind: 'write', starts: 6, lines: 30 }, { kind: 'mood', mood: 'hang' }, { kind: 'clock', hours: 1 }, { kind: 'wait' }, { kind: 'kill' }, { kind: 'wait' }, { kind: 'clock', hours: -1 }, { kind: 'kill' }, { kind: 'write', starts: 5, lines: 80 }, { kind: 'wait' }], 1_236_037_915],
];

class World {
  readonly folder = new Folder();
  readonly journal = new Journal();
  readonly letters: DeadLetter[] = [];
  readonly log: WorldLog;
  readonly receiver: Receiver;
  readonly #excused = new Set<string>();
  #jammed = false;
  #mood: Mood = 'ok';
  #shift = 0n;
  #daemon: Incarnation | undefined;

  constructor(receiver: Receiver, seed: number) {
    this.receiver = receiver;
    this.log = new WorldLog(this.folder, new Random(seed), () => this.#wall());
    receiver.script = (_, bytes) => this.#answer(bytes);
  }

  async play(ops: readonly Op[]): Promise<void> {
    await this.#firstSight();
    for (const each of ops) await this.#do(each);
    await this.#heal();
  }

  /** Files that are rotated away before anybody ever looked are nobody's loss. */
  async #firstSight(): Promise<void> {
    this.log.begin(1);
    this.log.write();
    await this.#rise();
    await until(ENOUGH, () => this.#taken().size === 1, () => JSON.stringify(this.journal.entries.slice(-5)));
    await this.#daemon?.stop();
    await this.#rise();
  }

  async #do(each: Op): Promise<void> {
    switch (each.kind) {
      case 'write': this.log.begin(each.starts); this.log.write(each.lines); break;
      case 'half': this.log.writeHalf(); break;
      case 'rename': this.log.rename(); break;
      case 'copytruncate': this.log.copyTruncate(); break;
      case 'gzip': this.log.gzip(); break;
      case 'expire': await this.#delete(() => this.log.expire()); break;
      case 'recreate': await this.#delete(() => this.log.recreate()); break;
      case 'mood': this.#mood = each.mood; break;
      case 'clock': this.#shift += BigInt(each.hours) * HOUR; break;
      case 'jam': this.#jam(true); break;
      case 'unjam': this.#jam(false); break;
      case 'kill': await this.#daemon?.kill(); await this.#rise(); break;
      case 'restart': await this.#daemon?.stop(); await this.#rise(); break;
      case 'stop': await this.#daemon?.stop(); this.#daemon = undefined; break;
      // Time passes by itself: until files were looked through once more.
      case 'wait': await this.#pass(); break;
      default: each satisfies never;
    }
  }

  /**
   * Who deletes what nobody has looked at yet leaves no trace of it: a running daemon gets the time to look. What it has open
   * it reads to the end; what is deleted while it is down, or while it must not read and only a copy is left, is excused,
   * and what is deleted while the state cannot follow, as a restart then goes by an older one.
   */
  async #delete(remove: () => Deleted): Promise<void> {
    const daemon = this.#daemon;
    if (daemon !== undefined) {
      const goal = daemon.sweeps + 3;
      await until(ENOUGH, () => daemon.sweeps >= goal, () => 'nobody looks any more');
    }
    const { traces, copied } = remove();
    if (daemon === undefined || (daemon.paused && copied) || this.#jammed) for (const trace of traces) this.#excused.add(trace);
  }

  #jam(jammed: boolean): void {
    this.#jammed = jammed;
    jam(this.folder.at('state'), jammed);
  }

  async #pass(): Promise<void> {
    const before = this.receiver.requests.length;
    const end = performance.now() + 60;
    await until(ENOUGH, () => this.receiver.requests.length > before || performance.now() > end, () => 'time stands still');
  }

  async #rise(): Promise<void> {
    this.#daemon = new Incarnation({
      log: this.log.path, state: this.folder.at('state'), url: this.receiver.url, journal: this.journal, letters: this.letters,
      clock: { now: () => nanos(this.#wall()), steady: () => steady(performance.now()) },
    });
  }

  /** All is well again, and one more start is written: what can be delivered is. */
  async #heal(): Promise<void> {
    this.#mood = 'ok';
    this.#jam(false);
    this.log.write();
    this.log.begin(1);
    this.log.write();
    if (this.#daemon === undefined) await this.#rise();
    await until(ENOUGH, () => this.missing().length === 0, () => this.#about());
    await this.#daemon?.stop();
  }

  /** Complete starts that were neither delivered, nor refused, nor lost by name. */
  missing(): string[] {
    const taken = this.#taken();
    const refused = new Set(this.letters.flatMap(({ traceIds }) => traceIds));
    const lost = this.#lost();
    return [...this.log.starts.keys()].filter((trace) => !taken.has(trace) && !refused.has(trace) && !lost.has(trace) && !this.#excused.has(trace));
  }

  /** What is wrong with what was sent. */
  faults(): string[] {
    const faults: string[] = [];
    const contents = new Map<string, string>();
    const sentBefore = new Map<string, string>();
    for (const { bytes } of this.receiver.requests) {
      for (const resource of readRequest(bytes)) for (const scope of resource.scopes) for (const span of scope.spans) {
        const id = `${span.traceId}/${span.spanId}`;
        const content = plain([resource.attributes, scope.name, span]);
        const before = contents.get(id);
        if (before !== undefined && before !== content) faults.push(`two contents of ${id}:\n${before}\n${content}`);
        contents.set(id, content);
        for (const link of span.links) if (link.attributes.some(([name, value]) => name === 'shimtrace.link' && value === 'sent_before')) sentBefore.set(span.traceId, link.traceId);
      }
    }
    for (const [id, before] of sentBefore) if (!this.log.torn.has(before)) faults.push(`trace ${id} is said to have fewer lines than ${before}, of which none was deleted`);
    const lost = this.#lost();
    for (const id of new Set([...contents.keys()].map((key) => key.slice(0, 32)))) {
      // A start that lost its first line is another one, or none; all others must have been written.
      if (!this.log.starts.has(id) && !sentBefore.has(id) && lost.size === 0 && this.#excused.size === 0) faults.push(`trace ${id} was never written`);
    }
    return faults;
  }

  async dispose(): Promise<void> {
    await this.#daemon?.kill();
    this.log.dispose();
    this.folder.dispose();
  }

  #wall(): bigint {
    return BigInt(Date.now()) * 1_000_000n + this.#shift;
  }

  #taken(): Set<string> {
    const taken = this.receiver.requests.filter(({ behaviour }) => behaviour.kind === 'ok');
    return new Set(taken.flatMap(({ bytes }) => spansOf(bytes).map((span) => span.traceId)));
  }

  /** Starts with a line in bytes that were said to be lost. */
  #lost(): Set<string> {
    const ranges = this.journal.entries.filter(({ event }) => event.startsWith('lost_'));
    return new Set(ranges.flatMap(({ fields }) => [...this.log.touched(Number(fields['from']), Number(fields['to']))]));
  }

  #answer(bytes: Buffer): Behaviour {
    switch (this.#mood) {
      case 'ok': return { kind: 'ok' };
      case 'away': return { kind: 'status', code: status.UNAVAILABLE, message: 'away' };
      case 'forbid': return { kind: 'status', code: status.PERMISSION_DENIED, message: 'token expired' };
      case 'hang': return { kind: 'hang' };
      case 'lose the answer': return { kind: 'store-and-drop' };
      case 'refuse some':
        return spansOf(bytes).some((span) => UNWELCOME.test(span.traceId)) ? { kind: 'status', code: status.INVALID_ARGUMENT, message: 'unwelcome' } : { kind: 'ok' };
      default: return this.#mood satisfies never;
    }
  }

  #about(): string {
    const last = this.journal.entries.filter(({ level }) => level !== 'debug').slice(-12);
    return JSON.stringify({ missing: this.missing(), counters: this.#daemon?.follower.counters, open: this.#daemon?.ledger.openEpisodes, flying: this.#daemon?.ledger.flying, stats: this.#daemon?.outbox.stats, last });
  }
}

const plain = (value: unknown): string => JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each)) ?? 'nothing';

test(`any sequence of faults of files, disk, clock and back-end (host ${HOST}): delivered is written less counted losses`, { timeout: 900_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(op, { minLength: 3, maxLength: 40 }), fc.nat(), async (ops, seed) => {
      const receiver = await Receiver.start();
      const world = new World(receiver, seed);
      try {
        await world.play(ops);
        expect(world.faults()).toEqual([]);
      } finally {
        await world.dispose();
        await receiver.stop();
      }
    }),
    { numRuns: RUNS, examples: FOUND, ...SEED, ...PATH },
  );
});
