/** The laws for runtime files (reference/runtime-vocabulary.md 5), for every file in src/runtimes, found by looking. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { compile } from '../../src/engine/compile.ts';
import type { Match, Spelling } from '../../src/engine/compile.ts';
import { absent } from '../../src/model/runtime.ts';
import type { MarkRule, Runtime, SourceRule, When } from '../../src/model/runtime.ts';
import { overRecordings, recordedLogs } from '../support/corpus.ts';
import { Random } from '../support/random.ts';
import { GENERATIONS, log, text } from '../support/uruncwriter.ts';

const FOLDER = new URL('../../src/runtimes/', import.meta.url);
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.ts'));

const holdsRuntime = (module: unknown): module is { readonly runtime: Runtime } =>
  typeof module === 'object' && module !== null && 'runtime' in module && typeof module.runtime === 'object' && module.runtime !== null;

async function load(file: string): Promise<Runtime> {
  const module: unknown = await import(new URL(file, FOLDER).href);
  if (!holdsRuntime(module)) throw new Error(`src/runtimes/${file} exports no \`runtime\``);
  return module.runtime;
}

const rulesOf = (source: SourceRule): (readonly [name: string, rule: MarkRule, service: string])[] =>
  Object.entries(source.marks).flatMap(([service, marks]) =>
    Object.entries(marks).flatMap(([name, rule]) => (rule === undefined ? [] : [[name, rule, service] as const])));

/** All lines of a runtime's fixtures, and of the tests' own writer where there is one. */
function samples(runtime: Runtime): string[] {
  const folder = fileURLToPath(new URL(`../fixtures/${runtime.name}/`, import.meta.url));
  const paths = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: 'utf8' }) : [];
  const logs = paths.filter((path) => /\.log(?:\.\d+)?$/.test(path) && !path.startsWith('malformed')).map((path) => readFileSync(folder + path, 'utf8'));
  if (runtime.name === 'urunc') {
    for (const generation of GENERATIONS) logs.push(text(log(new Random(1), { generation, starts: 2, at: 1_795_216_000_000_000_000n, every: 1_000_000 })));
  }
  return logs.flatMap((one) => one.split('\n')).filter((line) => line !== '');
}

/** The line's fields as JSON.parse sees them: strings and literals are exact, numbers are not asked for. */
function fieldsOf(line: string): Record<string, unknown> {
  const fields: unknown = JSON.parse(line);
  if (typeof fields !== 'object' || fields === null) throw new Error(`no object: ${line}`);
  return { ...fields };
}

const holds = (when: When, fields: Record<string, unknown>): boolean =>
  Object.entries(when).every(([field, wanted]) => (wanted === absent ? !Object.hasOwn(fields, field) : fields[field] === wanted));

function spellingOf(runtime: Runtime, line: string): Spelling | undefined {
  const bytes = Buffer.from(line);
  for (const source of compile(runtime).sources) {
    const entry = source.syntax.read(bytes, 0, bytes.length);
    const match: Match = typeof entry === 'string' ? { kind: 'foreign' } : source.match(entry);
    if (match.kind === 'event') return match.spelling;
  }
  return undefined;
}

test('there are runtimes, each under a name of its own', async () => {
  expect(files.length).toBeGreaterThan(0);
  const names = (await Promise.all(files.map(load))).map((runtime) => runtime.name);
  expect(new Set(names).size).toBe(files.length);
});

