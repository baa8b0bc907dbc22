/** What finished starts add to the metrics: each live one once. */
import type { FinishedStart } from '../model/finished.ts';
import type { Layer } from '../model/layer.ts';
import { after } from '../model/time.ts';
import type { Outcome, Span, Trace } from '../model/trace.ts';
import { boundsFor } from './bounds.ts';
import type { MetricName, Point } from './catalogue.ts';
import type { Shown } from './exposition.ts';
import { Counter, Histogram } from './series.ts';

/** What is known of a runtime before it has written anything. */
export interface Vocabulary {
  readonly runtime: string;
  /** Components that write lines, with their layers. The root of a trace is made by nobody's line and says nothing about it. */
  readonly services: Readonly<Record<string, Layer>>;
  /** Names of phases that hold nothing from a log. */
  readonly phases: readonly string[];
}

const OUTCOMES: Readonly<Record<Outcome, true>> = { ok: true, created: true, incomplete: true, failed: true };
/** Any runtime's start may be told of from further out. */
const AROUND: Layer = 'cri';
/** Nothing starts here: a trace whose outermost layer is one of these has lost its beginning. */
const INNER: ReadonlySet<Layer> = new Set(['hypervisor', 'guest']);

export class StartMetrics {
  readonly #starts = new Histogram(boundsFor([]));
  readonly #phases = new Histogram(boundsFor([]));
  readonly #outcomes = new Counter(3);
  readonly #findings = new Counter();
  readonly #offsets = new Map<string, number>();

  constructor(vocabularies: readonly Vocabulary[]) {
    for (const { runtime, services, phases } of vocabularies) {
      for (const layer of new Set([...outermost(Object.values(services)), AROUND])) {
        this.#starts.declare(runtime, layer);
        for (const outcome of Object.keys(OUTCOMES)) this.#outcomes.declare(runtime, layer, outcome);
        for (const phase of phases) this.#phases.declare(runtime, layer, phase);
      }
    }
  }

  /** Buckets hold these from now on. When that changes anything, both histograms begin again at 0. */
  set bounds(bounds: readonly number[]) {
    if (String(bounds) === String(this.#starts.bounds)) return;
    this.#starts.rebound(bounds);
    this.#phases.rebound(bounds);
  }

  see({ trace, live }: FinishedStart): void {
    if (!live || trace.episode !== 'start') return;
    const layer = trace.rootLayer;
    const at = Number(after(trace.at, trace.wall) / 1_000_000n) / 1e3;
    this.#outcomes.add([trace.runtime, layer, trace.outcome]);
    // A start that was only created, or broke off, is shorter than one that came up, and no better for it.
    if (trace.outcome === 'ok') this.#starts.observe([trace.runtime, layer], { traceId: trace.id, value: trace.active / 1e9, at });
    for (const span of trace.spans) {
      if (span.parent === undefined || span.incomplete) continue;
      this.#phases.observe([trace.runtime, layer, span.name], { traceId: trace.id, value: (span.end - span.start) / 1e9, at });
    }
    for (const finding of trace.findings) this.#findings.add([trace.runtime, finding.id]);
    this.#offset(trace);
  }

  shown(): [MetricName, Shown][] {
    const points = (each: readonly Point[]): Shown => ({ kind: 'points', points: each });
    return [
      ['shimtrace_start_duration_seconds', { kind: 'bins', bounds: this.#starts.bounds, bins: this.#starts.scrape() }],
      ['shimtrace_phase_duration_seconds', { kind: 'bins', bounds: this.#phases.bounds, bins: this.#phases.scrape() }],
      ['shimtrace_starts_total', points(this.#outcomes.scrape())],
      ['shimtrace_findings_total', points(this.#findings.scrape())],
      ['shimtrace_guest_clock_offset_seconds', points([...this.#offsets].map(([runtime, seconds]) => [[runtime], seconds]))],
    ];
  }

  #offset(trace: Trace): void {
    let largest: number | undefined;
    for (const span of trace.spans) {
      const offset = offsetOf(span);
      if (offset !== undefined && (largest === undefined || Math.abs(offset) > Math.abs(largest))) largest = offset;
    }
    if (largest !== undefined) this.#offsets.set(trace.runtime, largest / 1e9);
  }
}

function offsetOf(span: Span): number | undefined {
  const value = span.attributes.find(([name]) => name === 'shimtrace.clock.offset_ns')?.[1];
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** Layers that can be the outermost of a whole start. */
function outermost(layers: readonly Layer[]): Layer[] {
  const outer = [...new Set(layers)].filter((layer) => !INNER.has(layer));
  return outer.length > 0 ? outer : [...new Set(layers)];
}
