import { readdir } from 'node:fs/promises';
import { compile } from '../engine/compile.ts';
import type { CompiledRuntime } from '../engine/compile.ts';
import type { Runtime } from '../model/runtime.ts';

const FOLDER = new URL('../runtimes/', import.meta.url);

export interface KnownRuntime {
  readonly rule: Runtime;
  readonly compiled: CompiledRuntime;
}

/** Every runtime there is: one file each, found by looking. A file without a `runtime` is a bug of ours. */
export async function loadRuntimes(): Promise<KnownRuntime[]> {
  const files = (await readdir(FOLDER)).filter((name) => /^[^.]+\.[jt]s$/.test(name)).sort();
  return Promise.all(
    files.map(async (name) => {
      const module: unknown = await import(new URL(name, FOLDER).href);
      if (!holdsRuntime(module)) throw new Error(`runtimes/${name} exports no runtime`);
      return { rule: module.runtime, compiled: compile(module.runtime) };
    }),
  );
}

const holdsRuntime = (module: unknown): module is { readonly runtime: Runtime } =>
  typeof module === 'object' && module !== null && 'runtime' in module && typeof module.runtime === 'object';
