/**
 * What the recordings become, to be read by people: test/shims/goldens. `UPDATE_GOLDEN=1` accepts what comes out. Three of the
 * recordings of each shim are fixtures (test/fixtures); the others are larger and read in place.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { CompiledRuntime } from '../../src/engine/compile.ts';
import { overRecordings } from '../support/corpus.ts';
import { golden } from '../support/golden.ts';
import { KATA_GO, KATA_RS, tracesOf } from '../support/ledger.ts';
import { needed } from './recording.ts';

const FOLDER = fileURLToPath(new URL('goldens/', import.meta.url));

function check(name: string, log: Buffer, runtime: CompiledRuntime): void {
  const path = `${FOLDER}${name}.txt`;
  const text = golden(tracesOf(log, { runtimes: [runtime] }));
  if (process.env['UPDATE_GOLDEN'] === '1') {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(path, text);
  }
  expect(text).toBe(existsSync(path) ? readFileSync(path, 'utf8') : 'no golden: run with UPDATE_GOLDEN=1 and look at it');
}

overRecordings('goldens', () => {
  test.each(['start-stop-info', 'par4', 'exec', 'exec-hang', 'pod2', 'pod-bad', 'fail-agent-timeout'] as const)('kata-go %s', (name) => {
    check(`kata-go-${name}`, needed(`kata-go-4.0-real/${name}/journal.log`), KATA_GO);
  });

  test.each(['start-stop-info', 'par4', 'exec', 'pod2', 'pod-bad'] as const)('kata-rs %s', (name) => {
    check(`kata-rs-${name}`, needed(`kata-rs-4.0-real/${name}/journal.json.log`), KATA_RS);
  });
});
