/** corpus/kata-1.12-real: recordings of real Kata 1.12.1, with containerd's events as truth. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Span, Trace } from '../../src/model/trace.ts';
import { spanAttributes } from '../../src/model/attributes.ts';
import { corpusFile } from '../support/corpus.ts';

export const CASES = ['start-stop', 'seq5', 'par4', 'exec', 'fail-cmd', 'fail-vmm', 'pod2', 'pod2-pause-exited'] as const;
export type Case = (typeof CASES)[number];

const pathOf = (name: Case, file: string): string => corpusFile(`kata-1.12-real/${name}/${file}`);

export function journal(name: Case): Buffer {
  const path = pathOf(name, 'journal.log');
  return existsSync(path) ? readFileSync(path) : gunzipSync(readFileSync(`${path}.gz`));
}

/** One line of `ctr events`. */
export interface Truth {
  readonly time: bigint;
  readonly topic: string;
  readonly container: string;
}

//             1: date and time         2: fraction                       3: topic  4: what
const EVENT = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,9}))? \+0000 UTC \S+ (\S+) (\{.*\})$/;

export function truth(name: Case): Truth[] {
  return readFileSync(pathOf(name, 'ctr-events.log'), 'utf8').split('\n').flatMap((line) => {
    const match = EVENT.exec(line);
    if (match === null) return [];
    const [, moment = '', fraction = '', topic = '', json = ''] = match;
    const [, container = ''] = /"(?:container_id|id)":"([0-9a-f]+)"/.exec(json) ?? [];
    return [{ time: BigInt(Date.parse(`${moment.replace(' ', 'T')}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0')), topic, container }];
  });
}

export const attribute = (trace: Trace, span: Span, name: string): unknown => spanAttributes(trace, span).find(([key]) => key === name)?.[1];

export const containerOf = (trace: Trace, span: Span): unknown => attribute(trace, span, 'container.id');

export const moment = (trace: Trace, offset: number): bigint => trace.at + BigInt(offset);

export const near = (a: bigint, b: bigint): number => Math.abs(Number(a - b)) / 1e6;
