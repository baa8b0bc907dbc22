/** `shimtrace run` with a command as a source: killed while it follows, without room on the disk, with containerd's events. */
import { hash } from 'node:crypto';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CommandRig, tellerArgv } from '../support/commandrig.ts';
import { Folder } from '../support/files.ts';
import { spansOf } from '../support/otlp.ts';
import { Random } from '../support/random.ts';
import { Receiver } from '../support/receiver.ts';
import { line, start } from '../support/uruncwriter.ts';
import { canMount, SmallDisk } from './namespace.ts';
import { Daemon, shimtraceAsync, until } from './program.ts';

let folder: Folder;
let receiver: Receiver;
let script: string;

beforeEach(async () => {
  folder = new Folder();
  receiver = await Receiver.start();
  script = folder.write('script', '');
});

afterEach(async () => {
  await receiver.stop();
  folder.dispose();
});

const now = (): bigint => BigInt(Date.now()) * 1_000_000n;
const text = (value: unknown): string => JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each));

function config(...more: readonly string[]): string[] {
  const file = folder.write('shimtrace.yaml', [
    'sources: [{file: /nonexistent/log}]', 'commands:', '  - name: teller', `    command: ${JSON.stringify(tellerArgv(script))}`, '    runtime: urunc', ...more,
  ].join('\n'));
  return ['--config', file, '--state-dir', folder.at('state'), '--otlp', receiver.url, '--host-id', 'here'];
}

const told: string[] = [];
function tell(lines: readonly string[]): void {
  told.push(...lines);
  appendFileSync(script, lines.map((each) => `${each}\n`).join(''));
}

/** So many bytes of the command's lines are on the disk, those let go included. */
function spooled(): number {
  const spool = folder.at('state/commands/teller');
  const ends = existsSync(spool) ? readdirSync(spool).map((name) => Number(/^\d+/.exec(name)?.[0]) + statSync(join(spool, name)).size) : [];
  return Math.max(0, ...ends);
}

/** The command that the last life has left is gone. */
const alone = (): boolean => {
  const pid = existsSync(`${script}.pid`) ? readFileSync(`${script}.pid`, 'utf8') : '';
  return pid === '' || !existsSync(`/proc/${pid}`) || /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
};

interface Sent {
  readonly roots: ReadonlySet<string>;
  readonly doubles: readonly string[];
  /** Containers whose traces say that lines may be missing. */
  readonly marked: ReadonlySet<string>;
}

function sent(): Sent {
  const contents = new Map<string, string>();
  const doubles: string[] = [];
  const [roots, marked] = [new Set<string>(), new Set<string>()];
  for (const span of receiver.requests.flatMap(({ bytes }) => spansOf(bytes))) {
    const content = hash('sha256', text(span));
    const id = `${span.traceId}/${span.spanId}`;
    if ((contents.get(id) ?? content) !== content) doubles.push(`${id} ${span.name}`);
    contents.set(id, content);
    roots.add(span.traceId);
    const attributes = new Map(span.attributes);
    if (attributes.has('shimtrace.gap')) marked.add(String(attributes.get('container.id')));
  }
  return { roots, doubles, marked };
}

