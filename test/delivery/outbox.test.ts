import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Outbox } from '../../src/delivery/outbox.ts';
import type { OutboxOptions } from '../../src/delivery/outbox.ts';
import { Spool } from '../../src/delivery/spool.ts';
import type { ParcelFate } from '../../src/model/delivery.ts';
import { traceIdsOf } from '../support/otlp.ts';
import { Receiver, status } from '../support/receiver.ts';
import type { Behaviour } from '../support/receiver.ts';
import { endpoint, parcel } from './harness.ts';
import { hexId } from './traces.ts';

const MIB = 2 ** 20;
const AWAY: Behaviour = { kind: 'status', code: status.UNAVAILABLE, message: 'away' };
let folder = '';
let receiver: Receiver;
const open: Outbox[] = [];
let drained = 0;
const fates = new Map<string, ParcelFate['kind']>();

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'outbox-'));
  receiver = await Receiver.start({});
  fates.clear();
  drained = 0;
});
afterEach(async () => {
  for (const outbox of open.splice(0)) outbox.close();
  await receiver.stop();
  rmSync(folder, { recursive: true });
});

const spoolOf = (limit = 64 * MIB): Spool => new Spool({ folder: join(folder, 'spool'), limit, log: () => undefined });

function outbox(over: Partial<OutboxOptions> = {}): Outbox {
  const made = new Outbox({ endpoint: endpoint(receiver.url), log: () => undefined, maxWaitingBytes: MIB, onDrain: () => (drained += 1), random: () => 0, ...over });
  open.push(made);
  return made;
}

const offer = (to: Outbox, from: number, count: number): void => {
  for (let n = from; n < from + count; n += 1) to.offer(parcel(n, 20), ({ kind }) => fates.set(hexId(n, 32), kind));
};
/** Until the box knows that the back-end is away. */
async function untilAway(box: Outbox): Promise<void> {
  offer(box, 0, 1);
  await receiver.until(() => box.stats.failingSince !== undefined);
}
const taken = (): string[] => [...new Set(receiver.requests.filter(({ behaviour }) => behaviour.kind === 'ok' || behaviour.kind === 'slow').flatMap(({ bytes }) => traceIdsOf(bytes)))].sort();
const ids = (from: number, count: number): string[] => Array.from({ length: count }, (_, n) => hexId(from + n, 32));
const kinds = (kind: ParcelFate['kind']): number => [...fates.values()].filter((each) => each === kind).length;

describe('while the back-end is away, traces', () => {
  test('go to disk when memory is full, let their log lines go, and are all sent when it is back', async () => {
    receiver.script = () => AWAY;
    const spool = spoolOf();
    const box = outbox({ spool });
    await untilAway(box);
    offer(box, 1, 900);
    expect(box.full).toBe(false);
    expect(kinds('spooled')).toBeGreaterThan(500);
    expect(box.stats.waitingBytes).toBeLessThan(MIB);
    expect(box.stats.spooledTraces).toBe(kinds('spooled'));
    // The oldest first: theirs are the lines that hold a log back.
    expect(fates.get(hexId(1, 32))).toBe('spooled');
    expect(fates.has(hexId(900, 32))).toBe(false);
    receiver.script = () => ({ kind: 'ok' });
    expect(await box.flush(10_000)).toBe(true);
    expect(taken()).toEqual(ids(0, 901));
    expect(kinds('spooled') + kinds('acknowledged')).toBe(901);
    expect(readdirSync(join(folder, 'spool'))).toEqual([]);
    expect(box.stats).toMatchObject({ spoolBytes: 0, spooledTraces: 0, waitingBytes: 0, waitingTraces: 0 });
  });

  test('stay in their logs while it is only busy: nothing goes to disk', async () => {
    receiver.script = () => ({ kind: 'slow', ms: 100 });
    const box = outbox({ spool: spoolOf() });
    let offered = 0;
    while (!box.full) offer(box, (offered += 1), 1);
    expect(await box.flush(20_000)).toBe(true);
    expect(drained).toBe(1);
    expect(kinds('acknowledged')).toBe(offered);
    expect(taken()).toEqual(ids(1, offered));
  });

  test('make reading stop only when disk and memory are full, and go on when there is room', async () => {
    receiver.script = () => AWAY;
    const box = outbox({ spool: spoolOf(60_000) });
    await untilAway(box);
    let offered = 0;
    while (!box.full) offer(box, (offered += 1), 1);
    expect(kinds('spooled')).toBeGreaterThan(0);
    expect(drained).toBe(0);
    receiver.script = () => ({ kind: 'ok' });
    expect(await box.flush(10_000)).toBe(true);
    expect(drained).toBe(1);
    expect(taken()).toEqual(ids(0, offered + 1));
  });

  test('go to disk after a while in any case, and are tried from there', async () => {
    receiver.script = () => AWAY;
    const spool = spoolOf();
    const box = outbox({ spool, patience: 60 });
    offer(box, 1, 3);
    await receiver.until(() => kinds('spooled') === 3);
    const before = receiver.requests.length;
    await receiver.until(() => receiver.requests.length > before);
    receiver.script = () => ({ kind: 'ok' });
    expect(await box.flush(10_000)).toBe(true);
    expect(taken()).toEqual(ids(1, 3));
  });

  test('go to disk when the daemon stops, and are sent by the next one, with the same bytes', async () => {
    receiver.script = () => ({ kind: 'store-and-drop' });
    const first = outbox({ spool: spoolOf() });
    offer(first, 1, 5);
    await receiver.until(() => receiver.requests.length > 0);
    receiver.script = () => AWAY;
    expect(await first.flush(200)).toBe(false);
    expect(kinds('spooled')).toBe(5);
    first.close();
    receiver.script = () => ({ kind: 'ok' });
    const second = outbox({ spool: spoolOf() });
    expect(await second.flush(10_000)).toBe(true);
    expect(taken()).toEqual(ids(1, 5));
    const [stored] = receiver.requests;
    const last = receiver.requests.at(-1);
    expect(last?.bytes.equals(stored?.bytes ?? Buffer.alloc(0))).toBe(true);
  });

  test('wait in memory and then in their logs when there is no spool', async () => {
    receiver.script = () => AWAY;
    const box = outbox();
    await untilAway(box);
    let offered = 0;
    while (!box.full) offer(box, (offered += 1), 1);
    expect(box.stats.waitingTraces).toBe(offered + 1);
    expect(fates.size).toBe(0);
  });
});
