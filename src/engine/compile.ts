/**
 * A runtime's tables turned into what reading and folding need: marks by number, and for each way a line can be spelt
 * what it may mean in each version of the log. Done once; checked by laws.ts.
 */
import { LAYERS, absent } from '../model/runtime.ts';
import type { Between, EpisodeRule, MarkRule, Runtime, SourceRule, Steps, When } from '../model/runtime.ts';
import type { Entry, Syntax } from '../model/entry.ts';

/** A mark of a runtime, by its number in `CompiledRuntime.marks`. */
export interface Mark {
  readonly index: number;
  readonly name: string;
  readonly service: string;
  /** Number of its component, and of its layer from the client inwards: the order of events at the same ns. */
  readonly component: number;
  readonly layer: number;
  readonly loose: boolean;
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
  readonly opens: boolean;
  readonly loose: boolean;
  /** May be one of the marks that complete an episode, in some scheme. */
  readonly mayComplete: boolean;
}

/** What one source rule makes of a line. */
export type Match =
  | { readonly kind: 'event'; readonly spelling: Spelling }
  | { readonly kind: 'ignored'; readonly name: string }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'foreign' };

export interface CompiledSource {
  readonly runtime: CompiledRuntime;
  readonly syntax: Syntax;
  readonly container: string;
  match(entry: Entry): Match;
}

/** Per scheme and component: the marks in the order in which that process writes them. */
export type Columns = readonly (readonly Mark[])[];

export type CompiledBetween = Omit<Between, 'from' | 'to'> & { readonly from: readonly Mark[]; readonly to: readonly Mark[] };
export interface CompiledSteps {
  readonly kind: 'steps';
  readonly service: string;
  readonly credit: Steps['credit'];
  readonly from: Mark;
  readonly steps: readonly { readonly name: string; readonly to: Mark; readonly waits: boolean }[];
}
export type CompiledSpan = CompiledBetween | CompiledSteps;

export interface CompiledEpisode {
  readonly rule: EpisodeRule;
  readonly until: readonly Mark[];
  readonly nothing: { readonly exactly: ReadonlySet<Mark>; readonly name: string } | undefined;
  /** By number of a mark: those that it must come before, across processes. */
  readonly effects: readonly (readonly Mark[] | undefined)[];
  readonly rests: { readonly after: number; readonly before: number } | undefined;
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
  readonly spans: readonly CompiledSpan[];
  readonly sources: readonly CompiledSource[];
}

/** @throws Error when the runtime file contradicts itself: a bug of ours, named. */
export function compile(runtime: Runtime): CompiledRuntime {
  const components = Object.keys(runtime.services);
  const marks = collectMarks(runtime, components);
  const markOf = (name: string): Mark => {
    const mark = marks.get(name);
    if (mark === undefined) throw new Error(`runtime ${runtime.name}: no mark is called "${name}"`);
    return mark;
  };
  const start = compileEpisode(runtime.episodes.start, components, markOf);
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
    spans: runtime.spans.start.map((rule) =>
      rule.kind === 'between'
        ? { ...rule, from: rule.from.map(markOf), to: rule.to.map(markOf) }
        : {
            kind: 'steps' as const,
            service: rule.service,
            credit: rule.credit,
            from: markOf(rule.from),
            steps: rule.steps.map((step) => ({ name: `${rule.prefix}: ${step.name}`, to: markOf(step.to), waits: step.waits })),
          },
    ),
    sources,
  };
  for (const rule of runtime.sources) sources.push(compileSource(compiled, rule, runtime.episodes.start, markOf, spellings));
  return compiled;
}

function collectMarks(runtime: Runtime, components: readonly string[]): Map<string, Mark> {
  const marks = new Map<string, Mark>();
  for (const source of runtime.sources) {
    for (const [service, rules] of Object.entries(source.marks)) {
      const component = components.indexOf(service);
      const layer = runtime.services[service];
      if (layer === undefined) throw new Error(`runtime ${runtime.name}: service "${service}" has no layer`);
      for (const [name, rule] of Object.entries(rules)) {
        if (rule === undefined || marks.has(name)) continue;
        marks.set(name, { index: marks.size, name, service, component, layer: LAYERS.indexOf(layer), loose: rule.loose !== undefined });
      }
    }
  }
  return marks;
}

function compileEpisode(rule: EpisodeRule, components: readonly string[], markOf: (name: string) => Mark): CompiledEpisode {
  return {
    rule,
    until: rule.until.map(markOf),
    nothing: rule.nothing && { exactly: new Set(rule.nothing.exactly.map(markOf)), name: rule.nothing.name },
    effects: effectsOf(rule, markOf),
    rests: rule.rests && { after: components.indexOf(rule.rests.after), before: components.indexOf(rule.rests.before) },
  };
}

