import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Spool } from '../../src/delivery/spool.ts';
import type { Parcel } from '../../src/model/delivery.ts';
import { parcel } from './harness.ts';

const MIB = 2 ** 20;
let folder = '';
let logged: string[] = [];

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'spool-')), 'spool');
  logged = [];
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true }));

const open = (limit = 16 * MIB): Spool => new Spool({ folder, limit, log: (_, event) => logged.push(event) });
const plain = (parcels: readonly Parcel[] | undefined): unknown => parcels?.map(({ traceId, spans, bytes }) => [traceId, spans, Buffer.from(bytes).toString('hex')]);
const numbered = (from: number, count: number): Parcel[] => Array.from({ length: count }, (_, n) => parcel(from + n, 1 + (n % 30)));

describe('what waits on disk', () => {
  test('comes back byte for byte, oldest first, also to another process', () => {
    const first = numbered(1, 40);
    const second = numbered(100, 3);
    const spool = open();
    expect(spool.append(first, 0)).toBe(true);
    expect(spool.append(second, 0)).toBe(true);
    expect(spool.traces).toBe(43);
    const later = open();
    expect([later.traces, later.size, later.waiting]).toEqual([43, spool.size, 2]);
    const taken = later.take();
    expect(plain(taken?.parcels)).toEqual(plain(first));
    expect(plain(later.take()?.parcels)).toEqual(plain(second));
    expect(later.take()).toBeUndefined();
    // Nothing is gone before it has its fate.
    expect(open().traces).toBe(43);
    if (taken !== undefined) later.done(taken.block);
    expect(open().traces).toBe(3);
  });

  test('is for us alone', () => {
    open().append(numbered(1, 1), 0);
    const modes = [folder, ...readdirSync(folder).map((name) => join(folder, name))].map((path) => (statSync(path).mode & 0o777).toString(8));
    expect(modes).toEqual(['700', '600']);
  });

  test('keeps within its limit, says so once, and takes more when something has gone', () => {
    const spool = open(20_000);
    let blocks = 0;
    while (spool.append(numbered(blocks * 10, 10), 0)) blocks += 1;
    expect(blocks).toBeGreaterThan(1);
    expect(spool.append(numbered(900, 1), 0)).toBe(false);
    expect(logged).toEqual(['spool_full']);
    expect(spool.size).toBeLessThanOrEqual(20_000);
    expect(readdirSync(folder)).toHaveLength(blocks);
    const taken = spool.take();
    if (taken !== undefined) spool.done(taken.block);
    expect(spool.append(numbered(900, 1), 0)).toBe(true);
  });

  test('new blocks never take the name of one that waits', () => {
    const spool = open();
    spool.append(numbered(1, 1), 0);
    spool.append(numbered(2, 1), 0);
    const taken = spool.take();
    if (taken !== undefined) spool.done(taken.block);
    const later = open();
    later.append(numbered(3, 1), 0);
    expect(plain(later.take()?.parcels)).toEqual(plain(numbered(2, 1)));
    expect(plain(later.take()?.parcels)).toEqual(plain(numbered(3, 1)));
  });

  test('is set aside and counted when it is damaged, wherever; the rest comes', () => {
    open().append(numbered(1, 5), 0);
    const [name = ''] = readdirSync(folder);
    const whole = readFileSync(join(folder, name));
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, flip, torn) => {
        const bytes = torn ? whole.subarray(0, at) : Buffer.from(whole);
        if (!torn) bytes[at] = (bytes[at] ?? 0) ^ flip;
        writeFileSync(join(folder, name), bytes);
        logged = [];
        const spool = open();
        spool.append(numbered(50, 2), 0);
        const taken = spool.take();
        expect(plain(taken?.parcels)).toEqual(plain(numbered(50, 2)));
        expect([spool.counts.lost, spool.traces, logged]).toEqual([5, 2, ['spool_damaged']]);
        expect(readdirSync(folder).filter((each) => each.endsWith('.damaged'))).toEqual([`${name}.damaged`]);
        if (taken !== undefined) spool.done(taken.block);
      }),
      { numRuns: 60 },
    );
  });

  test('half a file that a kill left is nobody\'s trace', () => {
    open();
    writeFileSync(join(folder, '000000000007.3.spool.tmp'), 'half');
    expect(open().traces).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a disk in trouble is said once, left alone for a while, and tried again', () => {
    const spool = open();
    rmSync(folder, { recursive: true });
    writeFileSync(folder, 'in the way');
    expect(spool.append(numbered(1, 1), 0)).toBe(false);
    expect(spool.append(numbered(1, 1), 9_999)).toBe(false);
    expect(spool.counts.failures).toBe(1);
    expect(spool.append(numbered(1, 1), 10_000)).toBe(false);
    expect(spool.counts.failures).toBe(2);
    rmSync(folder);
    open();
    expect(spool.append(numbered(1, 1), 20_000)).toBe(true);
    expect(logged).toEqual(['spool_unwritable', 'spool_writable_again']);
  });
});
