/** Reads JSON of others without trusting its shape: a missing piece is undefined, a wrong one throws with its place. */

export function field(value: unknown, ...path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = new Map<string, unknown>(Object.entries(at)).get(name);
  }
  return at;
}

/** A missing list is an empty one, as in proto3's JSON. */
export function list(value: unknown, ...path: readonly string[]): unknown[] {
  const found = field(value, ...path);
  if (found === undefined || found === null) return [];
  if (!Array.isArray(found)) throw new Error(`no list at ${path.join('.')}: ${JSON.stringify(found)}`);
  return found;
}

/** A missing text is an empty one. */
export function text(value: unknown, ...path: readonly string[]): string {
  const found = field(value, ...path);
  if (found === undefined || found === null) return '';
  if (typeof found !== 'string') throw new Error(`no text at ${path.join('.')}: ${JSON.stringify(found)}`);
  return found;
}
