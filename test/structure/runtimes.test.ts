/** The laws for runtime files (reference/runtime-vocabulary.md 5), for every file in src/runtimes, found by looking. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { compile } from '../../src/engine/compile.ts';
import type { Match, Spelling } from '../../src/engine/compile.ts';
import { absent } from '../../src/model/runtime.ts';
import type { EpisodeRule, MarkRule, Runtime, SourceRule, When } from '../../src/model/runtime.ts';
import type { SpanRule } from '../../src/model/spans.ts';
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

const marksOfEpisode = ({ opens, standIns, memberStandIns, until, fails, because, answers, nothing, fatal, rests, undone, another, names }: EpisodeRule): string[] =>
  [...opens, ...Object.keys(names ?? {}), ...(undone === undefined ? [] : [undone.by]), ...(another === undefined ? [] : [another.shows]), ...(standIns ?? []), ...(memberStandIns ?? []), ...Object.keys(because ?? {}), ...(answers ?? []).flatMap(([request, answer]) => [request, ...(typeof answer === 'string' ? [answer] : answer)]), ...until, ...Object.keys(fails ?? {}), ...Object.keys(fatal ?? {}), ...(nothing?.exactly ?? []), ...(rests !== undefined && 'seen' in rests ? [rests.seen, rests.unseen] : [])];

function marksOfSpan(rule: SpanRule): readonly string[] {
  switch (rule.kind) {
    case 'between':
      return [...rule.from, ...rule.to];
    case 'steps':
      return [rule.from, ...rule.steps.map((step) => step.to)];
    case 'pairs':
      return [rule.from, ...rule.to, ...rule.elsewhere];
    case 'stages':
      return [...rule.stages.map((stage) => stage.from), ...rule.until];
    case 'rpc':
      return [rule.client.mark, rule.server.mark, rule.server.asked];
    case 'boot':
      return [rule.kernel, ...rule.to];
    case 'sessions':
      return [...rule.from, ...rule.to, ...rule.nearBegin, ...rule.nearEnd, ...rule.lostAt];
    case 'gaps':
      return [];
    default:
      return rule satisfies never;
  }
}

/** All conditions under which a line is this, in any version. */
const whensOf = (rule: MarkRule['scheme'][string] | undefined): readonly When[] => (rule === undefined ? [] : isList(rule) ? rule : [rule]);
const isList = (rule: When | readonly When[]): rule is readonly When[] => Array.isArray(rule);

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
    const entry = source.syntaxes[0]?.read(bytes, 0, bytes.length) ?? 'not-json';
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
    const figures = (runtime.measures ?? []).flatMap((rule) => (rule.kind === 'between' ? [...rule.from, ...rule.to] : []));
    const names = new Set(runtime.sources.flatMap(rulesOf).map(([name]) => name));
    expect(figures.filter((name) => !names.has(name))).toEqual([]);
    const used = new Set([...Object.values(runtime.episodes).flatMap(marksOfEpisode), ...Object.values(runtime.spans).flatMap((words) => words.flatMap(marksOfSpan))]);
    for (const source of runtime.sources) {
      for (const [name, rule] of rulesOf(source)) {
        const modest = rule.loose !== undefined || rule.tells !== undefined;
        expect([name, used.has(name) || modest], name).toEqual([name, true]);
        expect(used.has(name) && rule.loose !== undefined, `${name} is loose and used`).toBe(false);
      }
    }
  });

  test('every condition reads fields that are declared', async () => {
    for (const source of (await load(file)).sources) {
      const known = new Set([...source.fields, ...source.spelling]);
      if (source.fields.length === 0) continue; // it is told by other conditions
      const conditions = [...rulesOf(source).flatMap(([, rule]) => Object.values(rule.scheme)), ...Object.values(source.ignored)].flatMap(whensOf);
      expect(conditions.flatMap((when) => Object.keys(when)).filter((field) => !known.has(field))).toEqual([]);
      expect(source.fields.map((field) => `{${field}}`)).toContain(source.names.container);
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
        const spelt = rulesOf(source).flatMap(([, rule]) => whensOf(rule.scheme[scheme]).map((when) => JSON.stringify(when)));
        expect(spelt.filter((one, index) => spelt.indexOf(one) !== index), scheme).toEqual([]);
      }
    }
  });

  test('every mark of every version, and every ignored line, is reached by some sample', async () => {
    const runtime = await load(file);
    if (runtime.schemes.length < 2) return; // one way of writing: test/kata and test/shims have their laws, on the recordings
    const lines = samples(runtime).map(fieldsOf);
    const missing = runtime.sources.flatMap((source) => [
      ...rulesOf(source).flatMap(([name, rule]) => Object.entries(rule.scheme).filter(([, rules]) => !lines.some((fields) => whensOf(rules).some((when) => holds(when, fields)))).map(([scheme]) => `${scheme} ${name}`)),
      ...Object.entries(source.ignored).filter(([, rules]) => !lines.some((fields) => whensOf(rules).some((when) => holds(when, fields)))).map(([name]) => name),
    ]);
    expect(missing).toEqual([]);
  });

  test('no two rules claim the same line, and the compiled table finds the one that does', async () => {
    const runtime = await load(file);
    if (runtime.schemes.length < 2) return; // one way of writing: test/kata and test/shims have their laws, on the recordings
    for (const line of new Set(samples(runtime))) if (line.startsWith('{')) checkClaims(runtime, line);
  });
});

/** In each version at most one mark claims a line; the spelling found means that mark there. */
function checkClaims(runtime: Runtime, line: string): void {
  const fields = fieldsOf(line);
  const spelling = spellingOf(runtime, line);
  expect(spelling, line).toBeDefined();
  for (const [at, scheme] of runtime.schemes.entries()) {
    const claims = runtime.sources.flatMap((source) => rulesOf(source)).filter(([, rule]) => whensOf(rule.scheme[scheme]).some((when) => holds(when, fields)));
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
      const ids = column.map(([, rule, service]) => [service, Number(String(whensOf(rule.scheme[scheme])[0]?.['timestampID']).slice(2))] as const);
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
