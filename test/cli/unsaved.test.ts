/** Starts that end by waiting while the state cannot be written. */
import { setImmediate as turn } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { Daemon } from '../../src/cli/daemon.ts';
import { Finished } from '../../src/cli/finished.ts';
import type { Ledger, LedgerOptions } from '../../src/engine/ledger.ts';
import { clockAt, Feed, newLedger } from '../support/ledger.ts';
import { text } from '../support/uruncwriter.ts';
import { AT, mark, SECOND } from '../urunc/small.ts';

const LIMIT_MS = 10_000;
const NAMES = ['a', 'b', 'c', 'd', 'e'].map((letter) => letter.repeat(64));
const begun = NAMES.map((id, index) => text([mark('D', 'TS00', BigInt(index) * SECOND, id)]));

/** A daemon whose state takes nothing until it is told so, and whose back-end takes all. */
class Unsaved {
  writable = false;
  /** First letters of the containers whose traces were sent. */
  sent = '';
  /** How many were noted as about to be sent. */
  noted = 0;
  readonly daemon: Daemon;
  readonly #ledger: Ledger;
  readonly #feed: Feed;
  /** Nobody waits for longer than from one reading to the next. */
  #clock = clockAt(AT, 0);

  constructor(options: Partial<LedgerOptions>) {
    const ledger = newLedger({ ...options, live: true });
    this.#ledger = ledger;
    this.#feed = new Feed(ledger, { log: begun.join('') });
    const log = (): void => {};
    const parts = { ledger, clock: { now: () => this.#clock.now(), steady: () => this.#clock.steady() }, log, finished: new Finished([], () => false, log), files: () => [], openFiles: () => 1, save: () => this.writable, note: (marks: readonly string[]) => void (this.noted += marks.length), pause: () => {} };
    this.daemon = new Daemon(parts, { full: false, take: ({ container }) => void (this.sent += container.charAt(0)) });
  }

  /** Reads so many lines and settles what may settle. */
  read(lines: number): void {
    this.#feed.more(lines * (begun[0]?.length ?? 0));
    this.later();
    this.daemon.finish();
  }

  /** An hour on, with nothing more to read. */
  later(): void {
    this.#clock = clockAt(this.#clock.now() + 3_600n * SECOND, this.#clock.steady() + 3_600_000);
    this.#ledger.atEnd(this.#feed.id, this.#clock.steady());
  }

  [Symbol.dispose](): void {
    this.daemon.stop();
  }
}

test('wait until it can be, and are told of then', async () => {
  using unsaved = new Unsaved({});
  unsaved.read(1);
  unsaved.read(2);
  await turn();
  expect([unsaved.sent, unsaved.noted]).toEqual(['', 0]);
  unsaved.writable = true;
  unsaved.later();
  unsaved.daemon.checkpoint();
  await vi.waitFor(() => expect(unsaved.sent).toBe('abc'), LIMIT_MS);
});

test('but not without bound: what is too much is cut and told of all the same', async () => {
  using unsaved = new Unsaved({ mostOpen: 2 });
  unsaved.read(1);
  unsaved.read(2);
  expect(unsaved.sent).toBe('');
  unsaved.read(2);
  expect([unsaved.sent, unsaved.noted]).toEqual(['bc', 2]);
  unsaved.writable = true;
  unsaved.later();
  unsaved.daemon.checkpoint();
  await vi.waitFor(() => expect(unsaved.sent).toBe('bcade'), LIMIT_MS);
});
