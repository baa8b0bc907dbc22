/** How old a shim is, from its own lines, and what an exec is called. */
import { expect, test } from 'vitest';
import { spanAttributes } from '../../src/model/attributes.ts';
import type { Trace } from '../../src/model/trace.ts';
import { guess } from '../../src/cli/tally.ts';
import { overRecordings } from '../support/corpus.ts';
import { KATA_GO, KATA_RS, tracesOf } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { rsSession } from '../support/rsshimwriter.ts';
import { journal } from '../support/shimwriter.ts';
import { needed } from './recording.ts';

const rootOf = (trace: Trace, name: string): unknown => trace.spans[0] && spanAttributes(trace, trace.spans[0]).find(([key]) => key === name)?.[1];
const read = (log: string | Buffer): readonly Trace[] => tracesOf(log, { runtimes: [KATA_GO, KATA_RS], eager: false }).traces;
const versions = (log: string | Buffer): unknown[] => read(log).map((trace) => [trace.episode, rootOf(trace, 'shimtrace.version')]);
const rs = (): string => needed('kata-rs-4.0-real/start-stop/journal.json.log').toString('utf8');

overRecordings('corpus/kata-go-4.0-real', () => {
  test('the Go shim of 4.0 shows it when a container ends', () => {
    expect(versions(needed('kata-go-4.0-real/start-stop/journal.log'))).toEqual([['start', undefined], ['stop', '4.0 or later']]);
  });

  test('an exec has its caller\'s name', () => {
    const execs = read(needed('kata-go-4.0-real/exec/journal.log')).filter(({ episode }) => episode === 'exec');
    expect(execs.map((trace) => rootOf(trace, 'shimtrace.exec_id'))).toEqual(['ex1', 'ex2', 'ex3']);
  });
});

overRecordings('corpus/kata-rs-4.0-real', () => {
  test('runtime-rs of 4.0 shows it when it dials', () => {
    expect(versions(rs())).toEqual([['start', '3.31 or later'], ['stop', undefined]]);
    expect(versions(rs().replaceAll(/ after \d+ attempts/g, ''))).toEqual([['start', '3.28 to before 3.31'], ['stop', undefined]]);
    expect(versions(rs().replaceAll(/ after \d+ attempts/g, '').replaceAll(/get event Task(Create|Start)/g, 'get another'))).toEqual([['start', '3.20 to before 3.31'], ['stop', undefined]]);
  });

  test('an exec has its caller\'s name', () => {
    const execs = read(needed('kata-rs-4.0-real/exec/journal.json.log')).filter(({ episode }) => episode === 'exec');
    expect(execs.map((trace) => rootOf(trace, 'shimtrace.exec_id'))).toEqual(['ex1', 'ex2', 'ex3']);
  });

  test('as a journal\'s text nothing can be made of it, and a reader is told what to read', () => {
    const text = needed('kata-rs-4.0-real/start-stop/journal.log').toString('utf8');
    expect(read(text)).toEqual([]);
    expect(guess(text.split('\n').filter((line) => line.includes(' kata[')).slice(0, 3))).toMatch(/runtime-rs .* journalctl -o json -t kata/);
    const go = needed('kata-go-4.0-real/start-stop/journal.log').toString('utf8');
    expect(guess(go.split('\n').filter((line) => line.includes(' kata[')).slice(0, 3))).toBeUndefined();
  });
});

test('objects are those of a runtime-rs before 3.20', () => {
  let pid = 300;
  const one = rsSession(new Random(1), { at: 1_795_216_081_795_582_741n, behind: 0n, pid: () => ++pid, version: '3.2' });
  for (const form of ['short', 'json'] as const) {
    expect(versions(journal(new Random(1), [one], form))).toEqual([['start', '3.18 to before 3.20']]);
  }
});
