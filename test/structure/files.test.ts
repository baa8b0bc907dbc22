/** House rules that a reader would otherwise have to check (design.md 7). */
import { expect, test } from 'vitest';
import { codeOnly, filesIn } from './source.ts';

const src = filesIn('src');
const tests = filesIn('test');
const pathsWhere = (files: typeof src, wrong: (text: string, path: string) => boolean): string[] =>
  files.filter(({ text, path }) => wrong(text, path)).map(({ path }) => path);

test('files have fewer than 300 lines, runtimes excepted', () => {
  const long = src.filter(({ path }) => !path.startsWith('src/runtimes/')).map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }));
  expect(long.filter(({ lines }) => lines >= 300)).toEqual([]);
});

test('nothing is left for later', () => {
  expect(pathsWhere([...src, ...tests], (text, path) => !path.startsWith('test/structure/') && /\b(?:TODO|FIXME|XXX|HACK)\b/.test(text))).toEqual([]);
});

const ANY = /(?::|<|\bas|\||=>)\s*any\b(?!\s*[=!]==)/;
const NON_NULL = /[\w)\]]!(?=[.;,)\]\[ ]|$)(?!=)/m;
const SILENCED = /@ts-(?:ignore|expect-error|nocheck)|eslint-disable/;

test('no `any`, no `!` after a value, no silenced compiler', () => {
  const wrong = (text: string): boolean => ANY.test(codeOnly(text)) || NON_NULL.test(codeOnly(text)) || SILENCED.test(text.replace(/SILENCED.*/g, ''));
  expect(pathsWhere([...src, ...tests], wrong)).toEqual([]);
});

test('a cast stands only where a brand is made', () => {
  const cast = /\bas\s+(?!const\b)[A-Za-z{[(]/;
  const casts = src.flatMap(({ path, text }) =>
    codeOnly(text).split('\n').filter((line) => cast.test(line) && !/^\s*(?:import|export)\b.*\bas\b.*\bfrom\b|^import \* as /.test(line) && !/=> \w+ as \w+;|\[\w+ in \w+ as /.test(line)).map((line) => `${path}: ${line.trim()}`));
  expect(casts).toEqual([]);
});

test('imports name the file, types are imported as types', () => {
  const bare = src.flatMap(({ path, text }) => [...text.matchAll(/from '(\.[^']*)'/g)].filter(([, target = '']) => !/\.(?:ts|json)$/.test(target)).map(([, target]) => `${path}: ${target}`));
  expect(bare).toEqual([]);
});

test('the checks see what they look for', () => {
  expect(ANY.test(codeOnly('const a: any = 1;')) && ANY.test(codeOnly('f<any>()')) && ANY.test(codeOnly('x as any'))).toBe(true);
  expect(ANY.test(codeOnly("// takes: any\nconst s = 'a: any';"))).toBe(false);
  expect(NON_NULL.test(codeOnly('a[0]!.b')) && NON_NULL.test(codeOnly('f()!;')) && NON_NULL.test(codeOnly('g(a!, b)'))).toBe(true);
  expect(NON_NULL.test(codeOnly('if (a !== b || !c) d = !e;'))).toBe(false);
});
