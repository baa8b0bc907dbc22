/** The unit as systemd reads it, without a running systemd: no complaint, and closed as far as it can be. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempDisposableSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { describe, expect, test } from 'vitest';

const UNIT = new URL('../../deploy/systemd/shimtrace.service', import.meta.url);
const text = readFileSync(UNIT, 'utf8');
const analyze = (...args: readonly string[]): { readonly code: number | null; readonly said: string } => {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  return { code: status, said: `${stdout}${stderr}`.trim() };
};
const missing = spawnSync('systemd-analyze', ['--version']).status === 0 ? undefined : 'no systemd-analyze: package systemd';

describe.skipIf(missing !== undefined)(`systemd-analyze${missing === undefined ? '' : ` [${missing}]`}`, () => {
  test('verify has nothing to say', () => {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'shimtrace-unit-'));
    // It looks whether the program is there, so it gets one.
    mkdirSync(join(folder.path, 'bin'));
    symlinkSync(process.execPath, join(folder.path, 'bin/node'));
    const unit = join(folder.path, 'shimtrace.service');
    writeFileSync(unit, text.replaceAll('/opt/shimtrace', folder.path).replace(/^Documentation=.*\n/m, ''));
    expect(analyze('verify', '--man=no', unit)).toEqual({ code: 0, said: '' });
  });

  test('the exposure is 2.0 or less', () => {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'shimtrace-unit-'));
    const unit = join(folder.path, 'shimtrace.service');
    copyFileSync(UNIT, unit);
    const open = analyze('security', '--offline=true', '--threshold=20', '--no-pager', unit);
    expect(open, open.said).toMatchObject({ code: 0 });
    expect(open.said).toMatch(/Overall exposure level for shimtrace\.service: (?:[01]\.\d|2\.0) /);
  });

  test('each directive that is left open has its reason in the unit', () => {
    using folder = mkdtempDisposableSync(join(tmpdir(), 'shimtrace-unit-'));
    const unit = join(folder.path, 'shimtrace.service');
    copyFileSync(UNIT, unit);
    const { said } = analyze('security', '--offline=true', '--no-pager', '--json=short', unit);
    const checks: unknown = JSON.parse(said);
    const open = (Array.isArray(checks) ? checks : []).flatMap((check: unknown) =>
      typeof check === 'object' && check !== null && 'set' in check && check.set === false && 'name' in check ? [String(check.name)] : []);
    expect(open.length).toBeGreaterThan(0);
    const reasons = text.split('\n').filter((line) => line.startsWith('#')).join('\n');
    expect(open.map((name) => name.replace(/=.*/, '')).filter((name) => !new RegExp(`\\b${name}\\b`).test(reasons))).toEqual([]);
  });
});

test('what a container start-up tracer must not be given', () => {
  // Node dies under the first; the second would hide the log of urunc up to 0.5; the third gives the configuration away.
  expect(text).not.toMatch(/^MemoryDenyWriteExecute=(?!no$)|^PrivateTmp=(?!no$)|^ConfigurationDirectory=/m);
});
