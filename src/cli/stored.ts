import type { StoredGap } from '../engine/gaps.ts';
import type { StoredInside, StoredMemory } from '../engine/memory.ts';
import type { StoredLines } from '../engine/snapshot.ts';
import type { GapName } from '../model/source.ts';
import type { StoredTombstone } from '../engine/tombstone.ts';

/**
 * The engine's part of the state file, if it is one: whoever edited it, nothing of the wrong form comes in.
 * @param sent marks that came after it.
 */
export function storedMemory(value: unknown, sent: readonly string[]): StoredMemory | undefined {
  if (typeof value !== 'object' || value === null || !('done' in value) || !('cuts' in value)) {
    return sent.length === 0 ? undefined : { done: [], cuts: [], inside: [], kept: [], sent };
  }
  const marks: unknown = 'sent' in value ? value.sent : [];
  const inside: unknown = 'inside' in value ? value.inside : [];
  const kept: unknown = 'kept' in value ? value.kept : [];
  const gaps: unknown = 'gaps' in value ? value.gaps : [];
  return {
    gaps: Array.isArray(gaps) ? gaps.filter(isGap) : [],
    done: tombstones(value.done),
    cuts: tombstones(value.cuts),
    inside: Array.isArray(inside) ? inside.filter(isInside) : [],
    kept: Array.isArray(kept) ? kept.filter(isLines) : [],
    sent: [...(Array.isArray(marks) ? marks.filter((mark) => typeof mark === 'string') : []), ...sent],
  };
}

function isLines(value: unknown): value is StoredLines {
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  const lines = fields.get('lines');
  const optional = (name: string): boolean => !fields.has(name) || typeof fields.get(name) === 'string';
  return typeof fields.get('source') === 'string' && typeof fields.get('name') === 'string' && typeof fields.get('rank') === 'number' &&
    optional('runtime') && optional('scheme') && Array.isArray(lines) && lines.every(isLine);
}

const isLine = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 2 && Number.isSafeInteger(value[0]) && typeof value[1] === 'string' && !value[1].includes('\n');

const tombstones = (value: unknown): StoredTombstone[] => (Array.isArray(value) ? value.filter(isTombstone) : []);

function isInside(value: unknown): value is StoredInside {
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  return ['runtime', 'container'].every((name) => typeof fields.get(name) === 'string') && /^\d{1,20}$/.test(String(fields.get('opened')));
}

/** All of them: a name that is new has no place here until it is told, the compiler says so. */
const GAPS: Readonly<Record<GapName, true>> = { rate_limited: true, vacuumed: true, not_running: true, no_room: true };

function isGap(value: unknown): value is StoredGap {
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map<string, unknown>(Object.entries(value));
  const optional = (name: string, type: 'string' | 'number'): boolean => !fields.has(name) || typeof fields.get(name) === type;
  return Object.keys(GAPS).includes(String(fields.get('name'))) && typeof fields.get('source') === 'string' &&
    ['from', 'to'].every((name) => typeof fields.get(name) === 'string' && /^\d{1,20}$/.test(String(fields.get(name)))) &&
    optional('missing', 'number') && optional('unit', 'string') && optional('row', 'number') && optional('line', 'string');
}

const OUTCOMES: readonly unknown[] = ['ok', 'created', 'incomplete', 'failed', 'nothing'];
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
    Array.isArray(extents) && extents.every(isExtent) &&
    ['subject', 'episode'].every((name) => !fields.has(name) || typeof fields.get(name) === 'string') &&
    ['containers', 'handles'].every((name) => !fields.has(name) || isTexts(fields.get(name)))
  );
}

const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every((text) => typeof text === 'string');

const isExtent = (value: unknown): boolean =>
  typeof value === 'object' && value !== null &&
  'source' in value && typeof value.source === 'string' &&
  'from' in value && typeof value.from === 'number' &&
  'to' in value && typeof value.to === 'number' &&
  (!('lines' in value) || (Array.isArray(value.lines) && value.lines.every((line) => typeof line === 'number')));
