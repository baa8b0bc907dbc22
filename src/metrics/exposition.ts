/**
 * Metrics as Prometheus reads them: its text format 0.0.4, and OpenMetrics 1.0, which alone carries exemplars. Written here
 * because the libraries either know no exemplars (OpenTelemetry's) or cannot serve both formats from one registry nor
 * change bounds (prom-client 15.1); held against the parser of a real Prometheus.
 */
import { CATALOGUE } from './catalogue.ts';
import type { Metric, MetricName, Point } from './catalogue.ts';
import type { Bins, Exemplar } from './series.ts';

export type Format = 'text' | 'openmetrics';

export const CONTENT_TYPE: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** What a client takes, by its Accept header: OpenMetrics when it is named and not refused, else text. */
export function formatFor(accept: string | undefined): Format {
  const named = (accept ?? '').split(',').find((each) => each.trim().startsWith('application/openmetrics-text'));
  return named === undefined || /;\s*q=0(?:\.0*)?\s*(?:;|$)/.test(named) ? 'text' : 'openmetrics';
}

/** What a metric shows at one moment. */
export type Shown =
  | { readonly kind: 'points'; readonly points: readonly Point[] }
  | { readonly kind: 'bins'; readonly bounds: readonly number[]; readonly bins: readonly Bins[] };

/** All metrics in the order of the catalogue; those that are not given are not written. */
export function render(shown: ReadonlyMap<MetricName, Shown>, format: Format): string {
  const lines: string[] = [];
  for (const [name, metric] of entries()) {
    const figures = shown.get(name);
    if (figures === undefined) continue;
    const family = format === 'openmetrics' && metric.type === 'counter' ? name.replace(/_total$/, '') : name;
    lines.push(`# HELP ${family} ${escapeHelp(metric.help)}`, `# TYPE ${family} ${metric.type}`);
    if (figures.kind === 'points') for (const [values, value] of figures.points) lines.push(`${name}${labels(metric, values)} ${figure(value)}`);
    else for (const bins of figures.bins) histogram(lines, name, metric, figures.bounds, bins, format);
  }
  if (format === 'openmetrics') lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

const entries = (): [MetricName, Metric][] => MetricNames.map((name) => [name, CATALOGUE[name]]);

const isName = (name: string): name is MetricName => Object.hasOwn(CATALOGUE, name);
export const MetricNames: readonly MetricName[] = Object.keys(CATALOGUE).filter(isName);

function histogram(lines: string[], name: string, metric: Metric, bounds: readonly number[], bins: Bins, format: Format): void {
  for (const [at, count] of bins.counts.entries()) {
    const exemplar = format === 'openmetrics' ? bins.exemplars[at] : undefined;
    lines.push(`${name}_bucket${labels(metric, bins.values, `le="${le(bounds[at])}"`)} ${count}${exemplar === undefined ? '' : beside(exemplar)}`);
  }
  lines.push(`${name}_sum${labels(metric, bins.values)} ${figure(bins.sum)}`);
  lines.push(`${name}_count${labels(metric, bins.values)} ${bins.counts.at(-1) ?? 0}`);
}

/** `1.0` in both formats: a rule that names a bucket must not depend on which one Prometheus chose. */
export const le = (bound: number | undefined): string => (bound === undefined ? '+Inf' : Number.isInteger(bound) ? `${bound}.0` : String(bound));

const beside = ({ traceId, value, at }: Exemplar): string => ` # {trace_id="${traceId}"} ${figure(value)} ${at.toFixed(3)}`;

function labels({ labels: names }: Metric, values: readonly string[], more?: string): string {
  const pairs = names.map((name, at) => `${name}="${escapeLabel(values[at] ?? '')}"`);
  if (more !== undefined) pairs.push(more);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function figure(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
/** Values may be patterns of the user's; no parser takes what is not UTF-8. */
const escapeLabel = (text: string): string => text.toWellFormed().replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
