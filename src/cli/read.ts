/** Reading finished logs from end to end: what `import`, `show` and `demo` share. */
import type { Settlement } from '../engine/ledger.ts';
import { Ledger } from '../engine/ledger.ts';
import type { SourceId } from '../model/source.ts';
import { sourceKey } from '../model/source.ts';
import { openArchive } from '../sources/archive.ts';
import type { Archive } from '../sources/archive.ts';
import { linesOf, openJournal } from '../sources/journal/archive.ts';
import { LineFeeder } from '../sources/lines.ts';
import type { Problem } from '../sources/report.ts';
import { systemClock } from './clock.ts';
import { Stop } from './exit.ts';
import { problemCode, problemText } from './problem.ts';

export interface ReadPins {
  readonly runtime: string | undefined;
  readonly scheme: string | undefined;
}

/** How far a reading has come, for people. */
export interface Progress {
  readonly name: string;
  readonly bytes: number;
  readonly total: number | undefined;
}

/** So many starts are folded at once: as traces they take thirty times their lines. */
const BATCH = 200;

interface Opened {
  readonly archive: Archive;
  readonly chunks: AsyncIterator<Buffer>;
  readonly feeder: LineFeeder;
  readonly id: SourceId;
}

/** Opens all files first: a name that is wrong stops the command before anything is read. `journals`: folders that journalctl reads. */
export function openFiles(files: readonly string[], journals: readonly string[] = []): Archive[] {
  const opened: Archive[] = journals.map((directory) => openJournal(directory));
  for (const file of files) {
    const opening = openArchive(file);
    if (opening.kind === 'opened') {
      opened.push(opening.archive);
      continue;
    }
    for (const archive of opened) archive.close();
    throw new Stop(problemCode(opening.problem), problemText(opening.problem));
  }
  return opened;
}

/**
 * Reads the archives into the ledger and yields what settles as it goes. Of several, the one that lags behind in log time
 * is read next: parts of one rotated log meet, whatever their order on the command line.
 * @returns problems that cut a file short; what came before them was read.
 */
export async function* readArchives(
  archives: readonly Archive[],
  ledger: Ledger,
  pins: ReadPins,
  onProgress: (progress: Progress) => void,
): AsyncGenerator<readonly Settlement[], readonly Problem[]> {
  let open = archives.map((archive, at) => begin(archive, ledger, pins, archives.length - at));
  while (open.length > 0) {
    const next = laggard(open, ledger);
    if (next === undefined) break;
    const chunk = await next.chunks.next();
    if (chunk.done === true) {
      next.feeder.finish();
      ledger.end(next.id);
      open = open.filter((one) => one !== next);
    } else next.feeder.push(chunk.value);
    onProgress({ name: next.archive.name, bytes: next.archive.bytesRead(), total: next.archive.total });
    for (let settled = ledger.settle(systemClock, BATCH); ; settled = ledger.settle(systemClock, BATCH)) {
      yield settled;
      if (settled.length < BATCH) break;
    }
  }
  return archives.map((archive) => archive.problem()).filter((problem) => problem !== undefined);
}

function begin(archive: Archive, ledger: Ledger, { runtime, scheme }: ReadPins, rank: number): Opened {
  const id = ledger.begin({
    key: sourceKey(`${rank}:${archive.name}`),
    name: archive.name,
    fresh: true,
    rank,
    ...(runtime !== undefined && { runtime }),
    ...(scheme !== undefined && { scheme }),
  });
  return { archive, chunks: linesOf(archive.chunks())[Symbol.asyncIterator](), feeder: new LineFeeder(ledger, id), id };
}

function laggard(open: readonly Opened[], ledger: Ledger): Opened | undefined {
  let best: Opened | undefined;
  for (const one of open) {
    const reached = ledger.reached(one.id);
    if (reached === undefined) return one;
    const known = best && ledger.reached(best.id);
    if (known === undefined || reached < known) best = one;
  }
  return best;
}
