import type { Config } from './config.ts';
import { EVENTS_NAME, eventsFault } from './events.ts';
import { complain } from './walk.ts';
import type { Walk } from './walk.ts';

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
