/** shimtrace itself stood still: its disk did not answer, its host had no time for it. Timers are late then, and come before the news. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../../src/cli/clock.ts';
import { Folder, Journal, until } from '../support/files.ts';
import { spansOf } from '../support/otlp.ts';
import type { SpanMessage } from '../support/otlp.ts';
import { Random } from '../support/random.ts';
import { Receiver } from '../support/receiver.ts';
import { line, start, text } from '../support/uruncwriter.ts';
import type { WrittenLine } from '../support/uruncwriter.ts';
import { Incarnation } from './incarnation.ts';

/** Longer than anything that the daemon of this test waits for (20 ms of settling, 20 ms of lateness, 100 ms of gathering). */
const STANDSTILL_MS = 400;

let folder: Folder;
let receiver: Receiver;
let daemon: Incarnation | undefined;
beforeEach(async () => {
  folder = new Folder();
  receiver = await Receiver.start();
});
afterEach(async () => {
  await daemon?.kill();
  await receiver.stop();
  folder.dispose();
});

it('a line that was written during a standstill of ours, in time for its start, is in the trace', async () => {
  const log = join(folder.path, 'timestamps.log');
  const random = new Random(5);
  folder.write('timestamps.log', '');
  daemon = new Incarnation({ log, state: join(folder.path, 'state'), url: receiver.url, clock: systemClock, journal: new Journal(), letters: [], sweepMs: 10_000 });
  const { ledger } = daemon;
  const sent = (id: string): readonly SpanMessage[] => receiver.requests.map(({ bytes }) => spansOf(bytes)).find((spans) => spans.some(({ attributes }) => attributes.some(([, value]) => value === id))) ?? [];
  // Of a version whose checks may follow the end.
  const writeOne = async (): Promise<WrittenLine> => {
    const written = start(random, { generation: 'A', id: random.hex(64), at: systemClock.now() });
    const last = written.at(-1);
    if (last === undefined) throw new Error('no lines');
    appendFileSync(log, text(written));
    while (ledger.openEpisodes === 0 && sent(last.id).length === 0) await new Promise((resolve) => setImmediate(resolve));
    // It is open for no longer than it takes to settle: where the machine itself stood still it was over before we saw it.
    return ledger.openEpisodes > 0 ? last : writeOne();
  };
  const last = await writeOne();
  // Within the settling time of the end, and so its own.
  appendFileSync(log, text([line('A', last.id, 'cTS00', last.time + 10_000_000n)]));
  for (const end = performance.now() + STANDSTILL_MS; performance.now() < end;);
  await until(() => sent(last.id).length > 0);
  const checks = sent(last.id).flatMap(({ events }) => events).filter(({ name }) => name === 'check begun');
  expect(Math.max(...checks.map(({ time }) => Number(time - last.time)))).toBe(10_000_000);
  expect(ledger.counts.get('late')).toBeUndefined();
});
