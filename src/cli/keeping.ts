/** The daemon's memory of finished starts, and who may ask it. */
import { join } from 'node:path';
import process from 'node:process';
import type { Config } from '../config/config.ts';
import type { Ledger } from '../engine/ledger.ts';
import { brief } from '../engine/render/line.ts';
import { storePath } from '../store/file.ts';
import { SOCKET_FILE } from '../store/protocol.ts';
import { StoreServer } from '../store/server.ts';
import { Store } from '../store/store.ts';
import { systemClock } from './clock.ts';
import type { Observer } from './finished.ts';
import type { Host } from './host.ts';
import type { Logger } from './logger.ts';

export interface Keeping {
  readonly observers: readonly Observer[];
  readonly known: (traceId: string) => boolean;
  /** Before the state is saved. */
  readonly flush: () => void;
  /** Undefined: the store is switched off. */
  readonly store: Store | undefined;
  listen(): Promise<void>;
  close(): void;
}

/** Where the daemon listens: systemd's folder for it, which others may enter, else the state folder. */
export function socketPath(folder: string, env: Readonly<Record<string, string | undefined>>): string {
  const runtime = env['RUNTIME_DIRECTORY']?.split(':')[0];
  return join(runtime === undefined || runtime === '' ? folder : runtime, SOCKET_FILE);
}

/** The folder that systemd makes for the unit. */
const USUAL = '/run/shimtrace';

/** Where to look for a daemon's socket. */
export const socketPaths = (folder: string, env: Readonly<Record<string, string | undefined>>): string[] =>
  [...new Set([socketPath(folder, env), join(folder, SOCKET_FILE), join(USUAL, SOCKET_FILE)])];

export interface KeepingParts {
  readonly config: Config;
  readonly folder: string;
  readonly host: Host;
  readonly ledger: Ledger;
  readonly log: Logger;
}

export function keeping({ config, folder, host, ledger, log }: KeepingParts): Keeping {
  const path = storePath(folder);
  const store = config.store.enabled
    ? new Store({ path, keep: config.store.keep, max: config.store.max, host: host.attributes, brief, nameOf: (source) => ledger.nameOf(source), log, now: () => systemClock.now() })
    : undefined;
  let broken = false;
  const flush = (): void => {
    if (broken) return;
    try {
      store?.flush();
    } catch (error) {
      // A bug of ours, and none that may stop the state from being saved.
      broken = true;
      log('error', 'store_failed', { text: `A bug of shimtrace: finished starts are no longer kept. Traces are sent all the same. ${error instanceof Error ? (error.stack ?? error.message) : String(error)}` });
    }
  };
  const server = new StoreServer({ path: socketPath(folder, process.env), store: path, flush, brief, log });
  return {
    // Listeners first: what is known by then is in the store already.
    observers: [{ name: 'socket', see: server.see }, ...(store === undefined ? [] : [{ name: 'store', see: store.add.bind(store) }])],
    known: (traceId) => store?.knows(traceId) ?? false,
    flush,
    store,
    listen: () => server.listen(),
    close: () => {
      server.close();
      flush();
      store?.close();
    },
  };
}
