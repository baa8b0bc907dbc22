/** A log that was written while nobody read it: what is read is settled before more is. */
import { expect, test } from 'vitest';
import { Daemon } from '../../src/cli/daemon.ts';
import { Finished } from '../../src/cli/finished.ts';
import { Follower } from '../../src/sources/follow.ts';
import { clock, Folder, until } from '../support/files.ts';
import { newLedger } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { start, text } from '../support/uruncwriter.ts';
import { AT, SECOND } from '../urunc/small.ts';

const STARTS = 6_000;
/** Of two rounds of reading, half a MiB each: a start has 2.5 kB, and some are not over yet. */
const MOST_OPEN = 400;

test(`of ${STARTS.toLocaleString('en')} starts in a row no more than a few hundred are under way at once`, async () => {
  using used = new DisposableStack();
  const folder = used.adopt(new Folder(), (each) => each.dispose());
  const random = new Random(11);
  folder.write('log', Array.from({ length: STARTS }, (_, index) => text(start(random, { generation: 'D', id: random.hex(64), at: AT + BigInt(index) * SECOND }))).join(''));
  const ledger = newLedger();
  let taken = 0;
  let open = 0;
  const log = (): void => {};
  const daemon: Daemon = new Daemon(
    { ledger, clock, log, finished: new Finished([], () => false, log), files: () => [], openFiles: () => 1, save: () => true, note: () => {},
    pause: () => {} },
    { full: false, take: (_, done) => {
      taken += 1;
      done({ kind: 'acknowledged' });
    } },
  );
  const follower = new Follower({
    patterns: [{ glob: folder.at('log') }], intake: ledger, clock, log, records: [], exclude: [], isBusy: () => daemon.busy, onSweep: () => daemon.settle(),
    onRead: () => {
      open = Math.max(open, ledger.openEpisodes);
      daemon.read();
    },
  });
  follower.start();
  await until(() => taken === STARTS, () => taken);
  await follower.stop();
  daemon.stop();
  expect(open).toBeLessThan(MOST_OPEN);
});
