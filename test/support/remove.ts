import { rmSync } from 'node:fs';

/** With all that lies in it, if it is there. Whoever was just killed, or a child of it, may write there for a moment yet. */
export function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
}
