/** What no setting of a rule or a sink can say alone. */
import { ANY_PHASE, TOTAL } from '../model/alert.ts';
import type { Config, Settings } from './config.ts';
import { didYouMean } from './suggest.ts';
import type { Values } from './values.ts';
import { complain } from './walk.ts';
import type { Walk } from './walk.ts';

/** After a fault in a rule or sink itself nothing more is said of them: it would be a consequence, and items would not stand where they are counted. */
export function checkAlerts(walk: Walk, config: Config, settings: Settings): void {
  if (hasFault(walk)) return;
  const fault = (path: string, what: string): void => complain(walk, walk.places.get(path) ?? walk.places.get(path.replace(/\.[a-z_]+$/, '')) ?? [0, 0], path, what);
  const sinks = itemsOf(settings, 'notify');
  for (const [at, sink] of sinks.entries()) checkSink(sink, `notify[${at}]`, fault);
  once(sinks, 'notify', fault);
  const rules = itemsOf(settings, 'alerts');
  for (const [at, rule] of rules.entries()) checkRule(rule, `alerts[${at}]`, sinks.map(nameOf), fault);
  once(rules, 'alerts', fault);
  if (hasFault(walk)) return;
  const told = new Set(config.alerts.flatMap(({ notify }) => notify ?? sinks.map(nameOf)));
  for (const [at, sink] of sinks.entries()) {
    if (rules.length > 0 && !told.has(nameOf(sink))) complain(walk, walk.places.get(`notify[${at}].name`) ?? [0, 0], `notify[${at}].name`, 'no rule names it.', 'warning');
  }
}

const hasFault = ({ complaints }: Walk): boolean => complaints.some(({ path, severity }) => severity === 'error' && /^(?:alerts|notify)(?:\[|$)/.test(path));

type Fault = (path: string, what: string) => void;

function itemsOf(settings: Settings, path: string): readonly Values[] {
  const value = settings.get(path)?.value;
  return value?.kind === 'list' ? value.value : [];
}

function textOf(values: Values, path: string): string {
  const value = values.get(path);
  return value?.kind === 'text' ? value.value : '';
}

const nameOf = (values: Values): string => textOf(values, 'name');

function once(items: readonly Values[], path: string, fault: Fault): void {
  for (const [at, item] of items.entries()) {
    if (items.findIndex((each) => nameOf(each) === nameOf(item)) < at) fault(`${path}[${at}].name`, `"${nameOf(item)}" stands twice.`);
  }
}

function checkRule(rule: Values, at: string, sinks: readonly string[], fault: Fault): void {
  const slow = textOf(rule, 'on') === 'slow';
  const above = rule.get('above');
  const open = rule.get('open');
  if (slow && above === undefined) fault(`${at}.name`, 'above is missing: what is too long? Write above: 1s, or on: error for starts that fail.');
  if (!slow && above !== undefined) fault(`${at}.above`, 'means nothing with on: error.');
  if (!slow && textOf(rule, 'phase') !== TOTAL) fault(`${at}.phase`, 'means nothing with on: error.');
  if (open?.kind === 'boolean' && open.value) {
    const fixed = above?.kind === 'threshold' && above.value.kind === 'fixed';
    if (!fixed || textOf(rule, 'phase') !== TOTAL) fault(`${at}.open`, 'needs phase: total and a duration in above: only that can be told of a start under way.');
  }
  if (textOf(rule, 'phase') !== ANY_PHASE && textOf(rule, 'phase').length > 200) fault(`${at}.phase`, 'is longer than any phase.');
  const notify = rule.get('notify');
  for (const name of notify?.kind === 'texts' ? notify.value : []) {
    if (!sinks.includes(name)) fault(`${at}.notify`, `there is no "${name}" under notify.${didYouMean(name, sinks)}${sinks.length === 0 ? '' : ` Known: ${sinks.join(', ')}.`}`);
  }
}

function checkSink(sink: Values, at: string, fault: Fault): void {
  const journal = sink.get('journal');
  const kinds = ['alertmanager', 'webhook', 'command'].filter((kind) => sink.has(kind));
  if (journal?.kind === 'boolean' && journal.value) kinds.push('journal');
  if (kinds.length === 0) fault(`${at}.name`, 'says not what it is. Write alertmanager: URL, webhook: URL, command: [/path, ...] or journal: true.');
  if (kinds.length > 1) fault(`${at}.${kinds[1] ?? ''}`, `is ${kinds.join(' and ')} at once. Write an item for each.`);
  const argv = sink.get('command');
  if (argv?.kind === 'texts' && argv.value[0]?.startsWith('/') !== true) fault(`${at}.command`, 'begins with no absolute path. Write ["/usr/local/bin/program", "argument"]; no shell reads it.');
  const headers = sink.get('headers');
  if (headers?.kind === 'headers' && headers.value.length > 0 && !sink.has('webhook') && !sink.has('alertmanager')) fault(`${at}.headers`, 'means nothing here: only requests have headers.');
}
