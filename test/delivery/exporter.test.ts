import { createServer } from 'node:http';
import type { Attempt } from '../../src/delivery/exporting.ts';
import { afterEach, describe, expect, test } from 'vitest';
import { spansOf, traceIdsOf } from '../support/otlp.ts';
import type { SpanMessage } from '../support/otlp.ts';
import { portOf, Receiver, status } from '../support/receiver.ts';
import type { Behaviour, ReceiverOptions } from '../support/receiver.ts';
import { encoded, Harness, parcel } from './harness.ts';
import { hexId, span, trace } from './traces.ts';

const ok: Behaviour = { kind: 'ok' };
const running: Receiver[] = [];

async function receive(options: ReceiverOptions = {}): Promise<Receiver> {
  const receiver = await Receiver.start(options);
  running.push(receiver);
  return receiver;
}

/** Answers the first requests as told, all later ones with OK. */
const first = (...behaviours: Behaviour[]) => (index: number): Behaviour => behaviours[index] ?? ok;
const failure = (code: number, message = 'no', retryAfter?: number): Behaviour =>
  retryAfter === undefined ? { kind: 'status', code, message } : { kind: 'status', code, message, retryAfter };

/** Spans, each once, in the order of their ids. */
const byId = (spans: readonly SpanMessage[]): SpanMessage[] => spans.toSorted((a, b) => (a.spanId < b.spanId ? -1 : 1));
const giant = (n: number) => encoded(trace({ id: hexId(n, 32), spans: [span({ id: hexId(n * 1_000 + 1, 16), attributes: [['process.command_args', 'x'.repeat(30_000)]] })] }));

afterEach(async () => {
  await Promise.all(running.splice(0).map((receiver) => receiver.stop()));
});

describe('what the back-end takes', () => {
  test('is acknowledged once, whole, and counted', async () => {
    const receiver = await receive();
    await using harness = new Harness(receiver.url);
    for (let n = 1; n <= 5; n += 1) harness.send(parcel(n));
    expect(harness.exporter.stats).toMatchObject({ waitingTraces: 5 });
    expect(await harness.exporter.flush(5_000)).toBe(true);
    expect([...harness.fates.values()]).toEqual(Array.from({ length: 5 }, () => ({ kind: 'acknowledged' })));
    expect(harness.exporter.stats).toMatchObject({
      acknowledgedTraces: 5,
      acknowledgedSpans: 15,
      retries: 0,
      waitingTraces: 0,
      waitingBytes: 0,
      inFlight: 0,
      failingSince: undefined,
    });
    // Offered in one turn of the event loop: one request.
    expect(receiver.requests).toHaveLength(1);
    expect(traceIdsOf(receiver.requests[0]?.bytes ?? Buffer.alloc(0))).toEqual([1, 2, 3, 4, 5].map((n) => hexId(n, 32)));
    expect(harness.logged).toEqual([]);
  });

  test('goes in batches of at most 1024 spans, three at a time, a larger trace alone', async () => {
    const receiver = await receive({ script: () => ({ kind: 'slow', ms: 20 }) });
    await using harness = new Harness(receiver.url);
    let most = 0;
    for (let n = 1; n <= 60; n += 1) harness.send(parcel(n, 100));
    harness.send(parcel(61, 3_000));
    harness.send(parcel(62, 1));
    await receiver.until(() => {
      most = Math.max(most, harness.exporter.stats.inFlight);
      return receiver.requests.length >= 7;
    });
    expect(await harness.exporter.flush(5_000)).toBe(true);
    expect(most).toBe(3);
    expect(harness.exporter.stats.acknowledgedSpans).toBe(60 * 100 + 3_000 + 1);
    const sizes = receiver.requests.map((request) => traceIdsOf(request.bytes).length);
    expect(sizes.toSorted()).toEqual([1, 1, 10, 10, 10, 10, 10, 10]);
  });

  test('goes alone until the first answer: what is on its way in a crash is sent again', async () => {
    const receiver = await receive();
    await using harness = new Harness(receiver.url);
    const states: unknown[] = [];
    receiver.script = () => {
      states.push(harness.exporter.stats);
      return { kind: 'slow', ms: 20 };
    };
    for (let n = 1; n <= 60; n += 1) harness.send(parcel(n, 100));
    expect(await harness.exporter.flush(5_000)).toBe(true);
    expect(states.slice(0, 2)).toMatchObject([{ inFlight: 1, acknowledgedBatches: 0 }, { acknowledgedBatches: 1 }]);
  });

  test('makes it full, and then drains it', async () => {
    const receiver = await receive({ script: first(failure(status.UNAVAILABLE)) });
    let drained = 0;
    const bytes = parcel(1).bytes.length;
    await using harness = new Harness(receiver.url, { maxWaitingBytes: bytes * 3, onDrain: () => (drained += 1) });
    harness.send(parcel(1));
    harness.send(parcel(2));
    expect(harness.exporter.full).toBe(false);
    harness.send(parcel(3));
    expect(harness.exporter.full).toBe(true);
    await harness.exporter.flush(5_000);
    expect(harness.exporter.full).toBe(false);
    expect(drained).toBe(1);
  });

  test('arrives compressed, with the headers asked for', async () => {
    const receiver = await receive();
    const env = { OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer%20x,x-scope=a', OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' };
    await using harness = new Harness(receiver.url, {}, env);
    harness.send(parcel(1));
    expect(await harness.exporter.flush(5_000)).toBe(true);
    const metadata = receiver.requests[0]?.metadata;
    expect(metadata?.get('authorization')).toBe('Bearer x');
    expect(metadata?.get('x-scope')).toBe('a');
    expect(traceIdsOf(receiver.requests[0]?.bytes ?? Buffer.alloc(0))).toEqual([hexId(1, 32)]);
  });
});

