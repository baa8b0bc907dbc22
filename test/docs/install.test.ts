/** docs/install.md against what is installed. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { COMMAND, CONFIG, HOME, STATE, SYSTEMD_FILES } from '../../deploy/service/host.ts';
import { blocksOf, cellsOf, pageOf } from './page.ts';

const page = pageOf('install.md');
const unit = readFileSync(new URL('../../deploy/systemd/shimtrace.service', import.meta.url), 'utf8');
const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
const setting = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? '';

test('every place that is written to stands in the table', () => {
  const places = cellsOf(page, 'path').map(([path = '']) => path).join('\n');
  for (const path of [HOME, COMMAND, CONFIG, STATE, `/run/${setting('RuntimeDirectory')}`, '/var/log/urunc', '/tmp/urunc.zlog']) expect(places).toContain(`\`${path}\``);
  for (const { to } of SYSTEMD_FILES) expect(places).toContain(to.slice(to.lastIndexOf('/') + 1));
  for (const { to } of SYSTEMD_FILES) expect(places).toContain(/\/(systemd\/system|sysusers\.d|tmpfiles\.d)\//.exec(to)?.[1]);
});

test('the unit is what the page says of it', () => {
  expect(setting('ExecStart')).toBe(`${HOME}/bin/node ${HOME}/dist/main.js run`);
  expect([setting('MemoryMax'), setting('WatchdogSec'), setting('StateDirectory'), setting('CapabilityBoundingSet')]).toEqual(['512M', '120s', 'shimtrace', '']);
  expect(unit).toContain('EnvironmentFile=-/etc/default/shimtrace');
});

test('the commands are there', () => {
  const scripts = blocksOf(page, 'sh').join('').matchAll(/npm run ([\w-]+)/g);
  const named = [...scripts].map(([, name = '']) => name);
  expect(named).toEqual(['install-service', 'uninstall-service']);
  for (const name of named) expect(manifest).toContain(`"${name}": "node deploy/service/${name.replace('-service', '')}.ts"`);
});
