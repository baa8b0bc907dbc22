/** The rules of an episode with their marks resolved. */
import type { EpisodeName, EpisodeRule, Runtime } from '../model/runtime.ts';
import type { CompiledEpisode, Mark, MarkOf } from './compile.ts';
import { compileSpan, modestMarks } from './words.ts';

export function compileEpisode(runtime: Runtime, name: EpisodeName, rule: EpisodeRule, components: readonly string[], markOf: MarkOf): CompiledEpisode {
  const { rests } = rule;
  const spans = [...(runtime.spans[name] ?? []), ...(runtime.spans.every ?? [])].map((span) => compileSpan(span, markOf));
  const seen = rests !== undefined && 'seen' in rests ? [rests.seen] : [];
  return {
    name,
    rule,
    until: rule.until.map(markOf),
    fails: reasons({ ...rule.fails, ...rule.fatal }, markOf),
    fatal: new Set(Object.keys(rule.fatal ?? {}).map(markOf)),
    answers: (rule.answers ?? []).map(([request, answer, patience]) => ({ request: markOf(request), answers: (typeof answer === 'string' ? [answer] : answer).map(markOf), patience })),
    because: reasons(rule.because, markOf),
    nothing: rule.nothing && { ...rule.nothing, exactly: new Set(rule.nothing.exactly.map(markOf)) },
    another: rule.another && { ...rule.another, shows: markOf(rule.another.shows) },
    undone: rule.undone && { ...rule.undone, by: markOf(rule.undone.by) },
    effects: effectsOf(rule, markOf),
    rests:
      rests === undefined ? undefined
      : 'after' in rests ? { kind: 'columns', after: components.indexOf(rests.after), before: components.indexOf(rests.before) }
      : { kind: 'marks', seen: markOf(rests.seen), unseen: markOf(rests.unseen) },
    spans,
    modest: new Set([...spans.flatMap(modestMarks), ...[...rule.opens, ...(rule.standIns ?? []), ...(rule.memberStandIns ?? []), ...Object.keys(rule.because ?? {}), ...rule.until, ...seen].map(markOf)]),
  };
}

const reasons = (rule: EpisodeRule['fails'], markOf: MarkOf): ReadonlyMap<Mark, string> =>
  new Map(Object.entries(rule ?? {}).flatMap(([mark, reason]) => (reason === undefined ? [] : [[markOf(mark), reason] as const])));

function effectsOf(rule: EpisodeRule, markOf: MarkOf): (Mark[] | undefined)[] {
  const effects: (Mark[] | undefined)[] = [];
  for (const [cause, effect] of rule.causes ?? []) {
    const { index } = markOf(cause);
    effects[index] = [...(effects[index] ?? []), markOf(effect)];
  }
  return effects;
}