describe('B2, B3, B4, B7: what fails for a while', () => {
  test.each([
    ['UNAVAILABLE', status.UNAVAILABLE],
    ['ABORTED', status.ABORTED],
    ['INTERNAL', status.INTERNAL],
    ['DEADLINE_EXCEEDED', status.DEADLINE_EXCEEDED],
    ['UNAUTHENTICATED', status.UNAUTHENTICATED],
    ['UNIMPLEMENTED', status.UNIMPLEMENTED],
    ['RESOURCE_EXHAUSTED without RetryInfo', status.RESOURCE_EXHAUSTED],
  ])('is sent again after %s, with the same bytes', async (_, code) => {
    const receiver = await receive({ script: first(failure(code), failure(code)) });
    await using harness = new Harness(receiver.url, { random: () => 0 });
    harness.send(parcel(1));
    await harness.until(() => harness.fates.size === 1);
    expect(harness.fates.get(hexId(1, 32))).toEqual({ kind: 'acknowledged' });
    expect(receiver.requests).toHaveLength(3);
    expect(new Set(receiver.requests.map((request) => request.bytes.toString('hex'))).size).toBe(1);
    expect(harness.exporter.stats).toMatchObject({ attempts: 3, retries: 2, refusedTraces: 0 });
  });

  test('is sent again when the acknowledgement was lost with the connection', async () => {
    const receiver = await receive({ script: first({ kind: 'store-and-drop' }) });
    await using harness = new Harness(receiver.url);
    harness.send(parcel(1));
    await harness.until(() => harness.fates.size === 1);
    expect(receiver.requests).toHaveLength(2);
    expect(receiver.requests[0]?.bytes.equals(receiver.requests[1]?.bytes ?? Buffer.alloc(0))).toBe(true);
  });

  test('is cut off by our deadline when no answer comes, also on a connection that stays silent', async () => {
    const receiver = await receive({ script: first({ kind: 'hang' }, { kind: 'hang' }, { kind: 'hang' }) });
    await using harness = new Harness(receiver.url, { random: () => 0 }, { OTEL_EXPORTER_OTLP_TIMEOUT: '150' });
    harness.send(parcel(1));
    await harness.until(() => harness.fates.size === 1);
    expect(harness.fates.get(hexId(1, 32))).toEqual({ kind: 'acknowledged' });
    expect(receiver.requests).toHaveLength(4);
    expect(harness.logged[0]).toMatchObject({ event: 'endpoint_unreachable' });
    expect(harness.logged[0]?.text).toContain('no answer within 0.15 s');
  });

  test('waits as long as the back-end asks', async () => {
    const receiver = await receive({ script: first(failure(status.RESOURCE_EXHAUSTED, 'slow down', 700)) });
    await using harness = new Harness(receiver.url, { random: () => 0 });
    harness.send(parcel(1));
    await harness.until(() => harness.exporter.stats.lastError !== undefined);
    harness.send(parcel(2));
    // Not even somebody in a hurry may disobey.
    expect(await harness.exporter.flush(5_000)).toBe(true);
    const [before, after] = receiver.requests;
    expect((after?.at ?? 0) - (before?.at ?? 0)).toBeGreaterThanOrEqual(690);
  });

  test('is delivered within 3 s of the back-end coming up', async () => {
    const gone = await Receiver.start();
    const { port, url } = gone;
    await gone.stop();
    await using harness = new Harness(url);
    for (let n = 1; n <= 3; n += 1) harness.send(parcel(n));
    await harness.until(() => harness.has('endpoint_unreachable'));
    // Long enough for the pauses to have grown.
    await harness.until(() => harness.exporter.stats.attempts >= 5);
    await receive({ port });
    const up = performance.now();
    await harness.until(() => harness.fates.size === 3);
    expect(performance.now() - up).toBeLessThan(3_000);
    await harness.until(() => harness.has('endpoint_reachable'));
    expect(harness.logged.map((line) => line.event)).toEqual(['endpoint_unreachable', 'endpoint_reachable']);
    expect(harness.logged[0]?.text).toContain('Nothing listens there');
  }, 10_000);

  test('is held, with an alarm, while the token is wrong, and delivered when it is mended', async () => {
    let wrong = true;
    const receiver = await receive({ script: () => (wrong ? failure(status.UNAUTHENTICATED, 'bad token') : ok) });
    await using harness = new Harness(receiver.url, { random: () => 0 });
    harness.send(parcel(1));
    await harness.until(() => harness.has('endpoint_refuses'));
    await receiver.until(() => receiver.requests.length >= 4);
    wrong = false;
    await harness.until(() => harness.fates.size === 1);
    expect(harness.fates.get(hexId(1, 32))).toEqual({ kind: 'acknowledged' });
    // One alarm however many attempts.
    expect(harness.logged.map((line) => [line.level, line.event])).toEqual([
      ['error', 'endpoint_refuses'],
      ['info', 'endpoint_reachable'],
    ]);
    expect(harness.logged[0]?.text).toContain('OTEL_EXPORTER_OTLP_HEADERS');
  });

  test('does not keep others from their back-end', async () => {
    const poison = Buffer.from(hexId(7, 32), 'hex');
    const receiver = await receive({ script: (_, bytes) => (bytes.includes(poison) ? failure(status.INTERNAL, 'panic') : ok) });
    let other = 100;
    const onAttempt = ({ outcome }: Attempt): void => {
      if (outcome === 'retry') harness.send(parcel((other += 1)));
    };
    await using harness = new Harness(receiver.url, { random: () => 0, onAttempt });
    for (let n = 1; n <= 16; n += 1) harness.send(parcel(n));
    // Batch mates, too: the batch is halved once it is clear that others get through.
    const mates = Array.from({ length: 16 }, (_, i) => hexId(i + 1, 32)).filter((id) => id !== hexId(7, 32));
    await harness.until(() => mates.every((id) => harness.fates.has(id)));
    expect(harness.fates.has(hexId(7, 32))).toBe(false);
    expect(harness.exporter.stats.refusedTraces).toBe(0);
  });
});

