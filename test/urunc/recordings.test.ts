/** corpus/urunc-real: five versions of real urunc, 24 cases each. What is true of them is typed from its INDEX.md. */
import { describe, expect, test } from 'vitest';
import type { Trace } from '../../src/model/trace.ts';
import { corpusFile, overRecordings, rawLines, recordedLogs, truth } from '../support/corpus.ts';
import { readFileSync } from 'node:fs';
import type { RawLine, Truth } from '../support/corpus.ts';
import { bytesOf, tracesOf } from '../support/ledger.ts';
import type { ReadResult } from '../support/ledger.ts';
import { GENERATIONS } from '../support/uruncwriter.ts';
import type { Generation } from '../support/uruncwriter.ts';
import { checkTrace } from './laws.ts';

interface Case {
  readonly ok?: number;
  readonly created?: number;
  readonly incomplete?: number;
  readonly handed?: number;
  /** Container ids and lines of A, B, C, C2, D (INDEX.md, Counts). */
  readonly ids: number;
  readonly lines: readonly [number, number, number, number, number];
}

const CASES: Readonly<Record<string, Case>> = {
  single: { ok: 1, ids: 1, lines: [28, 20, 19, 19, 19] },
  seq10: { ok: 10, ids: 10, lines: [310, 200, 190, 190, 190] },
  conc8: { ok: 8, ids: 8, lines: [248, 160, 152, 152, 152] },
  exit3: { ok: 3, ids: 3, lines: [87, 60, 57, 57, 57] },
  tty: { ok: 1, ids: 1, lines: [29, 20, 19, 19, 19] },
  restart: { ok: 3, ids: 1, lines: [93, 60, 57, 57, 57] },
  net: { ok: 1, ids: 1, lines: [31, 20, 19, 19, 19] },
  hooks: { ok: 1, ids: 1, lines: [30, 20, 19, 19, 19] },
  createonly: { created: 1, ids: 1, lines: [20, 12, 11, 11, 11] },
  killed: { incomplete: 1, ids: 1, lines: [16, 8, 7, 7, 7] },
  rotated: { ok: 1, ids: 1, lines: [30, 20, 19, 19, 19] },
  mixed: { ok: 2, handed: 2, ids: 4, lines: [76, 44, 42, 42, 42] },
  plain3: { handed: 3, ids: 3, lines: [18, 6, 6, 6, 6] },
  'fail-nobin': { ok: 1, ids: 1, lines: [31, 20, 19, 19, 19] },
  'fail-nohv': { incomplete: 1, ids: 1, lines: [30, 19, 18, 16, 16] },
  'fail-badhv': { incomplete: 1, ids: 1, lines: [30, 19, 18, 16, 16] },
  'fail-badtype': { incomplete: 1, ids: 1, lines: [30, 18, 17, 16, 16] },
  debug: { ok: 1, ids: 1, lines: [31, 20, 19, 19, 19] },
  'cri-pod': { ok: 1, handed: 1, ids: 2, lines: [43, 22, 21, 21, 21] },
  'cri-gap': { ok: 1, handed: 1, ids: 2, lines: [43, 22, 21, 21, 21] },
  'cri-pods4': { ok: 4, handed: 4, ids: 8, lines: [172, 88, 84, 84, 84] },
  'cri-plain': { handed: 2, ids: 2, lines: [17, 4, 4, 4, 4] },
  'cri-fail': { incomplete: 1, handed: 1, ids: 2, lines: [41, 21, 20, 0, 18] },
};

const hasLog = (generation: Generation, name: string): boolean => !(generation === 'C2' && name === 'cri-fail');

interface Recording extends ReadResult {
  readonly raw: readonly RawLine[];
}

function recording(generation: Generation, name: string): Recording {
  const logs = recordedLogs(generation, name);
  const read = tracesOf(logs.map((log, rank) => ({ log, rank, fresh: rank === 0, key: `${name} ${rank}` })));
  return { ...read, raw: logs.flatMap((log) => rawLines(log)) };
}

const outcomes = (traces: readonly Trace[]): Record<string, number> => {
  const counts = { ok: 0, created: 0, incomplete: 0, failed: 0 };
  for (const trace of traces) counts[trace.outcome]++;
  return counts;
};

