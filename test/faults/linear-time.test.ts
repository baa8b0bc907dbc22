/** No line makes reading slow: twice as long takes about twice the time, whatever it holds. */
import { describe, expect, test } from 'vitest';
import { printable } from '../../src/engine/render/safe.ts';
import { tame } from '../../src/model/json.ts';
import { logrus } from '../../src/syntax/logrus.ts';
import { zerolog } from '../../src/syntax/zerolog.ts';
import { filesIn } from '../structure/source.ts';

/** One is sixteen times as long as the other. Time in proportion gives 16; time by the square gives 256. */
const SHORT = 65_536;
const LONG = 1_048_576;
const LINEAR = 16;
/** Between the two, and wide enough for a busy machine and a cold cache. */
const MOST = 5 * LINEAR;

/** The least of several, in ms: what disturbs a measurement only ever adds. */
function least(run: () => void): number {
  let best = Infinity;
  for (let times = 0; times < 3; times++) {
    const began = performance.now();
    run();
    best = Math.min(best, performance.now() - began);
  }
  return best;
}

/** How the time grows from one size to the other; below a twentieth of a millisecond nothing can be told, and nothing is slow. */
function growth(run: (size: number) => () => void, short = SHORT, long = LONG): number {
  let ratio = Infinity;
  // What grows by the square does so every time; a machine that is busy for a moment does not.
  for (let times = 0; times < 3 && ratio >= MOST; times++) ratio = least(run(long)) / Math.max(least(run(short)), 0.05);
  return ratio;
}

const TIME = '"time":1795216000000000000';
const LINES: readonly (readonly [name: string, make: (size: number) => string])[] = [
  ['escapes', (size) => `{"a":"${'\\n'.repeat(size / 2)}",${TIME}}`],
  ['escaped quotes without an end', (size) => `{"a":"${'\\"'.repeat(size / 2)}`],
  ['quotes', (size) => `{"a":${'"'.repeat(size)}`],
  ['code points', (size) => `{"a":"${'\\ud83d'.repeat(size / 6)}",${TIME}}`],
  ['arrays in arrays', (size) => `{"a":${'['.repeat(size / 2)}${']'.repeat(size / 2)},${TIME}}`],
  ['objects in objects', (size) => `${'{"a":'.repeat(size / 6)}1${'}'.repeat(size / 6)}`],
  ['many texts in an array', (size) => `{"a":[${'"",'.repeat(size / 3)}1],${TIME}}`],
  ['many objects in an array', (size) => `{"a":[${'{},'.repeat(size / 3)}1],${TIME}}`],
  ['fields', (size) => `{${Array.from({ length: size / 16 }, (_, index) => `"f${index}":${index}`).join(',')},${TIME}}`],
  ['long names that begin alike', (size) => `{${Array.from({ length: 250 }, (_, index) => `"${'n'.repeat(size / 256)}${index}":1`).join(',')},${TIME}}`],
  ['a long number', (size) => `{"a":${'9'.repeat(size)},${TIME}}`],
  ['a long time', (size) => `{"time":${'9'.repeat(size)}}`],
  ['a long time in quotes', (size) => `{"time":"${'2026-11-20T'.repeat(size / 11)}"}`],
  ['blanks', (size) => `{${' '.repeat(size)}${TIME}}`],
  ['a long container id', (size) => `{"containerID":"${'a'.repeat(size)}","timestampID":"TS00",${TIME}}`],
  ['bytes that are no UTF-8', (size) => `{"a":"${'\xff'.repeat(size)}`],
  ['logfmt: escapes', (size) => `time="2026-11-20T14:14:10Z" msg="${'\\n'.repeat(size / 2)}"`],
  ['logfmt: escaped quotes without an end', (size) => `time="2026-11-20T14:14:10Z" msg="${'\\"'.repeat(size / 2)}`],
  ['logfmt: octal escapes', (size) => `time="2026-11-20T14:14:10Z" msg="${'\\377'.repeat(size / 4)}"`],
  ['logfmt: a name without an end', (size) => 'a'.repeat(size)],
  ['logfmt: names', (size) => 'a='.repeat(size / 2)],
  ['logfmt: blanks', (size) => `a=b${' '.repeat(size)}c`],
  ['logfmt: fields', (size) => Array.from({ length: size / 16 }, (_, index) => `f${index}=${index}`).join(' ')],
  ['logfmt: quotes', (size) => 'a="" '.repeat(size / 5)],
];

