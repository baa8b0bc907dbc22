/** The journals that are followed: what the user named, else what the runtimes write there by default. */
import process from 'node:process';
import type { Config } from '../config/config.ts';
import type { Clock, Intake } from '../model/source.ts';
import { together, writersOf } from '../model/writers.ts';
import type { Writers } from '../model/writers.ts';
import { NOTHING_YET } from '../sources/journal/counters.ts';
import { bootId, ownUnit, storageOf } from '../sources/journal/probe.ts';
import { JournalFollower } from '../sources/journal/follower.ts';
import type { JournalRecord } from '../sources/journal/record.ts';
import { keyOf, nameOf, parseSelection } from '../sources/journal/selection.ts';
import type { Selection } from '../sources/journal/selection.ts';
import type { Log } from '../sources/report.ts';
import { EXIT, Stop } from './exit.ts';
import { named } from './problem.ts';
import type { KnownRuntime } from './runtimes.ts';

export interface JournalWanted {
  readonly selection: Selection;
  readonly runtime?: string | undefined;
  readonly scheme?: string | undefined;
  readonly offered: boolean;
  readonly writers: Writers;
}

/** Everything. */
const ALL = 'all';

/** What to follow. Stops for a selection that is none. */
export function journalsWanted(config: Config, runtimes: readonly KnownRuntime[]): JournalWanted[] {
  const writers = together(runtimes.flatMap(({ rule }) => rule.sources.map(writersOf)));
  if (config.sources.length > 0) {
    return config.sources.flatMap(({ journal, runtime, scheme }) => (journal === undefined ? [] : [{ selection: selectionOf(journal.join(',')), runtime, scheme, offered: false, writers }]));
  }
  const identifiers = [...new Set(runtimes.flatMap(({ rule }) => rule.sources.flatMap(({ identifiers = [], carriers = [] }) => [...identifiers, ...carriers])))].sort();
  return identifiers.length === 0 ? [] : [{ selection: { units: [], identifiers, matches: [] }, offered: true, writers }];
}

function selectionOf(text: string): Selection {
  const selection = parseSelection(text === ALL ? '' : text);
  if (typeof selection === 'string') {
    throw new Stop(EXIT.config, `The journal selection ${named([text])} is wrong: ${selection}. Write containerd.service, an identifier, FIELD=value, /DIR, ns:NAME or all; several with commas.`);
  }
  return selection;
}

export interface JournalParts {
  readonly config: Config;
  readonly wanted: readonly JournalWanted[];
  readonly intake: Intake;
  readonly clock: Clock;
  readonly log: Log;
  readonly records: readonly JournalRecord[];
  readonly onRead: () => void;
}

export interface JournalStatus {
  readonly name: string;
  readonly reading: boolean;
}

/** Selections that are not followed any more are remembered: so many, so that one that comes back goes on. */
const MOST_FORMER = 16;

export class Journals {
  readonly #followers: readonly JournalFollower[];
  readonly #former: readonly JournalRecord[];
  readonly #log: Log;
  readonly #wanted: readonly JournalWanted[];

  constructor({ config, wanted, intake, clock, log, records, onRead }: JournalParts) {
    const { machine } = storageOf({ units: [], identifiers: [], matches: [] });
    const unit = ownUnit(process.env);
    this.#log = log;
    this.#wanted = wanted;
    this.#followers = wanted.map(({ selection, runtime, scheme, offered, writers }) => new JournalFollower({
      selection, runtime, scheme, offered, intake, clock, log, records, onRead, writers,
      mine: { pid: String(process.pid), unit, boot: bootId(), machine: selection.directory === undefined ? machine : undefined },
      lateness: config.lateness.journal, since: sinceOf(config, clock),
    }));
    const followed = new Set(wanted.map(({ selection }) => keyOf(selection)));
    this.#former = records.filter(({ key }) => !followed.has(key)).slice(-MOST_FORMER);
  }

  start(): void {
    for (const { selection, offered } of this.#wanted) this.#sayStorage(selection, offered);
    for (const follower of this.#followers) follower.start();
  }

  stop(): void {
    for (const follower of this.#followers) follower.stop();
  }

  pause(): void {
    for (const follower of this.#followers) follower.pause();
  }

  resume(): void {
    for (const follower of this.#followers) follower.resume();
  }

  /** What the state must hold at this moment. */
  records(): JournalRecord[] {
    return [...this.#former, ...this.#followers.map((follower) => follower.record()).filter((record) => record !== undefined)];
  }

  /** Of all together. */
  get counters(): Readonly<Record<string, number>> {
    const sums: Record<string, number> = { ...NOTHING_YET };
    for (const { counters } of this.#followers) for (const [name, value] of Object.entries(counters)) sums[name] = (sums[name] ?? 0) + value;
    return sums;
  }

  /** Which are read at this moment. */
  status(): readonly JournalStatus[] {
    return this.#followers.map(({ name, reading }) => ({ name, reading }));
  }

  get names(): readonly string[] {
    return this.#followers.map(({ name }) => name);
  }

  /** What a reader should know of where its entries lie. */
  #sayStorage(selection: Selection, offered: boolean): void {
    const { machine, machines, volatile } = storageOf(selection);
    const name = nameOf(selection);
    if (volatile) {
      const text = `${name} is kept in memory only (Storage=volatile, or /var/log/journal is missing): what is not read before a reboot is lost. Storage=persistent in journald.conf keeps it.`;
      this.#log(offered ? 'info' : 'warn', 'journal_volatile', { text });
    }
    if (machine === undefined || machines.length === 0 || machines.includes(machine)) return;
    const text = selection.directory === undefined
      ? `${name}: there are journals of other machines only (${machines.slice(0, 3).join(', ')}), none of this one (${machine}). Their entries are counted and not read; name a folder to read them: --journal /var/log/journal/MACHINE.`
      : `${name} is the journal of another machine (${machines.slice(0, 3).join(', ')}; this one is ${machine}): its traces carry this host's id unless --host-id says otherwise.`;
    this.#log(offered ? 'info' : 'warn', 'journal_of_another', { text });
  }
}

/** Microseconds since the epoch. */
function sinceOf({ from }: Config, clock: Clock): bigint | undefined {
  if (from === 'beginning') return undefined;
  return (clock.now() - (from === 'end' ? 0n : BigInt(from.ago))) / 1_000n;
}
