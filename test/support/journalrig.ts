/** A follower of a journal in this process, whose records a test keeps as a state file would. */
import { duration } from '../../src/model/time.ts';
import { JournalFollower } from '../../src/sources/journal/follower.ts';
import type { JournalRecord } from '../../src/sources/journal/record.ts';
import { journalFromJson, journalToJson } from '../../src/sources/journal/record.ts';
import type { Selection } from '../../src/sources/journal/selection.ts';
import type { JournalSettings } from '../../src/sources/journal/settings.ts';
import { clock, FakeIntake, Journal } from './files.ts';
import type { FakeSource } from './files.ts';

export const NOBODY = { pid: '0', unit: undefined, machine: undefined, boot: undefined };

export class JournalRig {
  readonly intake = new FakeIntake();
  readonly log = new Journal();
  readonly follower: JournalFollower;

  constructor(selection: Partial<Selection>, records: readonly JournalRecord[] = [], more: Partial<JournalSettings> = {}) {
    this.follower = new JournalFollower({
      selection: { units: [], identifiers: [], matches: [], ...selection }, intake: this.intake, clock, log: this.log.log, records, mine: NOBODY,
      lateness: duration(400_000_000), onRead: () => undefined, ...more, timing: { again: 20, longest: 200, ...more.timing },
    });
    this.follower.start();
  }

  get source(): FakeSource | undefined {
    return this.intake.sources[0];
  }

  /** Messages that were handed over, in order. */
  get messages(): string[] {
    return (this.source?.lines ?? []).map(({ text }) => messageOf(text));
  }

  /** What a state file would give back at the next start. */
  get records(): JournalRecord[] {
    const record = this.follower.record();
    const read = record && journalFromJson(JSON.parse(JSON.stringify(journalToJson(record))));
    return read === undefined ? [] : [read];
  }

  count(name: string): number {
    return this.follower.counters[name] ?? 0;
  }
}

export function messageOf(line: string): string {
  const entry: unknown = JSON.parse(line);
  const message: unknown = typeof entry === 'object' && entry !== null && 'MESSAGE' in entry ? entry.MESSAGE : undefined;
  return typeof message === 'string' ? message : JSON.stringify(message ?? null);
}
