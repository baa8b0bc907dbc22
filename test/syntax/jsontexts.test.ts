/** The quick scanner says of every object what the exact one says, or leaves it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { scanJson } from '../../src/syntax/json.ts';
import { JsonTexts, textName } from '../../src/syntax/jsontexts.ts';

const texts = new JsonTexts();

/** [name, text] of each name asked for; undefined: left to the exact scanner. */
function quick(line: string | Uint8Array, names: readonly string[]): (string | undefined)[] | undefined {
  const bytes = Buffer.concat([Buffer.from('x'), Buffer.from(line), Buffer.from('}')]);
  if (!texts.scan(bytes, 1, bytes.length - 1)) return undefined;
  const places = names.map((name) => texts.find(textName(name)));
  const copies = places.map((at) => {
    if (at < 0) return undefined;
    const to = Buffer.alloc(texts.size(at));
    return to.toString('utf8', 0, texts.copy(at, to));
  });
  expect(places.map((at) => (at < 0 ? undefined : texts.text(at)))).toEqual(copies);
  return copies;
}

function exact(line: string, names: readonly string[]): (string | undefined)[] {
  const fields = scanJson(line);
  if (typeof fields === 'string') throw new Error(`${fields}: ${line}`);
  return names.map((name) => (fields.names.includes(name) ? fields.values[fields.names.indexOf(name)] : undefined));
}

const name = fc.oneof(fc.constantFrom('MESSAGE', 'NAME', '_PID', 'A'), fc.string());
const value = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('time="x" msg="y\\"z"', 'a\tb\n', '\\', '"', '\u0001', 'ü€😀', ''));

test('any object of texts', () => {
  let read = 0;
  fc.assert(fc.property(fc.dictionary(name, value, { maxKeys: 8 }), (object) => {
    const line = JSON.stringify(object);
    const names = [...Object.keys(object), 'MESSAGE', 'absent', ''];
    const found = quick(line, names);
    if (found !== undefined) read++;
    expect(found ?? exact(line, names)).toEqual(exact(line, names));
  }));
  expect(read).toBeGreaterThan(20);
});

test('what it takes is an object: any text with a byte changed, left out or put in', () => {
  const line = JSON.stringify({ MESSAGE: 'time="x" \\ ü', _PID: '7', A: '' });
  fc.assert(fc.property(fc.nat(line.length - 1), fc.constantFrom('"', '\\', ',', ':', '{', '}', ' ', '1', 'u', '\n', ''), fc.boolean(), (at, put, over) => {
    const changed = line.slice(0, at) + put + line.slice(over ? at + 1 : at);
    const names = ['MESSAGE', '_PID', 'A'];
    const found = quick(changed, names);
    if (found !== undefined) expect(found).toEqual(exact(changed, names));
  }), { numRuns: 1_000 });
});

test.each(['', '{}', '{"a":1}', '{"a":"b","a":"c"}', '{"a":"\\u0041"}', '{ "a":"b"}', '{"a":["b"]}', '{"a\\n":"b"}', '{"a":"b"', '{"a":"b"}}', '{"a":"b",}', '{"a":"b\\"}', '{"a":"\\x"}', '[]'])('%s is left', (line) => {
  expect(quick(line, ['a'])).toBeUndefined();
});

test('bytes that are no UTF-8 are left', () => expect(quick(Buffer.from('7b2261223a22ff227d', 'hex'), ['a'])).toBeUndefined());
