/**
 * What the recordings become, to be read by people: test/kata/goldens. `UPDATE_GOLDEN=1` accepts what comes out. Three of the
 * recordings are fixtures (test/fixtures/kata-1); the others are larger and read in place.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { corpusFile, overRecordings } from '../support/corpus.ts';
import { golden } from '../support/golden.ts';
import { KATA1, tracesOf } from '../support/ledger.ts';
import { journal } from './recording.ts';

const FOLDER = fileURLToPath(new URL('goldens/', import.meta.url));

function check(name: string, log: Buffer): void {
  const path = `${FOLDER}${name}.txt`;
  const text = golden(tracesOf(log, { runtimes: [KATA1] }));
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text);
  expect(text).toBe(existsSync(path) ? readFileSync(path, 'utf8') : 'no golden: run with UPDATE_GOLDEN=1 and look at it');
}

overRecordings('goldens', () => {
  test.each(['seq5', 'par4', 'exec', 'pod2', 'pod2-pause-exited'] as const)('%s', (name) => {
    check(name, journal(name));
  });

  test('the lines that the dial backoff was found with', () => {
    check('gist', readFileSync(corpusFile('kata-1/gist-lines.log')));
  });
});
