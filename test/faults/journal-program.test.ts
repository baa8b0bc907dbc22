/** `shimtrace run --journal` as users run it: killed while it follows, and an import of the same journal beside it. */
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { exported, haveJournalctl, haveRemote, toJournal } from '../support/journald.ts';
import { Folder } from '../support/files.ts';
import { session } from '../support/katawriter.ts';
import type { KataLine } from '../support/katawriter.ts';
import { spansOf } from '../support/otlp.ts';
import { Random } from '../support/random.ts';
import { Receiver } from '../support/receiver.ts';
import { Daemon, shimtraceAsync, until } from './program.ts';

const AT = 1_795_216_000_000_000_000n;
const BOOT = 'b'.repeat(32);

/** Whole sandboxes, one begun while the last is under way. */
function linesOf(count: number, seed: number): KataLine[] {
  const random = new Random(seed);
  let pid = 1_000;
  const sessions = Array.from({ length: count }, (_, at) => session(random, { version: '1.12.1', at: AT + BigInt(at) * 400_000_000n, kind: 'cold', behind: 0n, pid: () => ++pid }));
  return sessions.flatMap(({ lines }) => lines).sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
}

const entryOf = ({ time, writer, pid, text }: KataLine): Buffer => exported([
  ['__REALTIME_TIMESTAMP', String(time / 1_000n)], ['__MONOTONIC_TIMESTAMP', String((time - AT) / 1_000n + 1_000_000n)], ['_BOOT_ID', BOOT], ['_HOSTNAME', 'testhost'],
  ['_MACHINE_ID', 'f'.repeat(32)], ['_PID', String(pid)], ['SYSLOG_IDENTIFIER', writer], ['MESSAGE', text],
]);

interface Sent {
  readonly roots: ReadonlySet<string>;
  readonly doubles: readonly string[];
}

function sent(receiver: Receiver): Sent {
  const contents = new Map<string, string>();
  const doubles: string[] = [];
  const roots = new Set<string>();
  for (const span of receiver.requests.flatMap(({ bytes }) => spansOf(bytes))) {
    const content = hash('sha256', JSON.stringify(span, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)));
    const id = `${span.traceId}/${span.spanId}`;
    if ((contents.get(id) ?? content) !== content) doubles.push(`${id} ${span.name}`);
    contents.set(id, content);
    roots.add(span.traceId);
  }
  return { roots, doubles };
}

function tracesIn(jsonl: string): Set<string> {
  return new Set([...jsonl.matchAll(/"trace_id":"([0-9a-f]{32})"/g)].map(([, id = '']) => id));
}

test.each([[['--journal'], 'Watching journal"'], [['--journal', 'kata.service,ns:kube', '--journal'], 'Watching journal of namespace kube (unit kata.service)"']])('run %j', async (args, said) => {
  const folder = new Folder();
  const daemon = new Daemon([...args, '--state-dir', folder.at('state'), '--host-id', 'here']);
  await daemon.ready();
  await until(10_000, () => daemon.said.includes(said) && daemon.said.includes('Watching journal"'), () => daemon.said);
  daemon.signal('SIGTERM');
  expect(await daemon.ended(10_000)).toEqual({ code: 0, signal: null });
  folder.dispose();
});

test.skipIf(!haveJournalctl)('import --journal of a folder without a journal, and of none: no input, in clear words (needs journalctl)', async () => {
  const folder = new Folder();
  for (const [at, why] of [[folder.path, 'No journal files were found'], [folder.at('none'), 'No such file or directory']] as const) {
    const { code, stderr } = await shimtraceAsync('import', '--journal', at, '--format', 'text');
    expect([code, stderr]).toEqual([66, expect.stringMatching(new RegExp(`^shimtrace: ${at}: no journal is in this folder \\(.*${why}.*\\). Name the folder of the \\*.journal files`))]);
  }
  folder.dispose();
});

