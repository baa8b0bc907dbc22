/** Whatever happens to a connection, no call hangs, no trace is lost, and what is sent again is the same to the byte. */
import { constants } from 'node:http2';
import { describe, expect, test } from 'vitest';
import { Harness, parcel } from '../delivery/harness.ts';
import { hexId } from '../delivery/traces.ts';
import { Receiver } from '../support/receiver.ts';
import { byteByByte, goesAway, HandServer, httpStatus, hugeAnswer, noTrailers, Relay, resets, takes } from './wire.ts';
import type { Hand, Passage } from './wire.ts';

/** Deadline of one attempt: 300 ms. */
const SHORT = { OTEL_EXPORTER_OTLP_TIMEOUT: '300' };
const acknowledged = (harness: Harness): boolean => [...harness.fates.values()].every(({ kind }) => kind === 'acknowledged');

describe('B3, B4: a connection that', () => {
  test.each<[string, Passage]>([
    ['is taken and never answered', 'silent'],
    ['answers a byte at a time', 'drip'],
    ['is reset at once', 'reset'],
    ['is reset in the middle of the answer', 'reset-in-answer'],
    ['goes dead without a sign once it was asked', 'freeze-after-request'],
  ])('%s: each attempt ends, and all is delivered when it is mended', async (_, passage) => {
    const receiver = await Receiver.start();
    await using relay = await Relay.before(receiver.port, passage);
    await using harness = new Harness(relay.url, { random: () => 0 }, SHORT);
    for (let n = 1; n <= 10; n++) harness.send(parcel(n));
    await harness.until(() => harness.exporter.stats.attempts >= 5);
    expect(harness.fates.size).toBe(0);
    relay.passage = 'pass';
    await harness.until(() => harness.fates.size === 10);
    expect(acknowledged(harness)).toBe(true);
    const contents = new Set(receiver.requests.map(({ bytes }) => bytes.toString('base64')));
    expect(contents.size).toBe(1);
    expect(harness.logged.map(({ event }) => event)).toEqual(['endpoint_unreachable', 'endpoint_reachable']);
    expect(harness.exporter.stats.inFlight).toBe(0);
    await receiver.stop();
  });

  test('B4: goes dead under three requests at once: a new one is opened, and none waits for the old', async () => {
    const receiver = await Receiver.start();
    await using relay = await Relay.before(receiver.port, 'freeze-after-request');
    await using harness = new Harness(relay.url, { random: () => 0 }, SHORT);
    for (let n = 1; n <= 30; n++) harness.send(parcel(n, 100));
    await harness.until(() => harness.exporter.stats.attempts >= 4);
    relay.passage = 'pass';
    await harness.until(() => harness.fates.size === 30);
    expect(acknowledged(harness)).toBe(true);
    expect(relay.connections).toBeGreaterThan(1);
    await receiver.stop();
  });
});

describe('B3: a server that', () => {
  test.each<[string, Hand]>([
    ['says GOAWAY', goesAway(constants.NGHTTP2_NO_ERROR)],
    ['says GOAWAY and to be calm', goesAway(constants.NGHTTP2_ENHANCE_YOUR_CALM)],
    ['refuses the stream', resets(constants.NGHTTP2_REFUSED_STREAM)],
    ['cancels the stream', resets(constants.NGHTTP2_CANCEL)],
    ['breaks the stream off', resets(constants.NGHTTP2_INTERNAL_ERROR)],
    ['ends it without a word', resets(constants.NGHTTP2_NO_ERROR)],
    ['ends the answer without a status', noTrailers],
    ['announces an answer of a gigabyte', hugeAnswer],
    ['is a proxy without its back-end: 502', httpStatus(502)],
    ['is a proxy without its back-end: 503', httpStatus(503)],
    ['is a proxy that lost its patience: 504', httpStatus(504)],
    ['is a proxy with a limit: 429', httpStatus(429)],
    ['is a proxy that asks who we are: 401', httpStatus(401)],
    ['is a proxy that forbids: 403', httpStatus(403)],
    ['is a proxy that knows no such path: 404', httpStatus(404)],
  ])('%s, twice: the trace is sent until it is taken, the same', async (_, hand) => {
    await using server = await HandServer.start(hand, hand, takes);
    await using harness = new Harness(server.url, { random: () => 0 }, SHORT);
    harness.send(parcel(1));
    await harness.until(() => harness.fates.size === 1);
    expect(harness.fates.get(hexId(1, 32))).toEqual({ kind: 'acknowledged' });
    expect(server.requests.length).toBeGreaterThanOrEqual(3);
    expect(new Set(server.requests.map((bytes) => bytes.toString('base64'))).size).toBe(1);
    expect(harness.letters).toEqual([]);
  });

  test('answers in pieces of one byte has answered', async () => {
    await using server = await HandServer.start(byteByByte);
    await using harness = new Harness(server.url, { random: () => 0 });
    harness.send(parcel(1));
    await harness.until(() => harness.fates.size === 1);
    expect([server.requests.length, acknowledged(harness)]).toEqual([1, true]);
  });

  test('is a proxy with a size limit: 413: the batch is halved until it fits, and what never fits is refused by name', async () => {
    const big = parcel(7, 200);
    const limit: Hand = (stream, session) => (last(server).length > big.bytes.length / 2 ? httpStatus(413) : takes)(stream, session);
    await using server = await HandServer.start(limit);
    await using harness = new Harness(server.url, { random: () => 0 });
    for (let n = 1; n <= 6; n++) harness.send(parcel(n, 20));
    await harness.until(() => harness.fates.size === 6);
    expect(acknowledged(harness)).toBe(true);
    harness.send(big);
    await harness.until(() => harness.fates.size === 7);
    expect(harness.exporter.stats.waitingTraces).toBe(0);
  });
});

const last = (server: HandServer): Buffer => server.requests.at(-1) ?? Buffer.alloc(0);
