/** What the recordings tell of containerd: its journal, its events, and what the driver that asked it saw. Imports nothing from src but types. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Span, Trace } from '../../src/model/trace.ts';
import { spanAttributes } from '../../src/model/attributes.ts';
import { corpusFile, haveCorpus, truth } from '../support/corpus.ts';
import { GENERATIONS } from '../support/uruncwriter.ts';
import type { Generation } from '../support/uruncwriter.ts';

/** A recorded file, as it is or compressed. */
export function recorded(path: string): Buffer {
  const plain = corpusFile(path);
  return existsSync(plain) ? readFileSync(plain) : gunzipSync(readFileSync(`${plain}.gz`));
}

const folders = (path: string): string[] => (haveCorpus ? readdirSync(corpusFile(path), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name).sort() : []);

/** Recordings of shims with `ctr events` beside them: `kata-go-4.0-real/pod2`. */
export const SHIM_CASES = ['kata-1.12-real', 'kata-go-4.0-real', 'kata-rs-4.0-real', 'gvisor-real'].flatMap((set) => folders(set).map((name) => `${set}/${name}`));

/** Cases of urunc's recordings: `D/cri-pod`. */
export const URUNC_CASES = GENERATIONS.flatMap((generation) => (haveCorpus ? readdirSync(corpusFile(`urunc-real/${generation}`)) : [])
  .filter((name) => name.endsWith('.truth.tsv')).map((name) => `${generation}/${name.slice(0, -'.truth.tsv'.length)}`));

const generationOf = (path: string): Generation => {
  const found = GENERATIONS.find((generation) => path.startsWith(`${generation}/`));
  if (found === undefined) throw new Error(`no generation of urunc in ${path}`);
  return found;
};

/** One event of containerd, or a stamp of the driver. */
export interface Seen {
  readonly time: bigint;
  readonly source: string;
  readonly what: string;
  readonly container: string;
  readonly detail: string;
}

export const seen = (path: string): Seen[] => truth(generationOf(path), path.slice(path.indexOf('/') + 1));

//             1: date and time         2: fraction                       3: topic  4: what
const EVENT = /^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.(\d{1,9}))? \+0000 UTC \S+ (\S+) (\{.*\})$/;

/** Lines of `ctr events`, read by a regular expression and so by nothing of ours. */
export function eventsIn(log: string): Seen[] {
  return log.split('\n').filter((line) => line !== '').map((line) => {
    const [, moment, fraction = '', what = '', detail = ''] = EVENT.exec(line) ?? [];
    if (moment === undefined) throw new Error(`no event: ${line}`);
    const [, container = ''] = /"(?:container_id|id|key)":"([^"]+)"/.exec(detail) ?? [];
    return { time: BigInt(Date.parse(`${moment.replace(' ', 'T')}Z`)) * 1_000_000n + BigInt(fraction.padEnd(9, '0')), source: 'containerd', what, container, detail };
  });
}

/** Go's Time.String: trailing zeros cut. */
export function goTime(time: bigint): string {
  const fraction = String(time % 1_000_000_000n).padStart(9, '0').replace(/0+$/, '');
  const seconds = new Date(Number(time / 1_000_000n)).toISOString().slice(0, 19).replace('T', ' ');
  return `${seconds}${fraction === '' ? '' : `.${fraction}`} +0000 UTC`;
}

/** The events of a truth file as `ctr events` prints them. */
export function eventLog(all: readonly Seen[], namespace = 'default'): string {
  return all.filter(({ source }) => source === 'containerd').map(({ time, what, container, detail }) => {
    const inner = detail === '' || detail === '{}' ? '' : `,${detail.slice(1, -1)}`;
    const whom = what.startsWith('/containers/') ? `"id":"${container}"` : what === '/tasks/exit' ? `"container_id":"${container}","id":"${container}"` : `"container_id":"${container}"`;
    return `${goTime(time)} ${namespace} ${what} {${whom}${inner}}\n`;
  }).join('');
}

export const moment = (trace: Trace, offset: number): bigint => trace.at + BigInt(offset);
export const attribute = (trace: Trace, span: Span, name: string): unknown => spanAttributes(trace, span).find(([key]) => key === name)?.[1];
export const rootOf = (trace: Trace): Span => {
  const [root] = trace.spans;
  if (root === undefined) throw new Error('a trace without spans');
  return root;
};
