/** From a line that says something to the episode it belongs to. */
import type { Duration, Nanos, Steady } from '../model/time.ts';
import type { CompiledRuntime, Spelling } from './compile.ts';
import { inOrder } from './event.ts';
import type { Event } from './event.ts';
import type { Life } from './life.ts';
import { isContainerId } from './lives.ts';
import type { Lives } from './lives.ts';
import type { OpenEpisode } from './open.ts';
import type { Count, LedgerOptions } from './options.ts';
import type { Reading } from './reading.ts';
import type { Named } from './whom.ts';
import type { Frontier, Sources } from './sources.ts';
import type { Deciding } from './turns.ts';

/** How long a request is waited for: as its own rule says, else as everything is. */
function patienceFor({ episodes }: CompiledRuntime, { agreed }: Spelling, usual: Duration): Duration {
  for (const { answers } of episodes) for (const { request, patience } of answers) if (request === agreed && patience !== undefined) return patience;
  return usual;
}

interface With {
  readonly lives: Lives;
  readonly sources: Sources;
  readonly open: Set<OpenEpisode>;
  readonly options: LedgerOptions;
  readonly count: (name: Count) => void;
  /** What is remembered of a life goes over into another. */
  readonly moved: (from: Life, into: Life) => void;
}

export class Gathering {
  readonly #with: With;

  /** The last name that was found to be one: lines come in runs. */
  #name = '';

  constructor(parts: With) {
    this.#with = parts;
  }

  #isName(name: string | undefined): boolean {
    if (name === undefined || name === this.#name) return true;
    if (!isContainerId(name)) return false;
    this.#name = name;
    return true;
  }

  /** Whose life is it? @returns false for a name that no container can have. */
  line(event: Event, named: Named, runtime: CompiledRuntime, reading: Reading): boolean {
    if (!runtime.keyed) return event.container !== undefined && this.#gather(event, event.container, runtime, reading);
    if (!this.#isName(event.container) || !this.#isName(named.sandbox)) return false;
    if (event.spelling.turn !== undefined) this.#with.lives.turnsOf(runtime).add(event, named);
    else this.#known(event, named, runtime, reading);
    return true;
  }

  /** It is decided of which request a line is, or it has none to wait for. */
  #known(event: Event, named: Named, runtime: CompiledRuntime, reading: Reading): void {
    const keys = this.#with.lives.keysOf(runtime);
    const subject = keys.resolve(event, named);
    if (subject === undefined) return;
    const { joins, released } = keys;
    if (joins !== undefined) this.#join(runtime, joins, subject);
    if (released === undefined) this.#gather(event, subject, runtime, reading);
    else this.again(released, subject, runtime);
  }

  /** Lines that take their turn, as far as every source has passed them. */
  decide({ frontierOf, now, wall, look }: { readonly frontierOf: (runtime: CompiledRuntime) => Frontier; readonly now: Steady; readonly wall: Nanos; readonly look: (episode: OpenEpisode) => void }): void {
    const { options, sources, count } = this.#with;
    for (const [runtime, turns] of this.#with.lives.turns()) {
      if (turns.idle) continue;
      turns.decide({
        frontier: frontierOf(runtime),
        now,
        wall,
        patience: ({ spelling }) => patienceFor(runtime, spelling, options.patience),
        only: (event) => this.#onlyStart(runtime, event, look),
        emit: (event, named) => {
          const reading = sources.get(event.source);
          if (!this.#isName(event.container)) count('unnamed');
          else if (reading !== undefined) this.#known(event, named, runtime, reading);
        },
        count,
      });
    }
  }

  /** The only start under way at this moment. */
  #onlyStart(runtime: CompiledRuntime, { time }: Event, look: (episode: OpenEpisode) => void): ReturnType<Deciding['only']> {
    let found: OpenEpisode | undefined;
    let several = this.#with.lives.turnsOf(runtime).unnamed(time) > 0;
    for (const episode of this.#with.open) {
      if (episode.rule !== runtime.start || episode.kind === 'stray' || episode.opened > time) continue;
      if (episode.changed) look(episode);
      if (episode.due < time) continue;
      several ||= found !== undefined;
      found = episode;
    }
    if (several) return { count: 'of_several_starts' };
    return found === undefined ? { count: 'of_no_start' } : { subject: found.subject };
  }

