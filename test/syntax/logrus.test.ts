import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { unquote } from '../../src/syntax/goquote.ts';
import { logrus } from '../../src/syntax/logrus.ts';
import { corpusFile, overRecordings } from '../support/corpus.ts';

const read = (line: string | Buffer): ReturnType<typeof logrus.read> => {
  const bytes = Buffer.from(line);
  return logrus.read(bytes, 0, bytes.length);
};

/** Go's strconv.Quote, written again: printable ASCII as it is, the rest escaped. */
function quote(text: string): string {
  const simple: Readonly<Record<string, string>> = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\t': '\\t', '\r': '\\r' };
  return [...text].map((char) => simple[char] ?? (/[ -~]/.test(char) ? char : `\\U${(char.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`)).join('');
}

describe('logrus text', () => {
  test('a line of containerd', () => {
    const entry = read('time="2026-11-20T14:14:10.125333475Z" level=info msg="starting signal loop" namespace=default path=/run/x pid=10772 req= d="473.516µs"');
    if (typeof entry === 'string') throw new Error(entry);
    expect(entry.time).toBe(1_795_184_050_125_333_475n);
    expect(['level', 'msg', 'namespace', 'path', 'pid', 'req', 'd', 'absent'].map((name) => entry.get(name))).toEqual([
      'info', 'starting signal loop', 'default', '/run/x', '10772', '', '473.516µs', undefined,
    ]);
  });

  test('a zone, trimmed zeros, and a line inside a line', () => {
    const entry = read(String.raw`time="2026-11-20T23:14:11.84+09:00" level=warning msg="cleanup warnings time=\"2026-11-20T14:12:01Z\" level=info msg=\"x\"\n"`);
    if (typeof entry === 'string') throw new Error(entry);
    expect([entry.time, entry.get('msg')]).toEqual([1_795_184_051_840_000_000n, 'cleanup warnings time="2026-11-20T14:12:01Z" level=info msg="x"\n']);
  });

  test.each([
    ['not-logfmt', 'INFO[0000] started'],
    ['not-logfmt', '{"level":"info"}'],
    ['not-logfmt', '   '],
    ['line-cut', 'time="2026-11-20T14:14:10Z" msg="never closed'],
    ['logfmt-broken', String.raw`time="2026-11-20T14:14:10Z" msg="bad \q escape"`],
    ['field-twice', 'time="2026-11-20T14:14:10Z" pid=1 pid=2'],
    ['no-time', 'level=info msg=hello'],
    ['time-not-readable', 'time="yesterday" msg=hello'],
    ['time-out-of-range', 'time="1970-01-01T00:00:00Z" msg=hello'],
    ['too-many-fields', `time="2026-11-20T14:14:10Z" ${Array.from({ length: 300 }, (_, index) => `k${index}=v`).join(' ')}`],
  ])('refused as %s', (refusal, line) => expect(read(line)).toBe(refusal));

  test('refused as not-utf8', () => expect(read(Buffer.from('time="2026-11-20T14:14:10Z" msg="\xff"', 'latin1'))).toBe('not-utf8'));

  test('whatever Go quotes comes back', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const quoted = Buffer.from(quote(text));
      const plain = Buffer.alloc(quoted.length);
      expect(plain.toString('utf8', 0, unquote(quoted, 0, quoted.length, plain))).toBe(text.toWellFormed());
    }), { numRuns: 2_000 });
  });

  test('fields written are fields read, in any number and order', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9_.-]{0,12}$/).filter((text) => text !== 'time');
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(name, fc.string()), { selector: ([key]) => key }), (pairs) => {
        const entry = read(`time="2026-11-20T14:14:10.5Z" ${pairs.map(([key, value]) => `${key}="${quote(value)}"`).join(' ')}`);
        if (typeof entry === 'string') throw new Error(entry);
        for (const [key, value] of pairs) expect(entry.get(key)).toBe(value);
      }),
      { numRuns: 500 },
    );
  });
});

overRecordings('logrus text of real programs', () => {
  test.each(['containerd-1.6.20-debug.text.log', 'runc-1.1.5-debug.text.log'])('every line of %s is read', (file) => {
    const lines = readFileSync(corpusFile(`local-runs/${file}`), 'utf8').split('\n').filter((line) => line !== '');
    expect(lines.length).toBeGreaterThan(10);
    expect(lines.filter((line) => typeof read(line) === 'string')).toEqual([]);
  });
});
