/**
 * Docker's share of four starts of 2018, which was worked out on paper: the totals and what kata-runtime's commands took, as a log of
 * ours. docs/kata-1.md shows both side by side.
 */
import { describe, expect, test } from 'vitest';
import { cellsOf, pageOf } from '../docs/page.ts';
import { KATA1, tracesOf } from '../support/ledger.ts';

/** Milliseconds with tenths, as measured. */
interface Measured {
  readonly total: number;
  readonly create: number;
  readonly state: number;
  readonly start: number;
  readonly after: number;
  readonly credit: number;
}

const MEASURED: readonly Measured[] = [
  { total: 2776, create: 1700, state: 9, start: 13, after: 4, credit: 1050 },
  { total: 2370, create: 1666, state: 2, start: 7, after: 2, credit: 693 },
  { total: 1701, create: 1328, state: 2, start: 5.7, after: 2, credit: 363.3 },
  { total: 2009, create: 1308, state: 2, start: 6, after: 2, credit: 691 },
];

const BEGIN = Date.UTC(2018, 7, 10, 8, 0, 0);

/** A command of kata-runtime: its first line and its last. */
function command(name: string, container: string, pid: number, from: number, took: number): string {
  const line = (at: number, msg: string): string => {
    const ms = Math.floor(at);
    const stamp = `${new Date(BEGIN + ms).toISOString().slice(0, -1)}${String(Math.round((at - ms) * 1e6)).padStart(6, '0')}Z`;
    return `time="${stamp}" level=info msg="${msg}" arch=amd64 command=${name} container=${container} name=kata-runtime pid=${pid} source=virtcontainers\n`;
  };
  const started = name === 'start' ? line(from + took, 'Sandbox is started') : '';
  return line(from, 'loaded configuration') + started + line(from + took, 'release sandbox');
}

function log({ total, create, state, start, after, credit }: Measured, at: number, container: string): string {
  const gap = credit - 20;
  const times = [at, at + create + gap, at + create + gap + state + 10, at + total - after];
  return [
    command('create', container, 1000 + at, times[0] ?? 0, create),
    command('state', container, 1001 + at, times[1] ?? 0, state),
    command('start', container, 1002 + at, times[2] ?? 0, start),
    command('state', container, 1003 + at, times[3] ?? 0, after),
  ].join('');
}

describe('the credit of the caller', () => {
  const starts = MEASURED.map((measured, index) => log(measured, index * 60_000, `${index}`.repeat(64)));
  const { traces } = tracesOf(starts.join(''), { runtimes: [KATA1] });

  test('is the total less what the runtime took', () => {
    expect(traces.map(({ wall, active }) => [wall / 1e6, (wall - active) / 1e6])).toEqual(MEASURED.map(({ total, credit }) => [total, credit]));
    const found = traces.map(({ findings }) => findings.find(({ id }) => id === 'caller-credit'));
    expect(found.map((finding) => finding?.loss)).toEqual(MEASURED.map(({ credit }) => credit * 1e6));
    const mean = MEASURED.reduce((sum, _, index) => sum + (found[index]?.loss ?? 0), 0) / MEASURED.length / 1e9;
    expect(mean.toFixed(3)).toBe('0.699');
  });

  test('stands in the page beside what paper made of it', () => {
    const rows = cellsOf(pageOf('kata-1.md'), 'start');
    const seconds = (ms: number): string => `${(ms / 1000).toFixed(3)} s`;
    expect(rows.map(([, total, create, , , , , credit]) => [total, create, credit])).toEqual(
      MEASURED.map(({ total, create, credit }) => [seconds(total), seconds(create), seconds(credit)]));
  });
});
