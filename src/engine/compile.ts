/**
 * A runtime's tables turned into what reading and folding need: marks by number, and for each way a line can be spelt
 * what it may mean in each version of the log. Done once; checked by laws.ts.
 */
import { LAYERS } from '../model/layer.ts';
import { EPISODES } from '../model/runtime.ts';
import type { AttributeRule, EpisodeName, EpisodeRule, MarkRule, MeasureRule, Runtime, SourceRule, VersionRule, When } from '../model/runtime.ts';
import type { Entry, Syntax } from '../model/entry.ts';
import type { FindingRule } from '../model/findings.ts';
import { writersOf } from '../model/writers.ts';
import type { Writers } from '../model/writers.ts';
import { SILENT, aliveOf } from './alive.ts';
import { Table } from './table.ts';
import { compileEpisode } from './episode.ts';
import type { Answer } from './exchanges.ts';
import { compileNames } from './names.ts';
import type { CompiledNames } from './names.ts';
import { pathTemplate } from './paths.ts';
import type { PathTemplate } from './paths.ts';
import type { Holes } from './template.ts';
import type { CompiledSpan } from './words.ts';

/** A mark of a runtime, by its number in `CompiledRuntime.marks`. */
export interface Mark {
  readonly index: number;
  readonly name: string;
  readonly service: string;
  /** Number of its component, and of its layer from the client inwards: the order of events at the same ns. */
  readonly component: number;
  readonly layer: number;
  readonly loose: boolean;
  /** No moment of its own: a line that tells something, or any other line of a process, which shows that it lives. */
  readonly silent: boolean;
}

/** One way a line can be spelt, and what it then means in each scheme. Compared by identity. */
export interface Spelling {
  /** Its number: stable for one version of the runtime file. */
  readonly index: number;
  /** As the writer spells it: `TS10`, `TS10 CR.terminated`. */
  readonly text: string;
  /** Per scheme the mark it stands for; undefined: that scheme does not write it. */
  readonly meanings: readonly (Mark | undefined)[];
  /** The mark, when every scheme that writes it agrees on it. */
  readonly agreed: Mark | undefined;
  /** The episode that it opens. */
  readonly opens: CompiledEpisode | undefined;
  /** It opens it only where none of its container is under way; for `member`, and its container is not the sandbox itself. */
  readonly standsIn: 'any' | 'member' | undefined;
  readonly loose: boolean;
  /** May be one of the marks that complete an episode, in some scheme. */
  readonly mayComplete: boolean;
  readonly renews: boolean;
  readonly turn: MarkRule['turn'];
  /** Where the line names somebody otherwise than its source does. */
  readonly names: CompiledNames | undefined;
}

/** What one source rule makes of a line. */
export type Match =
  | { readonly kind: 'event'; readonly spelling: Spelling; readonly holes: Holes | undefined }
  | { readonly kind: 'ignored'; readonly name: string; readonly secret?: true }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'foreign' };

export interface CompiledSource {
  readonly runtime: CompiledRuntime;
  readonly syntaxes: readonly Syntax[];
  readonly names: CompiledNames;
  readonly command: string | undefined;
  readonly identifiers: readonly string[];
  readonly writers: Writers;
  readonly paths: readonly PathTemplate[];
  /** Other programs write under these too. */
  readonly shared: boolean;
  /** For lines of a process that are no marks; undefined: its lines have no process. */
  readonly alive: Spelling | undefined;
  match(entry: Entry): Match;
}

/** Per scheme and component: the marks in the order in which that process writes them. */
export type Columns = readonly (readonly Mark[])[];

export interface CompiledEpisode {
  readonly name: EpisodeName;
  readonly rule: EpisodeRule;
  readonly until: readonly Mark[];
  /** By mark: the hole or field with the reason why it failed. */
  readonly fails: ReadonlyMap<Mark, string>;
  /** Those of them that count after its end, too. */
  readonly fatal: ReadonlySet<Mark>;
  readonly answers: readonly Answer[];
  /** By mark that fails nothing: the hole or field with a better reason. */
  readonly because: ReadonlyMap<Mark, string>;
  readonly nothing: { readonly exactly: ReadonlySet<Mark>; readonly some?: true; readonly name: string; readonly runtime?: string } | undefined;
  /** The mark that tells that it is something else, unless it reaches its end. */
  readonly another: { readonly shows: Mark; readonly name: string } | undefined;
  /** What undoes it when it comes so soon after its end. */
  readonly undone: { readonly by: Mark; readonly hole: string } | undefined;
  /** By number of a mark: those that it must come before, across processes. */
  readonly effects: readonly (readonly Mark[] | undefined)[];
  readonly rests: { readonly kind: 'columns'; readonly after: number; readonly before: number } | { readonly kind: 'marks'; readonly seen: Mark; readonly unseen: Mark } | undefined;
  readonly spans: readonly CompiledSpan[];
  /** Marks that end or stand in where no nearer one is: no loss where no span needs them. */
  readonly modest: ReadonlySet<Mark>;
}

