/**
 * The conditions of one source, compiled: which rule a line is under. The most specific that holds wins: an exact value says
 * more than a template, two fields more than one. Rules are found by the value of a field that spells marks; where all of
 * them stand on one or two such fields, the answer for their values is remembered: a log repeats its few marks for ever.
 */
import type { SourceRule, When } from '../model/runtime.ts';
import type { Entry } from '../model/entry.ts';
import { holesOf, template } from './template.ts';
import type { Holes, Template } from './template.ts';
import type { Match, Spelling } from './compile.ts';

type Test =
  | { readonly kind: 'exact'; readonly field: string; readonly value: string }
  | { readonly kind: 'absent'; readonly field: string }
  | { readonly kind: 'present'; readonly field: string; readonly hole: string }
  | { readonly kind: 'template'; readonly field: string; readonly template: Template };

/** What a rule gives: a mark's spelling, or the name under which the line is ignored. */
export type Target = { readonly kind: 'event'; readonly spelling: Spelling } | { readonly kind: 'ignored'; readonly name: string; readonly secret?: true };

interface Rule {
  readonly tests: readonly Test[];
  readonly weight: number;
  readonly target: Target;
  /** Ready for a line without holes. */
  readonly match: Match;
}

/** What one condition weighs: more than all the letters of a template. */
const CONDITION = 4_096;
/** More than any rule's own conditions weigh. */
const ABOVE_ALL = 1_000 * CONDITION;
/** So many first letters of a template are looked up; one that tells fewer is tried on every line. */
const FIRST_LETTERS = 4;
const UNKNOWN: Match = { kind: 'unknown' };
const FOREIGN: Match = { kind: 'foreign' };

export function testsOf(when: When): readonly Test[] {
  const tests = Object.entries(when).map(([field, wanted]): Test => {
    if (typeof wanted !== 'string') return { kind: 'absent', field };
    const shape = template(wanted);
    const [hole] = shape?.holes ?? [];
    if (hole !== undefined && wanted === `{${hole}}`) return { kind: 'present', field, hole };
    return shape === undefined ? { kind: 'exact', field, value: wanted } : { kind: 'template', field, template: shape };
  });
  return tests.sort((a, b) => COST[a.kind] - COST[b.kind]);
}

/** What is cheap to ask, and says no most often, is asked first. */
const COST: Readonly<Record<Test['kind'], number>> = { exact: 0, absent: 1, present: 2, template: 3 };

/** A value says more than a template, and of two templates the one with more letters of its own. */
const weightOf = (test: Test): number =>
  test.kind === 'exact' || test.kind === 'absent' ? 2 * CONDITION : CONDITION + (test.kind === 'template' ? Math.min(test.template.letters, CONDITION / 16) : 0);

const heaviestFirst = (rules: Rule[]): Rule[] => rules.sort((a, b) => b.weight - a.weight);

/** Whether all hold, and what the holes hold; undefined: not all do. */
export function check(tests: readonly Test[], entry: Entry): Holes | true | undefined {
  let holes: Record<string, string> | undefined;
  for (const test of tests) {
    const value = entry.get(test.field);
    switch (test.kind) {
      case 'exact':
        if (value !== test.value) return undefined;
        break;
      case 'absent':
        if (value !== undefined) return undefined;
        break;
      case 'present':
        if (value === undefined) return undefined;
        holes = { ...holes, [test.hole]: value };
        break;
      case 'template': {
        const found = value === undefined ? undefined : holesOf(test.template, value);
        if (found === undefined) return undefined;
        holes = holes === undefined ? found : { ...holes, ...found };
        break;
      }
      default:
        test satisfies never;
    }
  }
  return holes ?? true;
}

export class Table {
  readonly #first: string;
  readonly #second: string | undefined;
  readonly #always: readonly string[];
  readonly #when: readonly (readonly Test[])[];
  /** By spelling field, then its value. */
  readonly #indexes: readonly { readonly field: string; readonly byValue: Map<string, Rule[]> }[];
  /** By the first letters of a template on the first spelling field. */
  readonly #byLetters = new Map<string, Rule[]>();
  /** The heaviest first; of equal ones the first that was told. */
  readonly #others: Rule[] = [];
  /** Bounded: values come from a log. */
  readonly #answers: Map<string | undefined, Map<string | undefined, Match>> = new Map();
  #remembered = 0;
  /** Of the search at hand. */
  #best: Rule | undefined;
  #holes: Holes | true = true;
  #memorable: boolean;