  /** Whether a request in this sandbox that began while the start went on is not answered yet: its container belongs to it. */
  awaits({ runtime, rule, subject, due }: OpenEpisode): boolean {
    return rule.rule.pod !== undefined && this.#with.lives.turnsOf(runtime).awaits(subject, due);
  }

  /** When the first line may have its turn. */
  nextTurn(frontierOf: (runtime: CompiledRuntime) => Frontier, now: Steady): Steady | undefined {
    let next: Steady | undefined;
    for (const [runtime, turns] of this.#with.lives.turns()) {
      const due = turns.next(frontierOf(runtime), now);
      if (due !== undefined && (next === undefined || due < next)) next = due;
    }
    return next;
  }

  /** What was taken for a life of its own is part of another: a container of its sandbox, a VM that got its sandbox. */
  #join(runtime: CompiledRuntime, part: string, whole: string): void {
    const life = this.#with.lives.existing(runtime, part);
    const into = this.#with.lives.of(runtime, whole);
    if (life === undefined || into === undefined || life === into) return;
    const { open, settled, cuts, inside } = life.dissolve();
    for (const tombstone of settled) into.bury(tombstone);
    for (const tombstone of cuts) into.cutAgain(tombstone);
    for (const moment of inside) into.expectInside(moment);
    for (const episode of open) this.#with.open.delete(episode);
    this.again(eventsOf(open), whole, runtime);
    if (settled.length + cuts.length > 0) this.#with.moved(life, into);
    this.#with.lives.tidy(life);
  }

  #gather(event: Event, subject: string, runtime: CompiledRuntime, reading: Reading): boolean {
    const life = this.#with.lives.of(runtime, subject);
    if (life === undefined) return false;
    const { standsIn } = event.spelling;
    const opens = standsIn === 'member' && (event.container ?? subject) === subject ? undefined : event.spelling.opens;
    const found = opens === undefined ? life.place(event, reading, this.#with.options.patience) : life.open(event, opens, reading);
    if (found.kind === 'counted') {
      this.#with.count(found.name);
      this.#with.lives.tidy(life);
      return true;
    }
    const { episode, absorbed } = found;
    // An opener may find its episode's first lines already there: an earlier episode gives them up.
    if (opens !== undefined || episode.events.length === 1) {
      this.#with.open.add(episode);
      episode.pin ??= reading.info.scheme;
      for (const gone of absorbed) this.#with.open.delete(gone);
      if (this.#with.open.size > this.#with.options.mostOpen) this.#cutOldest();
    }
    return true;
  }

  #cutOldest(): void {
    for (const episode of this.#with.open) {
      if (episode.cut !== undefined) continue;
      episode.cut = 'too_many_open';
      return;
    }
  }

  /** Places the lines of a life again where they came out of order. @returns false: they had not. */
  reorder({ runtime, subject }: OpenEpisode): boolean {
    const life = this.#with.lives.existing(runtime, subject);
    if (life?.disordered !== true) return false;
    const open = life.restart();
    for (const episode of open) this.#with.open.delete(episode);
    this.again(eventsOf(open).sort(inOrder), subject, runtime);
    return true;
  }

  /** Places lines that were placed before. */
  again(events: readonly Event[], subject: string, runtime: CompiledRuntime): void {
    for (const event of events) {
      const reading = this.#with.sources.get(event.source);
      if (reading !== undefined) this.#gather(event, subject, runtime, reading);
    }
  }
}

/** Each once: what undoes a start stands in the episode that it opened, too. */
const eventsOf = (open: readonly OpenEpisode[]): Event[] => [...new Set(open.flatMap(({ events }) => events))];
