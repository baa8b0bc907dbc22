/** The span words of a runtime file with their marks resolved. */
import type { Between, Boot, Gaps, Pairs, Rpc, Sessions, SpanRule, Stages, Steps } from '../model/spans.ts';
import type { Mark } from './compile.ts';

export type CompiledBetween = Omit<Between, 'from' | 'to' | 'over'> & { readonly from: readonly Mark[]; readonly to: readonly Mark[]; readonly over: Mark | undefined };
export interface CompiledSteps {
  readonly kind: 'steps';
  readonly service: string;
  readonly credit: Steps['credit'];
  readonly from: Mark;
  readonly steps: readonly { readonly name: string; readonly to: Mark; readonly waits: boolean }[];
}
export type CompiledPairs = Omit<Pairs, 'from' | 'to' | 'elsewhere'> & { readonly from: Mark; readonly to: readonly Mark[]; readonly elsewhere: readonly Mark[] };
export type CompiledStages = Omit<Stages, 'stages' | 'until'> & {
  readonly stages: readonly { readonly name: string; readonly from: Mark }[];
  readonly until: readonly Mark[];
};
export type CompiledRpc = Omit<Rpc, 'client' | 'server'> & {
  readonly client: { readonly service: string; readonly name: string; readonly mark: Mark };
  readonly server: { readonly service: string; readonly name: string; readonly mark: Mark; readonly asked: Mark };
};
export type CompiledBoot = Omit<Boot, 'kernel' | 'to'> & { readonly kernel: Mark; readonly to: readonly Mark[] };
export type CompiledSessions = Omit<Sessions, Ends> & Readonly<Record<Ends, readonly Mark[]>>;
type Ends = 'from' | 'to' | 'nearBegin' | 'nearEnd' | 'lostAt';
export type CompiledSpan = CompiledBetween | CompiledSteps | CompiledSessions | Gaps | CompiledPairs | CompiledStages | CompiledRpc | CompiledBoot;

export function compileSpan(rule: SpanRule, markOf: (name: string) => Mark): CompiledSpan {
  switch (rule.kind) {
    case 'between':
      return { ...rule, from: rule.from.map(markOf), to: rule.to.map(markOf), over: rule.over === undefined ? undefined : markOf(rule.over) };
    case 'steps':
      return {
        kind: 'steps',
        service: rule.service,
        credit: rule.credit,
        from: markOf(rule.from),
        steps: rule.steps.map((step) => ({ name: `${rule.prefix}: ${step.name}`, to: markOf(step.to), waits: step.waits })),
      };
    case 'sessions':
      return { ...rule, from: rule.from.map(markOf), to: rule.to.map(markOf), nearBegin: rule.nearBegin.map(markOf), nearEnd: rule.nearEnd.map(markOf), lostAt: rule.lostAt.map(markOf) };
    case 'gaps':
      return rule;
    case 'pairs':
      return { ...rule, from: markOf(rule.from), to: rule.to.map(markOf), elsewhere: rule.elsewhere.map(markOf) };
    case 'stages':
      return { ...rule, stages: rule.stages.map(({ name, from }) => ({ name, from: markOf(from) })), until: rule.until.map(markOf) };
    case 'rpc':
      return { ...rule, client: { ...rule.client, mark: markOf(rule.client.mark) }, server: { ...rule.server, mark: markOf(rule.server.mark), asked: markOf(rule.server.asked) } };
    case 'boot':
      return { ...rule, kernel: markOf(rule.kernel), to: rule.to.map(markOf) };
    default:
      return rule satisfies never;
  }
}

/** Those of its marks without which it is the same, or less exact. */
export function modestMarks(rule: CompiledSpan): readonly Mark[] {
  switch (rule.kind) {
    case 'between':
      return [...rule.from.slice(rule.last ? 0 : 1), ...rule.to];
    case 'pairs':
      return [...rule.to, ...rule.elsewhere];
    case 'stages':
      return rule.until;
    case 'boot':
      return rule.to;
    case 'sessions':
      return [...rule.from, ...rule.to, ...rule.nearBegin, ...rule.nearEnd, ...rule.lostAt];
    case 'steps':
    case 'gaps':
    case 'rpc':
      return [];
    default:
      return rule satisfies never;
  }
}