export interface CompiledRuntime {
  readonly name: string;
  readonly schemes: readonly string[];
  readonly components: readonly string[];
  /** By component: its layer, 0 the outermost. */
  readonly layers: Readonly<Record<string, number>>;
  readonly marks: readonly Mark[];
  readonly spellings: readonly Spelling[];
  /** `columns[scheme][component]`. */
  readonly columns: readonly Columns[];
  readonly start: CompiledEpisode;
  readonly episodes: readonly CompiledEpisode[];
  readonly sources: readonly CompiledSource[];
  /** It tells what goes on around a runtime, and is none itself. */
  readonly around: boolean;
  /** Its lines name processes and sandboxes, not only containers. */
  readonly keyed: boolean;
  /** What its lines tell of a container beside moments, by the attribute's name. */
  readonly attributes: readonly (readonly [name: string, rule: AttributeRule])[];
  readonly findings: readonly FindingRule[];
  readonly measures: readonly MeasureRule[];
  readonly versions: readonly VersionRule[];
  readonly clock: {
    readonly after: readonly (readonly [host: Mark, guest: Mark])[];
    readonly late: number;
    readonly sets: { readonly mark: Mark; readonly hole: string; readonly value: string } | undefined;
  };
}

export type MarkOf = (name: string) => Mark;

/** @throws Error when the runtime file contradicts itself: a bug of ours, named. */
export function compile(runtime: Runtime): CompiledRuntime {
  const components = Object.keys(runtime.services);
  const marks = collectMarks(runtime, components);
  const markOf: MarkOf = (name) => {
    const mark = marks.get(name);
    if (mark === undefined) throw new Error(`runtime ${runtime.name}: no mark is called "${name}"`);
    return mark;
  };
  const episodes = EPISODES.flatMap((name) => {
    const rule = runtime.episodes[name];
    return rule === undefined ? [] : [compileEpisode(runtime, name, rule, components, markOf)];
  });
  const [start] = episodes;
  if (start === undefined) throw new Error(`runtime ${runtime.name}: no start`);
  const spellings: Spelling[] = [];
  const sources: CompiledSource[] = [];
  const compiled: CompiledRuntime = {
    name: runtime.name,
    schemes: runtime.schemes,
    components,
    layers: Object.fromEntries(Object.entries(runtime.services).map(([service, layer]) => [service, LAYERS.indexOf(layer)])),
    marks: [...marks.values()],
    spellings,
    columns: runtime.schemes.map((scheme) => compileColumns(runtime, scheme, components, markOf)),
    start,
    episodes,
    sources,
    around: runtime.around === true,
    keyed: runtime.sources.some(({ names }) => names.handle !== undefined || names.sandbox !== undefined),
    attributes: Object.entries(runtime.attributes ?? {}),
    findings: runtime.findings ?? [],
    versions: runtime.versions ?? [],
    measures: runtime.measures ?? [],
    clock: {
      after: (runtime.clock?.after ?? []).map(([host, guest]) => [markOf(host), markOf(guest)] as const),
      late: runtime.clock?.late ?? 0,
      sets: runtime.clock?.sets && { ...runtime.clock.sets, mark: markOf(runtime.clock.sets.mark) },
    },
  };
  for (const rule of runtime.sources) sources.push(compileSource(compiled, rule, markOf, spellings));
  return compiled;
}

function collectMarks(runtime: Runtime, components: readonly string[]): Map<string, Mark> {
  const marks = new Map<string, Mark>();
  for (const source of runtime.sources) {
    for (const [service, rules] of Object.entries(source.marks)) {
      const component = components.indexOf(service);
      const layer = runtime.services[service];
      if (layer === undefined) throw new Error(`runtime ${runtime.name}: service "${service}" has no layer`);
      const common = { service, component, layer: LAYERS.indexOf(layer) };
      for (const [name, rule] of Object.entries(rules)) {
        if (rule === undefined || marks.has(name)) continue;
        marks.set(name, { index: marks.size, name, ...common, loose: rule.loose !== undefined, silent: rule.tells !== undefined });
      }
      if (source.names.handle === undefined) continue;
      const name = `${SILENT} of ${service}`;
      if (!marks.has(name)) marks.set(name, { index: marks.size, name, ...common, loose: false, silent: true });
    }
  }
  return marks;
}

