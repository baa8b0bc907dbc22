import { watch as watchPath } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { watch as watchFolders } from 'chokidar';
import { codeOf, reasonOf } from './report.ts';

/** Who is woken. Everything said here is a hint: it may be late, doubled or missing, and the sweep finds what it missed. */
export interface Sleeper {
  /** Files or folders came, went or changed somewhere. */
  readonly stirred: () => void;
  /** This path changed: more bytes, or another file by its name. */
  readonly changed: (path: string) => void;
  /** A watch could not be set or broke: events will be missing. Said for each; the listener says it once. */
  readonly deaf: (code: string, why: string) => void;
}

/** Sets watches. An interface so that the daemon can be run without any, where a file system gives no events. */
export interface WakeSource {
  /** Watches folders (and waits for missing ones). `concerns`: which paths matter at all. */
  start(sleeper: Sleeper, concerns: (path: string) => boolean): void;
  folder(path: string): void;
  /** Calls `wake` on every change of the open file, whatever its name is by then. Returns how to stop it. */
  file(fd: number, path: string, wake: () => void): () => void;
  close(): Promise<void>;
}

/** No watches at all: the sweep alone finds everything. */
export const noWakes = (): WakeSource => ({
  start: () => undefined,
  folder: () => undefined,
  file: () => () => undefined,
  close: () => Promise.resolve(),
});

/**
 * chokidar for folders: it waits for missing parents and survives their removal. One plain inotify watch per file for its
 * bytes, because chokidar holds `change` back for up to 50 ms.
 */
export function systemWakes(): WakeSource {
  const folders = new Set<string>();
  let watcher: ReturnType<typeof watchFolders> | undefined;
  let listener: Sleeper | undefined;
  return {
    start(sleeper, concerns) {
      listener = sleeper;
      watcher = watchFolders([], {
        atomic: false, awaitWriteFinish: false, ignoreInitial: true, followSymlinks: false, depth: 0,
        ignored: (path) => !concerns(path),
      });
      watcher.on('all', (event, path) => {
        if (event === 'change') sleeper.changed(path);
        else sleeper.stirred();
      });
      watcher.on('error', (error) => {
        sleeper.deaf(codeOf(error), reasonOf(error));
        sleeper.stirred();
      });
    },
    folder(path) {
      if (folders.has(path)) return;
      folders.add(path);
      watcher?.add(path);
    },
    file: (fd, path, wake) => watchFile(fd, path, wake, (error) => listener?.deaf(codeOf(error), reasonOf(error))),
    async close() {
      await watcher?.close();
    },
  };
}

function watchFile(fd: number, path: string, wake: () => void, failed: (error: unknown) => void): () => void {
  let watcher: FSWatcher | undefined;
  // By descriptor, so that it is this very inode: between opening and watching the path may have got another.
  for (const name of [`/proc/self/fd/${fd}`, path]) {
    try {
      watcher = watchPath(name, wake);
      break;
    } catch (error) {
      if (name === path || codeOf(error) !== 'ENOENT') {
        failed(error);
        break;
      }
    }
  }
  watcher?.on('error', failed);
  return () => watcher?.close();
}
