/** What was taken in a life before this one, and was not written down: told to those who look on, and not sent again. */
import { expect, test } from 'vitest';
import { Daemon } from '../../src/cli/daemon.ts';
import { Finished } from '../../src/cli/finished.ts';
import { storedMemory } from '../../src/cli/stored.ts';
import type { ParcelFate } from '../../src/model/delivery.ts';
import { clock } from '../support/files.ts';
import { Feed, newLedger } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { start, text } from '../support/uruncwriter.ts';
import { AT, SECOND } from '../urunc/small.ts';

const names = ['a', 'b', 'c'].map((letter) => letter.repeat(64));
const log = text(names.flatMap((id, index) => start(new Random(index), { generation: 'D', id, at: AT + BigInt(index) * SECOND })));

/** One life, which reads the whole log and is killed; its state is never written. */
function live(noted: readonly string[], fates: 'answered' | 'not answered') {
  const ledger = newLedger({ live: true });
  const memory = storedMemory(undefined, noted);
  if (memory !== undefined) ledger.restore(memory);
  const notes: (readonly string[])[] = [];
  const sent: string[] = [];
  const seen: string[] = [];
  const answers: ((fate: ParcelFate) => void)[] = [];
  const quiet = (): void => {};
  const finished = new Finished([{ name: 'who looks on', see: ({ trace }) => seen.push(trace.container) }], () => false, quiet);
  const daemon = new Daemon(
    { ledger, clock, log: quiet, finished, files: () => [], openFiles: () => 1, save: () => false, note: (marks) => void (marks.length > 0 && notes.push(marks)), pause: quiet },
    { full: false, take: ({ container }, done) => {
      sent.push(container);
      answers.push(done);
    } },
  );
  const feed = new Feed(ledger, { log });
  feed.more(1e6);
  ledger.atEnd(feed.id, clock.steady());
  daemon.settle();
  if (fates === 'answered') for (const answer of answers) answer({ kind: 'acknowledged' });
  return { notes, sent, seen, ledger, end: () => daemon.stop() };
}

test('it is told to those who look on, and not sent; what was not taken is sent', async () => {
  const unanswered = live([], 'not answered');
  const first = live([], 'answered');
  await Promise.resolve();
  // Before anything is sent; and once for all that was answered at once.
  expect([unanswered.notes.length, first.notes.length]).toEqual([1, 2]);
  const [before = [], after = []] = first.notes;
  const again = live([...before, ...after], 'answered');
  expect([first.sent, again.sent, again.seen, again.ledger.flying]).toEqual([names, [], names, 0]);
  const untold = live(before, 'answered');
  expect(untold.sent).toEqual(names);
  const torn = live([...before, ...after.slice(1)], 'answered');
  expect([torn.sent, torn.seen]).toEqual([names.slice(0, 1), names]);
  for (const life of [unanswered, first, again, untold, torn]) life.end();
});