overRecordings('recordings of real urunc', () => {
  describe.each(GENERATIONS)('%s', (generation) => {
    test.each(Object.keys(CASES).filter((name) => hasLog(generation, name)))('%s', (name) => {
      const wanted = CASES[name];
      if (wanted === undefined) throw new Error(name);
      const { traces, counts, verdicts, raw } = recording(generation, name);
      const { ok = 0, created = 0, incomplete = 0, handed = 0 } = wanted;
      expect(outcomes(traces)).toEqual({ ok, created, incomplete, failed: 0 });
      expect(counts['handed-to-runc'] ?? 0).toBe(handed);
      expect(new Set(raw.map((line) => line.id)).size).toBe(wanted.ids);
      expect(new Set(traces.map((trace) => trace.id)).size).toBe(traces.length);
      const lines = wanted.lines[GENERATIONS.indexOf(generation)];
      expect(verdicts).toEqual({ lines, events: lines, unknown: 0, ignored: {}, malformed: {} });
      for (const trace of traces) {
        checkTrace(trace, raw);
        checkScheme(trace, generation, name);
        checkCertainty(trace);
      }
      checkCounts(generation, counts, traces.length + handed);
      checkTruth(traces, truth(generation, name));
    });

    // C: where TS10 (create) came before TS09 (reexec); C2: where TS10 (reexec) came before TS08 (create).
    test('how many starts tell their version by themselves', () => {
      const traces = Object.keys(CASES).filter((name) => hasLog(generation, name)).flatMap((name) => recording(generation, name).traces);
      const decided = traces.filter((trace) => trace.schemes.length === 1).length;
      expect(`${decided} of ${traces.length}`).toBe({ A: '45 of 45', B: '44 of 45', C: '32 of 45', C2: '1 of 44', D: '45 of 45' }[generation]);
    });

    test('fail-target leaves no log', () => {
      expect(recordedLogs(generation, 'fail-target')).toEqual([]);
      expect(truth(generation, 'fail-target').length).toBeGreaterThan(0);
    });

    test('restart: one id, three trace ids', () => {
      const { traces } = recording(generation, 'restart');
      expect(new Set(traces.map((trace) => trace.container)).size).toBe(1);
      expect(new Set(traces.map((trace) => trace.id)).size).toBe(3);
    });

    test('rotated: the same whichever file is read first', () => {
      const files = recordedLogs(generation, 'rotated').map((log, rank) => ({ log, rank, fresh: rank === 0, key: `part ${rank}` }));
      expect(files).toHaveLength(2);
      const orders = [files, files.toReversed()].map((list) => tracesOf(list).traces.map(bytesOf));
      expect(orders[0]).toHaveLength(1);
      expect(orders[1]).toEqual(orders[0]);
    });

    test('hooks: the known delays', () => {
      const [trace] = recording(generation, 'hooks').traces;
      const took = (name: string): number | undefined => {
        const span = trace?.spans.find((each) => each.name === name);
        return span && (span.end - span.start) / 1e9;
      };
      const slept = (name: string, least: number, most: number): void => {
        expect(took(name), name).toBeGreaterThan(least);
        expect(took(name), name).toBeLessThan(most);
      };
      slept('create: CreateRuntime hooks', 0.25, 0.27);
      // The version of C's single starts may stay open: then nothing may be claimed about who ran these hooks.
      const single = trace?.schemes.length === 1;
      const container = generation === 'C2' || generation === 'D' ? 'reexec: CreateContainer hooks' : 'create: CreateContainer hooks';
      if (single) slept(container, 0.15, 0.17);
      slept('caller: gap before start', 0.40, single && generation !== 'C2' && generation !== 'D' ? 0.45 : 0.60);
    });
  });
});

const TRUE_SCHEME: Readonly<Record<Generation, string>> = { A: '0.3-0.4', B: '0.3-0.4', C: '0.5', C2: '0.6', D: '0.7' };

/** As reference/runtime-vocabulary.md 3 found it: never a wrong version, open only where the lines are. */
function checkScheme(trace: Trace, generation: Generation, name: string): void {
  expect(trace.schemes, 'the true version always remains').toContain(TRUE_SCHEME[generation]);
  expect(trace.schemeBy).toBe('lines');
  const undecided = trace.schemes.length > 1 ? trace.schemes.join('|') : undefined;
  if (generation === 'A' || generation === 'D') expect(undecided).toBe(undefined);
  else if (generation === 'B') expect(undecided).toBe(name === 'fail-nohv' ? '0.3-0.4|0.6' : undefined);
  else if (undecided !== undefined) expect(undecided).toBe('0.5|0.6');
}

