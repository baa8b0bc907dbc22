/** The spool of a command against a plain list of what was put into it, and the funnel before it. */
import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { steady } from '../../src/model/time.ts';
import { Funnel } from '../../src/sources/command/funnel.ts';
import { LineSpool } from '../../src/sources/command/spool.ts';
import { Folder } from '../support/files.ts';

let folder = new Folder();
const LIMIT = 1 << 20;

afterEach(() => folder.dispose());

function fresh(): void {
  folder.dispose();
  folder = new Folder();
}

const open = (limit = LIMIT): LineSpool => new LineSpool({ folder: folder.at('spool'), limit, name: 'a command', log: () => undefined, steady: () => steady(0) });

function all(spool: LineSpool, from: number): string {
  let text = '';
  const buffer = Buffer.alloc(10_000);
  for (let at = from; at < spool.end;) {
    const count = spool.read(at, buffer);
    if (count === 0) throw new Error(`nothing at ${at} of ${spool.end}`);
    text += buffer.toString('latin1', 0, count);
    at += count;
  }
  return text;
}

type Step = { readonly kind: 'append'; readonly size: number } | { readonly kind: 'release'; readonly share: number } | { readonly kind: 'reopen' };

const steps = fc.array(fc.oneof<[fc.Arbitrary<Step>, fc.Arbitrary<Step>, fc.Arbitrary<Step>]>(
  fc.record({ kind: fc.constant('append'), size: fc.integer({ min: 1, max: 90_000 }) }),
  fc.record({ kind: fc.constant('release'), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.constant({ kind: 'reopen' }),
), { maxLength: 30 });

test('what is not released is there, at its place, over any number of restarts, and files that are not needed are gone', () => {
  fc.assert(fc.property(steps, (script) => {
    fresh();
    let spool = open();
    spool.open(undefined);
    let whole = '';
    let held = 0;
    for (const step of script) {
      switch (step.kind) {
        case 'append': {
          const text = `${'abcdefghij'.repeat(step.size / 10 + 1).slice(0, step.size - 1)}\n`;
          if (spool.append(Buffer.from(text)) !== 'lost') whole += text;
          break;
        }
        case 'release':
          held += Math.floor((whole.length - held) * step.share);
          spool.release(held);
          break;
        case 'reopen':
          spool.close();
          spool = open();
          expect(spool.open(held, whole.length)).toBe(held);
          break;
        default:
          step satisfies never;
      }
      expect(spool.end).toBe(whole.length);
      expect(all(spool, held)).toBe(whole.slice(held));
      expect(spool.bytes).toBeLessThanOrEqual(LIMIT);
      expect(spool.endsLine).toBe(true);
    }
    spool.release(whole.length);
    // The file under way stays until it is worth a new one.
    expect(spool.bytes).toBeLessThan(64 << 10);
    expect(readdirSync(folder.at('spool')).length).toBeLessThanOrEqual(1);
    spool.close();
  }), { numRuns: 60 });
});

test('however lines are cut into pieces and whatever has no room: what is kept are whole lines, and the others are counted', () => {
  const pieces = fc.array(fc.record({ lines: fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 12 }), cut: fc.integer({ min: 1, max: 65_536 }), free: fc.boolean() }), { minLength: 1, maxLength: 12 });
  fc.assert(fc.property(pieces, (script) => {
    fresh();
    const spool = open(256 << 10);
    spool.open(undefined);
    const funnel = new Funnel(spool);
    let [kept, number, gaps] = ['', 0, 0];
    let read = 0;
    const drain = (): void => {
      kept += all(spool, read);
      read = spool.end;
      spool.release(read);
    };
    for (const { lines, cut, free } of script) {
      const bytes = Buffer.from(lines.map((size) => `${number++} ${'z'.repeat(size)}\n`).join(''));
      for (let at = 0; at < bytes.length; at += cut) gaps += funnel.take(bytes.subarray(at, at + cut));
      if (free) drain();
    }
    drain();
    const told = kept.split('\n').slice(0, -1);
    expect(told.every((line) => /^\d+ z*$/.test(line))).toBe(true);
    const numbers = told.map((line) => Number(line.split(' ')[0]));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(numbers.length + funnel.counters.lost).toBe(number);
    expect(gaps + funnel.losing).toBe(funnel.counters.lost);
    expect(funnel.counters.lines).toBe(number);
    spool.close();
  }), { numRuns: 60 });
});

test('a file that begins within a line says so', () => {
  const spool = open();
  spool.open(undefined);
  spool.append(Buffer.from('half'));
  spool.close();
  const again = open();
  expect(again.open(undefined)).toBe(0);
  expect(again.endsLine).toBe(false);
  again.append(Buffer.from(' line\nnext\n'));
  expect(readdirSync(folder.at('spool')).sort()).toEqual(['0000000000000000.lines', '0000000000000004.rest']);
  expect([again.beginsLine(0), again.beginsLine(4), again.next(4), again.beginsLine(again.end)]).toEqual([true, false, 4, true]);
  again.close();
});
