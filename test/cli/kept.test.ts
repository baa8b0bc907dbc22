/** `ls`, `show ID`, `tail` and `link` beside a running daemon, as its user and as somebody who may only use its socket. */
import { spawn } from 'node:child_process';
import { existsSync, lstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Daemon, ENTRY, environment, until } from '../real/program.ts';
import { Folder } from '../support/files.ts';
import { Random } from '../support/random.ts';
import { log, start } from '../support/uruncwriter.ts';

const folder = new Folder();
const AT = BigInt(Date.now()) * 1_000_000n - 60_000_000_000n;
const lines = [
  ...log(new Random(3), { generation: 'D', starts: 5, at: AT, every: 1_000_000_000 }),
  ...start(new Random(5), { generation: 'D', id: 'web-front.1', at: AT + 21_000_000_000n }),
  ...start(new Random(4), { generation: 'D', id: 'feedface'.repeat(8), at: AT + 20_000_000_000n, fate: 'killed' }),
];
const path = folder.write('timestamps.log', lines.map(({ text }) => `${text}\n`).join(''));
const state = folder.at('state');
const socketFolder = new Folder();
const env = { RUNTIME_DIRECTORY: socketFolder.path, SHIMTRACE_HOST_ID: 'abcd', OTEL_EXPORTER_OTLP_ENDPOINT: '', SHIMTRACE_CONFIG: folder.write('c.yaml', 'patience: 1s\nlinks: {grafana: "http://grafana:3000"}\n') };
const daemon = new Daemon(['--file', path, '--state-dir', state], env);

interface Ended { readonly code: number | null; readonly stdout: string; readonly stderr: string }

function shimtrace(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(process.execPath, [ENTRY, ...args], { env: { ...environment(), ...env, ...more }, stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 });
  let stdout = '', stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}

/** By the store's file, and by the socket alone: from a state folder that is not the daemon's. */
const WAYS = [['the file', state], ['the socket', folder.at('elsewhere')]] as const;

const rowsOf = ({ stdout }: Ended): { trace_id: string; container: string; outcome: string }[] =>
  stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as { trace_id: string; container: string; outcome: string });

beforeAll(async () => {
  await daemon.ready();
  let last = '';
  await until(20_000, async () => {
    last = (await shimtrace(['ls', '--state-dir', folder.at('elsewhere'), '--format', 'json'])).stdout;
    return last.split('\n').length === 8;
  }, () => `${last}\n${daemon.said}`);
}, 40_000);

afterAll(async () => {
  daemon.signal('SIGTERM');
  await daemon.ended(10_000);
  folder.dispose();
  socketFolder.dispose();
});

test('the socket is for its owner and its group', () => {
  const stat = lstatSync(join(socketFolder.path, 'shimtrace.sock'));
  expect(stat.isSocket()).toBe(true);
  expect(stat.mode & 0o777).toBe(0o660);
  expect(statSync(state).mode & 0o077).toBe(0);
});

