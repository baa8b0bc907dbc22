/**
 * Lines of starts that stay open for long, as they stand in the state file: the log offset may pass them then. Restored by
 * reading them again, before any file: the same lines in a file are duplicates after that, wherever it is read from.
 */
import type { Intake, SourceId, SourceInfo, SourceKey } from '../model/source.ts';
import { sourceKey } from '../model/source.ts';
import type { Event } from './event.ts';
import type { OpenEpisode } from './open.ts';

/** Kept lines of one source. `lines`: offset and text. */
export interface StoredLines {
  readonly source: string;
  readonly name: string;
  readonly rank: number;
  readonly runtime?: string;
  readonly scheme?: string;
  readonly lines: readonly (readonly [offset: number, text: string])[];
}

/** Characters of kept lines in the state at most; what is beyond holds its log back. */
const ROOM = 256 * 1024;

/** The lines to keep from now on, so that the log offset can pass the starts that were open longest: all of theirs. */
export function chooseKept(open: Iterable<OpenEpisode>, already: readonly Event[]): Event[] {
  let room = ROOM;
  for (const { line } of already) room -= line.length;
  const chosen: Event[] = [];
  const oldest = [...open].filter(({ kind, previous }) => kind !== 'stray' && previous === undefined).sort((a, b) => (a.opened < b.opened ? -1 : 1));
  for (const { events } of oldest) {
    const more = events.filter(({ kept }) => !kept);
    for (const { line } of more) room -= line.length;
    if (room < 0) break;
    chosen.push(...more);
  }
  return chosen;
}

export function storeLines(events: readonly Event[], infoOf: (source: SourceId) => SourceInfo): StoredLines[] {
  const bySource = new Map<SourceKey, { info: SourceInfo; lines: [number, string][] }>();
  for (const { source, offset, line } of events) {
    const info = infoOf(source);
    const known = bySource.get(info.key);
    if (known === undefined) bySource.set(info.key, { info, lines: [[offset, line]] });
    else known.lines.push([offset, line]);
  }
  return [...bySource.values()].map(({ info, lines }) => ({
    source: info.key,
    name: info.name,
    rank: info.rank,
    ...(info.runtime !== undefined && { runtime: info.runtime }),
    ...(info.scheme !== undefined && { scheme: info.scheme }),
    lines: lines.sort(([a], [b]) => a - b),
  }));
}

/** Hands kept lines in as if they were read where they stood. */
export function readKept(stored: StoredLines, intake: Pick<Intake, 'begin' | 'read' | 'end'>): void {
  const source = intake.begin(infoOf(stored));
  for (const [offset, text] of stored.lines) {
    const bytes = Buffer.from(`${text}\n`);
    intake.read(source, bytes, bytes.length, offset);
  }
  intake.end(source);
}

const infoOf = ({ source, name, rank, runtime, scheme }: StoredLines): SourceInfo => ({
  key: sourceKey(source),
  name,
  fresh: false,
  rank,
  kept: true,
  ...(runtime !== undefined && { runtime }),
  ...(scheme !== undefined && { scheme }),
});
