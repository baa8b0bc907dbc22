/** The tests' own writer of urunc logs, against the recordings: before it proves anything, it must write like urunc. */
import { expect, test } from 'vitest';
import { overRecordings, rawLines, recordedLogs } from '../support/corpus.ts';
import type { RawLine } from '../support/corpus.ts';
import { Random } from '../support/random.ts';
import { GENERATIONS, log, start, text } from '../support/uruncwriter.ts';
import type { Generation, StartOptions } from '../support/uruncwriter.ts';

type Fate = NonNullable<StartOptions['fate']>;
const AT = 1_795_216_000_000_000_000n;
const ids = (list: string): string[] => list.split(' ').map((number) => `TS${number}`);

/** Who writes which marks, in which order (reference/runtime-vocabulary.md 3, test-host.md 5.1); typed again, not taken from the writer. */
const ORDER: Readonly<Record<Generation, readonly string[][]>> = {
  A: [ids('00 01 02 03 07 08 09 11'), ids('04 05 06 10 15 16 17 18 19'), ids('12 13 14')],
  B: [ids('00 01 02 03 07 08 09 11'), ids('04 05 06 10 15 16 17 18 19'), ids('12 13 14')],
  C: [ids('00 01 02 03 06 07 08 10'), ids('04 05 09 14 15 16 17 18'), ids('11 12 13')],
  C2: [ids('00 01 02 03 06 07 08'), ids('04 05 09 10 14 15 16 17 18'), ids('11 12 13')],
  D: [ids('00 01 02 03 06 07 08'), ids('04 05 09 10 14 15 16 17 18'), ids('11 12 13')],
};

const short = (line: RawLine): string => line.mark.split(' ')[0] ?? '';

/** Lines by start: an id's lines from each TS00 on. Urunc's checks at kill and delete come after the last mark: left out. */
function startsOf(lines: readonly RawLine[]): RawLine[][] {
  const starts: RawLine[][] = [];
  const open = new Map<string, RawLine[]>();
  for (const line of lines.toSorted((a, b) => (a.time < b.time ? -1 : 1))) {
    if (short(line) === 'TS00') {
      const started: RawLine[] = [];
      open.set(line.id, started);
      starts.push(started);
    }
    open.get(line.id)?.push(line);
  }
  return starts.map((each) => each.slice(0, each.findLastIndex((line) => short(line).startsWith('TS')) + 1));
}

const recorded = (generation: Generation, name: string): RawLine[] => recordedLogs(generation, name).flatMap((one) => rawLines(one));

function written(generation: Generation, fate: Fate, seed: number): RawLine[] {
  const random = new Random(seed);
  return rawLines(text(start(random, { generation, id: random.hex(64), at: AT, fate })));
}

const inventory = (lines: readonly RawLine[]): string[] => lines.map((line) => line.mark).sort();

/** A line with everything taken out that differs from line to line. */
const shape = ({ text: line, id, time, mark }: RawLine): string => line.replace(id, '<id>').replace(String(time), '<time>').replace(/"timestampOrder":\d+/, '"timestampOrder":N').replaceAll(mark.split(' ')[0] ?? '', 'TS').replace(mark.split(' ')[1] ?? 'TS', 'NAME');

const SAMPLES: Readonly<Record<Exclude<Fate, 'failed'>, string>> = { complete: 'single', created: 'createonly', killed: 'killed', plain: 'plain3' };

overRecordings('the writer of urunc logs', () => {
  for (const generation of GENERATIONS) {
    for (const fate of ['complete', 'created', 'killed', 'plain'] as const) {
      test(`${generation} ${fate}: the marks of a recorded start, no more and no fewer`, () => {
        const [real = []] = startsOf(recorded(generation, SAMPLES[fate]));
        for (let seed = 0; seed < 5; seed++) {
          const [own = []] = startsOf(written(generation, fate, seed));
          expect(inventory(own)).toEqual(inventory(real));
          expect(new Set(own.map(shape))).toEqual(new Set(real.map(shape)));
        }
      });
    }

    test(`${generation}: each process writes in its order, in the recordings and here`, () => {
      const real = ['single', 'conc8', 'restart', 'hooks', 'mixed'].flatMap((name) => startsOf(recorded(generation, name)));
      const own = startsOf(rawLines(text(log(new Random(7), { generation, starts: 20, at: AT, every: 5_000_000 }))));
      expect(own).toHaveLength(20);
      const complete = real.filter((lines) => lines.length > 4);
      expect(complete).toHaveLength(15);
      for (const lines of [...complete, ...own]) {
        const marks = lines.map(short);
        expect(marks.filter((mark) => mark.startsWith('TS')).sort()).toEqual((ORDER[generation] ?? []).flat().sort());
        for (const order of ORDER[generation] ?? []) expect(marks.filter((mark) => order.includes(mark))).toEqual(order);
        expect(lines).toHaveLength({ A: 26, B: 20, C: 19, C2: 19, D: 19 }[generation]);
      }
    });

    test(`${generation}: written starts interleave as recorded ones do, and the file is in time order`, () => {
      const lines = rawLines(text(log(new Random(3), { generation, starts: 8, at: AT, every: 5_000_000 })));
      const changes = lines.filter((line, index) => index > 0 && line.id !== lines[index - 1]?.id).length;
      expect(changes).toBeGreaterThanOrEqual(28);
      expect(lines.every((line, index) => index === 0 || line.time >= (lines[index - 1]?.time ?? 0n))).toBe(true);
    });
  }

  test('a failed start of A to C stops after the last mark but one, as where the hypervisor is missing', () => {
    for (const generation of ['A', 'B', 'C'] as const) {
      const [real = []] = startsOf(recorded(generation, 'fail-nohv'));
      const [own = []] = startsOf(written(generation, 'failed', 1));
      expect(inventory(own)).toEqual(inventory(real));
    }
  });
});
