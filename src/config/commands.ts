import type { Config } from './config.ts';
import { complain } from './walk.ts';
import type { Walk } from './walk.ts';

/** The words for `events` that are no namespace. */
export const ALL_EVENTS = 'all';
export const NO_EVENTS = 'off';
/** The command that follows containerd's events; what it has read lies under this name. */
export const EVENTS_NAME = 'containerd-events';

/** What is wrong with it, as a clause; undefined: nothing. (containerd v2.1, pkg/identifiers: what a namespace may be called.) */
export function eventsFault(names: readonly string[]): string | undefined {
  const wrong = names.find((name) => name.length > 76 || !/^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/.test(name));
  if (wrong !== undefined) return `"${wrong.slice(0, 80)}" is no namespace of containerd. Write ${ALL_EVENTS}, ${NO_EVENTS}, or names such as default, k8s.io, moby.`;
  const word = names.find((name) => name === ALL_EVENTS || name === NO_EVENTS);
  return word !== undefined && names.length > 1 ? `"${word}" stands alone, without other names.` : undefined;
}

/** What no setting of a command can say alone. */
export function checkCommands(walk: Walk, { events, commands }: Config): void {
  const fault = (path: string, what: string): void => complain(walk, walk.places.get(path) ?? [0, 0], path, what);
  const wrong = eventsFault(events ?? []);
  if (wrong !== undefined) fault('events', wrong);
  for (const [at, { name, argv }] of commands.entries()) {
    if (name === EVENTS_NAME) fault(`commands[${at}].name`, `"${name}" is the name of containerd's own events: see events. Choose another one.`);
    if (commands.findIndex((each) => each.name === name) < at) fault(`commands[${at}].name`, `"${name}" stands twice.`);
    const [program = '', ...rest] = argv;
    if (rest.length === 0 && /\s/.test(program)) fault(`commands[${at}].command`, `is one text, and no shell takes it apart. Write [${program.trim().split(/\s+/).slice(0, 3).map((word) => JSON.stringify(word)).join(', ')}, ...].`);
  }
}