describe.each(files)('src/runtimes/%s', (file) => {
  test('compiles, and is headed by who writes these lines', async () => {
    const compiled = compile(await load(file));
    expect(compiled.marks.length).toBeGreaterThan(0);
    expect(readFileSync(new URL(file, FOLDER), 'utf8')).toMatch(/^\/\/ Who writes these lines: /);
  });

  test('every mark is used by a span, opens, ends, or is declared loose', async () => {
    const runtime = await load(file);
    const { opens, until } = runtime.episodes.start;
    const used = new Set([...opens, ...until]);
    for (const rule of runtime.spans.start) {
      if (rule.kind === 'between') for (const mark of [...rule.from, ...rule.to]) used.add(mark);
      else for (const mark of [rule.from, ...rule.steps.map((step) => step.to)]) used.add(mark);
    }
    for (const source of runtime.sources) {
      for (const [name, rule] of rulesOf(source)) expect([name, used.has(name), rule.loose !== undefined]).toEqual([name, rule.loose === undefined, !used.has(name)]);
    }
  });

  test('every condition reads fields that are declared', async () => {
    for (const source of (await load(file)).sources) {
      const known = new Set([...source.fields, ...source.spelling]);
      const conditions = [...rulesOf(source).flatMap(([, rule]) => Object.values(rule.scheme)), ...Object.values(source.ignored)];
      expect(conditions.flatMap((when) => Object.keys(when)).filter((field) => !known.has(field))).toEqual([]);
      expect(source.fields).toContain(source.container);
    }
  });

  test('every mark says how some version spells it, and names only versions there are', async () => {
    const runtime = await load(file);
    for (const source of runtime.sources) {
      for (const [name, rule] of rulesOf(source)) {
        expect(Object.keys(rule.scheme).length, name).toBeGreaterThan(0);
        expect(Object.keys(rule.scheme).filter((scheme) => !runtime.schemes.includes(scheme)), name).toEqual([]);
      }
    }
  });

  test('within a version no two marks are spelt alike', async () => {
    const runtime = await load(file);
    for (const scheme of runtime.schemes) {
      for (const source of runtime.sources) {
        const spelt = rulesOf(source).flatMap(([, rule]) => (rule.scheme[scheme] === undefined ? [] : [JSON.stringify(rule.scheme[scheme])]));
        expect(spelt.filter((one, index) => spelt.indexOf(one) !== index), scheme).toEqual([]);
      }
    }
  });

  test('every mark of every version, and every ignored line, is reached by some sample', async () => {
    const runtime = await load(file);
    const lines = samples(runtime).map(fieldsOf);
    const missing = runtime.sources.flatMap((source) => [
      ...rulesOf(source).flatMap(([name, rule]) => Object.entries(rule.scheme).filter(([, when]) => !lines.some((fields) => holds(when, fields))).map(([scheme]) => `${scheme} ${name}`)),
      ...Object.entries(source.ignored).filter(([, when]) => !lines.some((fields) => holds(when, fields))).map(([name]) => name),
    ]);
    expect(missing).toEqual([]);
  });

  test('no two rules claim the same line, and the compiled table finds the one that does', async () => {
    const runtime = await load(file);
    for (const line of new Set(samples(runtime))) checkClaims(runtime, line);
  });
});

/** In each version at most one mark claims a line; the spelling found means that mark there. */
function checkClaims(runtime: Runtime, line: string): void {
  const fields = fieldsOf(line);
  const spelling = spellingOf(runtime, line);
  expect(spelling, line).toBeDefined();
  for (const [at, scheme] of runtime.schemes.entries()) {
    const claims = runtime.sources.flatMap((source) => rulesOf(source)).filter(([, rule]) => rule.scheme[scheme] !== undefined && holds(rule.scheme[scheme], fields));
    expect(claims.length, `${scheme}: ${line}`).toBeLessThanOrEqual(1);
    expect(spelling?.meanings[at]?.name, `${scheme}: ${line}`).toBe(claims[0]?.[0]);
  }
}

describe('urunc', () => {
  test('each version numbers its marks without a gap, and each process writes its own in rising order', async () => {
    const runtime = await load('urunc.ts');
    const counts = { '0.3-0.4': 20, '0.5': 19, '0.6': 19, '0.7': 19 };
    for (const [scheme, count] of Object.entries(counts)) {
      const column = runtime.sources.flatMap(rulesOf).filter(([, rule]) => rule.loose === undefined && rule.scheme[scheme] !== undefined);
      const ids = column.map(([, rule, service]) => [service, Number(String(rule.scheme[scheme]?.['timestampID']).slice(2))] as const);
      expect(ids.map(([, id]) => id).sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, id) => id));
      for (const service of new Set(ids.map(([name]) => name))) {
        const own = ids.filter(([name]) => name === service).map(([, id]) => id);
        expect(own, `${scheme} ${service}`).toEqual(own.toSorted((a, b) => a - b));
      }
    }
    expect(Object.keys(counts)).toEqual(runtime.schemes);
  });

  overRecordings('recordings', () => {
    test.each(GENERATIONS)('%s: each recorded line is claimed once per version', async (generation) => {
      const runtime = await load('urunc.ts');
      const lines = ['single', 'mixed', 'hooks'].flatMap((name) => recordedLogs(generation, name)).flatMap((one) => one.toString('utf8').split('\n')).filter((line) => line !== '');
      for (const line of lines) checkClaims(runtime, line);
    });
  });
});
