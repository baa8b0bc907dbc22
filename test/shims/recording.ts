/** corpus/kata-go-4.0-real and kata-rs-4.0-real: recordings of real Kata 4.0.0, with containerd's events as truth. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { corpusFile } from '../support/corpus.ts';

/** A recorded file, whether it lies there compressed or not; undefined: the case has none of this name. */
export function recorded(path: string): Buffer | undefined {
  const plain = corpusFile(path);
  if (existsSync(plain)) return readFileSync(plain);
  return existsSync(`${plain}.gz`) ? gunzipSync(readFileSync(`${plain}.gz`)) : undefined;
}

/** A recorded file that must be there. */
export function needed(path: string): Buffer {
  const bytes = recorded(path);
  if (bytes === undefined) throw new Error(`no recording ${path}`);
  return bytes;
}

/** One line of `ctr events`. */
export interface Truth {
  readonly time: bigint;
  readonly topic: string;
  readonly container: string;
}

//             1: date and time                         2: fraction                  3: topic  4: what
const EVENT = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,9}))? \+0000 UTC \S+ (\S+) (\{.*\})$/;

export function truth(folder: string): Truth[] {
  return needed(`${folder}/ctr-events.log`).toString('utf8').split('\n').flatMap((line) => {
    const match = EVENT.exec(line);
    if (match === null) return [];
    const [, moment = '', fraction = '', topic = '', json = ''] = match;
    const [, container = ''] = /"(?:container_id|id)":"([0-9a-f]+)"/.exec(json) ?? [];
    return [{ time: BigInt(Date.parse(`${moment.replace(' ', 'T')}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0')), topic, container }];
  });
}

/** Containers that were created, each once, in order of their ids. */
export const created = (folder: string): string[] =>
  [...new Set(truth(folder).filter(({ topic }) => topic === '/containers/create').map(({ container }) => container))].toSorted();
