/**
 * Cases are folders: test/fixtures/<runtime>/<case>/ with the logs, `trace.txt` (what is made of them) and `ORIGIN.md`.
 * Found by walking. `UPDATE_GOLDEN=1` accepts what comes out; look at the difference before you commit it.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { CONTAINERD, EVENTS, KATA1, KATA_GO, KATA_RS, RUNC, URUNC, printed, tracesOf } from '../support/ledger.ts';
import type { LogFile } from '../support/ledger.ts';
import { golden } from '../support/golden.ts';

const FIXTURES = fileURLToPath(new URL('../fixtures/', import.meta.url));

const folders = (path: string): string[] => readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name).sort();
const CASES = folders(FIXTURES).flatMap((runtime) => folders(FIXTURES + runtime).map((name) => `${runtime}/${name}`));

/** `x.log.2`, `x.log.1`, `x.log`: a chain of rotated files, oldest first. */
function logsOf(name: string): LogFile[] {
  const age = (path: string): number => Number(/\.log\.(\d+)$/.exec(path)?.[1] ?? 0);
  const paths = readdirSync(`${FIXTURES}${name}`).filter((path) => /\.log(?:\.\d+)?$/.test(path)).sort((a, b) => age(b) - age(a));
  return paths.map((path, rank) => ({ log: readFileSync(`${FIXTURES}${name}/${path}`), key: `/${name.split('/')[0]}/${path}`, rank, fresh: rank === 0 }));
}

const RUNTIMES = [CONTAINERD, EVENTS, KATA1, KATA_GO, KATA_RS, RUNC, URUNC];

test('there are cases', () => {
  expect(CASES.length).toBeGreaterThan(10);
});

describe.each(CASES)('%s', (name) => {
  const logs = logsOf(name);
  const runtimes = RUNTIMES.filter((runtime) => name.startsWith(`${runtime.name}/`));

  test('gives its trace.txt', () => {
    const path = `${FIXTURES}${name}/trace.txt`;
    const text = golden(tracesOf(logs, { runtimes }));
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, text);
    expect(text).toBe(existsSync(path) ? readFileSync(path, 'utf8') : 'no trace.txt: run with UPDATE_GOLDEN=1 and look at it');
  });

  test('is small, and says where it comes from', () => {
    expect(readFileSync(`${FIXTURES}${name}/ORIGIN.md`, 'utf8').length).toBeGreaterThan(80);
    expect(logs.length).toBeGreaterThan(0);
  });

  test('verdicts add up; the same in any portions', () => {
    const { verdicts, traces } = tracesOf(logs, { runtimes });
    const sum = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((a, b) => a + b, 0);
    expect(verdicts.events + verdicts.unknown + sum(verdicts.ignored) + sum(verdicts.malformed)).toBe(verdicts.lines);
    expect(verdicts.lines).toBe(logs.reduce((lines, { log }) => lines + log.toString('latin1').split('\n').length - 1, 0));
    for (const chunk of [13, 500]) expect(printed(tracesOf(logs, { chunk, runtimes }).traces)).toBe(printed(traces));
  });
});
