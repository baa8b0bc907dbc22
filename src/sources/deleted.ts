import { fstatSync } from 'node:fs';
import type { Held } from './held.ts';
import type { Register } from './register.ts';
import type { Log } from './report.ts';

/** A deleted file that only our descriptor keeps on the disk. */
interface Ghost {
  readonly held: Held;
  /** What it takes of the disk. */
  readonly bytes: number;
  /** It is read to its end: to close it loses nothing. */
  readonly isRead: boolean;
}

/** Bytes of a block in `Stats.blocks`, whatever the file system's own blocks are (stat(2)). */
const BLOCK = 512;

/**
 * Deleted files are held open until they are read and acknowledged. While reading is paused they pile up, and the disk of
 * the host fills with what `ls` does not show. Beyond `most` bytes the oldest are let go, first those that are read; of
 * the others the unread rest is counted as lost. Returns how many bytes are held afterwards.
 */
export function limitDeleted(register: Register, most: number, log: Log): number {
  const ghosts = [...register.held.values()].filter(({ place }) => place.kind === 'left').flatMap(ghostOf);
  let total = ghosts.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total <= most) return total;
  for (const { held, bytes, isRead } of ghosts.sort(byWorth)) {
    if (total <= most) break;
    log('info', 'deleted_let_go', { path: held.path, bytes, read: isRead, limit: most });
    letGo(held, register);
    total -= bytes;
  }
  return total;
}

function letGo(held: Held, register: Register): void {
  register.drop(held);
  const { content } = held;
  if (content === undefined) return;
  register.contents.lose('lost_to_limit', content.path, content.lineStart, content.size);
  register.contents.end(content);
}

const byWorth = (a: Ghost, b: Ghost): number => Number(b.isRead) - Number(a.isRead) || sinceOf(a.held) - sinceOf(b.held);

const sinceOf = ({ place }: Held): number => (place.kind === 'left' ? place.since : Infinity);

function ghostOf(held: Held): Ghost[] {
  try {
    const { nlink, size, blocks } = fstatSync(held.fd);
    if (nlink > 0) return [];
    held.look();
    return [{ held, bytes: blocks * BLOCK, isRead: held.content !== undefined && size <= held.content.lineStart }];
  } catch {
    // Whoever reads it next meets the same error and reports it.
    return [];
  }
}