function effectsOf(rule: EpisodeRule, markOf: (name: string) => Mark): (Mark[] | undefined)[] {
  const effects: (Mark[] | undefined)[] = [];
  for (const [cause, effect] of rule.causes ?? []) {
    const { index } = markOf(cause);
    effects[index] = [...(effects[index] ?? []), markOf(effect)];
  }
  return effects;
}

function compileColumns(runtime: Runtime, scheme: string, components: readonly string[], markOf: (name: string) => Mark): Columns {
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
  readonly meanings: (Mark | undefined)[];
}

function compileSource(
  runtime: CompiledRuntime,
  rule: SourceRule,
  episode: EpisodeRule,
  markOf: (name: string) => Mark,
  spellings: Spelling[],
): CompiledSource {
  const drafts = new Map<string, Draft>();
  for (const rules of Object.values(rule.marks)) {
    for (const [name, mark] of Object.entries(rules)) if (mark !== undefined) draft(drafts, runtime.schemes, mark, markOf(name));
  }
  const table = new Table(rule);
  for (const { when, meanings } of drafts.values()) {
    const spelling = spell(rule, episode, when, meanings, spellings.length);
    spellings.push(spelling);
    table.add(when, { kind: 'event', spelling });
  }
  for (const [name, when] of Object.entries(rule.ignored)) table.add(when, { kind: 'ignored', name });
  return { runtime, syntax: rule.syntax, container: rule.container, match: (entry) => table.match(entry) };
}

function draft(drafts: Map<string, Draft>, schemes: readonly string[], rule: MarkRule, mark: Mark): void {
  for (const [scheme, when] of Object.entries(rule.scheme)) {
    const key = JSON.stringify(Object.entries(when).sort());
    const known = drafts.get(key) ?? { when, meanings: schemes.map(() => undefined) };
    known.meanings[schemes.indexOf(scheme)] = mark;
    drafts.set(key, known);
  }
}

function spell(rule: SourceRule, episode: EpisodeRule, when: When, meanings: readonly (Mark | undefined)[], index: number): Spelling {
  const known = meanings.filter((mark) => mark !== undefined);
  const [first] = known;
  const words = rule.spelling.map((field) => when[field]).filter((value) => typeof value === 'string');
  return {
    index,
    text: words.join(' '),
    meanings,
    agreed: known.every((mark) => mark === first) ? first : undefined,
    opens: known.some((mark) => episode.opens.includes(mark.name)),
    loose: known.every((mark) => mark.loose),
    mayComplete: known.some((mark) => episode.until.includes(mark.name)),
  };
}

/**
 * The conditions of one source. The most specific that holds wins. Where all conditions stand on the one or two fields
 * that spell a mark, the answer for their values is remembered: a log spells few marks and repeats them for ever.
 */
class Table {
  readonly #first: string;
  readonly #second: string | undefined;
  readonly #always: readonly string[];
  readonly #rules: { readonly when: When; readonly match: Match; readonly weight: number }[] = [];
  /** Bounded: values come from a log. */
  readonly #answers: Map<string | undefined, Map<string | undefined, Match>> = new Map();
  #remembered = 0;
  #memorable: boolean;

  constructor(rule: SourceRule) {
    const [first, second] = rule.spelling;
    if (first === undefined) throw new Error('a source rule needs a field that spells its marks');
    this.#first = first;
    this.#second = second;
    this.#always = rule.fields;
    this.#memorable = rule.spelling.length <= 2;
  }

  add(when: When, match: Match): void {
    const fields = Object.keys(when);
    this.#rules.push({ when, match, weight: fields.length });
    if (fields.some((field) => field !== this.#first && field !== this.#second)) this.#memorable = false;
  }

  match(entry: Entry): Match {
    const first = entry.get(this.#first);
    const second = this.#second === undefined ? undefined : entry.get(this.#second);
    const answer = this.#answers.get(first)?.get(second);
    if (answer !== undefined) return answer;
    for (const field of this.#always) if (entry.get(field) === undefined) return { kind: 'foreign' };
    const found = this.#search(entry);
    if (found.kind === 'event' && this.#memorable && this.#remembered < 1024) this.#remember(first, second, found);
    return found;
  }

  /** The most specific condition that holds: the one with the most fields. */
  #search(entry: Entry): Match {
    let best: Match = { kind: 'unknown' };
    let weight = 0;
    for (const rule of this.#rules) {
      if (rule.weight > weight && holds(rule.when, entry)) {
        best = rule.match;
        weight = rule.weight;
      }
    }
    return best;
  }

  #remember(first: string | undefined, second: string | undefined, match: Match): void {
    const inner = this.#answers.get(first) ?? new Map<string | undefined, Match>();
    inner.set(second, match);
    this.#answers.set(first, inner);
    this.#remembered++;
  }
}

function holds(when: When, entry: Entry): boolean {
  for (const [field, wanted] of Object.entries(when)) {
    const value = entry.get(field);
    if (wanted === absent ? value !== undefined : value !== wanted) return false;
  }
  return true;
}
