import type { SourceId } from '../../model/source.ts';
import type { Problem } from '../report.ts';
import { retryAfter } from '../child.ts';
import type { Child, Ended } from '../child.ts';
import { NOTHING_YET } from './counters.ts';
import { Feed } from './feed.ts';
import { Gaps } from './gaps.ts';
import { NOWHERE } from './marks.ts';
import { probeJournal } from './probe.ts';
import type { Probe } from './probe.ts';
import { doneBefore, formOf } from './record.ts';
import type { JournalRecord } from './record.ts';
import { isWhole, keyOf, nameOf } from './selection.ts';
import { Session } from './session.ts';
import { GIVEN_UP, REST_MS, TIMING } from './settings.ts';
import type { JournalSettings, Timing } from './settings.ts';
import { Vigil } from './vigil.ts';
import { isBadCursor, problemOf } from './words.ts';

type Phase = 'stopped' | 'probing' | 'catching up' | 'following' | 'waiting' | 'held up';

/**
 * Follows a journal through journalctl, the one reader that systemd supports. First it reads to the end what is there, then it follows from the
 * last entry; both begin with that entry, which tells by being there that none was skipped. (`--merge`: without it a following journalctl
 * leaves out what the boot before wrote after the cursor.) Whatever ends the child, the next goes on where it stood.
 */
export class JournalFollower {
  readonly name: string;
  readonly #settings: JournalSettings;
  readonly #timing: Timing;
  readonly #command: string;
  readonly #gaps: Gaps;
  readonly #vigil: Vigil;
  readonly #saved: JournalRecord | undefined;
  readonly #since: bigint | undefined;
  #phase: Phase = 'stopped';
  #child: Child | undefined;
  #feed: Feed | undefined;
  #source: SourceId | undefined;
  #session: Session | undefined;
  /** Entries come that were written since we read. */
  #watched = false;
  #failures = 0;
  #problem: Problem | undefined;
  #timer: NodeJS.Timeout | undefined;
  #resting: NodeJS.Timeout | undefined;
  #patience: NodeJS.Timeout | undefined;
  #paused = false;
  readonly #counts = { restarts: 0, hangs: 0, cursors_refused: 0 };

