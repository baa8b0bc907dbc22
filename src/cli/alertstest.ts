/** `shimtrace alerts test RULE [FILE]`: one alert, now, to the sinks of the rule. */
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
import type { Host } from './host.ts';
import { harmless } from './problem.ts';
import { openLogs } from './logs.ts';
import { linksFor, words } from './words.ts';

export interface TestFlags {
  readonly config?: string;
  readonly container?: string;
}

/** Ends with 0 when every sink took it, with 69 when one did not. */
export async function testAlert(name: string, file: string | undefined, flags: TestFlags): Promise<void> {
  if (file === undefined) throw new Stop(EXIT.usage, 'Name a log: its last start is what the alert is about.');
  const { config, host, traces } = await openLogs([file], flags);
  const rule = ruleOf(config, name);
  let last: Trace | undefined;
  for await (const trace of traces()) if (trace.episode === 'start') last = trace;
  if (last === undefined) throw new Stop(EXIT.data, flags.container === undefined ? `${file}: no start in it.` : `${file}: no start of a container whose id begins with "${flags.container}".`);
  const notice = testNotice(rule, last, config, host);
  process.stdout.write(`${harmless(`${notice.summary}\n${notice.description}`)}\n`);
  const outcomes = await Promise.all(sinksOf(config, rule).map((spec) => hand(spec, notice)));
  if (outcomes.includes(false)) throw new Stop(EXIT.unavailable, 'Not every sink took it.');
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
function testNotice(rule: Rule, trace: Trace, config: Config, host: Host): Notice {
  const found = breachesOf(rule, trace, undefined);
  const name = host.attributes.find(([each]) => each === 'host.name')?.[1];
  return noticeOf({
    rule, trace, status: 'finished', test: true, heldBack: 0, now: systemClock.now(), links: linksFor(config.links, trace),
    breaches: found.length > 0 || rule.on === 'error' ? found : [measured(rule, trace)],
    host: { id: host.id, name: typeof name === 'string' ? name : host.id },
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
