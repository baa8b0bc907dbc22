/** What a back-end answers decides what becomes of a trace: nothing that says nothing about the data loses any. */
import { describe, expect, test } from 'vitest';
import { Harness, parcel } from '../delivery/harness.ts';
import { hexId } from '../delivery/traces.ts';
import { traceIdsOf } from '../support/otlp.ts';
import { Receiver, status } from '../support/receiver.ts';
import type { Behaviour } from '../support/receiver.ts';

const ACKNOWLEDGED = { kind: 'acknowledged' };
const id = (n: number): string => hexId(n, 32);
const answer = (code: number, message = 'no', retryAfter?: number): Behaviour => ({ kind: 'status', code, message, ...(retryAfter !== undefined && { retryAfter }) });

/** Sends one trace to a back-end that answers so twice and then takes it. */
async function twice(behaviour: Behaviour): Promise<{ fate: unknown; same: boolean; requests: number; events: readonly string[]; letters: number }> {
  const receiver = await Receiver.start({ script: (index) => (index < 2 ? behaviour : { kind: 'ok' }) });
  await using harness = new Harness(receiver.url, { random: () => 0 }, { OTEL_EXPORTER_OTLP_TIMEOUT: '500' });
  harness.send(parcel(1));
  await harness.until(() => harness.fates.size === 1);
  const { requests } = receiver;
  await receiver.stop();
  return {
    fate: harness.fates.get(id(1)),
    same: new Set(requests.map(({ bytes }) => bytes.toString('base64'))).size === 1,
    requests: requests.length,
    events: harness.logged.map(({ event }) => event),
    letters: harness.letters.length,
  };
}

/** Reference: tailing-and-delivery 5.6, all of gRPC's codes but OK. */
const AGAIN = ['endpoint_unreachable', 'endpoint_reachable'];
const HELD = ['endpoint_refuses', 'endpoint_reachable'];
const CODES: readonly (readonly [name: string, behaviour: Behaviour, events: readonly string[]])[] = [
  ['CANCELLED', answer(status.CANCELLED), AGAIN],
  ['UNKNOWN', answer(status.UNKNOWN), AGAIN],
  ['DEADLINE_EXCEEDED', answer(status.DEADLINE_EXCEEDED), AGAIN],
  ['NOT_FOUND', answer(status.NOT_FOUND), HELD],
  ['ALREADY_EXISTS', answer(status.ALREADY_EXISTS), HELD],
  ['PERMISSION_DENIED', answer(status.PERMISSION_DENIED), HELD],
  ['RESOURCE_EXHAUSTED without RetryInfo', answer(status.RESOURCE_EXHAUSTED, 'rate limit'), HELD],
  ['RESOURCE_EXHAUSTED with RetryInfo', answer(status.RESOURCE_EXHAUSTED, 'rate limit', 50), AGAIN],
  ['FAILED_PRECONDITION', answer(status.FAILED_PRECONDITION), HELD],
  ['ABORTED', answer(status.ABORTED), AGAIN],
  ['OUT_OF_RANGE', answer(status.OUT_OF_RANGE), AGAIN],
  ['UNIMPLEMENTED', answer(status.UNIMPLEMENTED), HELD],
  ['INTERNAL', answer(status.INTERNAL), AGAIN],
  ['UNAVAILABLE', answer(status.UNAVAILABLE), AGAIN],
  ['UNAVAILABLE with RetryInfo', answer(status.UNAVAILABLE, 'busy', 50), AGAIN],
  ['DATA_LOSS', answer(status.DATA_LOSS), AGAIN],
  ['UNAUTHENTICATED', answer(status.UNAUTHENTICATED), HELD],
  ['a code that gRPC has not', answer(99), HELD],
  ['no answer', { kind: 'hang' }, AGAIN],
  ['the answer lost after it was stored', { kind: 'store-and-drop' }, AGAIN],
  ['OK with a body that is none', { kind: 'raw', bytes: Buffer.from('<html>') }, HELD],
  ['OK with half a body', { kind: 'raw', bytes: Buffer.from([0x0a, 0x7f]) }, HELD],
];

describe('B2, B3, B4, B7: sent until it is taken, the same to the byte, and said once', () => {
  test.each(CODES)('%s', async (_, behaviour, events) => {
    expect(await twice(behaviour)).toEqual({ fate: ACKNOWLEDGED, same: true, requests: 3, events, letters: 0 });
  });
});

