/** A source that is followed for nothing is told of; one whose lines are understood and of no use is not. */
import { expect, test } from 'vitest';
import { SilenceWatch } from '../../src/cli/silence.ts';
import { Journal } from '../support/files.ts';
import { Feed, KATA1, newLedger } from '../support/ledger.ts';

function told(line: string, times = 10): string[] {
  const ledger = newLedger({}, [KATA1]);
  const log = `${line}\n`.repeat(times);
  new Feed(ledger, { log, key: 'here' }).more(log.length);
  const journal = new Journal();
  const watch = new SilenceWatch(ledger, (level, event, fields = {}) => journal.log(level === 'trace' ? 'debug' : level, event, fields));
  watch.look();
  watch.look();
  return journal.entries.map(({ fields }) => String(fields['text']));
}

test('lines that nobody knows, once there are enough', () => {
  expect(told('what is this', 9)).toEqual([]);
  expect(told('what is this')).toEqual([expect.stringMatching(/^here: 10 lines read and no runtime knows any of them. The first: what is this/)]);
  expect(told('')).toHaveLength(1);
});

test('lines that a rule leaves out are known', () => {
  expect(told('time="2026-11-20T14:14:10.125333475Z" level=error msg="copy stdout failed" container=c1 name=kata-shim pid=1 source=shim')).toEqual([]);
});
