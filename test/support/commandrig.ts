/** A follower of a command in this process, whose records a test keeps as a state file would. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Clock } from '../../src/model/source.ts';
import { duration, steady } from '../../src/model/time.ts';
import type { Nanos } from '../../src/model/time.ts';
import { commandFromJson, commandToJson } from '../../src/sources/command/record.ts';
import type { CommandRecord } from '../../src/sources/command/record.ts';
import { CommandFollower } from '../../src/sources/command/follower.ts';
import type { Command, CommandSettings } from '../../src/sources/command/settings.ts';
import { clock, FakeIntake, Folder, Journal, until } from './files.ts';
import type { FakeSource } from './files.ts';

const TELLER = join(import.meta.dirname, 'teller.mjs');

/** The command that tells what stands in a script. */
export const tellerArgv = (script: string): string[] => [process.execPath, TELLER, script];

export interface RigOptions extends Partial<Omit<CommandSettings, 'command'>> {
  readonly command?: Partial<Command>;
}

export class CommandRig {
  readonly folder = new Folder();
  readonly script = this.folder.write('script', '');
  readonly spool = this.folder.at('spool');
  intake = new FakeIntake();
  log = new Journal();
  /** Added to the monotonic clock, in ms. */
  ahead = 0;
  #follower: CommandFollower | undefined;

  get follower(): CommandFollower {
    if (this.#follower === undefined) throw new Error('not started');
    return this.#follower;
  }

  /** A new life: nothing is left of the last but its record and its spool. */
  start(record?: CommandRecord, { command, ...more }: RigOptions = {}): void {
    this.intake = new FakeIntake();
    this.log = new Journal();
    const shifted: Clock = { now: clock.now, steady: () => steady(clock.steady() + this.ahead) };
    this.#follower = new CommandFollower({
      command: { name: 'teller', about: 'command teller', argv: tellerArgv(this.script), offered: false, ...command },
      intake: this.intake, clock: shifted, log: this.log.log, record, folder: this.spool, limit: 1 << 20, lateness: duration(250_000_000), env: process.env,
      onRead: () => undefined, onGap: () => undefined, ...more, timing: { again: 20, longest: 100, look: 50, sync: 5, proven: 15_000, connect: 1_000, ...more.timing },
    });
    this.#follower.start();
  }

  tell(...lines: readonly string[]): void {
    appendFileSync(this.script, lines.map((line) => `${line}\n`).join(''));
  }

  get source(): FakeSource | undefined {
    return this.intake.sources[0];
  }

  async lines(...expected: readonly string[]): Promise<void> {
    await until(() => this.intake.lines.length >= expected.length && this.intake.lines.join('\n') === expected.join('\n'), () => ({ got: this.intake.lines.slice(-20), log: this.log.entries.slice(-10), said: this.follower.problem }));
  }

  /** What a state file would give back at the next start. */
  record(): CommandRecord {
    const read = commandFromJson(JSON.parse(JSON.stringify(commandToJson(this.follower.record() ?? { name: '', from: -1, to: -1, until: undefined, gaps: [] }))));
    if (read === undefined) throw new Error('there is no record');
    return read;
  }

  /** Bytes of the spool's files, in order. */
  get spooled(): string {
    return readdirSync(this.spool).sort().map((name) => readFileSync(join(this.spool, name), 'latin1')).join('');
  }

  /** The spool was written last at this time, to the nanosecond. */
  spooledAt(time: Nanos): void {
    const seconds = `${time / 1_000_000_000n}.${String(time % 1_000_000_000n).padStart(9, '0')}`;
    for (const name of readdirSync(this.spool)) execFileSync('touch', ['-d', `@${seconds}`, join(this.spool, name)]);
  }

  async dispose(): Promise<void> {
    await this.#follower?.stop();
    this.folder.dispose();
  }
}
