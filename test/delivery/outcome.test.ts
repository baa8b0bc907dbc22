import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readExportAnswer, readRetryDelay } from '../../src/delivery/answer.ts';
import { backOff } from '../../src/delivery/health.ts';
import { classify } from '../../src/delivery/outcome.ts';

const of = (code: number, message = 'm', retryDelay?: number) => classify({ kind: 'status', code, message, retryDelay });

describe('a status', () => {
  test.each([
    ['CANCELLED', 'retry'],
    ['UNKNOWN', 'retry'],
    ['INVALID_ARGUMENT', 'split'],
    ['DEADLINE_EXCEEDED', 'retry'],
    ['NOT_FOUND', 'hold'],
    ['ALREADY_EXISTS', 'hold'],
    ['PERMISSION_DENIED', 'hold'],
    ['RESOURCE_EXHAUSTED', 'hold'],
    ['FAILED_PRECONDITION', 'hold'],
    ['ABORTED', 'retry'],
    ['OUT_OF_RANGE', 'retry'],
    ['UNIMPLEMENTED', 'hold'],
    ['INTERNAL', 'retry'],
    ['UNAVAILABLE', 'retry'],
    ['DATA_LOSS', 'retry'],
    ['UNAUTHENTICATED', 'hold'],
  ] as const)('%s: %s', (name, kind) => {
    expect(of(status[name]).kind).toBe(kind);
  });

  test.each([
    'grpc: received message larger than max (5242880 vs. 4194304)',
    'Received message larger than max (41000 vs 20000)',
    'gRPC message exceeds maximum size 4194304: 5000000',
    'TRACE_TOO_LARGE: max size of trace (5000000) exceeded',
  ])('RESOURCE_EXHAUSTED with %j is about size', (message) => {
    expect(of(status.RESOURCE_EXHAUSTED, message).kind).toBe('split');
  });

  test("Tempo's rate limit is not about size", () => {
    const message = 'RATE_LIMITED: ingestion rate limit (local: 15000000 bytes) exceeded while adding 4000 bytes for user x';
    expect(of(status.RESOURCE_EXHAUSTED, message).kind).toBe('hold');
    expect(of(status.RESOURCE_EXHAUSTED, message, 250)).toMatchObject({ kind: 'retry', after: 250 });
  });

  test('B2: asks for at most five minutes', () => {
    expect(of(status.UNAVAILABLE, 'm', 3_600_000)).toMatchObject({ after: 300_000 });
  });

  test.each([
    [status.UNAVAILABLE, 'No connection established. Last error: connect ECONNREFUSED 127.0.0.1:1', 'retry', /Nothing listens/],
    [status.UNAVAILABLE, 'Name resolution failed for target dns:nope:1', 'retry', /resolved/],
    [status.UNAVAILABLE, 'No connection established. Last error: self-signed certificate', 'retry', /OTEL_EXPORTER_OTLP_CERTIFICATE/],
    [status.UNAVAILABLE, 'Last error: SSL routines:ssl3_get_record:wrong version number', 'retry', /http:\/\//],
    [status.UNAVAILABLE, 'Received HTTP status code 503', 'retry', /by itself/],
    [status.UNIMPLEMENTED, 'Received HTTP status code 404', 'hold', /HTTP status 404.*4317/],
    [status.UNKNOWN, 'Received HTTP status code 413', 'split', undefined],
    [status.UNIMPLEMENTED, 'grpc: Decompressor is not installed for grpc-encoding "gzip"', 'hold', /gzip/],
    [status.UNIMPLEMENTED, 'unknown service opentelemetry', 'hold', /OTLP receiver/],
  ] as const)('%i %j: %s', (code, message, kind, advice) => {
    const outcome = of(code, message);
    expect(outcome.kind).toBe(kind);
    if ('advice' in outcome && advice !== undefined) expect(outcome.advice).toMatch(advice);
  });
});

describe('an answer', () => {
  test('is read whatever its bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const answer = readExportAnswer(bytes);
        expect(answer === undefined || answer.rejected >= 0).toBe(true);
        const delay = readRetryDelay(bytes);
        expect(delay === undefined || delay >= 0).toBe(true);
      }),
    );
  });

  test('ignores fields it does not know', () => {
    expect(readExportAnswer(Buffer.from([0x0a, 2, 0x08, 5, 0x18, 9, 0x25, 1, 2, 3, 4, 0x29, 1, 2, 3, 4, 5, 6, 7, 8]))).toEqual({ rejected: 5, message: '' });
  });
});

test('pauses grow to their ceiling, whatever the dice say', () => {
  fc.assert(
    fc.property(fc.constantFrom('retry' as const, 'hold' as const), fc.integer({ min: 1, max: 5_000 }), fc.double({ min: 0, max: 0.999, noNaN: true }), (kind, failures, dice) => {
      const pause = backOff(kind, failures, () => dice);
      expect(pause).toBeGreaterThanOrEqual(100);
      expect(pause).toBeLessThanOrEqual(kind === 'retry' ? 2_500 : 30_000);
    }),
  );
});
