/** `ctr events`: any event that Go would print is read back to the nanosecond; nothing else is taken for one. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ctrEvents } from '../../src/syntax/ctrevents.ts';
import { goTime } from '../containerd/recording.ts';

const read = (text: string): ReturnType<typeof ctrEvents.read> => ctrEvents.read(Buffer.from(text), 0, Buffer.byteLength(text));
const entryOf = (text: string): Exclude<ReturnType<typeof read>, string> => {
  const entry = read(text);
  if (typeof entry === 'string') throw new Error(`${entry}: ${text}`);
  return entry;
};

const times = fc.bigInt({ min: 946_684_800_000_000_000n, max: 4_102_444_799_999_999_999n });
const words = fc.stringMatching(/^[a-z][a-z0-9_.-]{0,20}$/);
const topics = fc.stringMatching(/^\/[a-z]{1,12}\/[a-z-]{1,12}$/);
const values = fc.oneof(fc.string(), fc.integer().map(String), fc.boolean().map(String));

test('time, namespace, topic and every field come back', () => {
  fc.assert(fc.property(times, words, topics, fc.dictionary(words, values), (time, namespace, topic, fields) => {
    const entry = entryOf(`${goTime(time)} ${namespace} ${topic} ${JSON.stringify({ ...fields, nested: { 'a.b': { c: 'deep' } } })}`);
    expect([entry.time, entry.step, entry.get('namespace'), entry.get('topic'), entry.get('nested.a.b.c')]).toEqual([time, 1, namespace, topic, 'deep']);
    for (const [name, value] of Object.entries(fields)) if (!['namespace', 'topic', 'exec', 'code', 'exited', 'nested'].includes(name)) expect(entry.get(name)).toBe(value);
  }));
});

test('a whole second has no fraction, another zone is another moment', () => {
  expect(entryOf('2026-11-20 14:22:15 +0000 UTC default /tasks/start {}').time).toBe(1_795_184_535_000_000_000n);
  expect(entryOf('2026-11-20 23:22:15.5 +0900 JST default /tasks/start {}').time).toBe(1_795_184_535_500_000_000n);
});

test('whom an event is about, how it ended and when', () => {
  const exit = (json: string): (string | undefined)[] => ['exec', 'code', 'exited'].map((field) => entryOf(`2026-11-20 14:22:15 +0000 UTC default /tasks/exit ${json}`).get(field));
  expect(exit('{"container_id":"a","id":"a","exited_at":"2026-11-20T14:22:14.9Z"}')).toEqual([undefined, '0', '2026-11-20T14:22:14.9Z']);
  expect(exit('{"container_id":"a","id":"x1","exit_status":7,"exited_at":"0001-01-01T00:00:00Z"}')).toEqual(['x1', '7', undefined]);
  expect(exit('{"container_id":"a"}')).toEqual([undefined, '0', undefined]);
});

test('nothing else is an event, whatever it is', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.string().map((text) => `2026-11-20 14:22:15 +0000 UTC ${text}`)), (text) => {
    const result = read(text);
    if (typeof result !== 'string') expect(text).toMatch(/^2026-11-20 14:22:15 \+0000 UTC \S+ \/\S+ \{/);
  }));
  expect(['', '{', '2', '2026-13-20 14:22:15 +0000 UTC d /t/s {}', '1999-11-20 14:22:15 +0000 UTC d /t/s {}', '2026-11-20 14:22:15 +0000 UTC d /t/s {}x'].map(read)).toEqual(['not-json', 'not-json', 'not-json', 'time-not-readable', 'time-out-of-range', 'json-broken']);
});
