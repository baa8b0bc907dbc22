import type { Vocabulary } from '../metrics/starts.ts';
import type { Runtime } from '../model/runtime.ts';
import type { SpanRule } from '../model/spans.ts';

/** What a runtime's file says about its starts before any line was read: the series that metrics have from the beginning. */
export const vocabularyOf = (rule: Runtime): Vocabulary => ({
  runtime: rule.name,
  services: Object.fromEntries(Object.entries(rule.services).filter(([service], _, all) => service !== rule.episodes.start.root.service || all.length === 1)),
  phases: [...new Set([...(rule.spans.start ?? []), ...(rule.spans.every ?? [])].flatMap(phasesOf))].filter((name) => !name.includes('{')),
});

/** Names of the spans that a rule makes; those that a log has a word in are found when they come. */
function phasesOf(rule: SpanRule): string[] {
  switch (rule.kind) {
    case 'between':
    case 'pairs':
    case 'boot':
      return [rule.name];
    case 'steps':
      return rule.steps.map(({ name }) => `${rule.prefix}: ${name}`);
    case 'stages':
      return rule.stages.map(({ name }) => name);
    case 'rpc':
      return [rule.client.name, rule.server.name];
    case 'sessions':
    case 'gaps':
      return [];
    default:
      return rule satisfies never;
  }
}
