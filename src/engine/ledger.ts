/**
 * The ledger (design.md 3): lines from any number of sources become events of lives, lives hold episodes under way, and
 * an episode that every source has passed is settled and folded. Time arrives as data; what the ledger decides depends on
 * log times alone, so that a re-read decides the same.
 */
import type { OpenStart } from '../model/alert.ts';
import type { Clock, Gap, Intake, SourceId, SourceInfo, SourceKey } from '../model/source.ts';
import { steady } from '../model/time.ts';
import type { Nanos, Steady } from '../model/time.ts';
import type { CompiledRuntime } from './compile.ts';
import { asItStands, conclude } from './conclude.ts';
import { hasPassed, isCutByWaiting, look, wakeFor } from './due.ts';
import { Flights, flyingPartsOf } from './flights.ts';
import { LineGaps } from './gaps.ts';
import { Gathering } from './gathering.ts';
import { holding } from './holding.ts';
import type { Holding } from './holding.ts';
import type { Life } from './life.ts';
import { Lives } from './lives.ts';
import { Memory } from './memory.ts';
import type { StoredMemory } from './memory.ts';
import { LEDGER_DEFAULTS } from './options.ts';
import type { Count, LedgerOptions, Settlement } from './options.ts';
import { OpenEpisode } from './open.ts';
import type { Waiting } from './open.ts';
import type { Reading } from './reading.ts';
import { Recall } from './recall.ts';
import { Sent, textOf } from './sent.ts';
import { Sources } from './sources.ts';
import type { Frontier } from './sources.ts';
import type { Proof, Taker } from './taker.ts';
import { Together } from './together.ts';
import type { Tombstone } from './tombstone.ts';
import type { Verdicts } from './verdicts.ts';

export { LEDGER_DEFAULTS };
export type { Count, LedgerOptions, Settlement };

export class Ledger implements Intake {
  readonly counts = new Map<Count, number>();
  readonly #options: LedgerOptions;
  readonly #waiting: Waiting;
  readonly #sources: Sources;
  readonly #lives: Lives;
  readonly #together: Together;
  readonly #open = new Set<OpenEpisode>();
  readonly #flights = new Flights();
  readonly #memory = new Memory();
  readonly #gathering: Gathering;
  readonly #gaps = new LineGaps();
  readonly #sent = new Sent();
  readonly #taker: Taker;
  readonly #recall: Recall;
  #held: Holding | undefined;
  /** Bytes read since the last `settle`. */
  unsettled = 0;