describe('B5, B6, B8: what the back-end will not take', () => {
  test('in part is counted and dead-lettered, not sent again', async () => {
    const receiver = await receive({ script: first({ kind: 'partial', rejected: 2, message: 'too old' }) });
    await using harness = new Harness(receiver.url);
    harness.send(parcel(1));
    harness.send(parcel(2));
    expect(await harness.exporter.flush(5_000)).toBe(true);
    expect(receiver.requests).toHaveLength(1);
    expect(harness.exporter.stats).toMatchObject({ rejectedSpans: 2, acknowledgedTraces: 2, refusedTraces: 0 });
    expect(harness.letters).toMatchObject([{ kind: 'partial', spans: 2, reason: 'too old', traceIds: [hexId(1, 32), hexId(2, 32)] }]);
    expect(Buffer.concat([...(harness.letters[0]?.request ?? [])]).equals(receiver.requests[0]?.bytes ?? Buffer.alloc(0))).toBe(true);
    expect(harness.logged.map((line) => line.event)).toEqual(['spans_rejected']);
  });

  test('as a whole, said as a partial success, is refused', async () => {
    const receiver = await receive({ script: first({ kind: 'partial', rejected: 3, message: 'never' }) });
    await using harness = new Harness(receiver.url);
    harness.send(parcel(1));
    expect(await harness.exporter.flush(5_000)).toBe(true);
    expect(harness.fates.get(hexId(1, 32))).toEqual({ kind: 'refused', reason: 'never' });
  });

  test('because of a remark only, is taken', async () => {
    const receiver = await receive({ script: first({ kind: 'partial', rejected: 0, message: 'deprecated' }) });
    await using harness = new Harness(receiver.url);
    harness.send(parcel(1));
    expect(await harness.exporter.flush(5_000)).toBe(true);
    expect(harness.exporter.stats).toMatchObject({ acknowledgedTraces: 1, rejectedSpans: 0 });
    expect(harness.logged.map((line) => line.event)).toEqual(['endpoint_warns']);
  });

  test('is found by halving (B6): one bad span of 900 is refused, all others are stored as they were', async () => {
    const bad = Buffer.from(hexId(123_002, 16), 'hex');
    const isBad = (bytes: Buffer): boolean => spansOf(bytes).some((span) => span.spanId === bad.toString('hex'));
    const receiver = await receive({ script: (_, bytes) => (isBad(bytes) ? failure(status.INVALID_ARGUMENT, 'bad span') : ok) });
    await using harness = new Harness(receiver.url);
    const parcels = Array.from({ length: 300 }, (_, n) => parcel(n + 1));
    for (const each of parcels) harness.send(each);
    expect(await harness.exporter.flush(8_000)).toBe(true);
    expect(harness.exporter.stats).toMatchObject({ acknowledgedTraces: 300, acknowledgedSpans: 899, refusedTraces: 0, refusedSpans: 1, waitingBytes: 0, waitingTraces: 0 });
    expect(harness.fates.get(hexId(123, 32))).toEqual({ kind: 'acknowledged' });
    expect(harness.letters).toMatchObject([{ kind: 'refused', traceIds: [hexId(123, 32)], spans: 1, reason: 'INVALID_ARGUMENT: bad span' }]);
    expect(harness.logged.map((line) => line.event)).toEqual(['spans_refused']);
    const stored = receiver.requests.filter((request) => request.behaviour.kind === 'ok').flatMap((request) => spansOf(request.bytes));
    const lost = harness.letters.flatMap((letter) => spansOf(Buffer.concat([...letter.request])));
    expect(byId([...stored, ...lost])).toEqual(byId(parcels.flatMap(({ bytes }) => spansOf(bytes))));
  });

  test('is refused whole when none of its spans is taken; then others are not cut in vain', async () => {
    const receiver = await receive({ script: () => failure(status.INVALID_ARGUMENT, 'no such tenant') });
    await using harness = new Harness(receiver.url);
    for (let n = 1; n <= 20; n += 1) harness.send(parcel(n, 8));
    expect(await harness.exporter.flush(8_000)).toBe(true);
    expect(harness.exporter.stats).toMatchObject({ acknowledgedTraces: 0, refusedTraces: 20, refusedSpans: 160 });
    expect(harness.letters).toHaveLength(20);
    expect(harness.letters.every((letter) => letter.spans === 8)).toBe(true);
    // All down to single traces, and down to single spans no more than are in flight at once.
    expect(receiver.requests.length).toBeLessThanOrEqual(39 + 3 * 14);
  });

  test('for its size is halved until it fits (B8), a trace that is too large alone, too; a span that is, is refused', async () => {
    const receiver = await receive({ maxMessage: 20_000 });
    await using harness = new Harness(receiver.url);
    const parcels = Array.from({ length: 20 }, (_, n) => parcel(n + 1, 10));
    parcels.push(parcel(21, 100));
    for (const each of parcels) harness.send(each);
    harness.send(giant(22));
    expect(await harness.exporter.flush(5_000)).toBe(true);
    expect(harness.exporter.stats).toMatchObject({ acknowledgedTraces: 21, refusedTraces: 1, refusedSpans: 1 });
    expect(harness.fates.get(hexId(22, 32))).toMatchObject({ kind: 'refused', reason: expect.stringMatching(/larger than max/i) });
    expect(byId(receiver.requests.flatMap((request) => spansOf(request.bytes)))).toEqual(byId(parcels.flatMap(({ bytes }) => spansOf(bytes))));
  });
});

