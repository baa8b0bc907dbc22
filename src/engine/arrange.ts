/** The nesting of an episode's stretches. */
import type { Draft } from './draft.ts';

/** Root first, then by start, longer before shorter; each with the number of the tightest span that may hold it. */
export function arrange(root: Draft, made: readonly Draft[]): Draft[] {
  const arranged = [root, ...made];
  // Insertion, stable: rules come nearly in order, and of two equal stretches the rule that stands first holds the other.
  for (let i = 2; i < arranged.length; i++) {
    const draft = arranged[i];
    if (draft === undefined) continue;
    let at = i - 1;
    for (let before = arranged[at]; at > 0 && before !== undefined && precedes(draft, before); before = arranged[--at]) arranged[at + 1] = before;
    arranged[at + 1] = draft;
  }
  for (let at = 1; at < arranged.length; at++) {
    const draft = arranged[at];
    if (draft !== undefined) draft.parent = holder(arranged, at, draft);
  }
  return arranged;
}

const precedes = (a: Draft, b: Draft): boolean => a.start < b.start || (a.start === b.start && a.end > b.end);

/**
 * The tightest span before it that covers it, of the same component or of a layer further out; of those that its own runtime
 * tells of, where there is one. Components of one layer stand beside each other (reexec outlives create), processes of one
 * component too, containers of one pod too, and the caller's gap holds nothing: it is time in which others may work.
 */
function holder(arranged: readonly Draft[], before: number, draft: Draft): number {
  if (draft.within !== undefined) return Math.max(0, arranged.indexOf(draft.within));
  let best = 0;
  let own = false;
  let length = Infinity;
  for (let at = 1; at < before; at++) {
    const outer = arranged[at];
    if (outer === undefined || outer.start > draft.start || outer.end < draft.end || outer.service === 'caller') continue;
    const mine = outer.part === draft.part && outer.layer >= 0;
    if ((own && !mine) || !mayHold(outer, draft)) continue;
    const tightness = outer.end - outer.start;
    if ((mine && !own) || tightness <= length) {
      best = at;
      own ||= mine;
      length = tightness;
    }
  }
  return best;
}

function mayHold(outer: Draft, draft: Draft): boolean {
  if (outer.container !== undefined && draft.container !== undefined && outer.container !== draft.container) return false;
  // The start of one container of several holds whatever is that container's.
  if (outer.layer < 0) return draft.layer >= 0;
  if (outer.service !== draft.service) return outer.layer < draft.layer;
  // Two logs of one component tell of the same work, the one from further out than the other.
  if (outer.part !== draft.part) return true;
  return !outer.step && outer.group?.index === draft.group?.index;
}
