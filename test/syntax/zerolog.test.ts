/** zerolog: whatever way a line is read, by a shape already met or by the exact scanner, it says the same. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Refusal } from '../../src/model/entry.ts';
import { zerolog } from '../../src/syntax/zerolog.ts';
import { nanosFromRfc3339 } from '../../src/syntax/text.ts';

const runs = (numRuns: number) => ({ numRuns, seed: 20_261_121 });
const NAMES = ['containerID', 'timestampID', 'timestampName', 'timestampOrder', 'time', '__proto__', 'constructor', 'level', 'a b', 'x'];

interface Said {
  readonly time: bigint;
  readonly line: string;
  readonly fields: readonly (string | undefined)[];
}

function read(line: string | Buffer): Said | Refusal {
  const bytes = typeof line === 'string' ? Buffer.from(line) : line;
  // In the middle of a larger buffer, as lines stand.
  const around = Buffer.concat([Buffer.from('{"time":1}\n'), bytes, Buffer.from('\n{"x":')]);
  const entry = zerolog.read(around, 11, 11 + bytes.length);
  if (typeof entry === 'string') return entry;
  return { time: entry.time, line: entry.line(), fields: NAMES.map((name) => entry.get(name)) };
}

/** Shapes are forgotten when others are met: after this the next line goes to the exact scanner. */
function cold(): void {
  for (const name of ['w', 'x', 'y', 'z', 'v']) read(`{"cold_${name}":1,"time":1795216716390134901}`);
}

function both(line: string | Buffer): Said | Refusal {
  cold();
  const scanned = read(line);
  const warm = read(line);
  expect(warm).toEqual(scanned);
  return scanned;
}

const plainText = fc.stringMatching(/^[ -~]{0,20}$/);
const jsonString = fc.oneof(plainText, fc.string({ unit: 'grapheme', maxLength: 12 }), fc.string({ unit: 'binary', maxLength: 8 })).map((value) => JSON.stringify(value.toWellFormed()));
const escaped = fc.constantFrom('"\\u0041\\n"', '"\\/"', '"\\ud83d\\ude00"', '"\\x"', '"tab\there"', '"\\u12"', '"\\"');
const number = fc.oneof(
  fc.bigInt({ min: 0n, max: 10n ** 25n }).map(String),
  fc.constantFrom('0', '-1', '1e5', '01', '1.50', '-0', '+1', '.5', '1.', '0x10', 'NaN', 'Infinity'),
);
const nested = fc.constantFrom('{}', '[]', '[1,{"a":[]}]', '{"time":1795216716390134901}', '[1,}', '{"a":"}"}', 'null', 'true', 'nul', '[[[[', '"open');
const time = fc.oneof(
  fc.bigInt({ min: 10n ** 15n, max: 10n ** 25n }).map(String),
  fc.bigInt({ min: 900_000_000_000_000_000n, max: 4_200_000_000_000_000_000n }).map(String),
  fc.constantFrom('"2026-11-20T23:14:05.246331103Z"', '"2026-11-20T23:14:05+01:00"', '"yesterday"', '-1795216716390134901', '1.795216716390134901e18', '01795216716390134901'),
);
const value = fc.oneof({ weight: 3, arbitrary: jsonString }, number, nested, escaped);
const field = fc.tuple(fc.constantFrom(...NAMES.filter((name) => name !== 'time')), value);
const blank = fc.constantFrom('', '', '', ' ', '\t', '  ');

/** Any line that is nearly one: fields in any order, twice, with blanks, cut off, with more behind. */
const lines = fc.tuple(fc.array(field, { maxLength: 5 }), time, fc.nat({ max: 5 }), blank, blank, fc.constantFrom('', '', '', 'x', '}', ' '), fc.option(fc.nat({ max: 80 }), { freq: 4 }))
  .map(([fields, at, place, before, after, end, cut]) => {
    const all = [...fields];
    const texts = all.map(([name, each]) => `${JSON.stringify(name)}${before}:${after}${each}`);
    texts.splice(Math.min(place, texts.length), 0, `"time":${at}`);
    const line = `{${texts.join(`,${before}`)}}${end}`;
    return cut === null ? line : line.slice(0, cut);
  });

