import type { Duration } from '../../model/time.ts';

const LEFT = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/**
 * The stretch `start..end` of `whole` drawn to scale in `cells` columns, at a resolution of an eighth of a column.
 * Nothing vanishes: the shortest stretch is one eighth. In ASCII every column it touches is a `#`.
 */
export function bar(start: Duration, end: Duration, whole: Duration, cells: number, ascii: boolean): string {
  const eighths = cells * 8;
  const scale = whole > 0 ? eighths / whole : 0;
  const from = clamp(Math.floor(start * scale), 0, eighths - 1);
  const to = clamp(Math.round(end * scale), from + 1, eighths);
  let out = '';
  for (let cell = 0; cell < eighths; cell += 8) {
    const lo = Math.max(from, cell);
    const hi = Math.min(to, cell + 8);
    if (hi <= lo) out += ' ';
    else out += ascii ? '#' : block(lo - cell, hi - cell);
  }
  return out;
}

/** A column filled from eighth `lo` to `hi`. Unicode has left-hand blocks in eighths, but only two right-hand ones. */
function block(lo: number, hi: number): string {
  const size = hi - lo;
  if (lo === 0) return LEFT[size] ?? '█';
  if (size >= 7) return '█';
  if (size >= 3) return '▐';
  return lo >= 4 ? '▕' : (LEFT[size] ?? '▏');
}

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);
