/** The table of `shimtrace ls`. */
import { expect, test } from 'vitest';
import { brief } from '../../src/engine/render/line.ts';
import { listing } from '../../src/engine/render/list.ts';
import { columns } from '../../src/engine/render/safe.ts';
import type { Brief } from '../../src/model/brief.ts';
import { duration } from '../../src/model/time.ts';
import { uruncTrace } from './trace.ts';

const PAPER = { width: 110, color: false, ascii: false };
const start = brief(uruncTrace());
const EVIL = '\x1b[2J\u202e\n\x07'.repeat(9);

test('a line each, columns aligned, numbers to the right', () => {
  const rows: Brief[] = [
    start,
    { ...start, container: 'web', outcome: 'failed', active: duration(1_234_567_890), findings: ['dial-backoff'] },
    { ...start, outcome: 'incomplete', lastMark: 'spec read', slowest: undefined },
    { ...start, episode: 'stop', runtime: 'kata-1' },
  ];
  expect(listing(rows, PAPER)).toBe([
    'started               runtime  container     outcome      active     wall  slowest phase',
    '2026-11-20 23:14:05Z  urunc    fa7d2b21caf8  ok          13.05ms  28.48ms  create: wait for pids 8.622ms',
    '2026-11-20 23:14:05Z  urunc    web           failed       1.235s  28.48ms  ! dial-backoff  after: monitor exe…',
    '2026-11-20 23:14:05Z  urunc    fa7d2b21caf8  incomplete  13.05ms  28.48ms  after: spec read',
    '2026-11-20 23:14:05Z  kata-1   fa7d2b21caf8  stop ok     13.05ms  28.48ms  create: wait for pids 8.622ms',
    '',
  ].join('\n'));
});

test.each([80, 100, 200])('nothing that a terminal obeys, and no line wider than %i columns', (width) => {
  const evil: Brief = { ...start, runtime: EVIL, container: EVIL, outcome: 'incomplete', lastMark: EVIL, episode: EVIL, slowest: { phase: EVIL, own: duration(5) }, findings: [EVIL] };
  const text = listing([evil, start], { width, color: false, ascii: true });
  expect(text).toMatch(/^[\x20-\x7e\n]*$/);
  expect(text.trimEnd().split('\n')).toHaveLength(3);
  for (const line of text.trimEnd().split('\n')) expect(columns(line)).toBeLessThanOrEqual(Math.max(width, 160));
});

test('colour only where it is wanted, and words all the same', () => {
  const colored = listing([{ ...start, outcome: 'failed' }], { ...PAPER, color: true });
  expect(colored).toContain('\x1b[31m');
  expect(colored.replace(/\x1b\[\d+m/g, '')).toBe(listing([{ ...start, outcome: 'failed' }], PAPER));
});
