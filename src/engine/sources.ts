/** The open sources of a ledger: what each has read, and where in log time it stands. */
import { sourceId } from '../model/source.ts';
import type { SourceId, SourceInfo, SourceKey } from '../model/source.ts';
import { after, MILLISECOND, nanos, steady } from '../model/time.ts';
import type { Duration, Nanos, Steady } from '../model/time.ts';
import type { CompiledRuntime, CompiledSource } from './compile.ts';
import type { LedgerOptions } from './options.ts';
import { Reading } from './reading.ts';
import type { Taker } from './taker.ts';
import { addVerdicts, newVerdicts } from './verdicts.ts';
import type { Verdicts } from './verdicts.ts';

type Standing = 'behind' | 'at end' | 'ended';

interface Source {
  readonly reading: Reading;
  standing: Standing;
  /** When it last stood at its end, */
  ended: Steady | undefined;
  /** something was written since, */
  stirred: boolean;
  /** and when it did before the lines that were read last: they were not there then. */
  absent: Steady | undefined;
}

/** The wall clock counts whole milliseconds. */
const TICK = MILLISECOND;

/** The least log time that sources have told, less how late their lines may be; nowhere: one has told none to go by. */
type Told = Nanos | 'nowhere';

/** How far the sources stand that may hold lines of some runtimes. */
export interface Frontier {
  /** Of those with unread lines; undefined: there are none. */
  readonly behind: Told | undefined;
  /** Of those at their end, by how late their lines may be. */
  readonly atEnd: ReadonlyMap<Duration, AtEnd>;
}

/** Sources that stand at their ends. */
export interface AtEnd {
  readonly told: Told;
  /** The first of them that was written since stood there at this moment; undefined: they stand there now. */
  readonly until: Steady | undefined;
}

export class Sources {
  /** What sources that are gone had read: figures never go back. */
  readonly past: Verdicts = newVerdicts();
  readonly #open = new Map<SourceId, Source>();
  readonly #rules: readonly CompiledSource[];
  readonly #around: readonly CompiledRuntime[];
  readonly #shift: bigint | undefined;
  readonly #lateness: Duration;
  readonly #live: boolean;
  #next = 0;

  constructor(rules: readonly CompiledSource[], { shift, lateness, live }: Pick<LedgerOptions, 'shift' | 'lateness' | 'live'>) {
    this.#rules = rules;
    this.#around = [...new Set(rules.map(({ runtime }) => runtime))].filter(({ around }) => around);
    this.#shift = shift;
    this.#lateness = lateness;
    this.#live = live === true;
  }

