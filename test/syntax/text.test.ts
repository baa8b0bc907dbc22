import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Interner, moment, nanosFromDigits, same, words } from '../../src/syntax/text.ts';

const runs = (numRuns: number) => ({ numRuns, seed: 20_261_122 });

test('moment: seconds and nanoseconds as BigInt counts them', () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 2 ** 34 - 1 }), fc.integer({ min: 0, max: 999_999_999 }), (seconds, fraction) => {
    expect(moment(seconds, fraction)).toBe(BigInt(seconds) * 1_000_000_000n + BigInt(fraction));
  }), runs(20_000));
  for (const seconds of [0, 1, 131_071, 131_072, 131_073, 2 ** 32 - 1, 2 ** 32, 2 ** 34 - 1]) {
    for (const fraction of [0, 1, 999_999_999]) expect(moment(seconds, fraction)).toBe(BigInt(seconds) * 1_000_000_000n + BigInt(fraction));
  }
});

test('nanosFromDigits: 18 and 19 digits, nothing else', () => {
  fc.assert(fc.property(fc.bigInt({ min: 10n ** 17n, max: 10n ** 19n - 1n }), (value) => {
    const digits = Buffer.from(`x${value}y`);
    expect(nanosFromDigits(digits, 1, digits.length - 1)).toBe(value);
  }), runs(5_000));
  for (const text of ['', '1', '12345678901234567', '12345678901234567890', '17952164452463311o3', '-795216445246331103', '1795216445.46331103']) {
    expect(nanosFromDigits(Buffer.from(text), 0, text.length), text).toBe(undefined);
  }
});

test('same: compares whole words and what is left over', () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(), fc.nat({ max: 7 }), (bytes, at, shift) => {
    const stored = words(Buffer.from(bytes)).view;
    const copy = Buffer.concat([Buffer.alloc(shift), Buffer.from(bytes)]);
    expect(same(words(copy), shift, stored, 0, bytes.length)).toBe(true);
    const place = shift + (at % bytes.length);
    copy.writeUInt8(copy.readUInt8(place) ^ 0x10, place);
    expect(same(words(copy), shift, stored, 0, bytes.length)).toBe(false);
  }), runs(2_000));
});

test('the interner gives back what was learnt, and never the string of other bytes', () => {
  const interner = new Interner();
  const ascii = fc.stringMatching(/^[ -~]{0,140}$/);
  fc.assert(fc.property(fc.array(ascii, { minLength: 1, maxLength: 30 }), (texts) => {
    for (const text of texts) {
      const bytes = Buffer.from(`"${text}"`);
      const known = interner.known(words(bytes), 1, bytes.length - 1);
      if (known !== undefined) expect(known).toBe(text);
      expect(interner.learn(words(bytes), 1, bytes.length - 1)).toBe(text);
      if (text.length <= 128) expect(interner.known(words(bytes), 1, bytes.length - 1)).toBe(text);
    }
  }), runs(500));
});
