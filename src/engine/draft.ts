/** A span before it has an id. */
import type { Attributes, Certainty, Credit, SpanKind } from '../model/trace.ts';
import type { Duration } from '../model/time.ts';
import type { Group, Placed } from './groups.ts';

export interface Draft {
  /** Whose it is: number of the part of its trace, and its layer, 0 the outermost. Set when all parts are made. */
  part: number;
  layer: number;
  /** Number of the draft that holds it, set by `arrange`; -1 for the root. */
  parent: number;
  /** The draft that holds it, where that is known otherwise than by what covers it. */
  readonly within: Draft | undefined;
  readonly service: string;
  readonly name: string;
  readonly kind: SpanKind;
  start: Duration;
  end: Duration;
  readonly from: Placed;
  readonly to: Placed;
  readonly certainty: Certainty;
  credit: Credit;
  readonly waits: boolean;
  readonly incomplete: boolean;
  /** One of a chain: the others of its component follow it, also where they took no time, and never lie inside it. */
  readonly step: boolean;
  readonly by: readonly string[];
  /** Its begin is only bounded: by the ends of spans of these names, and by what covers it. */
  readonly after: readonly string[] | undefined;
  /** The process, and the container it serves; undefined: not known, or all. */
  readonly group: Group | undefined;
  container: string | undefined;
  readonly attributes: Attributes;
  readonly error: string | undefined;
}

type Given = Pick<Draft, 'service' | 'name' | 'from' | 'to' | 'certainty' | 'credit'> & Partial<Draft>;

const NONE: Attributes = [];
const NOBODY: readonly string[] = [];

/** From mark to mark, unless said otherwise. One shape for all: the fold must not slow down over it. */
export const draft = (given: Given): Draft => ({
  part: 0,
  layer: 0,
  parent: -1,
  within: given.within,
  service: given.service,
  name: given.name,
  kind: given.kind ?? 'internal',
  start: given.start ?? given.from.offset,
  end: given.end ?? given.to.offset,
  from: given.from,
  to: given.to,
  // Between marks whose writers round to seconds nothing is exact.
  certainty: given.certainty === 'exact' && (given.after !== undefined || given.from.event.step > 1 || given.to.event.step > 1) ? 'bounded' : given.certainty,
  credit: given.credit,
  waits: given.waits ?? false,
  incomplete: given.incomplete ?? false,
  step: given.step ?? false,
  by: given.by ?? NOBODY,
  after: given.after,
  group: given.group,
  container: given.container ?? given.group?.container,
  attributes: given.attributes ?? NONE,
  error: given.error,
});
