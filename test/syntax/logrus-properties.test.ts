/** logrus' text and JSON: what the tests' own writer writes is what is read, at any depth, whole, cut, pasted or mangled. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Entry, Refusal } from '../../src/model/entry.ts';
import { escapeLength, unquote } from '../../src/syntax/goquote.ts';
import { logrus } from '../../src/syntax/logrus.ts';
import { logrusJson } from '../../src/syntax/logrusjson.ts';
import { readStamp } from '../../src/syntax/stamp.ts';
import { nanosFromRfc3339, plausible } from '../../src/syntax/text.ts';
import { goQuote, json, nanoTime, text, wholeTime, wrapped } from '../support/gologrus.ts';
import type { Field, Record } from '../support/gologrus.ts';

const runs = (numRuns: number) => ({ numRuns, seed: 20_261_123 });

/** In the middle of a larger buffer, as lines stand: what is around is none of its business. */
const AROUND = 'time="2018-08-10T16:38:11Z" level=info msg="x" a=b';
function read(line: string | Buffer): Entry | Refusal {
  const bytes = Buffer.from(line);
  return logrus.read(Buffer.concat([Buffer.from(`${AROUND}\n`), bytes, Buffer.from(`\n${AROUND}`)]), AROUND.length + 1, AROUND.length + 1 + bytes.length);
}

function entryOf(line: string | Buffer): Entry {
  const entry = read(line);
  if (typeof entry === 'string') throw new Error(`${entry}: ${line.toString()}`);
  return entry;
}

/** Text as Go holds it, with bytes that are no UTF-8 (lone surrogates here), and as any reader of UTF-8 shows it. */
const shown = (value: string): string => Buffer.concat([...value].map((char) => {
  const code = char.codePointAt(0) ?? 0;
  return code >= 0xdc80 && code <= 0xdcff ? Buffer.from([code - 0xdc00]) : Buffer.from(char);
})).toString('utf8');

