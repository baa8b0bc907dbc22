/** Finished starts for the commands that look at them: from the store's file where it may be read, else from the daemon. */
import process from 'node:process';
import { formatComplaints } from '../config/message.ts';
import type { Config } from '../config/config.ts';
import type { Brief } from '../model/brief.ts';
import { askList, askShow, Refusal } from '../store/client.ts';
import { isSqlite, openForReading, storePath, whyOf } from '../store/file.ts';
import { MOST } from '../store/protocol.ts';
import { StoreReader } from '../store/reader.ts';
import type { Finding, StartFilter } from '../store/reader.ts';
import { codeOf } from '../sources/report.ts';
import { EXIT, Stop } from './exit.ts';
import { socketPaths } from './keeping.ts';
import { named } from './problem.ts';
import { loadSettings } from './settings.ts';
import type { ConfigFlags } from './settings.ts';
import { stateFolder } from './statefolder.ts';

export interface Starts {
  /** Newest first. */
  list(filter: StartFilter, most: number): Promise<readonly Brief[]>;
  find(id: string | undefined): Promise<Finding>;
  close(): void;
}

/** The configuration as far as these commands need it. */
export async function lookingConfig(flags: ConfigFlags): Promise<Config> {
  const { config, complaints } = await loadSettings(flags);
  if (complaints.some((complaint) => complaint.severity === 'error')) throw new Stop(EXIT.config, formatComplaints(complaints));
  return config;
}

/** Stops with what to do where there is neither file nor daemon. */
export function openStarts(config: Config): Starts {
  const folder = stateFolder(config, process.env);
  const path = storePath(folder);
  const opening = openForReading(path);
  switch (opening.kind) {
    case 'open':
      return fromFile(new StoreReader(opening.database), path);
    case 'newer':
      throw new Stop(EXIT.data, `${named([path])} was written by a newer shimtrace (version ${opening.version}). Use that one.`);
    case 'damaged':
      throw new Stop(EXIT.data, `${named([path])} is damaged (${opening.why}). A running daemon sets it aside and begins a new one; without a daemon, remove the file.`);
    case 'failed':
      return fromDaemon(folder);
    default:
      return opening satisfies never;
  }
}

function fromFile(reader: StoreReader, path: string): Starts {
  const asked = <T>(ask: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      try {
        resolve(ask());
      } catch (error) {
        reject(isSqlite(error) ? new Stop(EXIT.data, `Cannot read ${named([path])}: ${whyOf(error)}.`) : error);
      }
    });
  return {
    list: (filter, most) => asked(() => reader.list(filter, most)),
    find: (id) => asked(() => reader.find(id)),
    close: () => reader.close(),
  };
}

function fromDaemon(folder: string): Starts {
  return {
    list: async (filter, most) => {
      const rows = await anyDaemon(folder, (path) => askList(path, { ask: 'ls', filter, most }));
      if (most > MOST && rows.length === MOST) process.stderr.write(`shimtrace: the daemon lists at most ${MOST} starts; who may read its state folder sees all.\n`);
      return rows;
    },
    find: (id) => anyDaemon(folder, (path) => askShow(path, id)),
    close: () => undefined,
  };
}

/** The first daemon that answers. */
export async function anyDaemon<T>(folder: string, ask: (path: string) => Promise<T>): Promise<T> {
  let refused: string | undefined;
  for (const path of socketPaths(folder, process.env)) {
    try {
      return await ask(path);
    } catch (error) {
      if (error instanceof Refusal) throw new Stop(EXIT.unavailable, error.message);
      const code = codeOf(error);
      if (code === undefined) throw error;
      if (code === 'EACCES' || code === 'EPERM') refused ??= path;
    }
  }
  throw nobody(folder, refused);
}

function nobody(folder: string, refused: string | undefined): Stop {
  const user = process.getuid?.() ?? 0;
  if (refused !== undefined) {
    return new Stop(EXIT.noPermission, `No permission: user ${user} may neither read the store in ${named([folder])} nor use ${named([refused])}. Join the group shimtrace (usermod -aG shimtrace USER, then log in again), or use sudo.`);
  }
  return new Stop(
    EXIT.noInput,
    `There are no finished starts to look at: no store in ${named([folder])}, and no daemon answers. Start "shimtrace run"; if one runs with another state folder, name it with --state-dir. (For logs: shimtrace show FILE)`,
  );
}