  begin(info: SourceInfo, taker: Taker): SourceId {
    const id = sourceId(this.#next++);
    this.#open.set(id, { reading: new Reading(id, info, this.#rules, this.#shift, taker), standing: 'behind', ended: undefined, stirred: false, absent: undefined });
    return id;
  }

  get(id: SourceId): Reading | undefined {
    return this.#open.get(id)?.reading;
  }

  /** @throws Error for a source that is gone: lines that are held keep their source. */
  infoOf(id: SourceId): SourceInfo {
    const reading = this.get(id);
    if (reading === undefined) throw new Error(`source ${id} is not open`);
    return reading.info;
  }

  /** Whether any source of this key, ended or not, may tell what goes on around a runtime. */
  tellsAround(key: SourceKey): boolean {
    for (const { reading } of this.#open.values()) if (reading.info.key === key) return this.#around.some((runtime) => reading.mayHold(runtime));
    return false;
  }

  /** As infoOf. */
  keyOf(id: SourceId): SourceKey {
    return this.infoOf(id).key;
  }

  stand(id: SourceId, standing: Standing): void {
    const source = this.#open.get(id);
    if (source !== undefined && source.standing !== 'ended') source.standing = standing;
  }

  atEnd(id: SourceId, now: Steady): void {
    this.stand(id, 'at end');
    const source = this.#open.get(id);
    if (source === undefined) return;
    source.ended = now;
    source.stirred = false;
  }

  /** As Intake.stirred. */
  stirred(id: SourceId): void {
    const source = this.#open.get(id);
    if (source !== undefined) source.stirred = true;
  }

  /** As Intake.read. */
  read(id: SourceId, bytes: Buffer, length: number, offset: number): number {
    const source = this.#open.get(id);
    if (source === undefined) return length;
    source.absent = source.ended;
    return source.reading.read(bytes, length, offset);
  }

  /** As Intake.passed. */
  passed(id: SourceId, lines: number, first: Nanos, last: Nanos): void {
    const source = this.#open.get(id);
    if (source === undefined) return;
    source.absent = source.ended;
    source.reading.passed(lines, first, last);
  }

  /**
   * A moment at which the lines read last were not written yet; undefined: they may be of any age. A source that tells how late its lines are
   * may have had them on their way when it stood at its end.
   */
  absent(id: SourceId): Steady | undefined {
    const source = this.#open.get(id);
    if (source?.absent === undefined) return undefined;
    return steady(source.absent - (source.reading.info.lateness ?? 0) / 1e6);
  }

  /** Some source has lines that were not read. */
  get behind(): boolean {
    for (const { standing } of this.#open.values()) if (standing === 'behind') return true;
    return false;
  }

  frontier(runtimes: readonly CompiledRuntime[], wall: Nanos): Frontier {
    const come = after(wall, TICK);
    let behind: Told | undefined;
    const atEnd = new Map<Duration, AtEnd>();
    for (const { standing, stirred, ended, reading } of this.#open.values()) {
      if (standing === 'ended' || !runtimes.some((runtime) => reading.mayHold(runtime))) continue;
      const { lateness = this.#lateness } = reading.info;
      const told = sureOf(standsAt(reading, come), lateness);
      if (standing === 'behind') behind = earlier(behind, told);
      else {
        const known = atEnd.get(lateness);
        const until = stirred && ended !== undefined && (known?.until === undefined || ended < known.until) ? ended : known?.until;
        atEnd.set(lateness, { told: earlier(known?.told, told), until });
      }
    }
    // A log that is not there yet, or not any more, may begin now: it stands at its end as one that is empty.
    if (this.#live && behind === undefined && atEnd.size === 0) atEnd.set(this.#lateness, { told: 'nowhere', until: undefined });
    return { behind, atEnd };
  }

  /** All that was ever read. */
  verdicts(): Verdicts {
    const all = newVerdicts();
    addVerdicts(all, this.past);
    for (const { verdicts } of this.readings()) addVerdicts(all, verdicts);
    return all;
  }

  readings(): Reading[] {
    return [...this.#open.values()].map((source) => source.reading);
  }

  /** Lets go of ended sources in which nothing is held; a host that rotates its logs opens a new one each time. */
  retire(held: (id: SourceId) => boolean): void {
    for (const [id, { standing, reading }] of this.#open) {
      if (standing !== 'ended' || held(id)) continue;
      addVerdicts(this.past, reading.verdicts);
      this.#open.delete(id);
    }
  }
}

/**
 * The source's last line tells where it stands, unless it tells a time that has not come: a line of the year 2099 must not
 * end what is under way. Where no line ever told one that has, the log is that of a host whose clock is ahead of ours.
 */
function standsAt(reading: Reading, come: Nanos): Nanos | undefined {
  const { lastTime, earliest } = reading;
  return lastTime !== undefined && earliest !== undefined && lastTime > come && earliest <= come ? undefined : lastTime;
}

/** Lines of before may still come, as late as they may be: what is decided must not hang on who reads how fast. */
const sureOf = (told: Nanos | undefined, lateness: Duration): Nanos | undefined => told && nanos(told - BigInt(lateness));

function earlier(known: Told | undefined, time: Nanos | undefined): Told {
  if (known === 'nowhere' || time === undefined) return 'nowhere';
  return known === undefined || time < known ? time : known;
}

/** Where the sources stand: those with unread lines say it, where there are any. */
export function leastOf({ behind, atEnd }: Frontier): Frontier['behind'] {
  if (behind !== undefined) return behind;
  let least: Frontier['behind'];
  for (const { told } of atEnd.values()) if (told === 'nowhere' || least === undefined || (least !== 'nowhere' && told < least)) least = told;
  return least;
}
