/** The journal exported as JSON says what the same journal exported as text says. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Entry, Refusal, Syntax } from '../../src/model/entry.ts';
import { journalJson } from '../../src/syntax/journaljson.ts';
import { logrus } from '../../src/syntax/logrus.ts';
import { corpusFile, overRecordings } from '../support/corpus.ts';

const FIELDS = ['level', 'msg', 'source', 'name', 'pid', 'container', 'sandbox', 'req', 'syslog.identifier', 'syslog.pid', 'syslog.host', 'guest.msg', 'guest.duration', 'guest.console', 'guest.kernel', 'guest.refused', 'line.cut'];

function said(syntax: Syntax, line: string): unknown {
  const bytes = Buffer.from(line);
  const entry = syntax.read(bytes, 0, bytes.length);
  return typeof entry === 'string' ? entry : [entry.time, entry.step, entry.guest, ...FIELDS.map((name) => entry.get(name))];
}

overRecordings('the journal of a recording, in both forms', () => {
  test('line for line the same', () => {
    const lines = (name: string): string[] => readFileSync(corpusFile(`kata-1.12-real/start-stop/${name}`), 'utf8').split('\n').filter((line) => line !== '');
    const json = lines('journal.json.log').map((line) => said(journalJson, line));
    expect(json).toHaveLength(250);
    expect(json).toEqual(lines('journal.log').map((line) => said(logrus, line)));
  });
});

const read = (fields: Readonly<{ [name: string]: unknown }>): Entry | Refusal => {
  const line = Buffer.from(JSON.stringify({ __REALTIME_TIMESTAMP: '1795216100546538', SYSLOG_IDENTIFIER: 'kata-shim', _PID: '399', SYSLOG_PID: '1', _HOSTNAME: 'h', ...fields }));
  return journalJson.read(line, 0, line.length);
};

describe('messages', () => {
  test('one that is no record stands at the moment the journal took it', () => {
    for (const [more, time] of [[{}, 1_795_216_100_546_538_000n], [{ _SOURCE_REALTIME_TIMESTAMP: '1795216100544729' }, 1_795_216_100_544_729_000n]] as const) {
      const entry = read({ MESSAGE: 'Suppressed 4150 messages from /system.slice/docker.service', SYSLOG_IDENTIFIER: 'systemd-journald', ...more });
      if (typeof entry === 'string') throw new Error(entry);
      expect([entry.time, entry.step, entry.get('journal.message'), entry.get('syslog.identifier'), entry.get('syslog.pid'), entry.get('msg')]).toEqual(
        [time, 1_000, 'Suppressed 4150 messages from /system.slice/docker.service', 'systemd-journald', '399', undefined]);
      expect(JSON.parse(entry.line())).toMatchObject({ _HOSTNAME: 'h' });
    }
  });

  test('whole seconds of Kata\'s are nanoseconds; of others they are journald\'s microseconds where it took the entry within them', () => {
    const moment = (identifier: string, seconds: string): unknown => {
      const entry = read({ MESSAGE: `time="2026-11-20T23:08:${seconds}Z" level=info msg=x`, SYSLOG_IDENTIFIER: identifier });
      return typeof entry === 'string' ? entry : [entry.time, entry.step];
    };
    expect([moment('kata-proxy', '20'), moment('cri-dockerd', '20')]).toEqual([[1_795_216_100_000_000_000n, 1], [1_795_216_100_546_538_000n, 1_000]]);
    // Kept back by its writer, or by the clock: what the record says counts, and no finer than it says it.
    for (const seconds of ['19', '21']) expect(moment('cri-dockerd', seconds)).toEqual([1_795_216_080_000_000_000n + BigInt(seconds) * 1_000_000_000n, 1e9]);
    expect(moment('cri-dockerd', '20.25')).toEqual([1_795_216_100_250_000_000n, 1]);
  });

  test.each([[[104, 27, 105], 'h\x1bi'], [['first', 'second'], 'first'], [[[104, 255], 'x'], 'h\ufffd']])('bytes are text, and of several the first: %j', (MESSAGE, text) => {
    const entry = read({ MESSAGE });
    expect(typeof entry === 'string' ? entry : entry.get('journal.message')).toBe(text);
  });

  test.each<[Refusal, { [name: string]: unknown }]>([
    ['no-message', { MESSAGE: null }], ['no-message', { MESSAGE: [{}] }], ['no-message', {}], ['no-time', { MESSAGE: 'time=', __REALTIME_TIMESTAMP: undefined }],
    ['time-not-readable', { MESSAGE: 'x', __REALTIME_TIMESTAMP: 'soon' }], ['time-out-of-range', { MESSAGE: 'x', __REALTIME_TIMESTAMP: '1' }],
    ['no-time', { MESSAGE: 'time=' , _SOURCE_REALTIME_TIMESTAMP: '1', __REALTIME_TIMESTAMP: undefined }], ['line-cut', { MESSAGE: 'time="2026-11-20T23:08:20Z" level=info msg="x' }],
    ['records-pasted', { MESSAGE: 'time="2026-11-20T23:08:20Z" level=info msg=a time="2026-11-20T23:08:20Z" level=info msg=b' }],
  ])('refused as %s: %j', (refusal, fields) => expect(read(fields)).toBe(refusal));

  test('what is no object of the journal', () => {
    for (const [line, refusal] of [['time="2026-11-20T23:08:20Z" level=info msg=x', 'not-json'], ['{"a":1', 'json-broken'], ['{"time":1795216100546538000}', 'no-time']] as const) expect(said(journalJson, line)).toBe(refusal);
    expect(journalJson.read(Buffer.from([0x7b, 0xff]), 0, 2)).toBe('not-utf8');
  });
});
