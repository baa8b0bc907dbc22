/** Every record of a Kata host exists more than once: in the journal as text and as JSON, in a --log file in whole seconds. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { corpusFile, overRecordings } from '../support/corpus.ts';
import { KATA1, printed, tracesOf } from '../support/ledger.ts';
import { CASES, journal } from './recording.ts';
import type { Case } from './recording.ts';

overRecordings('corpus/kata-1.12-real, with copies', () => {
  const copiesOf = (name: Case): string[] =>
    ['journal.json.log', 'runtime-log.json.log'].map((file) => corpusFile(`kata-1.12-real/${name}/${file}`)).filter((path) => existsSync(path));
  const copied = CASES.filter((name) => copiesOf(name).length > 0);

  test('there are such copies', () => expect(copied).toContain('start-stop'));

  test.each(copied)('%s: copies beside the journal change no byte, whichever is read first', (name) => {
    const copies = copiesOf(name);
    const files = [journal(name), ...copies.map((path) => readFileSync(path))].map((log, at) => ({ log, key: `file ${at}` }));
    const alone = printed(tracesOf(journal(name), { runtimes: [KATA1] }).traces);
    expect(printed(tracesOf(files, { runtimes: [KATA1], eager: false }).traces)).toBe(alone);
    expect(printed(tracesOf(files.toReversed(), { runtimes: [KATA1], eager: false }).traces)).toBe(alone);
  });
});
