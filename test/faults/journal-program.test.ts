/** `shimtrace run --journal` as users run it: killed while it follows, and an import of the same journal beside it. */
import { hash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { exported, haveRemote, toJournal } from '../support/journald.ts';
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
  await until(5_000, () => daemon.said.includes(said) && daemon.said.includes('Watching journal"'), () => daemon.said);
  daemon.signal('SIGTERM');
  expect(await daemon.ended(10_000)).toEqual({ code: 0, signal: null });
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
});
