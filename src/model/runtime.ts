import type { Syntax } from './entry.ts';
import type { Duration } from './time.ts';
import type { Credit } from './trace.ts';

/** From the client inwards. Spans of different runtimes nest by it. */
export const LAYERS = ['client', 'cri', 'shim', 'runtime', 'hypervisor', 'guest'] as const;
export type Layer = (typeof LAYERS)[number];

/** A condition on a field that must not be there. */
export const absent = { absent: true } as const;

/** Conditions on a line's fields; all must hold. A text means: exactly this value. */
export type When = Readonly<Record<string, string | typeof absent>>;

/** One mark: a named moment, and how each version of the log spells it. */
export interface MarkRule {
  /** Per scheme; a scheme that is not named does not write this mark. */
  readonly scheme: Readonly<Record<string, When>>;
  /** The mark bounds nothing, by design, for this reason. It never opens, extends or ends an episode. */
  readonly loose?: string;
}

/** Where the lines come from and how they are written. */
export interface SourceRule<M extends string = string> {
  /** File patterns followed without any configuration. */
  readonly files: readonly string[];
  /** A setting of the runtime's own that says where it writes: `key` in `[table]` of a TOML file, if that file is there. */
  readonly configured?: { readonly file: string; readonly table: string; readonly key: string };
  readonly syntax: Syntax;
  /** Field that names the container. */
  readonly container: string;
  /** Marks by the component that writes them, IN THE ORDER in which that process writes them. */
  readonly marks: Readonly<Record<string, Readonly<Partial<Record<M, MarkRule>>>>>;
  /** Lines known and of no use, by name. */
  readonly ignored: Readonly<Record<string, When>>;
  /** Fields that a line of this runtime always has: tells an unknown line of a known writer from a foreign one. */
  readonly fields: readonly string[];
  /** Fields that spell the mark; their values become `shimtrace.from` and `shimtrace.to` of a span. */
  readonly spelling: readonly string[];
}

/** A stretch of a life with something to measure. */
export interface EpisodeRule<M extends string = string> {
  readonly root: { readonly service: string; readonly name: string };
  /** An opener at another time is a new episode. */
  readonly opens: readonly M[];
  /** The episode is complete when all of these were seen. */
  readonly until: readonly M[];
  /** An episode that shows exactly these marks is none: counted under the name. */
  readonly nothing?: { readonly exactly: readonly M[]; readonly name: string };
  /**
   * An episode rests when component `after` has written all its marks and component `before` none: outcome `created`.
   * A later mark of `before` then opens an episode of its own, linked to this one.
   */
  readonly rests?: { readonly after: string; readonly before: string };
  /** Happens before, across processes: refutes versions in which it would not hold. */
  readonly causes?: readonly (readonly [cause: M, effect: M])[];
  /** Beyond the defaults of design.md 3. */
  readonly patience?: Duration;
  readonly settle?: Duration;
}

/** A stretch from the first of `from` to the first of `to` after it. Later entries of a list stand in and make it bounded. */
export interface Between<M extends string = string> {
  readonly kind: 'between';
  readonly service: string;
  readonly name: string;
  readonly from: readonly M[];
  readonly to: readonly M[];
  readonly credit: Credit;
  readonly waits: boolean;
  /** Names of spans that caused this one, best first: becomes a span link. */
  readonly by: readonly string[];
}

/** A chain: each step ends at its mark and begins where the one before ended. A missing mark joins two steps. */
export interface Steps<M extends string = string> {
  readonly kind: 'steps';
  readonly service: string;
  readonly prefix: string;
  readonly from: M;
  readonly steps: readonly { readonly name: string; readonly to: M; readonly waits: boolean }[];
  readonly credit: Credit;
}

export type SpanRule<M extends string = string> = Between<M> | Steps<M>;

/** What a runtime writes and what it means. Data only: one file in runtimes/ each. */
export interface Runtime<M extends string = string> {
  readonly name: string;
  /** Its components and their layers. The root's service and `caller` need no entry. */
  readonly services: Readonly<Record<string, Layer>>;
  /** Versions of the log, oldest first. */
  readonly schemes: readonly string[];
  readonly sources: readonly SourceRule<M>[];
  readonly episodes: { readonly start: EpisodeRule<M> };
  readonly spans: { readonly start: readonly SpanRule<M>[] };
}

interface BetweenOptions {
  readonly credit?: Credit;
  readonly waits?: boolean;
  readonly by?: readonly string[];
}

const list = <M extends string>(marks: M | readonly M[]): readonly M[] => (typeof marks === 'string' ? [marks] : marks);

/** `between('create', 'urunc-create', 'create invoked', ['create ended', 'ack sent'])`: the first named is meant, the others stand in. */
export const between = <const M extends string>(
  name: string,
  service: string,
  from: M | readonly M[],
  to: M | readonly M[],
  options: BetweenOptions = {},
): Between<M> => ({
  kind: 'between',
  service,
  name,
  from: list(from),
  to: list(to),
  credit: options.credit ?? 'runtime',
  waits: options.waits ?? false,
  by: options.by ?? [],
});

/** `steps('create', 'urunc-create', 'create invoked', { 'initial setup': 'set up', ... })`: span names are `create: initial setup`. */
export const steps = <const M extends string>(
  prefix: string,
  service: string,
  from: M,
  chain: Readonly<Record<string, M | { readonly waitsFor: M }>>,
): Steps<M> => ({
  kind: 'steps',
  service,
  prefix,
  from,
  steps: Object.entries(chain).map(([name, to]) =>
    typeof to === 'string' ? { name, to, waits: false } : { name, to: to.waitsFor, waits: true },
  ),
  credit: 'runtime',
});
