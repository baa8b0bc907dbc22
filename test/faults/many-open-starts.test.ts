import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import process from 'node:process';
import { expect, test } from 'vitest';

const SCRIPT = join(import.meta.dirname, 'openstarts.ts');

test('ten thousand starts under way at once (M1) take 6 kB of memory each, and none is cut', { timeout: 120_000 }, () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', SCRIPT, '9800'], { encoding: 'utf8' });
  expect(stderr).toBe('');
  const { open, each, cut }: { open: number; each: number; cut: number } = JSON.parse(stdout);
  console.log(stdout);
  expect(open).toBe(9_800);
  expect(cut).toBe(0);
  expect(each).toBeLessThanOrEqual(6_000);
});
