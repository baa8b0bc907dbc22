/** `shimtrace show [ID]`: a start that the daemon kept, printed as it is from the log. */
import { existsSync } from 'node:fs';
import process from 'node:process';
import { decodeAttributes, decodeTrace } from '../store/codec.ts';
import type { Decoded } from '../store/codec.ts';
import type { Finding } from '../store/reader.ts';
import { EXIT, Stop } from './exit.ts';
import type { Host } from './host.ts';
import { named } from './problem.ts';
import { writerOf } from './show.ts';
import type { ShowFlags } from './show.ts';
import { lookingConfig, openStarts } from './starts.ts';
import type { Starts } from './starts.ts';

/** Four and more characters of a container's or trace's id. */
const ID = /^[A-Za-z0-9_.+:-]{4,128}$/;

/** Whether these words ask for a kept start: none, or one that could be an id and is no file. What looks like a file's name is one. */
export function namesKept(given: readonly string[]): boolean {
  const [id, ...more] = given;
  if (id === undefined) return true;
  return more.length === 0 && ID.test(id) && !/\.(?:log|zlog|gz|zst|json|txt)\b/.test(id) && !existsSync(id);
}

export async function showKept(id: string | undefined, flags: ShowFlags): Promise<void> {
  const starts = openStarts(await lookingConfig({ stateDir: flags.stateDir }));
  try {
    const { trace, host } = await theOne(starts, id);
    process.stdout.write(writerOf(flags.format, host)(trace));
  } finally {
    starts.close();
  }
}

export interface KeptStart extends Decoded {
  readonly host: Pick<Host, 'attributes'>;
}

/** The one start that is meant; stops when there is none, or more than one. @param id undefined: the last. */
export async function theOne(starts: Starts, id: string | undefined): Promise<KeptStart> {
  const found: Finding = await starts.find(id);
  switch (found.kind) {
    case 'found': {
      const decoded = decodeTrace(found.kept.trace);
      const attributes = decodeAttributes(found.kept.host);
      if (decoded === undefined || attributes === undefined) throw new Stop(EXIT.data, 'This start was kept by another version of shimtrace and cannot be read.');
      return { ...decoded, host: { attributes } };
    }
    case 'ambiguous':
      throw new Stop(EXIT.usage, `"${id ?? ''}" is the beginning of several ids: ${named(found.names)}. Give more of it.`);
    case 'none':
      throw new Stop(EXIT.noInput, id === undefined ? 'No start has finished yet.' : `No file "${id}", and no kept start whose container or trace id begins so. "shimtrace ls" lists what there is.`);
    default:
      return found satisfies never;
  }
}