describe.skipIf(!haveRemote)('run --journal (needs systemd-journal-remote)', () => {
  test('kill -9 while following: one content per span, none missing, as an import of the whole gives them', { timeout: 180_000 }, async () => {
    const folder = new Folder();
    const receiver = await Receiver.start();
    mkdirSync(folder.at('j'));
    const lines = linesOf(16, 7);
    const args = ['--journal', folder.at('j'), '--state-dir', folder.at('state'), '--otlp', receiver.url, '--host-id', 'here'];
    const journal = folder.at('j/system.journal');
    const chunks = 8;
    const size = Math.ceil(lines.length / chunks);
    let daemon: Daemon | undefined;
    for (let at = 0; at < chunks; at++) {
      const part = Buffer.concat(lines.slice(at * size, (at + 1) * size).map(entryOf));
      toJournal(journal, part);
      const before = receiver.requests.length;
      daemon = new Daemon(args);
      const running = daemon;
      await running.ready();
      // The last start of what is there cannot be over: those before it are, and come, or came to an earlier life.
      if (at % 2 === 1) await until(20_000, () => receiver.requests.length > before, () => running.said);
      await daemon.kill();
    }
    const imported = await shimtraceAsync('import', '--journal', folder.at('j'), '--host-id', 'here', '--format', 'json');
    const wanted = tracesIn(imported.stdout);
    expect(wanted.size).toBeGreaterThanOrEqual(16);
    daemon = new Daemon(args);
    const last = daemon;
    await until(90_000, () => [...wanted].every((id) => sent(receiver).roots.has(id)), () => `${sent(receiver).roots.size} of ${wanted.size}; ${last.said}`);
    const { roots, doubles } = sent(receiver);
    expect([[...roots].filter((id) => !wanted.has(id)), doubles]).toEqual([[], []]);
    daemon.signal('SIGTERM');
    expect(await daemon.ended(10_000)).toEqual({ code: 0, signal: null });
    await receiver.stop();
    folder.dispose();
  });

  test('what journald left out is told and marked, the same from a folder, exported text and JSON, and while it is followed', { timeout: 60_000 }, async () => {
    const folder = new Folder();
    mkdirSync(folder.at('j'));
    const lines = linesOf(1, 11);
    const unit = (line: KataLine): Buffer => Buffer.concat([Buffer.from('_SYSTEMD_UNIT=containerd.service\n'), entryOf(line)]);
    const middle = Math.floor(lines.length / 3);
    const marker = exported([
      ['__REALTIME_TIMESTAMP', String((lines[middle]?.time ?? 0n) / 1_000n)], ['__MONOTONIC_TIMESTAMP', '1500000'], ['_BOOT_ID', BOOT], ['_MACHINE_ID', 'f'.repeat(32)], ['_TRANSPORT', 'driver'],
      ['SYSLOG_IDENTIFIER', 'systemd-journald'], ['_SYSTEMD_UNIT', 'systemd-journald.service'], ['MESSAGE_ID', 'a596d6fe7bfa4994828e72309e95d61e'], ['N_DROPPED', '4521'],
      ['MESSAGE', 'Suppressed 4521 messages from containerd.service'],
    ]);
    toJournal(folder.at('j/system.journal'), Buffer.concat([...lines.slice(0, middle).map(unit), marker, ...lines.slice(middle).map(unit)]));
    const asked = ['--host-id', 'here', '--format', 'otlp-json'];
    const whole = await shimtraceAsync('import', '--journal', folder.at('j'), ...asked);
    expect(whole.stderr).toMatch(/journald left lines out 1 time: .*\n +4,521 lines missing for that\n +1 episode marked/);
    expect(whole.stdout.match(/"key":"shimtrace.gap","value":\{"arrayValue"/g)?.length).toBe(1);
    for (const form of ['export', 'json']) {
      const file = folder.write(`exported.${form}`, execFileSync('journalctl', [`--directory=${folder.at('j')}`, '-o', form, '--all']).toString());
      expect((await shimtraceAsync('import', file, ...asked)).stdout).toBe(whole.stdout);
      expect((await shimtraceAsync('show', file, '--host-id', 'here')).stdout).toMatch(/! lines-missing +4521 lines of containerd.service were left out by journald/);
      const why = await shimtraceAsync('why', file, '--host-id', 'here');
      expect(why.stdout).toMatch(/! lines-missing +likely/);
      expect(why.stdout).toContain(`${file}:${middle + 1}  `);
      expect(why.stdout).toContain('fix: Raise RateLimitBurst= in journald.conf');
    }
    const receiver = await Receiver.start();
    const daemon = new Daemon(['--journal', folder.at('j'), '--state-dir', folder.at('state'), '--otlp', receiver.url, '--host-id', 'here', '--listen', '127.0.0.1:0']);
    const marked = (): boolean => receiver.requests.flatMap(({ bytes }) => spansOf(bytes)).some(({ attributes }) => JSON.stringify(attributes, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)).includes('rate_limited'));
    await until(30_000, marked, () => daemon.said);
    const page = `http://${/"metrics","where":"([^"]+)"/.exec(daemon.said)?.[1] ?? ''}`;
    const metrics = await (await fetch(`${page}/metrics`)).text();
    for (const line of ['shimtrace_journal_events_total{event="suppressed"} 4521', 'shimtrace_journal_events_total{event="gaps"} 0', 'shimtrace_losses_total{name="lines_missing"} 4521', `shimtrace_source_up{source="${folder.at('j')}"} 1`]) expect(metrics.split('\n')).toContain(line);
    daemon.signal('SIGTERM');
    expect(await daemon.ended(10_000)).toEqual({ code: 0, signal: null });
    await receiver.stop();
    folder.dispose();
  });
});
