import { createRequire } from 'node:module';

/** The version in package.json, which lies one folder above src and dist alike. */
export function version(): string {
  const found: unknown = createRequire(import.meta.url)('../../package.json');
  return typeof found === 'object' && found !== null && 'version' in found ? String(found.version) : 'unknown';
}
