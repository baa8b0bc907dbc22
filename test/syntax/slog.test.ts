/** What runtime-rs logs: native entries of the journal, and objects a line before 3.20. */
import { describe, expect, test } from 'vitest';
import type { Entry, Refusal } from '../../src/model/entry.ts';
import { slog } from '../../src/syntax/slog.ts';

const reading = (line: string): Entry | Refusal => slog.read(Buffer.from(line), 0, Buffer.byteLength(line));
function entry(line: string): Entry {
  const read = reading(line);
  if (typeof read === 'string') throw new Error(read);
  return read;
}
const native = (fields: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({ __REALTIME_TIMESTAMP: '1795217307432999', _SOURCE_REALTIME_TIMESTAMP: '1795217307432720', SYSLOG_IDENTIFIER: 'kata', NAME: 'kata-runtime', SOURCE: 's1', _PID: '77', MESSAGE: 'x', ...fields });

describe('a native entry', () => {
  test('goes by slog\'s names, at the moment it was sent, to the microsecond', () => {
    const line = native({ SUBSYSTEM: 'service', STREAM_ID: '3', EXEC_ID: '', MESSAGE: 'start io and wait' });
    const read = entry(line);
    expect(['msg', 'source', 'subsystem', 'stream id', 'exec_id', 'syslog.pid', 'syslog.identifier', 'container_id'].map((name) => read.get(name)))
      .toEqual(['start io and wait', 's1', 'service', '3', '', '77', 'kata', undefined]);
    expect([read.time, read.step, read.guest]).toEqual([1_795_217_307_432_720_000n, 1_000, undefined]);
    expect(read.line()).toBe(line);
  });

  test('is at the moment of its reception where it tells no other', () => {
    expect(entry(native({ _SOURCE_REALTIME_TIMESTAMP: undefined })).time).toBe(1_795_217_307_432_999_000n);
  });

  test('carries the agent\'s object whole', () => {
    const read = entry(native({ SUBSYSTEM: 'agent', MESSAGE: '{"msg":"announce","ts":"2026-11-20T23:28:30.5Z","name":"kata-agent","subsystem":"root"}' }));
    expect([read.get('guest.msg'), read.get('guest.name'), read.get('guest.subsystem'), read.guest]).toEqual(['announce', 'kata-agent', 'root', 1_795_217_310_500_000_000n]);
  });

  test('carries a line of the console as Rust writes it', () => {
    const read = entry(native({ MESSAGE: 'vm console: "\\u{1b}[0m[    2.170901] it\\\'s \\"up\\"\\r"' }));
    expect([read.get('guest.kernel'), read.get('guest.console')]).toEqual(['2.170901', 'it\'s "up"']);
    expect(entry(native({ MESSAGE: 'vm console: "\\u{ffffff}"' })).get('guest.console')).toBe('\\u{ffffff}');
  });

  test.each<[string, Refusal, Readonly<Record<string, unknown>>]>([
    ['of another program', 'not-json', { NAME: 'containerd' }],
    ['whose text is none', 'no-message', { MESSAGE: [1, 2] }],
    ['without a readable time', 'time-not-readable', { _SOURCE_REALTIME_TIMESTAMP: 'soon' }],
    ['of another century', 'time-out-of-range', { _SOURCE_REALTIME_TIMESTAMP: '1' }],
  ])('%s is refused', (_, refusal, fields) => {
    expect(reading(native(fields))).toBe(refusal);
    expect(slog.writer?.()).toBe('kata');
  });
});

describe('an object a line', () => {
  const OBJECT = '{"msg":"<==== task service StatsContainer(x)","level":"DEBG","ts":"2023-11-15T10:41:18.537974302Z","subsystem":"service","source":"s1","stream id":"19","pid":"26","name":"kata-runtime"}';
  test.each(['', 'Jan 15 10:41:18 host1 containerd[4321]: '])('behind "%s"', (before) => {
    const read = entry(before + OBJECT);
    expect([read.get('stream id'), read.get('source'), read.time, read.step]).toEqual(['19', 's1', 1_700_044_878_537_974_302n, 1]);
    expect(read.get('syslog.identifier')).toBe(before === '' ? undefined : 'containerd');
    expect(read.line()).toBe(before + OBJECT);
  });

  test.each<[Refusal, string]>([
    ['no-time', '{"msg":"x"}'],
    ['time-not-readable', '{"msg":"x","ts":"soon"}'],
    ['time-out-of-range', '{"msg":"x","ts":"1926-01-01T00:00:00Z"}'],
    ['not-json', 'Jan 15 10:41:18 host1 kata[7]: start vm'],
    ['json-broken', '{"msg":"x'],
  ])('%s', (refusal, line) => {
    expect(reading(line)).toBe(refusal);
  });
});