describe('by shape as by scanner', () => {
  test('any line, met for the first time or again', () => {
    fc.assert(fc.property(lines, (line) => void both(line)), runs(6_000));
  });

  test('a line after another of nearly the same shape', () => {
    const id = fc.stringMatching(/^[a-z0-9"\\ ]{0,12}$/);
    fc.assert(fc.property(id, id, time, time, (one, other, first, second) => {
      const line = (name: string, at: string): string => `{"containerID":"${name}","timestampID":"TS00","time":${at}}`;
      cold();
      const alone = read(line(other, second));
      cold();
      read(line(one, first));
      expect(read(line(other, second))).toEqual(alone);
    }), runs(3_000));
  });

  test('a number where another shape of number stood', () => {
    const line = (order: string): string => `{"containerID":"a","timestampOrder":${order},"time":1795216716390134901}`;
    for (const order of ['0', '7', '00', '01', '10', '-1', '1.5', '1e5', '', '"7"', 'null', ' 7', '7 ', '9'.repeat(40)]) {
      for (const before of ['0', '12']) {
        cold();
        const alone = read(line(order));
        cold();
        read(line(before));
        expect(read(line(order)), order).toEqual(alone);
      }
    }
  });

  test('bytes that are no text', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat({ max: 60 }), (noise, at) => {
      const good = Buffer.from('{"containerID":"abc","timestampID":"TS00","time":1795216716390134901}');
      const place = at % good.length;
      both(Buffer.from(noise));
      both(Buffer.concat([good.subarray(0, place), noise, good.subarray(place)]));
    }), runs(3_000));
  });

  test('what JSON.parse takes is taken with the same texts, and what it refuses is refused', () => {
    const honest = fc.dictionary(fc.constantFrom('containerID', 'timestampID', 'level', 'x'), fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null)));
    fc.assert(fc.property(honest, (fields) => {
      const said = both(`${JSON.stringify(fields).slice(0, -1)}${Object.keys(fields).length === 0 ? '' : ','}"time":1795216716390134901}`);
      if (typeof said === 'string') throw new Error(said);
      expect(said.fields).toEqual(NAMES.map((name) => (name === 'time' ? '1795216716390134901' : name in fields && Object.hasOwn(fields, name) ? String(fields[name]) : undefined)));
    }), runs(1_000));
    fc.assert(fc.property(lines, (line) => {
      let parses = true;
      try {
        JSON.parse(line);
      } catch {
        parses = false;
      }
      // Between the brackets of a nested value only strings and brackets are checked: it is nobody's field.
      if (!parses && !/[[{].*[[{]/.test(line)) expect(typeof both(line)).toBe('string');
    }), runs(2_000));
  });
});

describe('times', () => {
  test('ten thousand moments, exact', () => {
    let seed = 88_172_645_463_325_252n;
    for (let round = 0; round < 10_000; round++) {
      seed = BigInt.asUintN(64, seed * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n);
      const moment = 1_000_000_000_000_000_000n + seed % 3_100_000_000_000_000_000n;
      const said = read(`{"containerID":"a","time":${moment}}`);
      if (typeof said === 'string') throw new Error(`${moment}: ${said}`);
      expect(said.time).toBe(moment);
    }
  });

  test('RFC 3339 in quotes, as zerolog writes by default', () => {
    expect(both('{"time":"2026-11-20T23:14:05.246331103Z","x":"y"}')).toMatchObject({ time: 1_795_216_445_246_331_103n });
    expect(both('{"time":"2026-11-21T00:14:05.246331103+01:00"}')).toMatchObject({ time: 1_795_216_445_246_331_103n });
    expect(nanosFromRfc3339('2026-11-20T23:14:05Z')).toBe(1_795_216_445_000_000_000n);
    for (const wrong of ['2026-13-40T99:99:99Z', '2026-11-20', '2026-11-20T23:14:05', '', '2026-11-20T23:14:05.1234567890Z', 'x'.repeat(50)]) expect(nanosFromRfc3339(wrong)).toBe(undefined);
  });
});

describe('refused, by name', () => {
  test.each<[Refusal, string | Buffer]>([
    ['not-json', 'hello'], ['not-json', ''], ['not-json', '[1]'], ['not-json', Buffer.from([0xff, 0xfe, 0x7b])], ['not-json', '\0\0\0\0'],
    ['json-broken', '{'], ['json-broken', '{"a":1'], ['json-broken', '{"a":1}}'], ['json-broken', '{"a":"\t","time":1795216716390134901}'],
    ['json-broken', '{"time":1795216716390134901,}'], ['json-broken', '{"a":"\\q","time":1795216716390134901}'], ['json-broken', '{"containerID":"a","time":17952167163901'],
    ['json-too-deep', `{"a":${'['.repeat(40)}${']'.repeat(40)},"time":1795216716390134901}`],
    ['too-many-fields', `{${Array.from({ length: 300 }, (_, index) => `"f${index}":1`).join()},"time":1795216716390134901}`],
    ['field-twice', '{"a":1,"a":2,"time":1795216716390134901}'], ['field-twice', '{"time":1795216716390134901,"time":1795216716390134902}'],
    ['field-twice', '{"a":1,"\\u0061":2,"time":1795216716390134901}'],
    ['no-time', '{"a":1}'], ['no-time', '{}'],
    ['time-not-nanoseconds', '{"time":1795216716}'], ['time-not-nanoseconds', '{"time":1795216716.39}'], ['time-not-nanoseconds', '{"time":null}'], ['time-not-nanoseconds', '{"time":{"s":1}}'],
    ['time-not-readable', '{"time":"1795216716390134901"}'], ['time-not-readable', '{"time":""}'],
    ['time-out-of-range', '{"time":9999999999999999999}'], ['time-out-of-range', '{"time":-1795216716390134901}'], ['time-out-of-range', '{"time":1795216716390134}'],
    ['not-utf8', Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc3, 0x28]), Buffer.from('","time":1795216716390134901}')])],
  ])('%s: %s', (refusal, line) => {
    expect(both(line)).toBe(refusal);
  });

  test('names of JavaScript are names like any other', () => {
    expect(both('{"__proto__":"p","constructor":"c","time":1795216716390134901}')).toMatchObject({ fields: [undefined, undefined, undefined, undefined, '1795216716390134901', 'p', 'c', undefined, undefined, undefined] });
  });
});