  constructor(settings: JournalSettings) {
    const { selection, records, log, clock } = settings;
    this.#settings = settings;
    this.#command = settings.command ?? 'journalctl';
    this.#timing = { ...TIMING, ...settings.timing };
    this.name = nameOf(selection);
    const key = keyOf(selection);
    this.#saved = records.find((record) => record.key === key);
    this.#since = this.#saved === undefined ? settings.since : this.#saved.since;
    this.#gaps = new Gaps(this.name, log, isWhole(selection), (gap) => this.#source !== undefined && this.#settings.intake.gap(this.#source, gap));
    this.#vigil = new Vigil({
      command: this.#command, selection, clock, quiet: this.#timing.quiet,
      newest: () => this.#feed?.marks.newest.cursor,
      hung: () => this.#hung(),
      beat: () => this.#feed?.pieces.open === true && this.#rested(true),
    });
  }

  /** Begins to read, or tells why it cannot and goes on trying. */
  start(): void {
    this.#phase = 'probing';
    // It holds lines that nobody has read: what began before a restart must not end without them while journalctl is asked what it is.
    if (this.#failures === 0) this.#begin();
    const { selection } = this.#settings;
    this.#child = probeJournal(this.#command, selection, this.name, (probe) => this.#probed(probe));
  }

  stop(): void {
    this.#phase = 'stopped';
    clearTimeout(this.#timer);
    clearTimeout(this.#resting);
    clearTimeout(this.#patience);
    this.#vigil.stop();
    this.#child?.kill();
  }

  /** Back-pressure: entries stay in the journal. */
  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#child?.pause();
    if (this.#source !== undefined) this.#settings.intake.behind(this.#source);
    this.#patience = setTimeout(() => {
      if (this.#phase !== 'catching up' && this.#phase !== 'following') return;
      this.#phase = 'held up';
      this.#child?.kill();
    }, this.#timing.patience);
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    clearTimeout(this.#patience);
    if (this.#phase === 'held up') this.#catchUp();
    else {
      this.#child?.resume();
      if (this.#phase === 'following') this.#restLater();
    }
  }

  /** What the state must hold at this moment; undefined: nothing was ever read. */
  record(): JournalRecord | undefined {
    if (this.#feed === undefined || this.#source === undefined) return this.#saved;
    const pinned = this.#settings.intake.pinned(this.#source);
    const mark = this.#feed.marks.before(pinned);
    return { key: keyOf(this.#settings.selection), name: this.name, mark, from: Math.max(mark.at, pinned ?? mark.at), form: formOf(this.#settings.writers), since: this.#since };
  }

  /** Why it is not read at the moment; undefined: it is. */
  get problem(): Problem | undefined {
    return this.#problem;
  }

  /** It can be read: what keeps it waiting is not the journal. */
  get reading(): boolean {
    return this.#problem === undefined && this.#feed !== undefined && this.#phase !== 'probing';
  }

  /** It stands at the end of the journal and waits for more. */
  get following(): boolean {
    return this.#phase === 'following';
  }

  get counters(): Readonly<Record<string, number>> {
    return { ...NOTHING_YET, ...this.#counts, ...this.#gaps.counters, ...this.#feed?.counters, ...this.#feed?.pieces.counters, unreadable: Number(this.#problem !== undefined) };
  }

  #probed(probe: Probe): void {
    if (this.#phase !== 'probing') return;
    const { log, offered } = this.#settings;
    if (probe.kind === 'unreadable') {
      // Nothing was read of it, and perhaps nothing will be: nobody waits for it.
      if (this.#source !== undefined && this.#feed?.counters.entries === 0) {
        this.#settings.intake.end(this.#source);
        this.#source = this.#feed = undefined;
      }
      if (offered === true && probe.problem.kind === 'missing') {
        this.#phase = 'stopped';
        return log('debug', 'journal_absent', { ...probe.problem });
      }
      return this.#fail(probe.problem);
    }
    const picks = isWhole(this.#settings.selection) ? 'gaps are known by the numbers of entries' : 'gaps are known where reading goes on';
    log('info', 'journal_reader', { version: probe.version, text: `Reading ${this.name} with journalctl of systemd ${probe.version}; ${picks}.` });
    if (probe.limited) {
      this.#gaps.unnumbered();
      log('warn', 'journal_limited', { text: `${this.name}: this user sees only some of its entries. Add it to the group systemd-journal to see all.` });
    }
    this.#begin();
    this.#catchUp();
  }

  #begin(): void {
    if (this.#feed !== undefined) return;
    const { intake, selection, runtime, scheme, lateness, mine, writers } = this.#settings;
    this.#source = intake.begin({
      key: keyOf(selection), name: this.name, fresh: this.#saved === undefined, rank: 0, journal: true, lateness,
      ...(runtime !== undefined && { runtime }), ...(scheme !== undefined && { scheme }),
    });
    const from = this.#saved && doneBefore(this.#saved, formOf(writers));
    this.#feed = new Feed(intake, this.#source, mine, this.#saved?.mark ?? NOWHERE, from, writers);
  }

  /** Reads what is there to its end. */
  #catchUp(): void {
    this.#phase = 'catching up';
    if (this.#source !== undefined) this.#settings.intake.behind(this.#source);
    this.#watched = this.#feed?.marks.newest.cursor !== undefined;
    this.#run([], (end) => this.#caughtUp(end));
  }

  #run(more: readonly string[], ended: (end: Ended) => void): void {
    const feed = this.#feed;
    if (feed === undefined) return;
    const session: Session = new Session({
      command: this.#command, arguments: more, selection: this.#settings.selection, since: this.#since, feed, gaps: this.#gaps, watched: this.#watched,
      wanted: () => this.#child === session && this.#isWanted(), read: () => this.#read(),
      ended: (end) => {
        if (this.#child === session && this.#phase !== 'stopped') ended(end);
      },
    });
    this.#child = this.#session = session;
    if (this.#paused) session.pause();
  }

  /** Output came. */
  #isWanted(): boolean {
    const stalled = this.#vigil.heard();
    if (stalled) this.#stalled();
    else if (this.#phase === 'following' && this.#source !== undefined) this.#settings.intake.behind(this.#source);
    return !stalled;
  }

  #read(): void {
    this.#failures = 0;
    this.#settings.onRead();
    if (this.#phase === 'following') this.#restLater();
  }

  #caughtUp(end: Ended): void {
    if (this.#phase === 'held up') return;
    if (!end.ok) return this.#broken(end);
    const empty = this.#session?.expected !== undefined;
    if (empty && /No journal files were/.test(end.said)) return this.#fail(problemOf(this.name, end));
    if (empty) return this.#again('the entry that was read last is gone, and nothing stands after it');
    this.#recovered();
    this.#rested(false);
    this.#phase = 'following';
    this.#watched = true;
    this.#run(['--follow'], (ended) => this.#broken(ended));
    this.#vigil.start();
  }

  /** The saved place is in no journal that is there: everything is read, and what was sent is known by its ids. */
  #again(why: string): void {
    this.#gaps.lost(this.#session?.expected ?? '', undefined);
    this.#counts.cursors_refused += 1;
    this.#settings.log('warn', 'journal_cursor_lost', { text: `${this.name}: ${why}. It is read from its beginning; traces that were sent keep their ids.` });
    this.#feed?.forget();
    this.#catchUp();
  }

  #broken(end: Ended): void {
    this.#vigil.stop();
    if (this.#phase === 'held up' || this.#phase === 'stopped') return;
    if (isBadCursor(end) && this.#feed?.marks.newest.cursor !== undefined) return this.#again('its saved place is none that journalctl knows');
    this.#counts.restarts += 1;
    this.#fail(problemOf(this.name, end));
  }

  /** Tries again after a while, from the probe on: what journalctl says then is the best word there is. */
  #fail(problem: Problem): void {
    const { log, intake, clock, onRead } = this.#settings;
    this.#phase = 'waiting';
    this.#failures += 1;
    log(this.#problem?.kind === problem.kind ? 'debug' : 'warn', 'source_problem', { ...problem });
    this.#problem = problem;
    if (this.#failures === GIVEN_UP && this.#source !== undefined) {
      intake.atEnd(this.#source, clock.steady());
      onRead();
    }
    const { again, longest } = this.#timing;
    this.#timer = setTimeout(() => this.start(), retryAfter(this.#failures, again, longest));
  }

  #recovered(): void {
    if (this.#problem !== undefined) this.#settings.log('info', 'journal_readable_again', { text: `${this.name} is read again.` });
    this.#problem = undefined;
    this.#failures = 0;
  }

  /** journalctl is silent while there is more. */
  #hung(): void {
    if (this.#phase !== 'following' || this.#paused) return;
    this.#counts.hangs += 1;
    this.#settings.log('warn', 'journal_reader_hangs', { text: `journalctl said nothing of ${this.name} for a while, and there are new entries. It is started again.` });
    this.#startOver();
  }

  /** We stood still: journalctl may have been blocked for as long, and does not say what it missed. The first entry of the next will. */
  #stalled(): void {
    this.#settings.log('debug', 'journal_stalled', { journal: this.name });
    this.#startOver();
  }

  #startOver(): void {
    this.#vigil.stop();
    const child = this.#child;
    this.#child = undefined;
    child?.kill();
    this.#counts.restarts += 1;
    this.#catchUp();
  }

  /** Whether the end is reached is known when no more comes. */
  #restLater(): void {
    clearTimeout(this.#resting);
    const behind = Number(this.#settings.clock.now()) - (this.#session?.reached ?? 0) * 1_000;
    const near = behind < this.#settings.lateness;
    this.#resting = setTimeout(() => this.#rested(false), near ? 0 : REST_MS);
  }

  #rested(late: boolean): void {
    if (this.#source === undefined || this.#paused) return;
    if (late) this.#feed?.release();
    this.#settings.intake.atEnd(this.#source, this.#settings.clock.steady());
    this.#settings.onRead();
  }
}
