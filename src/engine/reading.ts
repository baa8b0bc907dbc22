/** Lines to events: splits, strips the syntax, asks the runtimes, and gives every line one of four verdicts. */
import { EARLIEST, LATEST } from '../model/entry.ts';
import type { Entry, Refusal, Syntax } from '../model/entry.ts';
import type { SourceId, SourceInfo } from '../model/source.ts';
import { between, nanos } from '../model/time.ts';
import type { Duration, Nanos } from '../model/time.ts';
import type { CompiledRuntime, CompiledSource, Match, Spelling } from './compile.ts';
import { together } from '../model/writers.ts';
import { Arena } from './arena.ts';
import { Foreign } from './foreign.ts';
import { PlainEvent, ToldEvent } from './event.ts';
import type { Telling } from './event.ts';
import { gapOf, leftOut, proofOf } from './leftout.ts';
import { Placing } from './paths.ts';
import type { Taker } from './taker.ts';
import type { Holes } from './template.ts';
import { NOBODY, firstTold, told, whom } from './whom.ts';
import { FOREIGN, NOT_THEIRS, Refusals, newVerdicts } from './verdicts.ts';
import type { Refused } from './verdicts.ts';

const NEWLINE = 10;
const RETURN = 13;
const SPACE = 32;

/** Refusals of a line that holds more than one record. */
const SEVERAL: ReadonlySet<Refusal> = new Set(['records-pasted', 'record-torn']);
/** Syslog's name of the writer, where a line has one: it tells a line of another program from one that no rule knows. */
const IDENTIFIER = 'syslog.identifier';
/** The boot of the host, as journald vouches for it. */
const BOOT = 'syslog.boot';
const ANOTHER = 'another program';
const JOURNALD = 'systemd-journal';
const LEFT_OUT = 'left out by journald';

const count = <K>(counts: Map<K, number>, name: K, times = 1): void => void counts.set(name, (counts.get(name) ?? 0) + times);

/** Source rules that share a syntax: the line is stripped once for all of them. */
interface Group {
  readonly syntax: Syntax;
  readonly sources: readonly CompiledSource[];
}

export class Reading {
  readonly id: SourceId;
  readonly info: SourceInfo;
  readonly verdicts = newVerdicts();
  /** Time of the last line that told one: where the source stands. */
  lastTime: Nanos | undefined;
  firstTime: Nanos | undefined;
  /** Lines need not be in order of their times. */
  earliest: Nanos | undefined;
  #groups: readonly Group[];
  readonly #runtimes: ReadonlySet<CompiledRuntime>;
  readonly #identifiers: ReadonlySet<string>;
  readonly #foreign: Foreign;
  readonly #shared: ReadonlySet<string>;
  readonly #arena = new Arena();
  /** The line at hand. */
  readonly #place: { source: SourceId; rank: number; offset: number; row: number; kept: boolean };
  #bytes: Buffer = Buffer.alloc(0);
  #start = 0;
  #end = 0;
  /** Number of the line at hand; undefined: the source was not read from its first byte. */
  #row: number | undefined;
  #begun = false;
  readonly #refusals = new Refusals(this.verdicts.examples);
  #boot: string | undefined;
  readonly #taker: Taker;
  readonly #shift: bigint | undefined;
  readonly #placing: Placing;
  constructor(
    id: SourceId,
    info: SourceInfo,
    sources: readonly CompiledSource[],
    shift: bigint | undefined,
    taker: Taker,
  ) {
    this.id = id;
    this.info = info;
    this.#taker = taker;
    this.#place = { source: id, rank: info.rank, offset: 0, row: 0, kept: info.kept === true };
    this.#shift = shift;
    const mine = sources.filter((source) => info.runtime === undefined || source.runtime.name === info.runtime);
    const syntaxes = new Set(mine.flatMap((source) => source.syntaxes).filter((syntax) => info.journal !== true || syntax.journal === true));
    this.#groups = [...syntaxes].map((syntax) => ({ syntax, sources: mine.filter((source) => source.syntaxes.includes(syntax)) }));
    this.#runtimes = new Set(this.#groups.flatMap((group) => group.sources.map((source) => source.runtime)));
    this.#placing = new Placing(mine, info.name);
    this.#identifiers = new Set(mine.flatMap((source) => source.identifiers));
    this.#foreign = new Foreign(syntaxes, together(mine.map((source) => source.writers)));
    this.#shared = new Set(mine.flatMap((source) => (source.shared ? source.identifiers : [])));
  }

