/**
 * Recorded logs of real urunc, played again: the same lines at the same pace, with new container ids and present times;
 * the truth that was stamped beside them moves along.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Random } from '../support/random.ts';
import { GENERATIONS } from '../support/uruncwriter.ts';
import type { Generation, WrittenLine } from '../support/uruncwriter.ts';

const CORPUS = join(import.meta.dirname, '../../../shared/corpus/urunc-real');

/** Why there is nothing to replay; undefined: there is. */
export const missing: string | undefined = existsSync(join(CORPUS, 'INDEX.md')) ? undefined : `no recordings at ${CORPUS}`;

export interface Truth {
  readonly time: bigint;
  readonly what: string;
  readonly id: string;
}

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

export interface Replay {
  readonly generation: Generation;
  readonly case: string;
  /** By time. Lines of the file that was renamed away come in `before`. */
  readonly before: readonly WrittenLine[];
  readonly lines: readonly WrittenLine[];
  readonly starts: readonly ExpectedStart[];
}

const LAST: Readonly<Record<Generation, string>> = { A: 'TS19', B: 'TS19', C: 'TS18', C2: 'TS18', D: 'TS18' };
const BEGINS = new Set(['ctr run begins', 'task start begins', 'StartContainer begins', 'urunc create begins']);
/** Best first: containerd's event, else (missed, or urunc was called directly) what the driver did. */
const EXITS = ['/tasks/exit', 'urunc kill begins', 'removed'];

/** All cases with at least one complete start, shifted so that each begins at `at`. */
export function replays(random: Random, at: bigint): Replay[] {
  return GENERATIONS.flatMap((generation) =>
    readdirSync(join(CORPUS, generation))
      .filter((name) => name.endsWith('.truth.tsv'))
      .map((name) => name.slice(0, -'.truth.tsv'.length))
      .filter((name) => existsSync(join(CORPUS, generation, `${name}.log`)))
      .map((name) => replay(random, generation, name, at))
      .filter((one) => one.starts.length > 0));
}

function replay(random: Random, generation: Generation, name: string, at: bigint): Replay {
  const base = join(CORPUS, generation, name);
  const truth = readTruth(`${base}.truth.tsv`);
  const before = existsSync(`${base}.log.1`) ? readLog(`${base}.log.1`) : [];
  const lines = readLog(`${base}.log`);
  const first = [truth, before, lines].flatMap((each) => each.map(({ time }) => time)).reduce((a, b) => (a < b ? a : b));
  // Whole milliseconds: the recorded nanoseconds stay as odd as they were.
  const shift = ((at - first) / 1_000_000n) * 1_000_000n;
  const ids = new Map<string, string>();
  const renamed = (id: string): string => {
    const known = ids.get(id) ?? random.hex(64);
    ids.set(id, known);
    return known;
  };
  const moved = (line: WrittenLine): WrittenLine => {
    const id = renamed(line.id);
    const time = line.time + shift;
    return { ...line, id, time, text: line.text.replaceAll(line.id, id).replace(String(line.time), String(time)) };
  };
  const movedTruth = truth.map((one) => ({ ...one, id: renamed(one.id), time: one.time + shift }));
  const played = { before: before.map(moved), lines: lines.map(moved) };
  return { generation, case: name, ...played, starts: expected(generation, name, [...played.before, ...played.lines], movedTruth) };
}

const readTruth = (path: string): Truth[] =>
  readFileSync(path, 'utf8').trim().split('\n').map((row) => {
    const [time = '', , what = '', id = ''] = row.split('\t');
    return { time: BigInt(time), what, id };
  });

/** In the order of the file. */
function readLog(path: string): WrittenLine[] {
  return readFileSync(path, 'utf8').trim().split('\n').map((text) => {
    const id = /"containerID":"([^"]+)"/.exec(text)?.[1];
    const mark = /"timestampID":"([^"]+)"/.exec(text)?.[1];
    const time = /"time":(\d+)/.exec(text)?.[1];
    if (id === undefined || mark === undefined || time === undefined) throw new Error(`${path}: no line of urunc: ${text}`);
    return { id, mark, time: BigInt(time), text };
  });
}

/** The n-th start of an id lies between its n-th beginning and its n-th exit. */
function expected(generation: Generation, name: string, lines: readonly WrittenLine[], truth: readonly Truth[]): ExpectedStart[] {
  const starts: ExpectedStart[] = [];
  for (const [id, own] of Map.groupBy(lines, (line) => line.id)) {
    const marks = own.filter((line) => line.mark.startsWith('TS')).sort((a, b) => (a.time < b.time ? -1 : 1));
    const openings = marks.filter((line) => line.mark === 'TS00');
    const begins = truth.filter((one) => one.id === id && BEGINS.has(one.what));
    const exits = EXITS.map((what) => truth.filter((one) => one.id === id && one.what === what)).find((found) => found.length > 0) ?? [];
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