describe('S2: a whole line, made against the syntaxes', () => {
  test.each(LINES)('%s', (_, make) => {
    for (const syntax of [zerolog, logrus]) {
      const read = (size: number) => {
        const bytes = Buffer.from(make(size), 'latin1');
        return () => void syntax.read(bytes, 0, bytes.length);
      };
      expect(growth(read), syntax.name).toBeLessThan(MOST);
    }
  });
});

describe('S2: a long text, made harmless', () => {
  test.each([['plain', 'a'], ['escapes', '\x1b'], ['wide', '漢'], ['bidi', '\u202e'], ['half characters', '\ud83d']])('%s', (_, unit) => {
    expect(growth((size) => {
      const text = unit.repeat(size);
      return () => void printable(text, size * 8);
    })).toBeLessThan(MOST);
    expect(growth((size) => {
      const text = unit.repeat(size);
      return () => void tame(text);
    })).toBeLessThan(MOST);
  });
});

/** Every regular expression in the folders that lines pass through, as it stands in their text. */
const LITERAL = /(?<=[=(,:?!&|>]\s*|return\s)\/((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])*)\/([dgimsuvy]*)/g;
const PATTERNS = ['src/syntax', 'src/runtimes', 'src/engine', 'src/model']
  .flatMap(filesIn)
  .flatMap(({ path, text }) => {
    const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/[^\n]*/gm, '');
    return [...code.matchAll(LITERAL)].map(([literal, source = '', flags = '']) => ({ name: `${path} ${literal}`, pattern: new RegExp(source, flags) }));
  });

/** What a pattern may have to give back: its own letters, and one of each kind. */
function unitsFor(source: string): string[] {
  const letters = new Set([...source.replace(/\\[dswDSWpPbB]|\\u\{?[0-9a-f]+\}?|\\x[0-9a-f]{2}|[()[\]{}|?*+^$]/g, '').replaceAll('\\', ''), '"', '\\', ' ', '=', '0', '9', 'a', 'T', '-', '\x1b', '\u202e']);
  const singles = [...letters].slice(0, 24);
  return [...singles, ...singles.slice(0, 10).flatMap((one) => singles.slice(0, 10).map((other) => one + other))];
}

describe('S2: every regular expression that a line meets', () => {
  test('is found', () => {
    const found = PATTERNS.map(({ name }) => name).join('\n');
    for (const known of ['json.ts', 'guest.ts', 'shape.ts', 'text.ts', 'safe.ts', 'lives.ts']) expect(found).toContain(known);
  });

  // Shorter than a line may be: there are thousands of these, and what grows by the square shows here as well.
  test.each(PATTERNS)('$name', ({ pattern }) => {
    const slow: string[] = [];
    for (const unit of unitsFor(pattern.source)) {
      for (const [before, behind] of [['', ''], ['"', '\0'], ['a=', '!'], ['{"', '\n']] as const) {
        const match = (size: number) => {
          const text = before + unit.repeat(size / unit.length) + behind;
          return () => {
            pattern.lastIndex = 0;
            pattern.exec(text);
          };
        };
        const ratio = growth(match, SHORT / 8, LONG / 8);
        if (ratio > MOST) slow.push(`${JSON.stringify(before + unit)}: ${ratio.toFixed(0)} times`);
      }
    }
    expect(slow).toEqual([]);
  }, 120_000);
});
