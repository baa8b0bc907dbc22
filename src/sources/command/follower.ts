import { sourceKey } from '../../model/source.ts';
import type { Gap, SourceId } from '../../model/source.ts';
import { retryAfter, runChild } from '../child.ts';
import type { Child, Ended } from '../child.ts';
import type { Problem } from '../report.ts';
import { Funnel } from './funnel.ts';
import { Outflow } from './outflow.ts';
import type { CommandRecord, PlacedGap } from './record.ts';
import { TIMING } from './settings.ts';
import type { CommandSettings, Timing } from './settings.ts';
import { LineSpool } from './spool.ts';
import { Silence } from './silence.ts';
import { problemOf } from './words.ts';

/** A child that was killed has let go of its output after so long, or never will. */
const AFTER_KILL_MS = 500;
/** So many gaps are remembered, the last ones. */
const MOST_GAPS = 64;

/**
 * Follows what a command writes. Nobody else keeps it, so it is always drained, and each line is in our spool before it is used; from there it
 * comes again after a crash, until its trace is acknowledged. Whatever ends the command, it is started again, and what it would
 * have told meanwhile is a gap that is counted and handed on.
 */
export class CommandFollower {
  readonly name: string;
  readonly #settings: CommandSettings;
  readonly #timing: Timing;
  readonly #spool: LineSpool;
  readonly #silence: Silence;
  #funnel: Funnel | undefined;
  #outflow: Outflow | undefined;
  #source: SourceId | undefined;
  #child: Child | undefined;
  #began = 0;
  #failures = 0;
  #problem: Problem | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped: (() => void) | undefined;
  #gaps: PlacedGap[] = [];
  #paused = false;
  #over = false;
  /** Up to here the state file says that lines are acknowledged, once it is written. */
  #acknowledged = 0;
  readonly #counts = { restarts: 0 };

  constructor(settings: CommandSettings) {
    const { command, folder, limit, log, clock } = settings;
    this.#settings = settings;
    this.#timing = { ...TIMING, ...settings.timing };
    this.name = command.name;
    this.#spool = new LineSpool({ folder, limit, log, name: command.about, steady: () => clock.steady() });
    this.#silence = new Silence({ settings, timing: this.#timing, onHeard: () => this.#recovered(), tell: (gap) => this.#tell(gap) });
  }

