import { lstatSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Links, Trust } from './walk.ts';
import { codeOf } from './report.ts';

/** One file name or glob of the user, with his pins for what is found by it. */
export interface FollowPattern {
  /** A path, or a glob with `*`, `?`, `[..]` and `**`. Relative to the working folder. */
  readonly glob: string;
  readonly runtime?: string;
  readonly scheme?: string;
  /** Whose files may be read by this pattern; otherwise the follower's own rule. */
  readonly trust?: Trust;
  /** What becomes of a name that is a link; otherwise it is refused. */
  readonly links?: Links;
}

type Segment =
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'like'; readonly test: RegExp }
  | { readonly kind: 'deep' };

export interface Pattern {
  readonly from: FollowPattern;
  /** The longest leading path without wildcards: the whole path if there is none. */
  readonly root: string;
  /** What follows the root; empty for a plain path. */
  readonly rest: readonly Segment[];
}

/** A link loop cannot make `**` endless because links are not descended; a mount might. */
const DEEPEST = 32;
const MAGIC = /[*?[]/;

/** Splits a pattern into what is fixed and what is searched. A path that exists as it is written is plain, whatever is in it. */
export function compilePattern(from: FollowPattern): Pattern {
  const path = resolve(from.glob);
  if (!MAGIC.test(path) || lstatSync(path, { throwIfNoEntry: false }) !== undefined) return { from, root: path, rest: [] };
  const parts = path.split('/').slice(1);
  const first = parts.findIndex((part) => MAGIC.test(part));
  return { from, root: `/${parts.slice(0, first).join('/')}`, rest: parts.slice(first).map(compileSegment) };
}

/**
 * All paths that fit the pattern now, whatever they are, in name order; a plain path is returned whether it exists or not.
 * `visit` is told every folder that was looked into: there new files would appear. A folder that cannot be read goes to `fail`.
 */
export function expand(pattern: Pattern, visit: (folder: string) => void, fail: (folder: string, error: unknown) => void): string[] {
  if (pattern.rest.length === 0) return [pattern.root];
  const found = new Set<string>();
  const walk = (folder: string, at: number, depth: number): void => {
    const segment = pattern.rest[at];
    if (segment === undefined || depth > DEEPEST) return;
    visit(folder);
    const last = at === pattern.rest.length - 1;
    if (segment.kind === 'deep' && !last) walk(folder, at + 1, depth);
    for (const entry of list(folder, fail)) {
      const path = join(folder, entry.name);
      if (!fits(segment, entry.name)) continue;
      if (last && (segment.kind !== 'deep' || !entry.isDirectory())) found.add(path);
      if (!entry.isDirectory()) continue;
      if (segment.kind === 'deep') walk(path, at, depth + 1);
      else if (!last) walk(path, at + 1, depth + 1);
    }
  };
  walk(pattern.root, 0, 0);
  return [...found].sort();
}

/** Something named `path` can matter to the pattern: it fits, or is a folder on the way. Used to keep watchers off all else. */
export function concerns(pattern: Pattern, path: string): boolean {
  if (path === pattern.root || pattern.root.startsWith(path === '/' ? '/' : `${path}/`)) return true;
  const prefix = pattern.root === '/' ? '/' : `${pattern.root}/`;
  if (!path.startsWith(prefix)) return false;
  const parts = path.slice(prefix.length).split('/');
  for (const [index, part] of parts.entries()) {
    const segment = pattern.rest[index];
    if (segment === undefined) return false;
    if (segment.kind === 'deep') return true;
    if (!fits(segment, part)) return false;
  }
  return true;
}

/** The path fits the pattern as a whole. */
export function matches(pattern: Pattern, path: string): boolean {
  if (pattern.rest.length === 0) return path === pattern.root;
  const prefix = pattern.root === '/' ? '/' : `${pattern.root}/`;
  return path.startsWith(prefix) && fitsAll(pattern.rest, path.slice(prefix.length).split('/'));
}

function fitsAll(segments: readonly Segment[], parts: readonly string[]): boolean {
  const [segment, ...later] = segments;
  const [part, ...rest] = parts;
  if (segment === undefined || part === undefined) return segment === undefined && part === undefined;
  if (segment.kind === 'deep') {
    if (later.length === 0) return true;
    return fitsAll(later, parts) || (fits(segment, part) && fitsAll(segments, rest));
  }
  return fits(segment, part) && fitsAll(later, rest);
}

function list(folder: string, fail: (folder: string, error: unknown) => void) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') fail(folder, error);
    return [];
  }
}

/** Names with a leading dot are only met by a pattern that spells the dot, as in a shell. */
function fits(segment: Segment, name: string): boolean {
  switch (segment.kind) {
    case 'name': return segment.name === name;
    case 'like': return segment.test.test(name);
    case 'deep': return !name.startsWith('.');
    default: return segment satisfies never;
  }
}

function compileSegment(text: string): Segment {
  if (text === '**') return { kind: 'deep' };
  if (!MAGIC.test(text)) return { kind: 'name', name: text };
  let source = text.startsWith('.') ? '^' : '^(?!\\.)';
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? '';
    const end = char === '[' ? text.indexOf(']', at + 2) : -1;
    if (char === '*') source += '.*';
    else if (char === '?') source += '.';
    else if (end > 0) {
      source += characterClass(text.slice(at + 1, end));
      at = end;
    } else source += char.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
  }
  return { kind: 'like', test: new RegExp(`${source.replaceAll('.*.*', '.*')}$`, 's') };
}

function characterClass(inside: string): string {
  const negated = inside.startsWith('!') || inside.startsWith('^');
  const set = (negated ? inside.slice(1) : inside).replace(/[\\\][^]/g, '\\$&');
  // A range that runs backwards is no range: nothing fits it, as in a shell, and it must not throw.
  const backwards = /(.)-(.)/s.exec(set);
  if (backwards !== null && (backwards[1] ?? '') > (backwards[2] ?? '')) return '(?!)';
  return negated ? `[^${set}]` : `[${set}]`;
}