describe('B5: taken in part', () => {
  test.each([1, 2])('%d of three spans rejected: not sent again, counted, dead-lettered', async (rejected) => {
    const { fate, requests, letters, events } = await twice({ kind: 'partial', rejected, message: 'too old' });
    expect({ fate, requests, letters, events }).toEqual({ fate: ACKNOWLEDGED, requests: 1, letters: 1, events: ['spans_rejected'] });
  });

  test('more rejected than were sent: as many as were sent are counted', async () => {
    const { fate, requests } = await twice({ kind: 'partial', rejected: 2 ** 40, message: 'all of them' });
    expect({ fate, requests }).toEqual({ fate: { kind: 'refused', reason: 'all of them' }, requests: 1 });
  });

  test('a negative number rejected: nothing was', async () => {
    expect(await twice({ kind: 'partial', rejected: -1, message: '' })).toMatchObject({ fate: ACKNOWLEDGED, requests: 1, letters: 0 });
  });
});

describe('B2: RetryInfo', () => {
  test('holds for the endpoint: no other trace is sent before its time either', async () => {
    const receiver = await Receiver.start({ script: (index) => (index === 0 ? answer(status.UNAVAILABLE, 'later', 400) : { kind: 'ok' }) });
    await using harness = new Harness(receiver.url, { random: () => 0 });
    harness.send(parcel(1));
    await harness.until(() => harness.exporter.stats.lastError !== undefined);
    for (let n = 2; n <= 5; n++) harness.send(parcel(n));
    await harness.until(() => harness.fates.size === 5);
    const [first, second] = receiver.requests;
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(390);
    await receiver.stop();
  });

  test('of nothing, less than nothing, or a broken one, is none: it does not turn into a loop', async () => {
    for (const retryAfter of [0, -5_000]) {
      const { fate, requests } = await twice(answer(status.UNAVAILABLE, 'now', retryAfter));
      expect({ fate, requests }).toEqual({ fate: ACKNOWLEDGED, requests: 3 });
    }
  });
});

describe('B8: a server with a limit', () => {
  const MIB = 1024 * 1024;
  /** About 100 kB each. */
  const SPANS = 200;

  test.each([['4 MiB, the default', 4 * MIB], ['1 MiB', MIB], ['130 kB, little more than one trace', 130_000]])('of %s: what is above it is split, nothing is lost', async (_, maxMessage) => {
    const receiver = await Receiver.start({ maxMessage });
    await using harness = new Harness(receiver.url, { random: () => 0 });
    const parcels = Array.from({ length: 60 }, (_each, index) => parcel(index + 1, SPANS));
    const all = parcels.reduce((sum, { bytes }) => sum + bytes.length, 0);
    expect(all).toBeGreaterThan(4 * MIB);
    expect(parcels[0]?.bytes.length ?? 0).toBeLessThan(130_000);
    for (const each of parcels) harness.send(each);
    await harness.until(() => harness.fates.size === parcels.length);
    expect([...harness.fates.values()].every(({ kind }) => kind === 'acknowledged')).toBe(true);
    const stored = receiver.requests.flatMap(({ bytes }) => traceIdsOf(bytes));
    expect(stored.toSorted()).toEqual(parcels.map(({ traceId }) => traceId).toSorted());
    expect(harness.letters).toEqual([]);
    await receiver.stop();
  });

  test.each([
    'grpc: received message larger than max (5242880 vs. 4194304)', 'Received message larger than max (41000 vs 20000)',
    'gRPC message exceeds maximum size 4194304: 5000000', 'TRACE_TOO_LARGE: max size of trace exceeded',
  ])('that says %j: the batch is split, down to the trace it means', async (message) => {
    const bad = Buffer.from(id(3), 'hex');
    const receiver = await Receiver.start({ script: (_, bytes) => (bytes.includes(bad) && bytes.length > 300 ? answer(status.RESOURCE_EXHAUSTED, message) : { kind: 'ok' }) });
    await using harness = new Harness(receiver.url, { random: () => 0 });
    for (let n = 1; n <= 8; n++) harness.send(parcel(n));
    await harness.until(() => harness.fates.size === 8);
    for (const n of [1, 2, 4, 5, 6, 7, 8]) expect(harness.fates.get(id(n))).toEqual(ACKNOWLEDGED);
    expect(harness.exporter.stats.waitingTraces).toBe(0);
    await receiver.stop();
  });
});