  /** Whether a line that stands here may be one of this runtime's. */
  mayHold(runtime: CompiledRuntime): boolean {
    return this.#runtimes.has(runtime);
  }

  /** @returns bytes taken: up to and including the last line end. */
  read(bytes: Buffer, length: number, offset: number): number {
    let start = 0;
    if (!this.#begun && offset === 0 && this.info.kept !== true) this.#row = 0;
    this.#begun = true;
    for (;;) {
      const end = bytes.indexOf(NEWLINE, start);
      if (end < 0 || end >= length) return start;
      if (this.#row !== undefined) this.#row++;
      this.#line(bytes, start, end > start && bytes[end - 1] === RETURN ? end - 1 : end, offset + start);
      start = end + 1;
    }
  }

  /** As Intake.passed. */
  passed(lines: number, first: Nanos, last: Nanos): void {
    this.verdicts.lines += lines;
    count(this.verdicts.ignored, ANOTHER, lines);
    for (const time of [first, last]) if (time >= EARLIEST && time < LATEST) this.#pass(time);
  }

  overlong(head: Buffer, offset: number): void {
    this.verdicts.lines++;
    count(this.verdicts.malformed, 'line-too-long');
    this.#refusals.add(head, 0, head.length, offset, 'line-too-long');
  }

  /** Lines that were not understood since the last call, for the log; only the first of many. */
  takeRefused(): Refused[] {
    return this.#refusals.take();
  }

  /** `pasted`: may hold several records. */
  #line(bytes: Buffer, start: number, end: number, offset: number, pasted = true): void {
    this.verdicts.lines++;
    if (start === end) {
      count(this.verdicts.ignored, 'empty line');
      return;
    }
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    let looked = this.#foreign.likely;
    if (looked && this.#isForeign()) return;
    let refusal: Refusal | undefined;
    let unknown = false;
    let writer: string | undefined;
    for (const group of this.#groups) {
      const entry = group.syntax.read(bytes, start, end);
      if (typeof entry === 'string') {
        if (!looked && this.#isForeign()) return;
        looked = true;
        if (pasted && SEVERAL.has(entry) && this.#parts(group.syntax, bytes, start, end, offset)) return;
        writer ??= group.syntax.writer?.();
        if (refusal === undefined || FOREIGN.has(refusal)) refusal = entry;
        continue;
      }
      unknown = true;
      const time = this.#pass(entry.time);
      for (const source of group.sources) {
        const refused = this.#offer(source, entry, time, offset);
        if (refused === undefined) return this.#prefer(group);
        if (refused !== 'no rule') refusal = refused;
      }
      writer ??= entry.get(IDENTIFIER);
    }
    const stray = !unknown && refusal !== undefined && NOT_THEIRS.has(refusal) && writer !== undefined && this.#shared.has(writer);
    if (writer !== undefined && (stray || !this.#identifiers.has(writer))) return count(this.verdicts.ignored, writer.startsWith(JOURNALD) && this.#leftOut() ? LEFT_OUT : ANOTHER);
    const malformed = !unknown || refusal === 'bad-container-id' ? refusal : undefined;
    if (malformed === undefined) this.verdicts.unknown++;
    else count(this.verdicts.malformed, malformed);
    this.#refusals.add(bytes, start, end, offset, malformed ?? 'unknown');
  }

  /** Whether journald says here that lines are missing. */
  #leftOut(): boolean {
    const said = leftOut(this.#groups.map(({ syntax }) => syntax), this.#bytes, this.#start, this.#end);
    if (said === undefined) return false;
    const gap = gapOf(said, this.lastTime, this.#shift);
    if (gap !== undefined) this.#taker.gap(gap, { row: this.#row ?? 0, line: proofOf(this.#bytes, this.#start, this.#end) }, this);
    return true;
  }

  /** Whether the line at hand is another program's by its look; it is counted then. */
  #isForeign(): boolean {
    if (!this.#foreign.is(this.#bytes, this.#start, this.#end)) return false;
    const { time } = this.#foreign;
    if (time !== undefined) this.#pass(time);
    count(this.verdicts.ignored, ANOTHER);
    return true;
  }

  /** Several records on one line: each is a line of its own, and so is what is left of one that was torn. @returns whether they could be told apart. */
  #parts(syntax: Syntax, bytes: Buffer, start: number, end: number, offset: number): boolean {
    const starts = syntax.parts?.(bytes, start, end) ?? [];
    const [first] = starts;
    if (first === undefined) return false;
    if (first === start) this.verdicts.lines--;
    else {
      count(this.verdicts.malformed, 'record-torn');
      this.#refusals.add(bytes, start, first, offset, 'record-torn');
    }
    starts.forEach((from, index) => {
      let to = starts[index + 1] ?? end;
      while (to > from && bytes[to - 1] === SPACE) to--; // what separates them belongs to neither
      this.#line(bytes, from, to, offset + from - start, false);
    });
    return true;
  }

  /** A file is written in one way mostly: what read the last line is tried first on the next. Each line has one reader at most. */
  #prefer(group: Group): void {
    if (this.#groups[0] !== group) this.#groups = [group, ...this.#groups.filter((other) => other !== group)];
  }

  /** @returns undefined when the rule took the line. */
  #offer(source: CompiledSource, line: Entry, time: Nanos, offset: number): Refusal | 'no rule' | undefined {
    const entry = this.#placing.entry(source, line);
    const match = source.match(entry);
    switch (match.kind) {
      case 'foreign':
        return 'no rule';
      case 'unknown':
      case 'ignored':
        return this.#useless(source, entry, match, time, offset);
      case 'event': {
        if (this.info.notBefore !== undefined && time < this.info.notBefore) {
          count(this.verdicts.ignored, 'older than asked');
          return undefined;
        }
        if (!this.#event(source, entry, match.spelling, match.holes, time, offset)) return 'bad-container-id';
        this.verdicts.events++;
        return undefined;
      }
      default:
        return match satisfies never;
    }
  }

  /** A line that is no mark still shows that its process lives. */
  #useless(source: CompiledSource, entry: Entry, match: Match, time: Nanos, offset: number): 'no rule' | undefined {
    const young = this.info.notBefore === undefined || time >= this.info.notBefore;
    const secret = match.kind === 'ignored' && match.secret === true;
    if (source.alive !== undefined && young && !secret) this.#event(source, entry, source.alive, undefined, time, offset);
    if (match.kind !== 'ignored') return 'no rule';
    count(this.verdicts.ignored, match.name);
    return undefined;
  }

  #event(source: CompiledSource, entry: Entry, spelling: Spelling, holes: Holes | undefined, time: Nanos, offset: number): boolean {
    const own = source.names;
    const other = spelling.names;
    const container = told(other?.container ?? own.container, entry, holes);
    const at = this.#place;
    at.offset = offset;
    at.row = this.#row ?? 0;
    if (!source.runtime.keyed && holes === undefined) return this.#taker.line(new PlainEvent(time, spelling, entry.line(), container, at), NOBODY, source.runtime, this);
    const telling: Telling = {
      holes,
      container,
      handle: firstTold(other === undefined || other.handles.length === 0 ? own.handles : other.handles, entry, holes),
      also: told(other?.also, entry, holes),
      boot: this.#bootOf(entry),
      command: told(other?.command, entry, holes) ?? (source.command === undefined ? undefined : entry.get(source.command)),
    };
    const named = whom(own.sandbox, other, entry, holes);
    const from = this.#arena.keep(this.#bytes, this.#start, this.#end);
    const event = new ToldEvent(time, entry, spelling, telling, at, this.#arena.bytes, from, this.#end - this.#start);
    return this.#taker.line(event, named, source.runtime, this);
  }

  /** One text for all lines of a boot. */
  #bootOf(entry: Entry): string | undefined {
    const boot = entry.get(BOOT);
    if (boot !== this.#boot) this.#boot = boot;
    return this.#boot;
  }

  /** Whether a start seen at this time, but not its beginning, may have begun before the first line of the log. */
  beginsInside(time: Nanos, patience: Duration): boolean {
    return this.info.fresh && this.firstTime !== undefined && Math.abs(between(this.firstTime, time)) <= patience;
  }

  /** The source stands at this time of the log. @returns the time as it is told. */
  #pass(told: Nanos): Nanos {
    const time = this.#shift === undefined ? told : nanos(told + this.#shift);
    this.firstTime ??= time;
    this.lastTime = time;
    if (this.earliest === undefined || time < this.earliest) this.earliest = time;
    return time;
  }
}