describe('a line of a mebibyte', () => {
  const MIB = 1 << 20;
  const bad: Readonly<Record<string, (size: number) => string>> = {
    'one long string': (size) => `{"a":"${'x'.repeat(size)}","time":1795216716390134901}`,
    'a string that never ends': (size) => `{"a":"${'x'.repeat(size)}`,
    'backslashes': (size) => `{"a":"${'\\'.repeat(size)}`,
    'escapes': (size) => `{"a":"${'\\u0041'.repeat(size / 6)}","time":1795216716390134901}`,
    'brackets': (size) => `{"a":${'['.repeat(size)}`,
    'flat nesting': (size) => `{"a":[${'[],'.repeat(size / 3)}1],"time":1795216716390134901}`,
    'blanks': (size) => `{${' '.repeat(size)}"a"${' '.repeat(size)}:1}`,
    'digits': (size) => `{"time":${'9'.repeat(size)}}`,
    'a fraction of digits': (size) => `{"time":1.${'9'.repeat(size)}e}`,
    'quotes': (size) => `{"a":${'"",'.repeat(size / 3)}`,
    'commas': (size) => `{${','.repeat(size)}`,
  };
  const cost = (line: string): number => {
    const bytes = Buffer.from(line);
    let least = Infinity;
    for (let round = 0; round < 3; round++) {
      const begun = performance.now();
      zerolog.read(bytes, 0, bytes.length);
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
});
