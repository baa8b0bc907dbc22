/** The recordings outside the checkout, read in place (design.md 8). Imports nothing from src. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';
import type { Generation } from './uruncwriter.ts';

const CORPUS = fileURLToPath(new URL('../../../shared/corpus/', import.meta.url));

export const haveCorpus = existsSync(`${CORPUS}urunc-real/INDEX.md`);

/** A suite over the recordings; where they are absent it is skipped, and its name says so. */
export function overRecordings(name: string, body: () => void): void {
  describe.skipIf(!haveCorpus)(haveCorpus ? name : `${name} [no recordings: ../shared/corpus is absent]`, body);
}

export const corpusFile = (path: string): string => CORPUS + path;

/** The log files of one recorded case, oldest first. */
export function recordedLogs(generation: Generation, name: string): Buffer[] {
  const path = `${CORPUS}urunc-real/${generation}/${name}.log`;
  return [`${path}.1`, path].filter((one) => existsSync(one)).map((one) => readFileSync(one));
}

export interface Truth {
  readonly time: bigint;
  readonly source: string;
  readonly what: string;
  readonly container: string;
  readonly detail: string;
}

export function truth(generation: Generation, name: string): Truth[] {
  const text = readFileSync(`${CORPUS}urunc-real/${generation}/${name}.truth.tsv`, 'utf8');
  return text.split('\n').filter((line) => /^\d+\t/.test(line)).map((line) => {
    const [time = '', source = '', what = '', container = '', detail = ''] = line.split('\t');
    return { time: BigInt(time), source, what, container, detail };
  });
}

/** What a line of a urunc log says, read by a regular expression and so by nothing of ours. */
export interface RawLine {
  readonly id: string;
  /** As the tool spells it: `TS10`, `TS10 CR.terminated`. */
  readonly mark: string;
  readonly time: bigint;
  readonly text: string;
}

//             1: container                     2: id                    3: name                                    4: time
const LINE = /^\{"containerID":"([^"]+)","timestampID":"([^"]+)",(?:"timestampName":"([^"]+)","timestampOrder":\d+,)?"time":(\d{19})\}$/;

/** Every line of a well-formed log; throws for any other, so that no test passes over lines it did not see. */
export function rawLines(log: string | Buffer): RawLine[] {
  return log.toString('utf8').split('\n').filter((text) => text !== '').map((text) => {
    const match = LINE.exec(text);
    if (match === null) throw new Error(`not a line of urunc: ${text}`);
    const [, id = '', short = '', name, time = ''] = match;
    return { id, mark: name === undefined ? short : `${short} ${name}`, time: BigInt(time), text };
  });
}
