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

/** Jaeger looks back one hour by default, so a link to older traces carries their time (microseconds, a second of margin). */
export function searchLink(jaeger: string, range: Range): string {
  const [service = ''] = range.services;
  const query = new URLSearchParams({
    service,
    lookback: 'custom',
    start: String((range.start ?? 0n) / 1000n - 1_000_000n),
    end: String((range.end ?? 0n) / 1000n + 1_000_000n),
    limit: '200',
  });
  return `${base(jaeger)}/search?${query.toString()}`;
}
