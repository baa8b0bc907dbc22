import { after } from '../model/time.ts';
import type { Nanos } from '../model/time.ts';
import type { Trace } from '../model/trace.ts';

/** The stretch of time that traces cover, and the first few of them. */
export class Range {
  start: Nanos | undefined;
  end: Nanos | undefined;
  count = 0;
  readonly traces: string[] = [];
  readonly services = new Set<string>();

  add(trace: Trace): void {
    const end = after(trace.at, trace.wall);
    if (this.start === undefined || trace.at < this.start) this.start = trace.at;
    if (this.end === undefined || end > this.end) this.end = end;
    if (this.traces.length < 3) this.traces.push(trace.id);
    const [root] = trace.spans;
    if (root !== undefined) this.services.add(root.service);
    this.count++;
  }
}

const base = (jaeger: string): string => jaeger.replace(/\/+$/, '');

export const traceLink = (jaeger: string, id: string): string => `${base(jaeger)}/trace/${id}`;

/**
 * Jaeger looks back one hour by default, so a link to older traces carries their time (microseconds, a second of margin).
 * @param only the spans of one container, by the name of their root.
 */
export function searchLink(jaeger: string, range: Range, only?: { readonly operation: string; readonly container: string }): string {
  const [service = ''] = range.services;
  const query = new URLSearchParams({
    service,
    ...(only !== undefined && { operation: only.operation, tags: JSON.stringify({ 'container.id': only.container }) }),
    lookback: 'custom',
    start: String((range.start ?? 0n) / 1000n - 1_000_000n),
    end: String((range.end ?? 0n) / 1000n + 1_000_000n),
    limit: '200',
  });
  return `${base(jaeger)}/search?${query.toString()}`;
}

/** Grafana's Explore with this trace; the panes' form is that of `schemaVersion` 1 (Grafana 10 and later). The range is milliseconds, with a minute of margin. */
export function grafanaLink(grafana: string, source: string, trace: Trace): string {
  const millis = (moment: bigint, margin: bigint): string => String(moment / 1_000_000n + margin);
  const datasource = { type: 'tempo', uid: source };
  const panes = {
    a: {
      datasource: source,
      queries: [{ refId: 'A', datasource, queryType: 'traceql', query: trace.id }],
      range: { from: millis(trace.at, -60_000n), to: millis(after(trace.at, trace.wall), 60_000n) },
    },
  };
  const query = new URLSearchParams({ schemaVersion: '1', orgId: '1', panes: JSON.stringify(panes) });
  return `${base(grafana)}/explore?${query.toString()}`;
}