describe('what is no OTLP/gRPC receiver', () => {
  test('but an HTTP/1 server, is named as such', async () => {
    const web = createServer((_, response) => response.end('hello'));
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    const port = portOf(web);
    await using harness = new Harness(`http://127.0.0.1:${port}`, { random: () => 0 });
    harness.send(parcel(1));
    await harness.until(() => harness.logged.length > 0);
    expect(harness.logged[0]?.text).toMatch(/not with gRPC.*4317/);
    web.closeAllConnections();
    await new Promise((resolve) => web.close(resolve));
  });

  test('but answers OK with something else, loses nothing', async () => {
    const receiver = await receive({ script: first({ kind: 'raw', bytes: Buffer.from('<html>') }) });
    await using harness = new Harness(receiver.url, { random: () => 0 });
    harness.send(parcel(1));
    expect(await harness.exporter.flush(5_000)).toBe(true);
    expect(receiver.requests).toHaveLength(2);
  });
});

test('closing settles a flush, gives no fate, and leaves nothing running', async () => {
  const receiver = await receive({ script: () => ({ kind: 'hang' }) });
  await using harness = new Harness(receiver.url);
  harness.send(parcel(1));
  await receiver.until(() => receiver.requests.length === 1);
  const flushed = harness.exporter.flush(60_000);
  harness.exporter.close();
  expect(await flushed).toBe(false);
  harness.send(parcel(2));
  expect(harness.fates.size).toBe(0);
});
