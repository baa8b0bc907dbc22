/** The commands whose output is followed: containerd's events, where there is a containerd, and what the user named. */
import { join } from 'node:path';
import process from 'node:process';
import { ALL_EVENTS, EVENTS_NAME, NO_EVENTS } from '../config/events.ts';
import type { Config } from '../config/config.ts';
import type { Clock, Intake } from '../model/source.ts';
import { eventsCommand, eventsObstacle } from '../sources/command/containerd.ts';
import { CommandFollower } from '../sources/command/follower.ts';
import type { CommandRecord } from '../sources/command/record.ts';
import type { Command } from '../sources/command/settings.ts';
import type { Log, Problem } from '../sources/report.ts';

/** Where a program is looked for without a PATH. */
const USUAL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What to follow. */
export function commandsWanted(config: Config, env: NodeJS.ProcessEnv): Command[] {
  const own = config.commands.map(({ name, argv, runtime, scheme }): Command => ({ name, about: `command ${name}`, argv, runtime, scheme, offered: false }));
  const events = eventsWanted(config, env);
  return events === undefined ? own : [events, ...own];
}

/** Whoever names sources gets these alone, unless events are named, too. */
function eventsWanted({ events, sources, containerdSocket: socket }: Config, env: NodeJS.ProcessEnv): Command | undefined {
  if (events === undefined && sources.length > 0) return undefined;
  const [first = ALL_EVENTS] = events ?? [];
  if (first === NO_EVENTS) return undefined;
  const namespaces = first === ALL_EVENTS ? [] : (events ?? []);
  const about = namespaces.length === 0 ? 'events of containerd' : `events of containerd (${namespaces.join(', ')})`;
  return {
    name: EVENTS_NAME, about, argv: eventsCommand(socket, namespaces), offered: events === undefined,
    obstacle: () => eventsObstacle(about, socket, env['PATH'] ?? USUAL_PATH),
  };
}

/** Of our own surroundings; the others may hold tokens. */
const PASSED = /^(?:PATH|HOME|USER|LANG|LC_ALL|TZ|XDG_RUNTIME_DIR|DOCKER_\w+|CONTAINER_HOST|CONTAINERD_\w+)$/;

const surroundings = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({ PATH: USUAL_PATH, ...Object.fromEntries(Object.entries(env).filter(([name]) => PASSED.test(name))) });

export interface CommandParts {
  readonly config: Config;
  readonly wanted: readonly Command[];
  readonly intake: Intake;
  readonly clock: Clock;
  readonly log: Log;
  /** The daemon's state folder. */
  readonly folder: string;
  readonly records: readonly CommandRecord[];
  readonly onRead: () => void;
  readonly onGap: () => void;
}

/** How a command fares, for metrics. */
export interface CommandStatus {
  readonly name: string;
  readonly running: boolean;
  readonly problem: Problem | undefined;
  readonly counters: CommandFollower['counters'];
  readonly spoolBytes: number;
}

/** Commands that are not followed any more are remembered: so many, so that one that comes back goes on. */
const MOST_FORMER = 16;

export class Commands {
  readonly names: readonly string[];
  readonly #followers: readonly CommandFollower[];
  readonly #former: readonly CommandRecord[];

  constructor({ config, wanted, intake, clock, log, folder, records, onRead, onGap }: CommandParts) {
    const env = surroundings(process.env);
    this.names = wanted.filter(({ offered }) => !offered).map(({ about }) => about);
    const former = records.filter(({ name }) => !wanted.some((command) => command.name === name));
    // What they have told and nobody has acknowledged is sent all the same.
    const left = former.filter(({ from, to }) => from < to).map(({ name }): Command => ({ name, about: `command ${name}, followed before`, argv: [], offered: false }));
    this.#followers = [...wanted, ...left].map((command) => new CommandFollower({
      command, intake, clock, log, onRead, onGap, env, lateness: config.lateness.command, limit: config.limits.commandSpool,
      folder: join(folder, 'commands', command.name), record: records.find(({ name }) => name === command.name),
    }));
    this.#former = former.filter(({ from, to }) => from === to).slice(-MOST_FORMER);
  }

  start(): void {
    for (const follower of this.#followers) follower.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#followers.map((follower) => follower.stop()));
  }

  pause(): void {
    for (const follower of this.#followers) follower.pause();
  }

  resume(): void {
    for (const follower of this.#followers) follower.resume();
  }

  /** What the state must hold at this moment. */
  records(): CommandRecord[] {
    return [...this.#former, ...this.#followers.map((follower) => follower.record()).filter((record) => record !== undefined)];
  }

  /** What `records` gave last is on disk. */
  saved(): void {
    for (const follower of this.#followers) follower.saved();
  }

  /** Of those that there are: containerd, where nobody asked for it, only once it was there. */
  status(): CommandStatus[] {
    return this.#followers.filter(({ absent }) => !absent).map(({ name, running, problem, counters, spoolBytes }) => ({ name, running, problem, counters, spoolBytes }));
  }

  /** Of all together. */
  get counters(): Readonly<Record<string, number>> {
    const sums: Record<string, number> = {};
    for (const { counters, spoolBytes } of this.#followers) {
      for (const [name, value] of [...Object.entries(counters), ['spool_bytes', spoolBytes] as const]) sums[name] = (sums[name] ?? 0) + value;
    }
    return sums;
  }
}