  constructor(runtimes: readonly CompiledRuntime[], options: LedgerOptions) {
    this.#options = options;
    this.#lives = new Lives(runtimes);
    this.#together = new Together(runtimes, this.#lives);
    this.#sources = new Sources(runtimes.flatMap((runtime) => runtime.sources), options);
    this.#waiting = { settle: options.settle, patience: options.patience, exitWithin: options.exitWithin };
    const count = (name: Count): void => this.#count(name);
    const moved = (from: Life, into: Life): void => {
      this.#memory.moved(from, into);
      this.#flights.moved(from, into);
    };
    this.#gathering = new Gathering({ lives: this.#lives, sources: this.#sources, open: this.#open, options, count, moved });
    this.#recall = new Recall({ runtimes, options, sources: this.#sources, lives: this.#lives, open: this.#open, flights: this.#flights, memory: this.#memory, gaps: this.#gaps, sent: this.#sent });
    this.#taker = {
      line: (event, named, runtime, from) => this.#gathering.line(event, named, runtime, from),
      gap: (gap, proof, { info: { key } }) => this.#gap(key, gap, proof),
    };
  }

  begin(info: SourceInfo): SourceId {
    return this.#sources.begin(info, this.#taker);
  }

  read(source: SourceId, bytes: Buffer, length: number, offset: number): number {
    this.#held = undefined;
    this.unsettled += length;
    return this.#sources.read(source, bytes, length, offset);
  }

  overlong(source: SourceId, head: Buffer, offset: number): void {
    this.#sources.get(source)?.overlong(head, offset);
  }

  gap(source: SourceId, gap: Gap): void {
    this.#gap(this.#sources.keyOf(source), gap, undefined);
  }

  #gap(source: SourceKey, gap: Gap, proof: Proof | undefined): void {
    if (!this.#gaps.add(source, gap, proof, this.#sources.tellsAround(source))) return;
    this.#count(`gap_${gap.name}`);
    if (gap.missing !== undefined) this.#count('lines_missing', gap.missing);
  }

  passed(source: SourceId, lines: number, first: Nanos, last: Nanos): void {
    this.#sources.passed(source, lines, first, last);
  }

  atEnd(source: SourceId, now: Steady): void {
    this.#sources.atEnd(source, now);
  }

  stirred(source: SourceId): void {
    this.#sources.stirred(source);
  }

  behind(source: SourceId): void {
    this.#sources.stand(source, 'behind');
  }

  end(source: SourceId): void {
    this.#sources.stand(source, 'ended');
  }

  pinned(source: SourceId): number | undefined {
    return this.#holding().get(source)?.from;
  }

  awaited(source: SourceId): boolean {
    return this.#holding().get(source)?.awaited ?? false;
  }

  /** Worked out once until something changes. */
  #holding(): Holding {
    this.#held ??= holding(this.#open, this.#flights.all().flatMap((flight) => flight.held), this.#lives.waiting());
    return this.#held;
  }

  #count(name: Count, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by);
  }

  /**
   * Settles episodes that all sources have passed, at most so many: call again when so many came. Call after reading, and when
   * `nextDue` says so.
   * @param unsafe what ends by waiting keeps waiting: where it was cut cannot be written down.
   */
  settle(clock: Clock, most = Infinity, unsafe = false): Settlement[] {
    const now = clock.steady();
    const wall = clock.now();
    const frontierOf = this.#frontiers(wall);
    const settled: Settlement[] = [];
    this.unsettled = 0;
    const see = (episode: OpenEpisode): void => this.#see(episode, wall, now);
    this.#gathering.decide({ frontierOf, now, wall, look: see });
    const due = (episode: OpenEpisode): boolean => {
      if (episode.changed) see(episode);
      return episode.cut !== undefined || (hasPassed(episode, frontierOf(episode.runtime), now) && !this.#gathering.awaits(episode));
    };
    for (const episode of this.#open) {
      if (!due(episode)) continue;
      const group = this.#together.ready(episode, due);
      if (group === undefined || (unsafe && group.some(isCutByWaiting)) || group.some((one) => one.runtime.keyed && one.cut === undefined && this.#gathering.reorder(one))) continue;
      const settlement = this.#settle(group, due);
      if (settlement !== undefined) settled.push(settlement);
      if (settled.length >= most) return settled;
    }
    this.#lives.expire(frontierOf, this.#options.patience, this.counts);
    return settled;
  }

  /** The earliest moment at which `settle` may find something without a further line; undefined: nothing is under way. @param unsafe as there. */
  nextDue(clock: Clock, unsafe = false): Steady | undefined {
    const frontierOf = this.#frontiers(clock.now());
    const now = clock.steady();
    let next = this.#gathering.nextTurn(frontierOf, now);
    for (const episode of this.#open) {
      // Its time has come, and that of what it waits for has not; of what has no name yet nobody knows it.
      if (episode.heldBy instanceof OpenEpisode && !episode.changed && this.#open.has(episode.heldBy)) continue;
      if (unsafe && !episode.changed && isCutByWaiting(episode)) continue;
      const due = episode.heldBy === 'unnamed' ? steady(now + 1_000) : wakeFor(episode, frontierOf(episode.runtime), now);
      if (due !== undefined && (next === undefined || due < next)) next = due;
    }
    return next;
  }

  /** Each worked out once: a host may have many files. */
  #frontiers(wall: Nanos): (runtime: CompiledRuntime) => Frontier {
    const known = new Map<CompiledRuntime, Frontier>();
    return (runtime) => {
      const frontier = known.get(runtime) ?? this.#sources.frontier(this.#together.kin(runtime), wall);
      known.set(runtime, frontier);
      return frontier;
    };
  }

  #see(episode: OpenEpisode, wall: Nanos, now: Steady): void {
    this.#respectCut(episode, this.#lives.existing(episode.runtime, episode.subject));
    look(episode, this.#waiting, wall, now, this.#sources);
  }

  #respectCut(episode: OpenEpisode, life: Life | undefined): void {
    const late = life?.respectCut(episode, (source) => this.#sources.keyOf(source)) ?? 0;
    if (late > 0) this.#count('late', late);
  }

  #settle(group: readonly OpenEpisode[], due: (one: OpenEpisode) => boolean): Settlement | undefined {
    this.#held = undefined;
    const most = group.length === 1 ? undefined : group.filter(due).map((one) => one.due).reduce((a, b) => (a > b ? a : b));
    const keyOf = (source: SourceId): SourceKey => this.#sources.keyOf(source);
    const settling = group.flatMap((episode) => {
      this.#open.delete(episode);
      const life = this.#lives.of(episode.runtime, episode.subject);
      if (life === undefined) return [];
      life.close(episode);
      // Lines that bound nothing come in unseen.
      this.#respectCut(episode, life);
      const { members, rest } = episode.split(episode.rule.rule.settle ?? this.#options.settle, due(episode) ? undefined : most);
      return [{ episode, members, rest, life, alone: life.aloneAt(episode), missing: this.#gaps.touching(episode, members, keyOf) }];
    });
    const { counts, buried, trace, mark } = conclude(settling, this.#options, keyOf, this.#options.live === true ? this.#sent : undefined);
    for (const [name, by] of counts) this.#count(name, by);
    for (const { settling: { life }, tombstone } of buried) life.bury(tombstone);
    if (trace === undefined) for (const { settling: { life }, tombstone } of buried) this.#keep(life, tombstone);
    else this.#flights.add(trace.id, buried.map(({ settling: { episode, members, life }, tombstone }) => ({ life, tombstone, members, inside: episode.kind === 'inside' })), mark);
    if (mark !== undefined) this.#sent.forget(mark.trace);
    for (const { rest, episode: { subject, runtime } } of settling) this.#gathering.again(rest, subject, runtime);
    for (const { life } of settling) this.#lives.tidy(life);
    return trace && { trace, mark: mark && textOf(mark), taken: mark?.taken === true && mark.trace === trace.id, waited: buried.some(({ tombstone }) => tombstone.waited && tombstone.outcome !== 'nothing') };
  }

  #keep(life: Life, tombstone: Tombstone): void {
    for (const gone of this.#memory.add(life, tombstone)) this.#lives.tidy(gone);
  }

  /** The trace was taken by the back-end, or will never be: its lines need not be read again. @returns to be noted, as `Settlement.mark`: if they are, it is not sent. */
  acknowledged(trace: string): string | undefined {
    const flight = this.#flights.land(trace);
    if (flight === undefined) return undefined;
    this.#held = undefined;
    for (const { life, tombstone } of flyingPartsOf(flight)) this.#keep(life, tombstone);
    return flight.mark?.trace === trace ? textOf({ ...flight.mark, taken: true }) : undefined;
  }

  /**
   * What must outlive the process, beside the sources' offsets as they were asked for before this: settled episodes whose
   * lines may come again, and the lines that will not. Call `remembered` when it is on disk.
   */
  remember(): StoredMemory {
    this.#sources.retire((source) => this.#holding().has(source));
    return this.#recall.store(this.#holding());
  }

  /** What `remember` gave last is on disk. */
  remembered(): void {
    this.#recall.stored();
    this.#held = undefined;
  }

  /** Before any source begins. */
  restore(stored: StoredMemory): void {
    this.#recall.restore(stored, this);
  }

  /** Starts under way; none while lines wait to be read: what looks open may be over. For those who look on. */
  *underway(): Generator<OpenStart> {
    if (this.#sources.behind) return;
    for (const episode of this.#open) {
      const begun = episode.kind === 'start' || episode.kind === 'continuation';
      if (!begun || episode.rule.name !== 'start') continue;
      const group = this.#together.of(episode, () => undefined);
      if (group[0] !== episode || group.every(({ complete }) => complete)) continue;
      yield { opened: episode.opened, trace: () => asItStands(group, this.#options) };
    }
  }

  get openEpisodes(): number {
    return this.#open.size;
  }

  get flying(): number {
    return this.#flights.size;
  }

  /** Log time of the last line read from a source; undefined: none told one yet. */
  reached(source: SourceId): Nanos | undefined {
    return this.#sources.get(source)?.lastTime;
  }

  /** Of a source, for people; undefined: it is gone. */
  nameOf(source: SourceId): string | undefined {
    return this.#sources.get(source)?.info.name;
  }

  readings(): Reading[] {
    return this.#sources.readings();
  }

  /** All that was ever read. */
  verdicts(): Verdicts {
    return this.#sources.verdicts();
  }
}
