import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DeadLetterFile } from '../../src/delivery/deadletter.ts';
import type { DeadLetter } from '../../src/model/delivery.ts';
import { AT, hexId } from './traces.ts';

let folder = '';
let logged: string[] = [];
let path = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dead-letters-'));
  path = join(folder, 'dead-letters.jsonl');
  logged = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = (limit?: number, at = path): DeadLetterFile =>
  new DeadLetterFile({ path: at, now: () => AT, log: (_, event) => logged.push(event), ...(limit === undefined ? {} : { limit }) });
const letter = (size: number): DeadLetter => ({ kind: 'refused', traceIds: [hexId(1, 32)], spans: 3, reason: 'a\n"reason"', request: [Buffer.alloc(size, 1), Buffer.alloc(size, 2)] });
const lines = (at: string): unknown[] => readFileSync(at, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));

test('a letter is one line that can be sent again', () => {
  const letters = file();
  letters.write(letter(3));
  letters.close();
  letters.write(letter(4));
  expect(lines(path)).toEqual([
    { time: '2023-12-27T11:26:06.849599657Z', kind: 'refused', traces: [hexId(1, 32)], spans: 3, reason: 'a\n"reason"', request: 'AQEBAgIC' },
    expect.objectContaining({ spans: 3 }),
  ]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(letters).toMatchObject({ written: 2, lost: 0 });
});

test('the file is rotated once and stays bounded, also across a restart', () => {
  for (let n = 0; n < 10; n += 1) file(1_000).write(letter(150));
  const letters = file(1_000);
  for (let n = 0; n < 10; n += 1) letters.write(letter(150));
  expect(statSync(path).size).toBeLessThanOrEqual(1_000);
  expect(statSync(`${path}.1`).size).toBeLessThanOrEqual(1_000);
  expect(letters.lost).toBe(0);
});

test('a letter larger than the file leaves its head', () => {
  file(1_000).write(letter(4_000));
  expect(lines(path)).toEqual([expect.objectContaining({ request: null, request_base64_length: 10_668, spans: 3 })]);
});

test('a file open to others is closed to them', () => {
  writeFileSync(path, '', { mode: 0o644 });
  file().write(letter(1));
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test.each([
  ['a link', (at: string) => symlinkSync('/dev/null', at)],
  ['a folder', (at: string) => mkdirSync(at)],
])('%s at the path is told once, counted, and never thrown', (_, make) => {
  make(path);
  const letters = file();
  letters.write(letter(1));
  letters.write(letter(1));
  expect(letters).toMatchObject({ written: 0, lost: 2 });
  expect(logged).toEqual(['dead_letter_unwritable']);
});

test('what stood in the way may go: writing resumes', () => {
  const at = join(folder, 'sub', 'letters');
  const letters = file(undefined, at);
  letters.write(letter(1));
  mkdirSync(join(folder, 'sub'));
  letters.write(letter(1));
  expect(letters).toMatchObject({ written: 1, lost: 1 });
});

test('a full disk loses the letter, not the lines before it', () => {
  const letters = file(undefined, '/dev/full');
  letters.write(letter(1));
  expect(letters).toMatchObject({ written: 0, lost: 1 });
});
