/**
 * containerd's events, as `ctr events` prints them. One child tells those of every namespace: `--namespace` picks none of them (seen with 1.6.20;
 * its subscription has no namespace), a filter does. Without containerd `ctr` waits ten seconds before it says so: its socket is looked at first.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf, reasonOf } from '../report.ts';
import type { Problem } from '../report.ts';

/** @param namespaces none: of all. */
export const eventsCommand = (socket: string, namespaces: readonly string[]): string[] =>
  ['ctr', '--address', socket, 'events', ...namespaces.map((name) => `namespace=="${name}"`)];

const RIGHT = 'docs/events.md tells two ways: a unit of root\'s that writes the events to a file, or, as whoever may use the socket rules the host, a group for it ([grpc] gid)';

/** What keeps `ctr events` from being run; undefined: nothing that can be seen. */
export function eventsObstacle(where: string, socket: string, path: string): Problem | undefined {
  const fault = socketFault(socket);
  if (fault?.code === 'ENOENT') return { kind: 'missing', what: 'containerd does not run', where, why: fault.why, todo: 'start it, or say where its socket is (containerd_socket); it is looked for again by itself' };
  if (fault !== undefined) return { kind: 'no_permission', what: 'containerd\'s socket may not be used', where, why: fault.why, todo: RIGHT };
  if (!onPath('ctr', path)) return { kind: 'missing', what: 'there is no program ctr', where, why: `none in ${path}`, todo: 'it comes with containerd: install it where the daemon finds it; it is looked for again by itself' };
  return undefined;
}

function socketFault(socket: string): { readonly code: string; readonly why: string } | undefined {
  try {
    accessSync(socket, constants.R_OK | constants.W_OK);
    return statSync(socket).isSocket() ? undefined : { code: 'ENOENT', why: `${socket} is no socket` };
  } catch (error) {
    return { code: codeOf(error), why: reasonOf(error) };
  }
}

function onPath(program: string, path: string): boolean {
  return path.split(':').some((folder) => folder.startsWith('/') && isRunnable(join(folder, program)));
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch (error) {
    if (codeOf(error) === '') throw error;
    return false;
  }
}
