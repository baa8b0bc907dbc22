/** `shimtrace alerts test RULE [FILE | ID]`: one alert, now, to the sinks of the rule. */
import process from 'node:process';
import { JOURNAL } from '../alerts/alerts.ts';
import { breachesOf } from '../alerts/judge.ts';
import type { Breach } from '../alerts/judge.ts';
import { noticeOf } from '../alerts/notice.ts';
import type { Notice } from '../alerts/notice.ts';
import { sinkOf } from '../alerts/sinks.ts';
import type { Config } from '../config/config.ts';
import { didYouMean } from '../config/suggest.ts';
import { ANY_PHASE, TOTAL } from '../model/alert.ts';
import type { Rule, SinkSpec } from '../model/alert.ts';
import { duration } from '../model/time.ts';
import type { Trace } from '../model/trace.ts';
import { systemClock } from './clock.ts';
import { EXIT, Stop } from './exit.ts';
import { namesKept, theOne } from './kept.ts';
import type { KeptStart } from './kept.ts';
import { harmless } from './problem.ts';
import { openLogs } from './logs.ts';
import { loadRuntimes } from './runtimes.ts';
import { settingsOrStop } from './settings.ts';
import { openStarts } from './starts.ts';
import { linksFor, words } from './words.ts';

export interface TestFlags {
  readonly config?: string;
  readonly container?: string;
  readonly stateDir?: string;
}

/**
 * Ends with 0 when every sink took it, with 69 when one did not.
 * @param given a log, of which the last start is taken, or the id of a kept start; undefined: the last kept start.
 */
export async function testAlert(name: string, given: string | undefined, flags: TestFlags): Promise<void> {
  const config = await settingsOrStop({ config: flags.config, stateDir: flags.stateDir }, await loadRuntimes());
  const rule = ruleOf(config, name);
  const { trace, host } = given === undefined || namesKept([given]) ? await kept(config, given) : await lastOf(given, flags);
  const notice = testNotice(rule, trace, config, host);
  process.stdout.write(`${harmless(`${notice.summary}\n${notice.description}`)}\n`);
  const outcomes = await Promise.all(sinksOf(config, rule).map((spec) => hand(spec, notice)));
  if (outcomes.includes(false)) throw new Stop(EXIT.unavailable, 'Not every sink took it.');
}

type Tried = Pick<KeptStart, 'trace' | 'host'>;

async function kept(config: Config, id: string | undefined): Promise<Tried> {
  const starts = openStarts(config);
  try {
    return await theOne(starts, id);
  } finally {
    starts.close();
  }
}

async function lastOf(file: string, flags: TestFlags): Promise<Tried> {
  const { host, traces } = await openLogs([file], flags);
  let last: Trace | undefined;
  for await (const trace of traces()) if (trace.episode === 'start') last = trace;
  if (last === undefined) throw new Stop(EXIT.data, flags.container === undefined ? `${file}: no start in it.` : `${file}: no start of a container whose id begins with "${flags.container}".`);
  return { trace: last, host };
}

function ruleOf({ alerts }: Config, name: string): Rule {
  const names = alerts.map((rule) => rule.name);
  const rule = alerts.find((each) => each.name === name);
  if (rule === undefined) throw new Stop(EXIT.usage, `There is no rule "${name}".${didYouMean(name, names)} ${names.length === 0 ? 'The configuration holds none: see docs/alerts.md.' : `Known: ${names.join(', ')}.`}`);
  return rule;
}

function sinksOf({ notify }: Config, rule: Rule): readonly SinkSpec[] {
  if (notify.length === 0) return [JOURNAL];
  return notify.filter(({ name }) => rule.notify === undefined || rule.notify.includes(name));
}

/** What the rule finds; where it finds nothing, what it would have measured. */
function testNotice(rule: Rule, trace: Trace, config: Config, host: KeptStart['host']): Notice {
  const found = breachesOf(rule, trace, undefined);
  const attribute = (name: string): string => String(host.attributes.find(([each]) => each === name)?.[1] ?? '');
  return noticeOf({
    rule, trace, status: 'finished', test: true, heldBack: 0, now: systemClock.now(), links: linksFor(config.links, trace),
    breaches: found.length > 0 || rule.on === 'error' ? found : [measured(rule, trace)],
    host: { id: attribute('host.id'), name: attribute('host.name') },
  }, words);
}

function measured({ phase, above }: Rule, trace: Trace): Breach {
  const limit = above?.kind === 'fixed' ? above.limit : duration(0);
  const span = phase === TOTAL ? undefined : phase === ANY_PHASE ? words.slowest(trace)?.span : trace.spans.find((each) => each.name === phase);
  return span === undefined ? { phase: TOTAL, took: trace.active, limit, usual: undefined, span } : { phase: span.name, took: duration(span.end - span.start), limit, usual: undefined, span };
}

async function hand(spec: SinkSpec, notice: Notice): Promise<boolean> {
  const say = (text: string): void => void process.stdout.write(`${spec.name} (${spec.kind}): ${harmless(text)}\n`);
  const delivery = await sinkOf(spec, (fields) => say(String(fields['text'])))(notice, new AbortController().signal);
  say(delivery.kind === 'delivered' ? 'took it' : `did not take it: ${delivery.why}`);
  return delivery.kind === 'delivered';
}