function checkCertainty(trace: Trace): void {
  const certainty = (name: string): string | undefined => trace.spans.find((span) => span.name === name)?.certainty;
  const create = trace.spans.find((span) => span.name === 'create');
  if (create !== undefined && !create.incomplete) {
    // Nothing marks the end of create from 0.6 on: its last mark stands in.
    const marked = trace.schemes.every((scheme) => scheme === '0.3-0.4' || scheme === '0.5');
    expect(create.certainty).toBe(marked ? 'exact' : 'bounded');
    expect(certainty('caller: gap before start') ?? create.certainty).toBe(create.certainty);
  }
  if (trace.outcome === 'ok') expect([certainty('container start'), certainty('reexec'), certainty('start')]).toEqual(['exact', 'exact', 'exact']);
  for (const span of trace.spans) {
    if (span.incomplete) expect(span.certainty, span.name).toBe('inferred');
    else expect(span.certainty, span.name).not.toBe('inferred');
    if (trace.schemes.length === 1 && span.name.includes(': ') && span.credit !== 'caller') expect(span.certainty, span.name).toBe('exact');
  }
}

/** Nothing is counted that did not happen; only A has marks after a start's end. */
function checkCounts(generation: Generation, counts: Readonly<Record<string, number>>, settled: number): void {
  const { settled_ok = 0, settled_created = 0, settled_incomplete = 0, 'handed-to-runc': handed = 0, after_end = 0, ...others } = counts;
  expect(settled_ok + settled_created + settled_incomplete + handed).toBe(settled);
  if (generation !== 'A') expect(after_end).toBe(0);
  expect(others).toEqual({});
}

const BEGINS = /^(ctr run begins|task start begins|StartContainer begins|urunc create begins.*)$/;
const ENDS = /^(\/tasks\/exit|urunc kill begins|kill)$/;

/** Each start lies between what the driver stamped before it and what ended its task. */
function checkTruth(traces: readonly Trace[], rows: readonly Truth[]): void {
  const nth = new Map<string, number>();
  for (const trace of traces) {
    const attempt = nth.get(trace.container) ?? 0;
    nth.set(trace.container, attempt + 1);
    const mine = rows.filter((row) => row.container === trace.container);
    const begun = mine.filter((row) => BEGINS.test(row.what))[attempt];
    const next = mine.find((row) => begun !== undefined && row.time > begun.time && BEGINS.test(row.what));
    const ended = mine.find((row) => begun !== undefined && row.time > begun.time && ENDS.test(row.what));
    if (begun === undefined || ended === undefined) throw new Error(`the truth file does not tell of start ${attempt} of ${trace.container}`);
    expect(next === undefined || ended.time < next.time).toBe(true);
    expect(trace.at).toBeGreaterThan(begun.time);
    expect(trace.at + BigInt(trace.wall)).toBeLessThan(ended.time);
  }
}

overRecordings('samples of urunc documentation', () => {
  test('a named log that stops early is one incomplete start of 0.7', () => {
    const log = readFileSync(corpusFile('urunc/urunc-zlog-named-timestamps.log'));
    const { traces, verdicts } = tracesOf(log);
    expect(traces).toMatchObject([{ outcome: 'incomplete', schemes: ['0.7'], lastMark: 'reexec spawned', errorType: 'incomplete' }]);
    expect(verdicts).toMatchObject({ lines: 4, events: 4 });
    for (const trace of traces) checkTrace(trace, rawLines(log));
  });

  test('an older build writes its check before TS00: those two lines are before every start', () => {
    const log = readFileSync(corpusFile('urunc/urunc-docs-zlog-cts00-ts02.log'));
    const { traces, verdicts, counts } = tracesOf(log);
    expect(traces).toMatchObject([{ outcome: 'incomplete', lastMark: 'set up' }]);
    expect(counts).toEqual({ loose_without_start: 2, settled_incomplete: 1 });
    expect(verdicts).toMatchObject({ lines: 5, events: 5 });
    for (const trace of traces) checkTrace(trace, rawLines(log));
  });
});
