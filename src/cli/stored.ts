import type { StoredInside, StoredMemory } from '../engine/memory.ts';
import type { StoredTombstone } from '../engine/tombstone.ts';

/** The engine's part of the state file, if it is one: whoever edited it, nothing of the wrong form comes in. */
export function storedMemory(value: unknown): StoredMemory | undefined {
  if (typeof value !== 'object' || value === null || !('done' in value) || !('cuts' in value)) return undefined;
  const inside: unknown = 'inside' in value ? value.inside : [];
  return { done: tombstones(value.done), cuts: tombstones(value.cuts), inside: Array.isArray(inside) ? inside.filter(isInside) : [] };
}

const tombstones = (value: unknown): StoredTombstone[] => (Array.isArray(value) ? value.filter(isTombstone) : []);

function isInside(value: unknown): value is StoredInside {
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  return ['runtime', 'container'].every((name) => typeof fields.get(name) === 'string') && /^\d{1,20}$/.test(String(fields.get('opened')));
}

const OUTCOMES: readonly unknown[] = ['ok', 'created', 'incomplete', 'nothing'];
const TEXTS = ['runtime', 'container', 'traceId', 'opened', 'until'] as const;

function isTombstone(value: unknown): value is StoredTombstone {
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  const seen = fields.get('seen');
  const extents = fields.get('extents');
  return (
    TEXTS.every((name) => typeof fields.get(name) === 'string') &&
    /^\d{1,20}$/.test(String(fields.get('opened'))) &&
    /^\d{1,20}$/.test(String(fields.get('until'))) &&
    OUTCOMES.includes(fields.get('outcome')) &&
    typeof fields.get('waited') === 'boolean' &&
    typeof fields.get('capped') === 'boolean' &&
    Array.isArray(seen) && seen.every((text) => typeof text === 'string') &&
    Array.isArray(extents) && extents.every(isExtent)
  );
}

const isExtent = (value: unknown): boolean =>
  typeof value === 'object' && value !== null &&
  'source' in value && typeof value.source === 'string' &&
  'from' in value && typeof value.from === 'number' &&
  'to' in value && typeof value.to === 'number';
