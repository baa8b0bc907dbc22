import type { Clock, Intake } from '../../model/source.ts';
import type { Duration } from '../../model/time.ts';
import type { Log, Problem } from '../report.ts';
import type { CommandRecord } from './record.ts';

/** A command whose output is lines. */
export interface Command {
  /** A word: it names the spool's folder, and the command in metrics. */
  readonly name: string;
  /** For people: what it tells. */
  readonly about: string;
  /** The program and its arguments; none: it is followed no more, and only what it has told is read. */
  readonly argv: readonly string[];
  /** What keeps it from being run at all, looked at before each attempt. */
  readonly obstacle?: (() => Problem | undefined) | undefined;
  /** Nobody asked for it by name: that it cannot be run is no trouble. */
  readonly offered: boolean;
  /** The user's pins. */
  readonly runtime?: string | undefined;
  readonly scheme?: string | undefined;
}

export interface CommandSettings {
  readonly command: Command;
  readonly intake: Intake;
  readonly clock: Clock;
  readonly log: Log;
  /** What the last run saved of it. */
  readonly record: CommandRecord | undefined;
  /** Folder of its spool. */
  readonly folder: string;
  /** Bytes that the spool may fill. */
  readonly limit: number;
  /** How late a line may come after the time it tells. */
  readonly lateness: Duration;
  readonly env: NodeJS.ProcessEnv;
  /** After lines were handed over, and when the end was reached. */
  readonly onRead: () => void;
  /** A gap was told: it must be on disk before a start that it touches is sent, so that a second reading tells the same. */
  readonly onGap: () => void;
  readonly timing?: Partial<Timing>;
}

/** All in milliseconds. */
export interface Timing {
  /** First wait before it is started again; doubled each time, up to `longest`. */
  readonly again: number;
  readonly longest: number;
  /** Between two looks whether the obstacle is gone, where it was followed before: looking is cheap, and what happens meanwhile is lost. */
  readonly look: number;
  /** Between two syncs of the disk: lines are used no sooner than they are on it. */
  readonly sync: number;
  /** So long after its beginning it is taken to listen, if it has not ended. `ctr` gives up connecting after ten seconds. */
  readonly proven: number;
  /** And it listens from so long after its beginning on. */
  readonly connect: number;
}

export const TIMING: Timing = { again: 250, longest: 10_000, look: 500, sync: 50, proven: 15_000, connect: 1_000 };
