/** Imports go one way only (design.md 2). Every import of every file in src is read; a folder without a rule fails. */
import { posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesIn, foldersIn } from './source.ts';
import type { SourceText } from './source.ts';

interface Rule {
  /** Other folders of src. A folder may always import from itself. */
  readonly folders: readonly string[];
  /** Packages, by name or `@scope/`; `node:` stands for all of Node. */
  readonly packages: readonly string[];
}

const ALL = ['alerts', 'cli', 'config', 'delivery', 'engine', 'engine/render', 'metrics', 'model', 'runtimes', 'sources', 'store', 'syntax'];
const EVERYTHING: Rule = { folders: ALL, packages: ['*'] };

/** By folder; the longest that fits holds. `.` is src itself: main.ts and cli.ts. */
const RULES: Readonly<Record<string, Rule>> = {
  '.': EVERYTHING,
  alerts: { folders: ['model'], packages: ['node:'] },
  cli: EVERYTHING,
  config: { folders: ['model'], packages: ['node:', 'yaml'] },
  delivery: { folders: ['model'], packages: ['node:', '@grpc/', '@opentelemetry/'] },
  engine: { folders: ['model'], packages: ['node:crypto'] },
  'engine/render': { folders: ['model', 'engine'], packages: [] },
  metrics: { folders: ['model'], packages: ['node:'] },
  model: { folders: [], packages: [] },
  runtimes: { folders: ['model', 'syntax'], packages: [] },
  sources: { folders: ['model'], packages: ['node:', 'chokidar'] },
  store: { folders: ['model'], packages: ['node:'] },
  syntax: { folders: ['model'], packages: [] },
};

const PURE = ['engine', 'engine/render', 'model', 'runtimes', 'syntax'];

/** `import ... from 'x'`, `export ... from 'x'`, `import 'x'`, `import('x')`, `import x = require('x')`. */
const IMPORT = /(?:^|[\s;])(?:(?:import|export)\s[^;'"`]*?from\s*|import\s*|import\s*\(\s*|require\s*\(\s*)(['"`])([^'"`]+)\1/g;

function folderOf(path: string): string {
  const inside = posix.dirname(posix.relative('src', path));
  for (let folder = inside; folder !== '.'; folder = posix.dirname(folder)) if (RULES[folder] !== undefined) return folder;
  return inside === '.' ? '.' : inside;
}

function breaches({ path, text }: SourceText): string[] {
  const folder = folderOf(path);
  const rule = RULES[folder];
  if (rule === undefined) return [`${path}: no rule for the folder ${folder}`];
  return [...text.matchAll(IMPORT)].flatMap(([, , target = '']) => {
    if (allowed(folder, rule, path, target)) return [];
    return [`${path}: ${folder} may not import ${target}`];
  });
}

function allowed(folder: string, rule: Rule, path: string, target: string): boolean {
  if (!target.startsWith('.')) {
    return rule.packages.some((name) => name === '*' || target === name || (/[:/]$/.test(name) && target.startsWith(name)) || target.startsWith(`${name}/`));
  }
  const file = posix.join(posix.dirname(path), target);
  if (!file.startsWith('src/') || !file.endsWith('.ts')) return file === 'package.json' && rule === EVERYTHING;
  const other = folderOf(file);
  return other === folder || rule.folders.includes(other);
}

const files = filesIn('src');

test('every folder of src has a rule', () => {
  expect(foldersIn('src').filter((folder) => RULES[folder] === undefined)).toEqual([]);
});

test('every import is allowed', () => {
  expect(files.length).toBeGreaterThan(60);
  expect(files.flatMap(breaches)).toEqual([]);
});

test('of node:crypto the engine takes nothing but the hash', () => {
  const uses = files.filter(({ path }) => PURE.includes(folderOf(path))).flatMap(({ text }) => [...text.matchAll(/import\s+([^;]*?)\s+from 'node:[^']*'/g)]);
  expect(uses.map(([, names]) => names)).toEqual(['{ hash }']);
});

test('no clock, no randomness, no process in what is pure', () => {
  const impure = /\bDate\.now\b|\bnew Date\(\)|\bperformance\b|\bMath\.random\b|\bprocess\s*(?:\.(?!exit\.(?:code|time)')|\[)|\bglobalThis\b|\bsetTimeout\b|\bsetInterval\b|\bconsole\.|\bfetch\(/;
  expect(files.filter(({ path, text }) => PURE.includes(folderOf(path)) && impure.test(text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, ''))).map(({ path }) => path)).toEqual([]);
});

test('runtimes never name each other', () => {
  const runtimes = files.filter(({ path }) => path.startsWith('src/runtimes/'));
  expect(runtimes.flatMap(({ path, text }) => [...text.matchAll(IMPORT)].filter(([, , target = '']) => target.startsWith('./')).map(() => path))).toEqual([]);
});

describe('the rule sees a breach', () => {
  test.each([
    ['src/model/x.ts', "import { a } from '../engine/fold.ts';"],
    ['src/model/x.ts', "import type { a } from 'node:fs';"],
    ['src/engine/x.ts', "export { a } from './render/json.ts';"],
    ['src/engine/x.ts', "import {\n  a,\n} from '../syntax/zerolog.ts';"],
    ['src/engine/x.ts', "const a = await import('node:fs');"],
    ['src/sources/x.ts', "import 'pino';"],
    ['src/sources/x.ts', "import { a } from '../delivery/queue.ts';"],
    ['src/delivery/x.ts', "import { a } from '../config/config.ts';"],
    ['src/runtimes/x.ts', "import { a } from '../engine/compile.ts';"],
    ['src/config/x.ts', "import { a } from '../cli/run.ts';"],
    ['src/page/x.ts', "import { a } from '../model/time.ts';"],
    ['src/sources/x.ts', "import { a } from '../../test/support/files.ts';"],
  ])('%s: %s', (path, text) => {
    expect(breaches({ path, text })).toHaveLength(1);
  });
});
