/**
 * Recorded logs of real urunc, played again: the same lines at the same pace, with new container ids and present times;
 * the truth that was stamped beside them moves along.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { corpusFile, haveCorpus, rawLines, truth } from '../support/corpus.ts';
import type { Truth } from '../support/corpus.ts';
import type { Random } from '../support/random.ts';
import { GENERATIONS } from '../support/uruncwriter.ts';
import type { Generation, WrittenLine } from '../support/uruncwriter.ts';

/** Why there is nothing to replay; undefined: there is. */
export const missing: string | undefined = haveCorpus ? undefined : 'no recordings: ../shared/corpus is absent';

/** One complete start as it must come out. */
export interface ExpectedStart {
  readonly case: string;
  readonly generation: Generation;
  readonly id: string;
  /** First and last mark. */
  readonly start: bigint;
  readonly end: bigint;
  /** The driver's command began, and the task ended (or was told to), by the clock of the same host. */
  readonly begun: bigint;
  readonly exited: bigint;
}

export interface PlayedLine {
  readonly line: WrittenLine;
  /** Belongs to the file that was renamed away, also after that: who had it open wrote on. */
  readonly old: boolean;
}

export interface Replay {
  readonly generation: Generation;
  readonly case: string;
  /** When the log was renamed to `.1`; undefined: it was not. */
  readonly renamed: bigint | undefined;
  /** In the order of the file. Of a log that was renamed: by time, as two files were written to. */
  readonly lines: readonly PlayedLine[];
  readonly starts: readonly ExpectedStart[];
}

const LAST: Readonly<Record<Generation, string>> = { A: 'TS19', B: 'TS19', C: 'TS18', C2: 'TS18', D: 'TS18' };
const BEGINS = new Set(['ctr run begins', 'task start begins', 'StartContainer begins', 'urunc create begins']);
/** Best first: containerd's event, else (missed, or urunc was called directly) what the driver did. */
const EXITS = ['/tasks/exit', 'urunc kill begins', 'removed'];

/** All cases with at least one complete start, shifted so that each begins at `at`. */
export function replays(random: Random, at: bigint): Replay[] {
  return GENERATIONS.flatMap((generation) =>
    readdirSync(corpusFile(`urunc-real/${generation}`))
      .filter((name) => name.endsWith('.truth.tsv'))
      .map((name) => name.slice(0, -'.truth.tsv'.length))
      .filter((name) => existsSync(logPath(generation, name)))
      .map((name) => replay(random, generation, name, at))
      .filter((one) => one.starts.length > 0));
}

function replay(random: Random, generation: Generation, name: string, at: bigint): Replay {
  const told = truth(generation, name);
  const before = readLog(`${logPath(generation, name)}.1`);
  const lines = readLog(logPath(generation, name));
  const first = [told, before, lines].flatMap((each) => each.map(({ time }) => time)).reduce((a, b) => (a < b ? a : b));
  // Whole milliseconds: the recorded nanoseconds stay as odd as they were.
  const shift = ((at - first) / 1_000_000n) * 1_000_000n;
  const ids = new Map<string, string>();
  const newId = (id: string): string => {
    const known = ids.get(id) ?? random.hex(64);
    ids.set(id, known);
    return known;
  };
  const moved = (line: WrittenLine): WrittenLine => {
    const id = newId(line.id);
    const time = line.time + shift;
    return { ...line, id, time, text: line.text.replaceAll(line.id, id).replace(String(line.time), String(time)) };
  };
  const movedTruth = told.map((one) => ({ ...one, container: newId(one.container), time: one.time + shift }));
  const played = [...before.map((line) => ({ line: moved(line), old: true })), ...lines.map((line) => ({ line: moved(line), old: false }))];
  if (before.length > 0) played.sort((a, b) => (a.line.time < b.line.time ? -1 : 1));
  const starts = expected(generation, name, played.map(({ line }) => line), movedTruth);
  return { generation, case: name, renamed: movedTruth.find(({ what }) => what === 'log renamed to .1')?.time, lines: played, starts };
}

const logPath = (generation: Generation, name: string): string => corpusFile(`urunc-real/${generation}/${name}.log`);

/** In the order of the file; nothing for one that was never renamed away. */
const readLog = (path: string): WrittenLine[] =>
  existsSync(path) ? rawLines(readFileSync(path)).map(({ id, mark, time, text }) => ({ id, mark: mark.split(' ')[0] ?? mark, time, text })) : [];

/** The n-th start of an id lies between its n-th beginning and its n-th exit. */
function expected(generation: Generation, name: string, lines: readonly WrittenLine[], told: readonly Truth[]): ExpectedStart[] {
  const starts: ExpectedStart[] = [];
  for (const [id, own] of Map.groupBy(lines, (line) => line.id)) {
    const marks = own.filter((line) => line.mark.startsWith('TS')).sort((a, b) => (a.time < b.time ? -1 : 1));
    const openings = marks.filter((line) => line.mark === 'TS00');
    const begins = told.filter((one) => one.container === id && BEGINS.has(one.what));
    const exits = EXITS.map((what) => told.filter((one) => one.container === id && one.what === what)).find((found) => found.length > 0) ?? [];
    openings.forEach((opening, index) => {
      const next = openings[index + 1]?.time;
      const ofStart = marks.filter((line) => line.time >= opening.time && (next === undefined || line.time < next));
      if (!ofStart.some((line) => line.mark === LAST[generation])) return;
      const begun = begins[index];
      const exited = exits[index];
      const end = ofStart.at(-1);
      if (begun === undefined || exited === undefined || end === undefined) throw new Error(`${generation}/${name}: no truth about start ${index} of ${id}`);
      starts.push({ case: name, generation, id, start: opening.time, end: end.time, begun: begun.time, exited: exited.time });
    });
  }
  return starts;
}
