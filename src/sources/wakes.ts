import { watch as watchPath } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { basename, join } from 'node:path';
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

/** A watch of a file that has spoken so often needs no second one to say the same. */
const OFTEN = 32;

/**
 * chokidar for folders: it waits for missing parents and survives their removal. One plain inotify watch per file for its
 * bytes, because chokidar holds `change` back for up to 50 ms, and looks at the file again for each.
 */
export function systemWakes(): WakeSource {
  const folders = new Set<string>();
  const speakers = new Speakers();
  let watcher: ReturnType<typeof watchFolders> | undefined;
  let listener: Sleeper | undefined;
  return {
    start(sleeper, concerns) {
      listener = sleeper;
      watcher = watchFolders([], {
        atomic: false, awaitWriteFinish: false, ignoreInitial: true, followSymlinks: false, depth: 0,
        // It asks without `stats` before it looks at a path of which the kernel has spoken.
        ignored: (path, stats) => !concerns(path) || (stats === undefined && speakers.has(path)),
      });
      // Told before it asks, and in the kernel's own words: what may be another file from now on is looked at again.
      watcher.on('raw', (event, name, about) => {
        if (event === 'rename') speakers.stirred(folderOf(about), name, folders);
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
    file: (fd, path, wake) => watchFile(fd, path, speakers, wake, (error) => listener?.deaf(codeOf(error), reasonOf(error))),
    async close() {
      await watcher?.close();
    },
  };
}

interface Speaker {
  times: number;
}

/** The watches of files, by the paths these had when they were set: which of them speak so often that nobody else need say the same. */
class Speakers {
  readonly #all = new Map<string, Speaker>();

  add(path: string): Speaker {
    const speaker = { times: 0 };
    this.#all.set(path, speaker);
    return speaker;
  }

  remove(path: string, speaker: Speaker): void {
    if (this.#all.get(path) === speaker) this.#all.delete(path);
  }

  has(path: string): boolean {
    return (this.#all.get(path)?.times ?? 0) >= OFTEN;
  }

  /** Something came to, left or was renamed in a folder (undefined: nobody knows where): which file is at that path now, or below it, nobody has said. */
  stirred(folder: string | undefined, name: string | null, folders: ReadonlySet<string>): void {
    if (folder === undefined) return this.#all.clear();
    const path = join(folder, name ?? '');
    this.#all.delete(path);
    if (folders.has(path)) this.#forgetBelow(path);
    // A folder that was itself moved or removed is told of by its own name.
    if (name === basename(folder)) this.#forgetBelow(folder);
  }

  #forgetBelow(folder: string): void {
    for (const path of this.#all.keys()) if (path.startsWith(`${folder}/`)) this.#all.delete(path);
  }
}

/** Which folder chokidar speaks of: it types the rest of what it tells as unknown. */
const folderOf = (about: unknown): string | undefined =>
  typeof about === 'object' && about !== null && 'watchedPath' in about && typeof about.watchedPath === 'string' ? about.watchedPath : undefined;

function watchFile(fd: number, path: string, speakers: Speakers, wake: () => void, failed: (error: unknown) => void): () => void {
  let watcher: FSWatcher | undefined;
  const speaker = speakers.add(path);
  // By descriptor, so that it is this very inode: between opening and watching the path may have got another.
  for (const name of [`/proc/self/fd/${fd}`, path]) {
    try {
      watcher = watchPath(name, () => {
        speaker.times += 1;
        wake();
      });
      break;
    } catch (error) {
      if (name === path || codeOf(error) !== 'ENOENT') {
        failed(error);
        break;
      }
    }
  }
  watcher?.on('error', (error) => {
    speakers.remove(path, speaker);
    failed(error);
  });
  return () => {
    speakers.remove(path, speaker);
    watcher?.close();
  };
}
