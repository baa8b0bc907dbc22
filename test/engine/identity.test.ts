/** Ids are a contract: a re-send, an import a year later and another version of ours must come to the same (design.md 3). */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { spanId, traceId } from '../../src/engine/identity.ts';
import { nanos } from '../../src/model/time.ts';
import { HOST_ID, tracesOf } from '../support/ledger.ts';
import { Random } from '../support/random.ts';
import { start, text } from '../support/uruncwriter.ts';

const AT = 1_795_216_445_584_266_841n;
const digest = (...parts: readonly string[]): string => createHash('sha256').update(parts.join('\0')).digest('hex');

test('a trace: host, runtime, container, and the nanosecond of its first mark', () => {
  expect(traceId('host', 'urunc', 'box', nanos(AT))).toBe(digest('shimtrace/1', 'host', 'urunc', 'box', String(AT)).slice(0, 32));
  // Pinned: whoever changes this changes the id of every trace ever sent.
  expect(traceId('host', 'urunc', 'box', nanos(AT))).toBe('938c25a03835a72c76b59d28d17d61bb');
});

test('a span: its trace, component, name, and how many of these came before', () => {
  const [first, second] = [spanId('a'.repeat(32), 'urunc-create', 'create', 0), spanId('a'.repeat(32), 'urunc-create', 'create', 1)];
  expect(first).toBe(digest('a'.repeat(32), 'urunc-create', 'create', '0').slice(0, 16));
  expect(second).toBe(digest('a'.repeat(32), 'urunc-create', 'create', '1').slice(0, 16));
});

test('the traces of a log have these ids, and none comes from where or how the log was read', () => {
  const log = text(start(new Random(1), { generation: 'D', id: 'box', at: AT }));
  const [trace] = tracesOf([{ log, key: 'here', rank: 3 }]).traces;
  expect(trace?.id).toBe(traceId(HOST_ID, 'urunc', 'box', nanos(AT)));
  expect(trace?.spans.map((span) => span.id)).toEqual(trace?.spans.map((span) => spanId(trace.id, span.service, span.name, 0)));
  expect(tracesOf([{ log: `\n${log}`, key: 'there' }]).traces[0]?.id).toBe(trace?.id);
  expect(tracesOf(log, { hostId: 'another' }).traces[0]?.id).not.toBe(trace?.id);
});