test('kill -9 again and again, with the back-end there and away: one content per span, none missing, and what lies across a kill is marked', { timeout: 180_000 }, async () => {
  const random = new Random(5);
  const args = config();
  const idOf = (): string => random.hex(64);
  const across: string[] = [];
  let rest: { readonly mark: string; readonly id: string }[] = [];
  told.length = 0;
  for (let life = 0; life < 6; life++) {
    const away = life % 2 === 1;
    receiver.script = () => ({ kind: away ? 'hang' : 'ok' });
    const before = receiver.requests.length;
    const daemon = new Daemon(args);
    await daemon.ready();
    tell(rest.map(({ mark, id }, at) => line('D', id, mark, now() + BigInt(at) * 1_000_000n).text));
    for (let each = 0; each < 3; each++) tell(start(random, { generation: 'D', id: idOf(), at: now() }).map((one) => one.text));
    const torn = start(random, { generation: 'D', id: idOf(), at: now() });
    across.push(torn[0]?.id ?? '');
    tell(torn.slice(0, 6).map((one) => one.text));
    rest = torn.slice(6);
    await until(20_000, () => spooled() >= Buffer.byteLength(told.join('\n')) + 1, () => `${spooled()} of ${told.join('\n').length}: ${daemon.said}`);
    if (life % 3 !== 2) await until(20_000, () => receiver.requests.length > before, () => daemon.said);
    await daemon.kill();
    await until(10_000, alone, () => 'the command goes on');
  }
  receiver.script = () => ({ kind: 'ok' });
  const last = new Daemon(args);
  await last.ready();
  tell(rest.map(({ mark, id }, at) => line('D', id, mark, now() + BigInt(at) * 1_000_000n).text));
  const imported = async (): Promise<Set<string>> => {
    const { stdout } = await shimtraceAsync('import', folder.write('all.log', `${told.join('\n')}\n`), '--host-id', 'here', '--format', 'json');
    return new Set([...stdout.matchAll(/"trace_id":"([0-9a-f]{32})"/g)].map(([, id = '']) => id));
  };
  const wanted = await imported();
  expect(wanted.size).toBe(24);
  await until(60_000, () => [...wanted].every((id) => sent().roots.has(id)), () => `${sent().roots.size} of ${wanted.size}; ${last.said}`);
  const { roots, doubles, marked } = sent();
  expect([[...roots].filter((id) => !wanted.has(id)), doubles]).toEqual([[], []]);
  expect(across.filter((id) => !marked.has(id))).toEqual([]);
  await until(20_000, () => statSync(folder.at('state/state.json')).size > 0 && spooled() > 0, () => last.said);
  last.signal('SIGTERM');
  expect(await last.ended(10_000)).toEqual({ code: 0, signal: null });
  await until(10_000, alone, () => 'the command goes on');
});

test('a disk that takes nothing: starts are sent all the same, said once and counted', { timeout: 60_000 }, async () => {
  const args = config();
  mkdirSync(folder.at('state/commands'), { recursive: true, mode: 0o700 });
  writeFileSync(folder.at('state/commands/teller'), 'in the way');
  const daemon = new Daemon([...args, '--listen', '127.0.0.1:0']);
  await daemon.ready();
  const lines = start(new Random(7), { generation: 'D', id: 'e'.repeat(64), at: now() }).map((one) => one.text);
  tell(lines);
  await until(20_000, () => sent().roots.size === 1, () => daemon.said);
  expect(daemon.said.match(/command_spool_unwritable/g)).toHaveLength(1);
  const page = await metrics(daemon);
  expect(page).toContain(`shimtrace_command_lines_total{command="teller"} ${lines.length}`);
  expect(page).toContain(`shimtrace_command_events_total{command="teller",event="unsafe"} ${lines.length}`);
  daemon.signal('SIGTERM');
  expect(await daemon.ended(10_000)).toEqual({ code: 0, signal: null });
});

async function metrics(daemon: Daemon): Promise<string> {
  const at = (): string | undefined => /"metrics","where":"([^"]+)"/.exec(daemon.said)?.[1];
  await until(10_000, () => at() !== undefined, () => daemon.said);
  return (await fetch(`http://${at()}/metrics`)).text();
}

test('a program that is not there, and one that ends with an error, are said in clear words, and the rest goes on', { timeout: 60_000 }, async () => {
  const daemon = new Daemon([...config('  - name: nowhere', '    command: [/nonexistent/program]', '  - name: broken', '    command: [sh, -c, "echo out of order >&2; exit 3"]'), '--listen', '127.0.0.1:0']);
  await daemon.ready();
  tell(start(new Random(8), { generation: 'D', id: 'd'.repeat(64), at: now() }).map((one) => one.text));
  await until(20_000, () => sent().roots.size === 1 && /command nowhere: there is no program .nonexistent.program/.test(daemon.said) && /command broken: the command sh has ended .exit status 3. .out of order/.test(daemon.said), () => daemon.said);
  const page = await metrics(daemon);
  expect(['nowhere', 'broken', 'teller'].map((name) => new RegExp(`shimtrace_command_up\\{command="${name}"\\} (\\d)`).exec(page)?.[1])).toEqual(['0', '0', '1']);
  daemon.signal('SIGTERM');
  expect(await daemon.ended(10_000)).toEqual({ code: 0, signal: null });
});