const rawByte = fc.integer({ min: 0xdc80, max: 0xdcff }).map((code) => String.fromCharCode(code));
const awkward = fc.constantFrom('"', '\\', '\\"', '\n', '\x1b[0;32m', '\x07', '\v', '\x00', '\u2028', '\u00ad', '\u{e0001}', '😀', 'µ', ' time="', 'time="2018-08-10T16:38:11Z" level=info', ' k=v ', '=', "'", '\x7f', '\u0085');
const value = fc.oneof(fc.stringMatching(/^[A-Za-z0-9\-._/@^+]{0,80}$/), fc.array(fc.oneof(awkward, rawByte, fc.string({ unit: 'grapheme', maxLength: 6 }).map((part) => part.toWellFormed())), { maxLength: 6 }).map((parts) => parts.join('')));
const OWN = ['time', 'level', 'msg'];
const key = fc.oneof(fc.constantFrom('vm id', 'container state', 'fcInit failed:', 'proxy type', 'req', 'error', 'é', 'a\\b', ' lead', 'fields.x', '__proto__'), fc.stringMatching(/^[ -~]{1,20}$/).filter((name) => !/[="]/.test(name)))
  .filter((name) => !OWN.includes(name) && !/^(?:guest|syslog|line|fields)\./.test(name) && !name.endsWith(' time'));
const fields = fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name, maxLength: 12 });
const instant = fc.bigInt({ min: 946_684_800_000_000_000n + 86_400_000_000_000n, max: 4_102_444_800_000_000_000n - 86_400_000_000_001n });
const moment = fc.oneof(instant, instant.map((time) => time - (time % 1_000_000n)), instant.map((time) => time - (time % 1_000_000_000n)));
const zone = fc.constantFrom(0, 480, -300, 451, 584, -61, 1439);
const level = fc.constantFrom('debug', 'info', 'warning', 'error', 'fatal', 'panic');
const prefix = fc.constantFrom('', 'Aug 23 18:34:16 host kata-runtime[20620]: ', '3月 22 14:11:05 cheer kata-proxy[8075]: ', '<6>Feb 21 10:31:27 kata-shim[1]: ');
const record = fc.record({ at: moment, zone, level, msg: value, fields });
type Made = { at: bigint; zone: number; level: string; msg: string; fields: Field[] };
const written = (made: Made): Record => ({ ...made, time: nanoTime(made.at, made.zone) });

function expectFields(entry: Entry, path: string, made: Made): void {
  for (const [name, value] of made.fields) expect(entry.get(path + name), path + name).toBe(shown(value));
  expect(entry.get(`${path}level`)).toBe(made.level);
  expect(entry.get(`${path}msg`)).toBe(made.msg === '' ? undefined : shown(made.msg));
}

describe('written and read', () => {
  test('any record, behind any prefix, by either logrus', () => {
    fc.assert(fc.property(record, prefix, fc.boolean(), (made, before, old) => {
      const entry = entryOf(before + text(written(made), old));
      expect(entry.time).toBe(made.at);
      expect(entry.step).toBe(before === '' && made.at % 1_000_000_000n === 0n ? 1e9 : 1);
      expect(entry.line()).toBe(before + text(written(made), old));
      expectFields(entry, '', made);
    }), runs(4_000));
  });

  test('a record in a record in a record', () => {
    fc.assert(fc.property(record, record, record, fc.boolean(), (outer, inner, innermost, shimV2) => {
      const twice = { ...inner, msg: text(written(innermost)) };
      const said = text(written(twice));
      // A field of the guest's that is called so would hide, or be hidden.
      const host: Field[] = outer.fields.filter(([name]) => !['source', 'name', 'vmconsole'].includes(name));
      const line = shimV2 ? text({ ...written(outer), fields: [...host, ['vmconsole', said]] }) : wrapped(said, { ...written(outer), fields: [...host, ['source', 'agent'], ['name', 'kata-proxy']] });
      const entry = entryOf(line);
      expect([entry.time, entry.guest]).toEqual([outer.at, inner.at]);
      expectFields(entry, '', { ...outer, fields: host, msg: shimV2 ? outer.msg : `${said}\n` });
      expectFields(entry, 'guest.', twice);
      expectFields(entry, 'guest.guest.', innermost);
      // Asked again in another order: nothing is kept that another field's text overwrote.
      expectFields(entry, 'guest.', twice);
      expectFields(entry, '', { ...outer, fields: host, msg: shimV2 ? outer.msg : `${said}\n` });
    }), runs(1_500));
  });

  test('a second time, level or msg is the user\'s, by its later name', () => {
    fc.assert(fc.property(record, value, fc.constantFrom(...OWN), fc.boolean(), (made, clash, name, old) => {
      fc.pre(made.msg !== '');
      const entry = entryOf(text({ ...written(made), fields: [...made.fields, [name, clash]] }, old));
      expect([entry.time, entry.get(`fields.${name}`)]).toEqual([made.at, shown(clash)]);
      expectFields(entry, '', made);
    }), runs(1_000));
  });

  test('whole seconds', () => {
    fc.assert(fc.property(instant, zone, (at, east) => {
      const entry = entryOf(`time="${wholeTime(at, east)}" level=info`);
      expect([entry.time, entry.step]).toEqual([at - (at % 1_000_000_000n), 1e9]);
    }), runs(1_000));
  });

  test('as JSON', () => {
    fc.assert(fc.property(record, fc.boolean(), (made, whole) => {
      const plain = made.fields.map(([name, value]): Field => [name, value.toWellFormed()]);
      const line = Buffer.from(json({ ...written({ ...made, msg: made.msg.toWellFormed() }), time: whole ? wholeTime(made.at, made.zone) : nanoTime(made.at, made.zone), fields: [...plain, ['pid', '4777']] }));
      fc.pre(!made.fields.some(([name]) => name === 'pid'));
      const entry = logrusJson.read(line, 0, line.length);
      if (typeof entry === 'string') throw new Error(`${entry}: ${line.toString()}`);
      const fraction = made.at % 1_000_000_000n;
      expect([entry.time, entry.step]).toEqual([whole ? made.at - fraction : made.at, whole || fraction === 0n ? 1e9 : 1]);
      for (const [name, value] of [...plain, ['pid', '4777'], ['msg', made.msg.toWellFormed()], ['level', made.level]] satisfies Field[]) expect(entry.get(name)).toBe(value);
    }), runs(1_000));
  });
});

describe('the parts', () => {
  test('Go\'s quotes come undone', () => {
    fc.assert(fc.property(value, (made) => {
      const quoted = Buffer.from(goQuote(made).slice(1, -1));
      const plain = Buffer.alloc(quoted.length);
      expect(plain.toString('utf8', 0, unquote(quoted, 0, quoted.length, plain))).toBe(shown(made));
    }), runs(3_000));
  });

  test.each([['\\n', 2], ['\\x4', 0], ['\\x4g', 0], ['\\x41', 4], ['\\101', 4], ['\\108', 0], ['\\400', 0], ['\\u00e9', 6], ['\\U0010ffff', 10], ['\\U00110000', 0], ['\\q', 0], ['\\', 0]])('escape %s: %i bytes', (escape, length) => {
    const bytes = Buffer.from(escape);
    expect(escapeLength(bytes, 0, bytes.length)).toBe(length);
  });

  test('a time in bytes is the time in text', () => {
    const digit = fc.constantFrom('0', '1', '2', '3', '5', '9', 'x');
    const close = fc.tuple(fc.constantFrom('1970', '1999', '2000', '2018', '2024', '2100', '1900'), fc.tuple(digit, digit), fc.tuple(digit, digit), fc.constantFrom('T', 't', ' ', '_'), fc.tuple(digit, digit, digit, digit), fc.constantFrom('00', '59', '60', '5'), fc.constantFrom('', '.', '.1', ',123456789', '.1234567890', '.x'), fc.constantFrom('Z', 'z', '', '+08:00', '-23:59', '+0800', '+24:00', 'Z '))
      .map(([year, month, day, between, clock, second, fraction, east]) => `${year}-${month.join('')}-${day.join('')}${between}${clock.slice(0, 2).join('')}:${clock.slice(2).join('')}:${second}${fraction}${east}`);
    fc.assert(fc.property(fc.oneof(close, fc.tuple(moment, zone).map(([at, east]) => nanoTime(at, east))), (stamp) => {
      const bytes = Buffer.from(`"${stamp}"`);
      const other = nanosFromRfc3339(stamp);
      const expected = other === undefined ? undefined : plausible(other) ? other : 'out of range';
      const ours = readStamp(bytes, 1, bytes.length - 1);
      // JavaScript takes 24:00:00 and carries on into the next day; no logger writes it.
      if (!/[Tt ]24:/.test(stamp)) expect(ours).toBe(expected);
    }), runs(20_000));
    for (const [stamp, time] of [['2000-01-01T00:00:00Z', 946_684_800_000_000_000n], ['2024-02-29T23:59:59.999999999+00:00', 1_709_251_199_999_999_999n], ['2023-02-29T00:00:00Z', undefined], ['2018-08-10T24:00:00Z', undefined]] as const) {
      expect(readStamp(Buffer.from(stamp), 0, stamp.length), stamp).toBe(time);
    }
  });
});

describe('mangled', () => {
  const whole = fc.record({ at: moment, zone, level, msg: value.filter((msg) => msg !== ''), fields });

  test('cut anywhere: refused by name, or nothing said that was not written', () => {
    fc.assert(fc.property(whole, fc.nat(), (made, place) => {
      const line = Buffer.from(text(written(made)));
      const size = place % (line.length + 1);
      const entry = read(line.subarray(0, size));
      if (typeof entry === 'string') return;
      const cut = entry.get('line.cut');
      expect(entry.time).toBe(made.at);
      for (const [name, value] of [['msg', made.msg], ...made.fields] satisfies Field[]) {
        const said = entry.get(name);
        if (said === undefined || said === shown(value)) continue;
        // A bare value at the very end: whether it goes on cannot be seen.
        expect([cut, line.subarray(0, size).toString('utf8').trimEnd().endsWith(`${name}=${said}`)]).toEqual([undefined, true]);
      }
      if (cut !== undefined) expect(entry.get(cut)).toBe(undefined);
    }), runs(4_000));
  });

  test('several on one line: each as if it stood alone', () => {
    fc.assert(fc.property(fc.array(fc.tuple(whole, prefix), { minLength: 2, maxLength: 5 }), (several) => {
      const lines = several.map(([made, before]) => before + text(written(made)).trimEnd());
      const line = Buffer.from(lines.join(' '));
      expect(logrus.read(line, 0, line.length)).toBe('records-pasted');
      const starts = logrus.parts?.(line, 0, line.length) ?? [];
      expect(starts).toHaveLength(several.length);
      for (const [index, [made]] of several.entries()) {
        const entry = logrus.read(line, starts[index] ?? 0, starts[index + 1] ?? line.length);
        if (typeof entry === 'string') throw new Error(entry);
        expect([entry.time, entry.line().trimEnd()]).toEqual([made.at, lines[index]]);
        expectFields(entry, '', made);
      }
    }), runs(1_000));
  });

  const FIRST = 'time="2018-08-10T16:38:11.5Z" level=info msg=a pid=1';
  const SECOND = 'time="2018-08-10T16:38:12.5Z" level=info msg=b pid=2';
  test.each<[string, string, Refusal, readonly number[]]>([
    ['pasted with a blank', `${FIRST} ${SECOND}`, 'records-pasted', [0, FIRST.length + 1]],
    ['pasted behind a closing quote', `${FIRST} url="u"${SECOND}`, 'records-pasted', [0, FIRST.length + 8]],
    ['torn in a bare value', `${FIRST} source=virtc${SECOND}`, 'record-torn', [FIRST.length + 13]],
    ['torn in a quoted value', `${FIRST} url="unix:${SECOND}`, 'record-torn', []],
    ['escapes interpreted', String.raw`time="2018-08-10T16:38:11.5Z" level=info msg="time="2018-08-10T08:38:11.5Z" level=debug msg="x" pid=1`, 'escapes-lost', []],
    ['half of the escapes interpreted', String.raw`time="2018-08-10T16:38:11.5Z" level=info msg="time=\"2018\" req=\"a:\\"b\\"\"" pid=1`, 'escapes-lost', []],
    ['a key twice', `${FIRST} pid=2`, 'field-twice', []],
  ])('%s', (_, line, refusal, parts) => {
    const bytes = Buffer.from(line);
    expect([logrus.read(bytes, 0, bytes.length), logrus.parts?.(bytes, 0, bytes.length)]).toEqual([refusal, parts]);
  });

  test('any bytes, and any bytes in a good line', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(), (noise, at) => {
      const good = Buffer.from(wrapped(SECOND, { time: '2018-08-10T16:38:11.5Z', level: 'info', fields: [['source', 'agent'], ['vm id', 'a b']] }));
      const place = at % good.length;
      for (const line of [Buffer.from(noise), Buffer.concat([good.subarray(0, place), noise, good.subarray(place)])]) {
        const entry = logrus.read(line, 0, line.length);
        if (typeof entry !== 'string') for (const name of ['msg', 'vm id', 'guest.msg', 'guest.console', 'guest.guest.msg', 'line.cut']) entry.get(name);
        for (const part of logrus.parts?.(line, 0, line.length) ?? []) expect(part).toBeLessThan(line.length);
      }
    }), runs(5_000));
  });
});

