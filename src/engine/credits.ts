/**
 * Who each instant of a start belongs to. Of the spans that hold no other at that instant and do not wait, the one furthest in; where all of
 * them wait, the one furthest out; where there is none, the client. So the shares add up to the whole.
 */
import type { Credit } from '../model/trace.ts';
import type { Draft } from './draft.ts';

/** From the client inwards; nobody's time gives way to everybody's. */
const ORDER = ['idle', 'caller', 'containerd', 'shim', 'runtime', 'hypervisor', 'guest'] as const satisfies readonly Credit[];
const RANK: Readonly<Record<Credit, number>> = { idle: 0, caller: 1, containerd: 2, shim: 3, runtime: 4, hypervisor: 5, guest: 6 };
const CLIENT = RANK.caller;

/** @param arranged the root first. @returns by credit its time in ns; those that have none are left out. */
export function creditsOf(arranged: readonly Draft[]): ReadonlyMap<Credit, number> {
  const [root] = arranged;
  const shares = ORDER.map(() => 0);
  if (root === undefined) return new Map();
  const edges = arranged.flatMap(({ start, end }, at) => (at > 0 && end > start ? [{ at, time: start, begins: true }, { at, time: end, begins: false }] : []));
  // At one moment what ends goes first, and what holds begins before and ends after what it holds.
  edges.sort((a, b) => a.time - b.time || Number(a.begins) - Number(b.begins) || (a.begins ? a.at - b.at : b.at - a.at));
  const leaves = new Leaves(arranged);
  let since: number = root.start;
  const pass = (time: number): void => {
    if (time > since) shares[leaves.owner] = (shares[leaves.owner] ?? 0) + time - since;
    since = Math.max(since, time);
  };
  for (const { at, time, begins } of edges) {
    pass(Math.min(time, root.end));
    leaves.change(at, begins);
  }
  pass(root.end);
  return new Map(ORDER.flatMap((credit, rank) => ((shares[rank] ?? 0) > 0 ? [[credit, shares[rank] ?? 0] as const] : [])));
}

/** The spans that are under way and hold no other. */
class Leaves {
  readonly #arranged: readonly Draft[];
  /** By number of the draft, how many it holds that are under way. */
  readonly #holds: number[];
  readonly #working = ORDER.map(() => 0);
  readonly #waiting = ORDER.map(() => 0);

  constructor(arranged: readonly Draft[]) {
    this.#arranged = arranged;
    this.#holds = arranged.map(() => 0);
  }

  change(at: number, begins: boolean): void {
    this.#count(at, begins ? 1 : -1);
    const parent = this.#arranged[at]?.parent ?? 0;
    if (parent <= 0) return;
    const held = this.#holds[parent] ?? 0;
    this.#holds[parent] = held + (begins ? 1 : -1);
    if (begins && held === 0) this.#count(parent, -1);
    else if (!begins && held === 1) this.#count(parent, 1);
  }

  #count(at: number, by: number): void {
    const draft = this.#arranged[at];
    if (draft === undefined) return;
    const counts = draft.waits ? this.#waiting : this.#working;
    const rank = RANK[draft.credit];
    counts[rank] = (counts[rank] ?? 0) + by;
  }

  /** Rank of whom the present instant belongs to. */
  get owner(): number {
    const inner = this.#working.findLastIndex((count) => count > 0);
    if (inner >= 0) return inner;
    const outer = this.#waiting.findIndex((count) => count > 0);
    return outer >= 0 ? outer : CLIENT;
  }
}