/** A program `ctr` that says how it was called and then tells what stands in the script, and a socket that is there. */
async function fakeContainerd(): Promise<{ readonly env: NodeJS.ProcessEnv; readonly socket: string; readonly called: string; close(): void }> {
  mkdirSync(folder.at('bin'));
  const called = folder.at('called');
  writeFileSync(folder.at('bin/ctr'), `#!/bin/sh\necho "$@" >> ${called}\nexec ${tellerArgv(script).join(' ')}\n`);
  chmodSync(folder.at('bin/ctr'), 0o755);
  const server = createServer();
  const socket = folder.at('containerd.sock');
  server.listen(socket);
  await once(server, 'listening');
  return { env: { PATH: `${folder.at('bin')}:${process.env['PATH'] ?? ''}` }, socket, called, close: () => server.close() };
}

test('events of containerd are followed by themselves where it is, or by namespace, or not at all', { timeout: 60_000 }, async () => {
  const { env, socket, called, close } = await fakeContainerd();
  const file = folder.write('shimtrace.yaml', `containerd_socket: ${socket}\n`);
  const args = ['--config', file, '--state-dir', folder.at('state'), '--otlp', receiver.url, '--host-id', 'here'];
  const calls = (): string => (existsSync(called) ? readFileSync(called, 'utf8') : '');
  const life = async (flags: readonly string[], look: (daemon: Daemon) => Promise<void>): Promise<void> => {
    rmSync(called, { force: true });
    const daemon = new Daemon([...args, ...flags], env);
    await daemon.ready();
    await look(daemon);
    daemon.signal('SIGTERM');
    expect(await daemon.ended(10_000)).toEqual({ code: 0, signal: null });
  };
  await life([], async (daemon) => {
    tell(start(new Random(9), { generation: 'D', id: 'c'.repeat(64), at: now() }).map((one) => one.text));
    await until(20_000, () => sent().roots.size === 1, () => daemon.said);
    expect(calls()).toBe(`--address ${socket} events\n`);
    expect(daemon.said).toContain('Watching events of containerd');
  });
  await life(['--events', 'k8s.io', '--events', 'moby'], async (daemon) => {
    await until(10_000, () => calls() !== '' && daemon.said.includes('Watching events of containerd (k8s.io, moby)'), () => daemon.said);
    expect(calls()).toBe(`--address ${socket} events namespace=="k8s.io" namespace=="moby"\n`);
  });
  // Whoever names files, or says off, is not given events; the file that is named is there, so it is known when all was looked at.
  for (const flags of [['--file', script], ['--events', 'off']]) await life(flags, async () => expect(calls()).toBe(''));
  close();
  rmSync(socket, { force: true });
  await life(['--events'], async (daemon) => until(10_000, () => /events of containerd: containerd does not run/.test(daemon.said), () => daemon.said));
  expect((await shimtraceAsync('run', '--events', 'no/name', '--state-dir', folder.at('state'))).stderr).toContain('"no/name" is no namespace of containerd');
});

test.skipIf(!canMount)('a disk that is full in the middle of a line: every line is whole, those it did not take are counted, and it is used again when there is room (needs root and mounts)', { timeout: 60_000 }, async () => {
  const rig = new CommandRig();
  using disk = await SmallDisk.mount(rig.folder.at('small'), '128k');
  const small = join(disk.path, 'spool');
  rig.start(undefined, { folder: small, limit: 4 << 20 });
  rig.tell('!flood 5000', 'last');
  await until(20_000, () => rig.intake.lines.at(-1) === 'last', () => text(rig.log.entries.slice(-3)));
  expect(rig.intake.lines.slice(0, -1)).toEqual(Array.from({ length: 5_000 }, (_, at) => `line ${at} ${'x'.repeat(40)}`));
  expect(rig.log.entries.filter(({ event }) => event === 'command_spool_unwritable').map(({ fields }) => String(fields['text']))).toEqual([expect.stringContaining('the disk is full')]);
  const { unsafe, lost } = rig.follower.counters;
  expect([unsafe > 2_000, unsafe < 5_001, lost]).toEqual([true, true, 0]);
  rig.record();
  rig.follower.saved();
  rig.ahead += 6_000;
  rig.tell('room again');
  await until(20_000, () => rig.intake.lines.at(-1) === 'room again', () => text(rig.log.entries.slice(-3)));
  expect([rig.log.count('command_spool_writable_again'), rig.follower.counters.unsafe]).toEqual([1, unsafe]);
  expect(readdirSync(small).map((name) => readFileSync(join(small, name), 'latin1'))).toEqual(['room again\n']);
  await rig.dispose();
});