function compileColumns(runtime: Runtime, scheme: string, components: readonly string[], markOf: MarkOf): Columns {
  return components.map((service) =>
    runtime.sources.flatMap((source) =>
      Object.entries(source.marks[service] ?? {})
        .filter(([, rule]) => rule?.scheme[scheme] !== undefined && rule.loose === undefined)
        .map(([name]) => markOf(name)),
    ),
  );
}

/** Rules with equal conditions are one spelling, whatever they mean in each scheme. */
interface Draft {
  readonly when: When;
  readonly rule: MarkRule;
  readonly meanings: (Mark | undefined)[];
}

const list = <T extends object>(one: T | readonly T[]): readonly T[] => (isList(one) ? one : [one]);
const isList = <T extends object>(one: T | readonly T[]): one is readonly T[] => Array.isArray(one);

function compileSource(runtime: CompiledRuntime, rule: SourceRule, markOf: MarkOf, spellings: Spelling[]): CompiledSource {
  const drafts = new Map<string, Draft>();
  for (const rules of Object.values(rule.marks)) {
    for (const [name, mark] of Object.entries(rules)) if (mark !== undefined) draft(drafts, runtime.schemes, mark, markOf(name));
  }
  const table = new Table(rule);
  for (const one of drafts.values()) {
    const spelling = spell(runtime, rule, one, spellings.length);
    spellings.push(spelling);
    table.add(one.when, { kind: 'event', spelling });
  }
  for (const [name, whens] of Object.entries(rule.ignored)) for (const when of list(whens)) table.add(when, { kind: 'ignored', name });
  for (const [name, whens] of Object.entries(rule.secret ?? {})) for (const when of list(whens)) table.add(when, { kind: 'ignored', name, secret: true });
  const alive = aliveOf(runtime, rule, markOf, spellings.length);
  if (alive !== undefined) spellings.push(alive);
  return {
    runtime,
    syntaxes: list(rule.syntax),
    names: compileNames(rule.names),
    command: rule.command,
    identifiers: rule.identifiers ?? [],
    writers: writersOf(rule),
    paths: (rule.paths ?? []).map(pathTemplate),
    shared: rule.shared === true,
    alive,
    match: (entry) => table.match(entry),
  };
}

function draft(drafts: Map<string, Draft>, schemes: readonly string[], rule: MarkRule, mark: Mark): void {
  for (const [scheme, whens] of Object.entries(rule.scheme)) {
    for (const when of list(whens)) {
      const key = JSON.stringify(Object.entries(when).sort());
      const known = drafts.get(key) ?? { when, rule, meanings: schemes.map(() => undefined) };
      known.meanings[schemes.indexOf(scheme)] = mark;
      drafts.set(key, known);
    }
  }
}

function spell(runtime: CompiledRuntime, rule: SourceRule, { when, rule: mark, meanings }: Draft, index: number): Spelling {
  const known = meanings.filter((one) => one !== undefined);
  const [first] = known;
  const words = rule.spelling.map((field) => when[field]).filter((value) => typeof value === 'string');
  const names = new Set(known.map((one) => one.name));
  return {
    index,
    text: words.join(' '),
    meanings,
    agreed: known.every((one) => one === first) ? first : undefined,
    opens: runtime.episodes.find(({ rule: { opens, standIns = [], memberStandIns = [] } }) => [...opens, ...standIns, ...memberStandIns].some((name) => names.has(name))),
    standsIn:
      runtime.episodes.some(({ rule }) => rule.standIns?.some((name) => names.has(name)) === true) ? 'any'
      : runtime.episodes.some(({ rule }) => rule.memberStandIns?.some((name) => names.has(name)) === true) ? 'member'
      : undefined,
    loose: known.every((one) => one.loose),
    mayComplete: runtime.episodes.some((episode) => episode.rule.until.some((name) => names.has(name)) || known.some((one) => episode.fails.has(one))),
    renews: mark.renews === true,
    turn: mark.turn,
    names: mark.names && compileNames(mark.names),
  };
}