describe.each(WAYS)('through %s', (_, dir) => {
  const at = ['--state-dir', dir];

  test('ls lists all, newest first', async () => {
    const listed = await shimtrace(['ls', ...at]);
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    const [heading, ...rows] = listed.stdout.trimEnd().split('\n');
    expect(heading).toMatch(/^started +runtime +container +outcome +active +wall +slowest phase$/);
    expect(rows).toHaveLength(7);
    expect(rows[0]).toMatch(/urunc {2,}web-front.1 {2,}ok/);
    expect(rows[1]).toMatch(/feedfacefeed {2}incomplete .* after: /);
    expect(rows.every((row) => row.length <= 100)).toBe(true);
  });

  test('ls filters', async () => {
    expect(rowsOf(await shimtrace(['ls', ...at, '--failed', '--format', 'json'])).map(({ container }) => container)).toEqual(['feedface'.repeat(8)]);
    expect(rowsOf(await shimtrace(['ls', ...at, '--container', 'feedf', '--format', 'json']))).toHaveLength(1);
    expect(rowsOf(await shimtrace(['ls', ...at, '-n', '3', '--format', 'json']))).toHaveLength(3);
    expect(rowsOf(await shimtrace(['ls', ...at, '--since', '-1h', '--runtime', 'urunc', '--format', 'json']))).toHaveLength(7);
    expect(await shimtrace(['ls', ...at, '--slow'])).toEqual({ code: 0, stdout: '', stderr: 'No such start.\n' });
    expect(await shimtrace(['ls', ...at, '--slow', '1sec'])).toMatchObject({ code: 64, stdout: '' });
    expect(await shimtrace(['ls', ...at, '--since', 'yesterday'])).toMatchObject({ code: 64, stdout: '' });
  });

  test.each(['text', 'json', 'otlp-json'])('show prints a kept start as it does from the log: %s', async (format) => {
    const [kept, fromLog] = await Promise.all([shimtrace(['show', 'feed', ...at, '--format', format]), shimtrace(['show', path, '--container', 'feed', '--format', format])]);
    expect(kept).toMatchObject({ code: 0, stderr: '' });
    expect(kept.stdout).toBe(fromLog.stdout);
  });

  test('show without an id shows the last; by trace id; and says what is wrong', async () => {
    const last = await shimtrace(['show', ...at]);
    expect(last.stdout).toContain('web-front.1');
    const [first] = rowsOf(await shimtrace(['ls', ...at, '--format', 'json'])).slice(-1);
    expect((await shimtrace(['show', first?.trace_id.slice(0, 12) ?? '', ...at])).stdout).toContain(first?.container.slice(0, 12));
    expect(await shimtrace(['show', 'nobody', ...at])).toMatchObject({ code: 66, stdout: '' });
    expect(await shimtrace(['show', 'abc', ...at])).toMatchObject({ code: 66, stdout: '' });
    expect(await shimtrace(['show', './missing.log', ...at])).toMatchObject({ code: 66, stdout: '' });
  });

  test('link prints where a start is to be seen', async () => {
    const links = await shimtrace(['link', 'feed', ...at]);
    expect(links.stdout.split('\n').map((line) => line.split(/ {2,}/)[0])).toEqual(['jaeger trace', 'jaeger starts of this container', 'grafana trace', '']);
    expect(links.stdout).toMatch(/http:\/\/localhost:16686\/trace\/[0-9a-f]{32}\n/);
    const [, url = ''] = /grafana trace +(\S+)/.exec(links.stdout) ?? [];
    expect(JSON.parse(new URL(url).searchParams.get('panes') ?? '')).toMatchObject({ a: { datasource: 'tempo', queries: [{ queryType: 'traceql' }] } });
  });
});

test('a file of that name is a file', async () => {
  folder.write('feed', '');
  const child = spawn(process.execPath, [ENTRY, 'show', 'feed', '--state-dir', state], { cwd: folder.path, env: { ...environment(), ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await new Promise((resolve) => child.once('close', resolve));
  expect(said).toMatch(/feed: no line in it/);
});

test('tail prints the last ones, and each start as it finishes', async () => {
  const child = spawn(process.execPath, [ENTRY, 'tail', '-n', '2', '--state-dir', state], { env: { ...environment(), ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  const said: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => said.push(line));
  await until(10_000, () => said.length === 2, () => said.join('\n'));
  folder.append('timestamps.log', start(new Random(6), { generation: 'D', id: 'cafe0000'.repeat(8), at: AT + 50_000_000_000n }).map(({ text }) => `${text}\n`).join(''));
  await until(10_000, () => said.length === 3, () => said.join('\n'));
  expect(said[2]).toMatch(/urunc cafe0000cafe ok .* wall .* active {2}slowest: /);
  child.kill('SIGINT');
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code).toBe(130);
});

test('where there is neither a store nor a daemon it says so', async () => {
  const none = { RUNTIME_DIRECTORY: folder.path };
  for (const command of ['ls', 'show', 'tail', 'link']) {
    const ended = await shimtrace([command, '--state-dir', folder.at('nothing')], none);
    expect(ended).toMatchObject({ code: 66, stdout: '' });
    expect(ended.stderr).toContain('no daemon answers');
  }
  expect(existsSync(folder.at('nothing'))).toBe(false);
});
