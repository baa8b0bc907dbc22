/** Traces of every recording at hand, as the daemon makes them. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { compile } from '../../src/engine/compile.ts';
import type { Trace } from '../../src/model/trace.ts';
import { decodeTrace, encodeTrace } from '../../src/store/codec.ts';
import type { NameOf } from '../../src/store/codec.ts';
import { nanos } from '../../src/model/time.ts';
import { runtime as kata } from '../../src/runtimes/kata-1.ts';
import { corpusFile } from '../support/corpus.ts';
import { tracesOf, URUNC } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { log } from '../support/uruncwriter.ts';
import type { Generation } from '../support/uruncwriter.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));

export const fixtureTraces = (): readonly Trace[] =>
  globSync('*/*/*.log', { cwd: FIXTURES }).sort().flatMap((path) => tracesOf(readFileSync(FIXTURES + path)).traces);

/** Pods with many containers, findings with evidence, stops and execs. */
export const KATA = ['pod2', 'exec', 'fail-vmm'].map((name) => corpusFile(`kata-1.12-real/${name}/journal.log`));

export const kataTraces = (): readonly Trace[] =>
  KATA.flatMap((path) => tracesOf(existsSync(path) ? readFileSync(path) : gunzipSync(readFileSync(`${path}.gz`)), { runtimes: [URUNC, compile(kata)] }).traces);

export const AT = 1_795_216_504_234_688_158n;

export const written = (starts: number, generation: Generation = 'D', seed = 1, at = AT): readonly Trace[] =>
  tracesOf(log(new Random(seed), { generation, starts, at, every: 10_000_000 }).map(({ text }) => `${text}\n`).join('')).traces;

/** So many copies of a trace, each a start of its own: container, id and time differ. */
export function* copies(trace: Trace, count: number): Generator<Trace> {
  for (let index = 0; index < count; index++) {
    const mixed = Math.imul(index + 1, 0x9e3779b1) >>> 0;
    const name = mixed.toString(16).padStart(8, '0') + index.toString(16).padStart(8, '0');
    yield { ...trace, id: name.padEnd(32, '0'), container: name.padEnd(64, 'c'), containers: [], at: nanos(trace.at + BigInt(index) * 1_000_000_000n) };
  }
}

/** Sources have a name each. */
export const nameOf: NameOf = (source) => `log ${source}`;
export const encode = (trace: Trace): string => encodeTrace(trace, nameOf);
export const decode = (text: string): Trace | undefined => decodeTrace(text)?.trace;
