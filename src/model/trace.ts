import type { Layer } from './layer.ts';
import type { SourceId } from './source.ts';
import type { Duration, Nanos } from './time.ts';

/** How a span is known (design.md 1). */
export type Certainty = 'exact' | 'bounded' | 'inferred';

/** Who a stretch of time belongs to (design.md 1), from the client inwards; `idle`: to nobody. */
export type Credit = 'caller' | 'containerd' | 'shim' | 'runtime' | 'hypervisor' | 'guest' | 'idle';

export type SpanKind = 'internal' | 'server' | 'client';

export type AttributeValue = string | number | boolean | readonly string[];

/** Attribute names and values in canonical order: by name. `number` is a whole number (OTLP int). */
export type Attributes = readonly (readonly [name: string, value: AttributeValue])[];

/** A mark's own line, kept as evidence on the span it bounds. `offset` counts from the trace's `at`. */
export interface SpanEvent {
  readonly name: string;
  readonly offset: Duration;
  readonly attributes: Attributes;
}

/** A reference to a span of this trace (`trace` is then this trace's id) or of another. Ids in lower-case hex. */
export interface Link {
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Attributes;
}

export interface Span {
  /** 16 hex digits. */
  readonly id: string;
  /** Id of the span that holds this one; undefined for the root. */
  readonly parent: string | undefined;
  /** `service.name`: the component. */
  readonly service: string;
  /** Low-cardinality name; also the phase. */
  readonly name: string;
  readonly kind: SpanKind;
  /** Both from the trace's `at`; `end >= start`. */
  readonly start: Duration;
  readonly end: Duration;
  readonly certainty: Certainty;
  readonly credit: Credit;
  /** The component waits for somebody else here. */
  readonly waits: boolean;
  /** The stretch had not ended when the episode did; `end` is the last mark of its component. */
  readonly incomplete: boolean;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  /** Events beyond the limit of one span, counted. */
  readonly droppedEvents: number;
  readonly links: readonly Link[];
  /** Set: status ERROR with this text. Unset: status UNSET. */
  readonly error: string | undefined;
}

/** ok: all that was expected came. created: created, never started. incomplete: stopped on the way. failed: its runtime says so, and why. */
export type Outcome = 'ok' | 'created' | 'incomplete' | 'failed';

/** A line that belongs to the episode and bounds no span, with the reason. */
export interface LooseEvent {
  readonly name: string;
  readonly offset: Duration;
  readonly reason: LooseReason;
  readonly line: string;
}

/**
 * by-design: the runtime says this mark bounds nothing. repeated: the mark had been seen at another time.
 * undecided: what it means depends on the version, and the version is open. unplaced: no span of this start uses it.
 */
export type LooseReason = 'by-design' | 'repeated' | 'undecided' | 'unplaced';

/** One start (or stop, or exec) of one container: the result of the fold. */
export interface Trace {
  /** 32 hex digits. */
  readonly id: string;
  readonly runtime: string;
  readonly episode: string;
  readonly container: string;
  /** All containers in it, where there are more than that one; the first is the sandbox's own. */
  readonly containers: readonly string[];
  readonly outcome: Outcome;
  /** `error.type` when the outcome is an error. */
  readonly errorType: string | undefined;
  /** The version of the log these lines were written in; several: all that remain possible; none: the runtime has no versions. */
  readonly schemes: readonly string[];
  /** How the version was decided. */
  readonly schemeBy: 'lines' | 'pin' | 'none';
  /** Moment of the first mark; all offsets count from here. */
  readonly at: Nanos;
  /** The outermost layer that told of it: starts seen from different layers are not compared. */
  readonly rootLayer: Layer;
  /** First mark to last. */
  readonly wall: Duration;
  /** Wall less the caller's gaps. */
  readonly active: Duration;
  /** Last mark seen, as the runtime names it. */
  readonly lastMark: string;
  /** Root first, then by start, parents before children. */
  readonly spans: readonly Span[];
  readonly loose: readonly LooseEvent[];
  readonly findings: readonly Finding[];
}

/** Something concluded, in one sentence, with its proof. Of a finding only the id enters the exported trace. */
export interface Finding {
  readonly id: string;
  readonly text: string;
  /** sure: the lines prove it. likely: they fit it and nothing contradicts. */
  readonly confidence: 'sure' | 'likely';
  /** Time that was lost to it; undefined: it costs none, or nobody can tell how much. */
  readonly loss: Duration | undefined;
  /** Of the wall time, 0 to 1. */
  readonly share: number | undefined;
  readonly evidence: readonly Evidence[];
  /** What to do about it. */
  readonly remedy: string | undefined;
}

/** A line that proves something, and where it stands. */
export interface Evidence {
  readonly source: SourceId;
  /** From 1; 0: not known. */
  readonly row: number;
  readonly time: Nanos;
  readonly line: string;
}