  constructor(rule: SourceRule) {
    const [first, second] = rule.spelling;
    if (first === undefined) throw new Error('a source rule needs a field that spells its marks');
    this.#first = first;
    this.#second = second;
    this.#always = rule.fields;
    this.#when = (rule.when ?? []).map(testsOf);
    this.#memorable = rule.spelling.length <= 2 && rule.when === undefined;
    this.#indexes = rule.spelling.map((field) => ({ field, byValue: new Map() }));
  }

  add(when: When, target: Target): void {
    const tests = testsOf(when);
    const own = tests.reduce((sum, test) => sum + weightOf(test), 0);
    const weight = target.kind === 'ignored' && target.secret === true ? own + ABOVE_ALL : own;
    const match: Match = target.kind === 'ignored' ? target : { ...target, holes: undefined };
    const rule: Rule = { tests, weight, target, match };
    if (tests.some((test) => test.kind === 'template' || test.kind === 'present' || (test.field !== this.#first && test.field !== this.#second))) this.#memorable = false;
    for (const { field, byValue } of this.#indexes) {
      const exact = tests.find((test) => test.kind === 'exact' && test.field === field);
      if (exact?.kind !== 'exact') continue;
      byValue.set(exact.value, heaviestFirst([...(byValue.get(exact.value) ?? []), rule]));
      return;
    }
    const shaped = tests.find((test) => test.kind === 'template' && test.field === this.#first && test.template.prefix.length >= FIRST_LETTERS);
    if (shaped?.kind === 'template') {
      const letters = shaped.template.prefix.slice(0, FIRST_LETTERS);
      this.#byLetters.set(letters, heaviestFirst([...(this.#byLetters.get(letters) ?? []), rule]));
      return;
    }
    this.#others.push(rule);
    heaviestFirst(this.#others);
  }

  match(entry: Entry): Match {
    if (!this.#memorable) return this.#isOurs(entry) ? this.#search(entry) : FOREIGN;
    const first = entry.get(this.#first);
    const second = this.#second === undefined ? undefined : entry.get(this.#second);
    const answer = this.#answers.get(first)?.get(second);
    if (answer !== undefined) return answer;
    if (!this.#isOurs(entry)) return FOREIGN;
    const found = this.#search(entry);
    if (found.kind === 'event' && this.#remembered < 1024) this.#remember(first, second, found);
    return found;
  }

  #isOurs(entry: Entry): boolean {
    for (const field of this.#always) if (entry.get(field) === undefined) return false;
    if (this.#when.length === 0) return true;
    for (const tests of this.#when) if (check(tests, entry) !== undefined) return true;
    return false;
  }

  #search(entry: Entry): Match {
    this.#best = undefined;
    this.#holes = true;
    for (const { field, byValue } of this.#indexes) {
      const value = entry.get(field);
      const rules = value === undefined ? undefined : byValue.get(value);
      if (rules !== undefined) this.#consider(rules, entry);
    }
    const letters = this.#byLetters.size === 0 ? undefined : entry.get(this.#first)?.slice(0, FIRST_LETTERS);
    const shaped = letters === undefined ? undefined : this.#byLetters.get(letters);
    if (shaped !== undefined) this.#consider(shaped, entry);
    this.#consider(this.#others, entry);
    return this.#best === undefined ? UNKNOWN : matchOf(this.#best, this.#holes);
  }

  #weight(): number {
    return this.#best?.weight ?? 0;
  }

  #consider(rules: readonly Rule[], entry: Entry): void {
    for (const rule of rules) {
      if (rule.weight <= this.#weight()) break;
      const found = check(rule.tests, entry);
      if (found === undefined) continue;
      this.#best = rule;
      this.#holes = found;
    }
  }

  #remember(first: string | undefined, second: string | undefined, match: Match): void {
    const inner = this.#answers.get(first) ?? new Map<string | undefined, Match>();
    inner.set(second, match);
    this.#answers.set(first, inner);
    this.#remembered++;
  }
}

const matchOf = (rule: Rule, holes: Holes | true): Match =>
  holes === true || rule.target.kind === 'ignored' ? rule.match : { kind: 'event', spelling: rule.target.spelling, holes };
