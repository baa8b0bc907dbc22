/**
 * What the recordings become, to be read by people: test/shims/goldens. `UPDATE_GOLDEN=1` accepts what comes out. Three of the
 * recordings of each shim are fixtures (test/fixtures); the others are larger and read in place.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { overRecordings } from '../support/corpus.ts';
import { golden } from '../support/golden.ts';
import { KATA_GO, tracesOf } from '../support/ledger.ts';
import { needed } from './recording.ts';

const FOLDER = fileURLToPath(new URL('goldens/', import.meta.url));

overRecordings('goldens', () => {
  test.each(['start-stop-info', 'par4', 'exec', 'exec-hang', 'pod2', 'pod-bad', 'fail-agent-timeout'] as const)('kata-go %s', (name) => {
    const path = `${FOLDER}kata-go-${name}.txt`;
    const text = golden(tracesOf(needed(`kata-go-4.0-real/${name}/journal.log`), { runtimes: [KATA_GO] }));
    if (process.env['UPDATE_GOLDEN'] === '1') {
      mkdirSync(FOLDER, { recursive: true });
      writeFileSync(path, text);
    }
    expect(text).toBe(existsSync(path) ? readFileSync(path, 'utf8') : 'no golden: run with UPDATE_GOLDEN=1 and look at it');
  });
});
