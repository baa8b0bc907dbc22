import { mkdirSync, rmSync, statSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sourceKey } from '../../src/model/source.ts';
import { grown, Notes } from '../../src/sources/notes.ts';
import type { FileRecord } from '../../src/sources/record.ts';
import { Folder, Journal } from '../support/files.ts';

let folder: Folder;
let journal: Journal;
beforeEach(() => { folder = new Folder(); journal = new Journal(); });
afterEach(() => folder.dispose());

const notes = (): Notes => new Notes(folder.path, journal.log);
const left = (): readonly string[] => notes().load().sent;

describe('what happened since the last save', () => {
  it('outlives its writer, until a state holds it', () => {
    expect(left()).toEqual([]);
    const first = notes();
    first.add(['one', 'two'], [[sourceKey('1:2:3'), 100], [sourceKey('1:2:4:1'), 7]]);
    first.add([], []);
    first.add(['three'], [[sourceKey('1:2:3'), 250]]);
    expect(notes().load()).toEqual({ sent: ['one', 'two', 'three'], sizes: new Map([['1:2:3', 250], ['1:2:4:1', 7]]) });
    expect(statSync(folder.at('notes')).mode & 0o777).toBe(0o600);
    first.clear();
    expect(notes().load()).toEqual({ sent: [], sizes: new Map() });
    first.add(['four'], []);
    const heir = notes();
    expect(heir.load().sent).toEqual(['four']);
    heir.clear();
    expect(left()).toEqual([]);
  });

  it('a last line that a killed writer left without an end is nobody else’s beginning', () => {
    folder.write('notes', 'sent whole\nread 12');
    const heir = notes();
    heir.load();
    heir.add(['next'], []);
    expect(notes().load()).toEqual({ sent: ['whole', 'next'], sizes: new Map() });
  });

  it('is bounded where nothing is saved for long', () => {
    const long = 'x'.repeat(1_000);
    const writer = notes();
    for (let index = 0; index < 3_000; index++) writer.add([`${index} ${long}`], []);
    expect(statSync(folder.at('notes')).size).toBeLessThan(1_100_000);
    expect(left().at(-1)?.split(' ')[0]).toBe('2999');
    folder.write('notes', 'x'.repeat(3_000_000));
    const heir = notes();
    expect(heir.load().sent).toEqual([]);
    expect(journal.find('notes_unwritable')?.fields['why']).toContain('larger');
    heir.add(['next'], []);
    expect(left()).toEqual(['next']);
  });

  it('that it cannot be written is said once, and once more when it happens again', () => {
    mkdirSync(folder.at('notes'));
    const writer = notes();
    writer.load();
    writer.add(['one'], []);
    writer.add(['two'], []);
    expect(journal.count('notes_unwritable')).toBe(1);
    expect(journal.find('notes_unwritable')).toMatchObject({ level: 'warn', fields: { where: folder.at('notes') } });
    rmSync(folder.at('notes'), { recursive: true });
    writer.add(['three'], []);
    expect(left()).toEqual(['three']);
    rmSync(folder.at('notes'));
    mkdirSync(folder.at('notes'));
    writer.add(['four'], []);
    expect(journal.count('notes_unwritable')).toBe(2);
  });
});

it('a record is as large as its file was when it was read last', () => {
  const record: FileRecord = {
    key: sourceKey('a'), id: { dev: '1', ino: '2', birth: '3' }, head: { length: 5, hash: 'ab' }, guard: { at: 9, length: 9, hash: 'cd' },
    offset: 7, path: '/l/a.log', size: 9, mtime: 3n, rank: 2, ended: false,
  };
  const sizes = new Map([[sourceKey('a'), 20], [sourceKey('b'), 3], [sourceKey('nobody'), 1]]);
  expect(grown([record, { ...record, key: sourceKey('b') }, { ...record, key: sourceKey('c') }], sizes).map(({ size }) => size)).toEqual([20, 9, 9]);
});