  /** Reads what the last run left, and starts the command. */
  start(): void {
    if (this.#settings.record !== undefined) this.#open();
    if (!this.#isFormer) this.#launch();
  }

  /** Ends the command; what it has written is kept. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    const child = this.#child;
    await new Promise<void>((resolve) => {
      this.#stopped = resolve;
      if (child === undefined) return resolve();
      child.kill();
      setTimeout(resolve, AFTER_KILL_MS).unref();
    });
    this.#child = undefined;
    this.#over = true;
    this.#silence.stop();
    await this.#outflow?.stop();
    this.#spool.close();
  }

  /** Back-pressure: lines stay in the spool, the command is drained all the same. */
  pause(): void {
    this.#paused = true;
    this.#outflow?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#outflow?.resume();
  }

  /** What the state must hold at this moment; undefined: there was never anything. */
  record(): CommandRecord | undefined {
    if (this.#outflow === undefined || this.#source === undefined) return this.#settings.record;
    const pinned = this.#settings.intake.pinned(this.#source);
    const { at } = this.#outflow;
    const from = pinned === undefined ? at : Math.min(pinned, at);
    this.#acknowledged = from;
    this.#gaps = this.#gaps.filter((gap) => gap.at >= from).slice(-MOST_GAPS);
    return { name: this.name, from, to: this.#spool.end, until: this.#silence.until, gaps: this.#gaps };
  }

  /** What `record` gave last is on disk. */
  saved(): void {
    if (this.#stopped === undefined) this.#spool.release(this.#acknowledged);
  }

  /** Why it is not followed at the moment; undefined: it is. */
  get problem(): Problem | undefined {
    return this.#problem;
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  /** It is not followed: nobody asked for it and it is not there, or nobody asks for it any more. */
  get absent(): boolean {
    return this.#isFormer || (this.#settings.command.offered && this.#source === undefined && !this.running);
  }

  /** It is followed no more; what it has told is. */
  get #isFormer(): boolean {
    return this.#settings.command.argv.length === 0;
  }

  get counters(): Readonly<Record<'lines' | 'restarts' | 'gaps' | 'lost' | 'unsafe', number>> {
    return { lines: 0, lost: 0, unsafe: 0, ...this.#funnel?.counters, ...this.#counts, gaps: this.#silence.gaps + (this.#outflow?.holes ?? 0) };
  }

  get spoolBytes(): number {
    return this.#spool.bytes;
  }

  #open(): void {
    if (this.#source !== undefined) return;
    const { intake, command: { name, about, runtime, scheme }, record, lateness } = this.#settings;
    this.#source = intake.begin({
      key: sourceKey(`command:${name}`), name: about, fresh: record === undefined, rank: 0, lateness,
      ...(runtime !== undefined && { runtime }), ...(scheme !== undefined && { scheme }),
    });
    const from = this.#spool.open(record?.from, record?.to);
    this.#again(record);
    this.#funnel = new Funnel(this.#spool);
    // What the last run was given last may be half a line.
    this.#funnel.finish();
    this.#outflow = new Outflow({ ...this.#settings, source: this.#source, spool: this.#spool, from, fresh: record === undefined, sync: this.#timing.sync });
    if (this.#paused) this.#outflow.pause();
    this.#outflow.more();
  }

  /** What the last run knew. */
  #again(record: CommandRecord | undefined): void {
    const { written } = this.#spool;
    const until = record?.until ?? written;
    if (until !== undefined) this.#silence.lived(written !== undefined && written > until ? written : until);
    for (const { at, gap } of record?.gaps ?? []) this.#told(at, gap);
  }

  #tell(gap: Gap): void {
    this.#told(this.#spool.end, gap);
    this.#settings.onGap();
  }

  #told(at: number, gap: Gap): void {
    if (this.#source === undefined) return;
    this.#gaps.push({ at, gap });
    this.#settings.intake.gap(this.#source, gap);
  }

  #launch(): void {
    const { command, env, clock } = this.#settings;
    const obstacle = command.obstacle?.();
    if (obstacle !== undefined) return this.#fail(obstacle, this.#source === undefined ? undefined : this.#timing.look);
    this.#open();
    if (this.#began > 0) this.#counts.restarts += 1;
    else this.#settings.log(command.offered ? 'info' : 'debug', 'command_followed', { command: this.name, text: `Watching ${command.about}` });
    this.#began = clock.steady();
    this.#silence.begun();
    const [program = '', ...args] = command.argv;
    const child: Child = runChild(program, args, (chunk) => this.#came(chunk), (end) => this.#ended(end), { env, group: true });
    this.#child = child;
  }

  #came(chunk: Buffer): void {
    const funnel = this.#funnel;
    if (funnel === undefined || this.#over) return;
    this.#silence.heard();
    const losing = funnel.losing;
    const lost = funnel.take(chunk);
    if (losing === 0 && funnel.losing > 0) this.#silence.full(this.#settings.limit);
    if (lost > 0) this.#silence.room(lost);
    this.#outflow?.more();
  }

  /** It runs, and is known to tell what happens. */
  #recovered(): void {
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    this.#settings.log('info', 'command_followed_again', { command: this.name, text: `${this.#settings.command.about}: followed again.` });
  }

  #ended(end: Ended): void {
    this.#child = undefined;
    this.#silence.ended();
    this.#funnel?.finish();
    this.#outflow?.more();
    if (this.#stopped !== undefined) return this.#stopped();
    if (this.#settings.clock.steady() - this.#began >= this.#timing.proven) this.#failures = 0;
    this.#fail(problemOf(this.#settings.command, end));
  }

  #fail(problem: Problem, wait = retryAfter(this.#failures + 1, this.#timing.again, this.#timing.longest)): void {
    const { log, command } = this.#settings;
    this.#failures += 1;
    const known = this.#problem?.kind === problem.kind && this.#problem.why === problem.why;
    const offered = command.offered && this.#source === undefined;
    const quiet = known || (offered && problem.kind === 'missing');
    log(quiet ? 'debug' : offered ? 'info' : 'warn', 'source_problem', { command: this.name, ...problem });
    this.#problem = problem;
    this.#timer = setTimeout(() => this.#launch(), wait);
  }
}
