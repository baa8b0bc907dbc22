/** What rules say about runtimes, which the configuration itself does not know. */
import type { Complaint } from '../config/complaint.ts';
import type { Loaded } from '../config/loaded.ts';
import { didYouMean } from '../config/suggest.ts';
import { ANY_PHASE, TOTAL } from '../model/alert.ts';
import type { KnownRuntime } from './runtimes.ts';
import { vocabularyOf } from './vocabulary.ts';

/** A runtime that does not exist is an error; a phase that no file names may be one that a log has a word in. */
export function ruleComplaints({ config, origins }: Loaded, runtimes: readonly KnownRuntime[]): Complaint[] {
  const names = runtimes.map(({ rule }) => rule.name);
  return config.alerts.flatMap(({ runtime, phase }, at): Complaint[] => {
    const complaint = (severity: Complaint['severity'], key: string, what: string): Complaint =>
      ({ severity, path: `alerts[${at}].${key}`, origin: origins.get(`alerts[${at}].${key}`) ?? { kind: 'default' }, what, excerpt: undefined });
    if (runtime !== undefined && !names.includes(runtime)) return [complaint('error', 'runtime', `there is no runtime "${runtime}".${didYouMean(runtime, names)} Known: ${names.join(', ')}.`)];
    const phases = runtimes.filter(({ rule }) => runtime === undefined || rule.name === runtime).flatMap(({ rule }) => vocabularyOf(rule).phases);
    if (phase === TOTAL || phase === ANY_PHASE || phases.includes(phase)) return [];
    return [complaint('warning', 'phase', `no phase is called "${phase}", unless a log says so.${didYouMean(phase, phases)}`)];
  });
}