describe('a line of a mebibyte', () => {
  const MIB = 1 << 20;
  const HEAD = 'time="2018-08-10T16:38:11.5Z" level=info ';
  const nested = (size: number): string => {
    let line = `${HEAD}msg=x source=agent`;
    while (line.length < size / 3) line = text({ time: '2018-08-10T16:38:11.5Z', level: 'info', msg: line, fields: [['source', 'agent']] });
    return line.padEnd(size, '.');
  };
  const bad: Readonly<{ [name: string]: (size: number) => string }> = {
    'one long value': (size) => `${HEAD}msg="${'x'.repeat(size)}" source=agent`,
    'a value that never ends': (size) => `${HEAD}msg="${'x'.repeat(size)}`,
    'escapes': (size) => `${HEAD}msg="${'\\u00e9'.repeat(size / 6)}" source=agent`,
    'backslashes': (size) => `${HEAD}msg="${'\\\\'.repeat(size / 2)}" source=agent`,
    'a key without an end': (size) => `${HEAD}${'k'.repeat(size)}`,
    'many fields': (size) => HEAD + Array.from({ length: size / 8 }, (_, index) => `k${index}=v`).join(' '),
    'many records': (size) => `${HEAD}msg=x `.repeat(size / 48),
    'torn records': (size) => `${HEAD}msg=x`.repeat(size / 48),
    'beginnings of records': (size) => 'time="'.repeat(size / 6),
    'blanks': (size) => `${HEAD}msg=x${' '.repeat(size)}y=z`,
    'blanks at the end': (size) => `${HEAD}msg=x${' '.repeat(size)}`,
    'a prefix without an end': (size) => `Aug 23 18:34:16 ${'a '.repeat(size / 2)}`,
    'nesting, each level twice as long': nested,
    'control sequences without an end': (size) => `${HEAD}msg="${'\\x1b['.repeat(size / 5)}" source=agent`,
    'titles without an end': (size) => `${HEAD}msg="${'\\x1b]'.repeat(size / 5)}" source=agent`,
    'blanks on a console': (size) => `${HEAD}msg="x${' '.repeat(size)}y" source=agent`,
    'an announcement': (size) => `${HEAD}msg="announce: ${'a=\\"b\\",'.repeat(size / 8)}" source=agent`,
    'digits of a kernel': (size) => `${HEAD}msg="[${' '.repeat(size / 2)}${'1'.repeat(size / 2)}" source=agent`,
  };
  const cost = (line: string): number => {
    const bytes = Buffer.from(line);
    let least = Infinity;
    for (let round = 0; round < 3; round++) {
      const begun = performance.now();
      const entry = logrus.read(bytes, 0, bytes.length);
      if (typeof entry !== 'string') for (const name of ['msg', 'guest.msg', 'guest.console', 'guest.guest.msg', 'guest.guest.guest.msg', 'none']) entry.get(name);
      logrus.parts?.(bytes, 0, bytes.length);
      least = Math.min(least, performance.now() - begun);
    }
    return least;
  };

  test.each(Object.keys(bad))('%s: time grows no faster than its length', (name) => {
    const make = bad[name] ?? String;
    const once = cost(make(MIB / 4));
    const fourfold = cost(make(MIB));
    // Linear is 4; what backtracks is 16 and more. A floor for what is too fast to measure.
    expect(fourfold).toBeLessThan(Math.max(once * 11, 60));
  });

  test('ten thousand fields are refused, nesting stops at the third level', () => {
    expect(read(bad['many fields']?.(80_000) ?? '')).toBe('too-many-fields');
    const entry = entryOf(nested(4_096).trimEnd().replace(/\.+$/, ''));
    expect([entry.guest, entry.get('guest.guest.msg') === undefined, entry.get('guest.guest.guest.msg')]).toEqual([1_533_919_091_500_000_000n, false, undefined]);
  });
});
