/** What lines tell of a container beside moments: names, an attempt, an image. As attributes, bounded and safe to print. */
import type { Attributes, AttributeValue } from '../model/trace.ts';
import type { AttributeRule } from '../model/runtime.ts';
import type { Event } from './event.ts';
import type { Episode } from './part.ts';

/** A DNS name has 253 letters at most, an image's name is mostly shorter. */
const LONGEST = 256;
/** Controls, format characters, separators and halves of characters: nothing that a terminal obeys. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const NOBODY = '';
const NOTHING: Attributes = [];

type Pair = Attributes[number];

/** By container, or `NOBODY` for what is told of the whole. */
type Known = ReadonlyMap<string, ReadonlyMap<string, AttributeValue>>;

const known = new WeakMap<readonly Episode[], Known>();

/** Worked out once for a trace. */
function knownOf(parts: readonly Episode[]): Known {
  const before = known.get(parts);
  if (before !== undefined) return before;
  const all = new Map<string, Map<string, AttributeValue>>();
  for (const { runtime: { attributes }, events } of parts) {
    for (const [name, rule] of attributes) {
      for (const event of events) {
        const value = valueOf(rule, event);
        if (value === undefined) continue;
        const whose = rule.whole === true ? NOBODY : (event.container ?? NOBODY);
        if (whose === NOBODY && rule.whole !== true) continue;
        const own = all.get(whose) ?? new Map<string, AttributeValue>();
        all.set(whose, own);
        if (!own.has(name)) own.set(name, value);
      }
    }
  }
  known.set(parts, all);
  return all;
}

function valueOf({ hole, number }: AttributeRule, { holes }: Event): AttributeValue | undefined {
  const text = holes?.[hole];
  if (text === undefined || text === '') return undefined;
  if (number !== true) return text.slice(0, LONGEST).replace(UNSAFE, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`).slice(0, LONGEST);
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** Of the whole, and of the container whose start it is. */
export const toldOfWhole = (parts: readonly Episode[], container: string): Pair[] => [...(knownOf(parts).get(NOBODY) ?? []), ...(knownOf(parts).get(container) ?? [])];

/** Of a container, or by the line itself where it names none (a pull). */
export function toldOf(parts: readonly Episode[], container: string | undefined, line: Event): Attributes {
  if (container !== undefined) return [...(knownOf(parts).get(container) ?? NOTHING)];
  return parts.flatMap(({ runtime: { attributes } }) =>
    attributes.flatMap(([name, rule]): Pair[] => {
      const value = rule.whole === true ? undefined : valueOf(rule, line);
      return value === undefined ? [] : [[name, value]];
    }));
}
