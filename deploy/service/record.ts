/** What an installation remembers of itself. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HOME, RECORD } from './host.ts';

export interface InstallRecord {
  /** Of all installed files. */
  readonly files: string;
  /** Of the example that became the configuration: the same bytes there have not been edited. */
  readonly example: string;
}

export const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Undefined: HOME is not there, or was not made by us. */
export function readRecord(): InstallRecord | undefined {
  try {
    const found: unknown = JSON.parse(readFileSync(join(HOME, RECORD), 'utf8'));
    if (typeof found !== 'object' || found === null || !('files' in found) || !('example' in found)) return undefined;
    return { files: String(found.files), example: String(found.example) };
  } catch {
    // Not there or not JSON: in both cases nothing of ours.
    return undefined;
  }
}

/** The file's bytes; undefined: there is none. */
export function bytesOf(path: string): Uint8Array | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  }
}
