/** Spans of traces in absolute time, to be held against what was written. */
import type { Span, Trace } from '../../src/model/trace.ts';

/** With what its attributes say of its container and of the guest's clock. */
export interface Told {
  readonly trace: Trace;
  readonly span: Span;
  readonly start: bigint;
  readonly end: bigint;
  readonly container: string | undefined;
  readonly uncertainty: bigint | undefined;
}

export function tell(all: readonly Trace[]): Told[] {
  return all.flatMap((trace) => trace.spans.map((span) => {
    const attributes = new Map(span.attributes);
    const container = attributes.get('container.id');
    const uncertainty = attributes.get('shimtrace.clock.uncertainty_ns');
    return {
      trace, span, start: trace.at + BigInt(span.start), end: trace.at + BigInt(span.end),
      container: typeof container === 'string' ? container : undefined,
      uncertainty: typeof uncertainty === 'number' ? BigInt(uncertainty) : undefined,
    };
  }));
}

export const size = (number: bigint): bigint => (number < 0n ? -number : number);
/** A span whose clock is the guest's. */
export const ofGuest = (service: string): boolean => service === 'kata-agent';
