/** `shimtrace why`: findings of a log, as text and as JSON, with file and line number. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'why-'));
const log = join(folder, 'kata.log');
const ID = 'd'.repeat(64);

afterAll(() => rmSync(folder, { recursive: true }));

const line = (stamp: string, level: string, rest: string): string =>
  `time="2018-08-03T21:32:${stamp}+08:00" level=${level} ${rest} arch=amd64 command=create container=${ID} name=kata-runtime pid=27073 source=virtcontainers\n`;

writeFileSync(log, line('48.541164012', 'info', 'msg="New client"') + line('49.542341235', 'info', 'msg="New client connected"'));

function why(...more: string[]): { readonly status: number | null; readonly out: string } {
  const { status, stdout } = spawnSync(process.execPath, [MAIN, 'why', log, '--host-id', 'h', ...more], { encoding: 'utf8' });
  return { status, out: stdout };
}

test('says what was lost, where it stands, and what to do', () => {
  const { status, out } = why();
  expect(status).toBe(0);
  expect(out).toContain('! dial-backoff  likely  1.001s (100.0 %)');
  expect(out).toContain('agent: dial took 1.001177223 s');
  expect(out).toContain(`${log}:1  13:32:48.541164012`);
  expect(out).toContain(`${log}:2  13:32:49.542341235`);
  expect(out).toMatch(/fix: Use Kata 1\.3\.0 or later/);
});

test('as JSON, one line a start', () => {
  const { out } = why('--format', 'json', '--container', 'dddd');
  const told: unknown = JSON.parse(out);
  expect(told).toMatchObject({
    schema: 'shimtrace/why@1', container: ID, findings: [
      { id: 'dial-backoff', loss_ns: 1_001_177_223, evidence: [{ file: log, line: 1 }, { file: log, line: 2 }] },
      { id: 'incomplete', confidence: 'sure' },
    ],
  });
});

test('a container that is not there', () => {
  expect(why('--container', 'ffff').status).toBe(66);
});
